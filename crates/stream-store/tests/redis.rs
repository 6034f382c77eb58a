//! The Redis store: everything every store does, on Redis, Valkey and a cluster of Redis.

use std::sync::{Arc, Mutex, Weak};

use async_trait::async_trait;
use stream_store::conformance::Subject;
use stream_store::{LogStore, RedisStore, StoreUrl};
use testkit::redis::{RedisCluster, RedisServer, ValkeyServer};

/// Two stores of one server, which is shared by the tests that run at once and gone with the last of them.
struct OneServer {
    store: Arc<dyn LogStore>,
    elsewhere: Arc<dyn LogStore>,
    _server: Arc<dyn Send + Sync>,
}

#[async_trait]
impl Subject for OneServer {
    fn store(&self) -> Arc<dyn LogStore> {
        Arc::clone(&self.store)
    }

    async fn elsewhere(&self) -> Arc<dyn LogStore> {
        Arc::clone(&self.elsewhere)
    }
}

/// The server that is there, or a new one.
fn shared<S>(place: &Mutex<Weak<S>>, start: impl FnOnce() -> S) -> Arc<S> {
    let mut place = place.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    place.upgrade().unwrap_or_else(|| {
        let server = Arc::new(start());
        *place = Arc::downgrade(&server);
        server
    })
}

async fn stores<S: Send + Sync + 'static>(server: Arc<S>, url: String) -> OneServer {
    let url: StoreUrl = url.parse().expect("a store's URL");
    let connect = async || {
        RedisStore::connect(&url)
            .await
            .expect("a server that runs takes connections")
    };
    OneServer {
        store: Arc::new(connect().await),
        elsewhere: Arc::new(connect().await),
        _server: server,
    }
}

async fn redis() -> OneServer {
    static SERVER: Mutex<Weak<RedisServer>> = Mutex::new(Weak::new());
    let server = shared(&SERVER, RedisServer::start);
    let url = server.url();
    stores(server, url).await
}

async fn valkey() -> OneServer {
    static SERVER: Mutex<Weak<RedisServer>> = Mutex::new(Weak::new());
    let server = shared(&SERVER, ValkeyServer::start);
    let url = server.url();
    stores(server, url).await
}

async fn cluster() -> OneServer {
    static CLUSTER: Mutex<Weak<RedisCluster>> = Mutex::new(Weak::new());
    let cluster = shared(&CLUSTER, RedisCluster::start);
    let url = cluster.url();
    stores(cluster, url).await
}

mod on_redis {
    stream_store::conformance_tests!(super::redis);
}

mod on_valkey {
    stream_store::conformance_tests!(super::valkey);
}

mod on_a_cluster {
    stream_store::conformance_tests!(super::cluster);
}

//! A server that can be harmed, and what is needed to write to it and to read it.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use log_model::{JobId, Owner, OwnerId};
use stream_store::{LogStore, RedisStore};
use tempfile::TempDir;
use testkit::proxy::Proxy;
use testkit::redis::RedisServer;

/// Stands in every line, so that the proxy knows the commands that carry one.
pub(crate) const MARK: &str = "tick ";

/// No wait of a test is longer.
pub(crate) const LIMIT: Duration = Duration::from_secs(90);

pub(crate) struct World {
    pub(crate) server: RedisServer,
    pub(crate) proxy: Proxy,
    pub(crate) folder: TempDir,
}

fn local(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

impl World {
    pub(crate) async fn new() -> Self {
        let server = tokio::task::block_in_place(|| RedisServer::options().append_only().start());
        let proxy = Proxy::marking(local(server.port()), MARK.as_bytes()).await;
        Self {
            server,
            proxy,
            folder: tempfile::tempdir().expect("a folder can be made"),
        }
    }

    /// The store's address, through the proxy.
    pub(crate) fn url(&self) -> String {
        format!("redis://{}", self.proxy.address())
    }

    pub(crate) async fn store(&self) -> Arc<dyn LogStore> {
        self.store_behind(&self.proxy).await
    }

    pub(crate) async fn another_proxy(&self) -> Proxy {
        Proxy::marking(local(self.server.port()), MARK.as_bytes()).await
    }

    pub(crate) async fn store_behind(&self, proxy: &Proxy) -> Arc<dyn LogStore> {
        let url = format!("redis://{}", proxy.address())
            .parse()
            .expect("it is an address");
        Arc::new(RedisStore::connect(&url).await.expect("it needs no password"))
    }

    /// A folder of its own for each name.
    pub(crate) fn place(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The server dies as in a power cut, and comes back with what it had written down.
    pub(crate) fn restart(&mut self) {
        tokio::task::block_in_place(|| {
            self.server.kill();
            self.proxy.cut();
            self.server.restart();
        });
    }

    /// The server dies and comes back with nothing.
    pub(crate) fn restart_empty(&mut self) {
        tokio::task::block_in_place(|| {
            self.server.kill();
            self.proxy.cut();
            let kept = self.server.dir().join("appendonlydir");
            std::fs::remove_dir_all(kept).expect("it writes its commands down");
            self.server.restart();
        });
    }

    /// A server that follows this one, and the link between them.
    pub(crate) async fn replica(&self) -> (RedisServer, Proxy) {
        let link = Proxy::start(local(self.server.port())).await;
        let place = format!("127.0.0.1 {}", link.address().port());
        let replica = tokio::task::block_in_place(|| {
            let options = RedisServer::options().append_only().set("replicaof", &place);
            let replica = options.start();
            self.server.wait_for_replicas(1);
            replica
        });
        (replica, link)
    }

    /// The replica takes over from a server that is gone.
    pub(crate) fn fail_over(&mut self, mut replica: RedisServer) {
        tokio::task::block_in_place(|| {
            self.server.kill();
            replica.promote();
        });
        self.proxy.retarget(local(replica.port()));
        self.proxy.cut();
        self.server = replica;
    }
}

pub(crate) fn owner() -> Owner {
    Owner::user(OwnerId::new("user_ana").expect("it is an owner"))
}

pub(crate) fn job(name: &str) -> JobId {
    JobId::new(name).expect("it is a name")
}

/// Waits for something that has to come.
pub(crate) async fn soon<T>(what: &str, coming: impl Future<Output = T>) -> T {
    match tokio::time::timeout(LIMIT, coming).await {
        Ok(came) => came,
        Err(_) => panic!("{what} does not come"),
    }
}

//! A loopback proxy that passes bytes on until it is told to cut.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Passes connections on to another address; gone when this is dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    target: Arc<Mutex<SocketAddr>>,
    cuts: Arc<watch::Sender<u64>>,
    accepted: watch::Receiver<u64>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    /// Listens on a free port and passes everything on to `target`.
    ///
    /// # Panics
    /// When the loopback interface has no free port.
    pub async fn start(target: SocketAddr) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .expect("the loopback interface has a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let cuts = Arc::new(watch::Sender::new(0));
        let (count, accepted) = watch::channel(0);
        let cut = Arc::clone(&cuts);
        let target = Arc::new(Mutex::new(target));
        let leads_to = Arc::clone(&target);
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                count.send_modify(|count| *count += 1);
                let target = *leads_to.lock().unwrap_or_else(PoisonError::into_inner);
                tokio::spawn(pass(client, target, cut.subscribe()));
            }
        });
        Self {
            address,
            target,
            cuts,
            accepted,
            accepting,
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Cuts every connection that is open now; new ones are passed on as before.
    pub fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// Passes everything on to another address from now on, and cuts what is open to the one before.
    pub fn lead_to(&self, target: SocketAddr) {
        *self.target.lock().unwrap_or_else(PoisonError::into_inner) = target;
        self.cut();
    }

    /// How many connections it has taken so far.
    pub fn connections(&self) -> u64 {
        *self.accepted.borrow()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
        self.cut();
    }
}

async fn pass(mut client: TcpStream, target: SocketAddr, mut cuts: watch::Receiver<u64>) {
    cuts.mark_unchanged();
    let Ok(mut server) = TcpStream::connect(target).await else {
        return;
    };
    tokio::select! {
        _ = tokio::io::copy_bidirectional(&mut client, &mut server) => {}
        _ = cuts.changed() => {}
    }
}

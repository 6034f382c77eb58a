//! The page on loopback: the gateway itself, with this machine's own sign-in in front.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use log_model::JobId;
use tailwater_gateway::{App, Parts, Settings};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::Error;
use crate::data::Data;
use crate::sign_in::{LocalGatekeeper, Secret};

/// What open pages are given to take a job's last lines and its end, before they are told that nobody serves them.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// A served page. Dropping it stops serving at once; [`close`](Page::close) lets streams say their last.
#[derive(Debug)]
pub struct Page {
    address: String,
    code: Secret,
    stop: Option<oneshot::Sender<()>>,
    served: JoinHandle<tailwater_gateway::Result<()>>,
}

impl Page {
    /// Serves the page on 127.0.0.1.
    ///
    /// # Errors
    /// [`Error::Port`] when the port is taken.
    pub async fn open(data: &Data, port: u16) -> Result<Self, Error> {
        let in_port = |source| Error::Port { port, source };
        let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
            .await
            .map_err(in_port)?;
        let port = listener.local_addr().map_err(in_port)?.port();
        let code = Secret::random()?;
        let settings = Settings {
            viewer: true,
            // Nobody in front has to be told of our going; but open pages are to hear how the job ended.
            drain_notice: LAST_WORDS,
            drain_deadline: Duration::from_secs(2),
            spread: Duration::ZERO,
            ..Settings::default()
        };
        let app = App::build(Parts {
            store: Arc::clone(&data.store),
            archive: Some(Arc::clone(&data.archive)),
            gatekeeper: Arc::new(LocalGatekeeper::new(port, &code, Arc::clone(&data.store))),
            settings,
        })?;
        let (stop, stopped) = oneshot::channel::<()>();
        let served = tokio::spawn(tailwater_gateway::serve(app, listener, None, async move {
            // A dropped sender means the same as a word from it.
            let _ = stopped.await;
        }));
        Ok(Self {
            address: format!("http://127.0.0.1:{port}"),
            code,
            stop: Some(stop),
            served,
        })
    }

    /// Where to open a job's page; the fragment signs the browser in.
    pub fn address_of(&self, job: &JobId) -> String {
        format!("{}/jobs/{job}#code={}", self.address, self.code.reveal())
    }

    /// Where to open the list of jobs.
    pub fn address(&self) -> String {
        format!("{}/#code={}", self.address, self.code.reveal())
    }

    /// The address without the code.
    pub fn origin(&self) -> &str {
        &self.address
    }

    /// The code that signs a browser in.
    pub fn code(&self) -> &Secret {
        &self.code
    }

    /// Stops serving, once open streams have had a moment to say their last.
    ///
    /// # Errors
    /// When serving had failed before.
    pub async fn close(mut self) -> Result<(), Error> {
        if let Some(stop) = self.stop.take() {
            // The receiver is gone only when serving has ended by itself, which the next line tells.
            let _ = stop.send(());
        }
        match (&mut self.served).await {
            Ok(served) => Ok(served?),
            Err(_panicked_or_cancelled) => Ok(()),
        }
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        self.served.abort();
    }
}

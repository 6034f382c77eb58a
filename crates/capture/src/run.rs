//! A command from its start to its end: everything in this crate tied together.

use std::cell::{Cell, RefCell};
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use log_model::{JobId, Outcome, Owner, Phase, Source};
use redact::Redactor;
use rustix::process::Signal;
use stream_store::Ending;
use tokio::io::AsyncReadExt;
use tokio::time::Instant;

use crate::child::{self, Command, Exit, Heard, Running, Signals, Started};
use crate::error::Result;
use crate::handle::{Capture, CaptureOptions, Report};
use crate::store::StoreSource;
use crate::through::{Passed, Through};

/// What is read from a pipe at once: as much as a pipe holds.
const PIECE: usize = 64 * 1024;

/// A pipe that is still open after the child's end, because a process the child left behind holds it: silent for this
/// long, it has no more to say that belongs to the command.
const LINGER_QUIET: Duration = Duration::from_secs(1);

/// And one that is never silent is listened to for this long.
const LINGER: Duration = Duration::from_secs(10);

/// No pipe holds more: after so many bytes, everything the child wrote before its end was read.
const PIPE_HOLDS: u64 = 1024 * 1024;

/// How a command is run and recorded.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RunOptions {
    /// The job its lines belong to.
    pub job: JobId,
    /// Opens the job for this owner if nobody has.
    pub owner: Option<Owner>,
    /// What the command is run for: stands in every entry, and stage entries say when it began and ended.
    pub phase: Option<Phase>,
    /// Gives it a pseudo-terminal. Everything it writes counts as standard output then.
    pub pty: bool,
    /// Ends the job when it ends.
    pub end: bool,
    /// Keeps its output from our own standard output and error.
    pub quiet: bool,
    /// The folder for what waits while the store is away.
    pub spool_dir: PathBuf,
    /// How large a spool may get, in bytes.
    pub spool_limit: u64,
    /// How long the end waits for the store at most.
    pub flush_timeout: Duration,
}

impl RunOptions {
    /// For a job, on pipes, with the usual limits.
    pub fn new(job: JobId) -> Self {
        let usual = CaptureOptions::new(job);
        Self {
            job: usual.job,
            owner: None,
            phase: None,
            pty: false,
            end: false,
            quiet: false,
            spool_dir: usual.spool_dir,
            spool_limit: usual.spool_limit,
            flush_timeout: usual.flush_timeout,
        }
    }
}

/// What a run came to.
#[derive(Debug)]
#[non_exhaustive]
pub struct RunReport {
    /// How the command ended: what this process should end with as well.
    pub exit: Exit,
    /// Why the command could not be started, in a sentence, and `exit` is 127 or 126 then; or what of its output did not
    /// go through to ours.
    pub problem: Option<String>,
    /// What became of its log.
    pub log: Report,
}

/// Runs a command to its end, passes its output through, and records every line of it.
///
/// The command behaves as it would without us: it inherits our standard input, its output reaches ours as it was, the
/// signals we get are passed on to it, and neither an absent store nor a full spool makes it wait or fail. It waits
/// only when its lines come faster than they can be read through, or than our own output takes them.
///
/// A process it leaves behind that holds its output open is listened to for a while only.
///
/// Dropping the future kills the command.
///
/// # Errors
/// [`Error::System`](crate::Error::System) when the system gives no pseudo-terminal or signals. A command that cannot
/// be started is no error: the report says so.
pub async fn run(
    store: impl Into<StoreSource>,
    redactor: Redactor,
    options: RunOptions,
    command: Command,
) -> Result<RunReport> {
    let mut signals = Signals::listen()?;
    let mut capturing = CaptureOptions::new(options.job);
    capturing.owner = options.owner;
    capturing.phase = options.phase.clone();
    let pty = options.pty.then(child::pty_size);
    capturing.pty = pty;
    capturing.spool_dir = options.spool_dir;
    capturing.spool_limit = options.spool_limit;
    capturing.flush_timeout = options.flush_timeout;
    let capture = Capture::start(store, redactor, capturing);

    let began = Instant::now();
    if let Some(phase) = &options.phase {
        capture.stage_started(phase.clone()).await;
    }
    let Followed { exit, stopped, problem } = match child::start(&command, pty)? {
        Started::Running(mut running) => follow(&mut running, &capture, &mut signals, options.quiet).await?,
        Started::Not(exit, problem) => {
            capture.say(problem.clone()).await;
            Followed {
                exit,
                stopped: false,
                problem: Some(problem),
            }
        }
    };
    if options.phase.is_some() {
        capture.stage_finished(Some(exit.status()), began.elapsed()).await;
    }
    let ending = options.end.then(|| Ending {
        outcome: outcome(exit, stopped),
        exit_code: Some(exit.status()),
    });
    let log = capture.finish(ending).await;
    Ok(RunReport { exit, problem, log })
}

/// Somebody who stops a build does not see it fail; they see it stopped.
fn outcome(exit: Exit, stopped: bool) -> Outcome {
    match (exit.is_success(), stopped) {
        (true, _) => Outcome::Succeeded,
        (false, true) => Outcome::Cancelled,
        (false, false) => Outcome::Failed,
    }
}

/// How a command went.
struct Followed {
    exit: Exit,
    /// It was asked to stop.
    stopped: bool,
    /// What of it did not go as it would have without us, in a sentence.
    problem: Option<String>,
}

/// Reads, passes on and waits, until the command is over and its output too.
async fn follow(running: &mut Running, capture: &Capture, signals: &mut Signals, quiet: bool) -> Result<Followed> {
    let (stdout, stderr) = (running.stdout.take(), running.stderr.take());
    let (out, err) = (Flow::default(), Flow::default());
    let pumps = async {
        tokio::join!(
            pump(
                stdout,
                Source::Stdout,
                (!quiet).then_some(Through::Stdout),
                capture,
                &out
            ),
            pump(
                stderr,
                Source::Stderr,
                (!quiet).then_some(Through::Stderr),
                capture,
                &err
            ),
        )
    };
    tokio::pin!(pumps);
    let typing = running.typing();
    tokio::pin!(typing);

    let mut stopped = false;
    let mut pumping = true;
    let status = loop {
        tokio::select! {
            _ = &mut pumps, if pumping => pumping = false,
            status = running.child.wait() => break status,
            heard = signals.next() => stopped |= pass_on(running, capture, heard).await,
            () = &mut typing => {}
        }
    };
    let status = status.map_err(|source| crate::Error::System {
        what: "exit status",
        source,
    })?;

    let ended = Instant::now();
    let before = (out.bytes.get(), err.bytes.get());
    while pumping {
        tokio::select! {
            _ = &mut pumps => pumping = false,
            heard = signals.next() => stopped |= pass_on(running, capture, heard).await,
            () = tokio::time::sleep(Duration::from_millis(20)) => {
                let spent = ended.elapsed();
                pumping = !(out.is_over(before.0, spent) && err.is_over(before.1, spent));
            }
        }
    }
    let refusals = [(&out, "standard output"), (&err, "standard error")].map(|(flow, name)| {
        let error = flow.refusal.take()?;
        Some(format!(
            "some of the command's {name} could not be written to ours: {error}"
        ))
    });
    Ok(Followed {
        exit: status.into(),
        stopped,
        problem: refusals.into_iter().flatten().next(),
    })
}

/// Whether it asks for the end.
async fn pass_on(running: &Running, capture: &Capture, heard: Heard) -> bool {
    match heard {
        Heard::PassOn(signal) => {
            running.signal(signal);
            matches!(signal, Signal::TERM | Signal::INT | Signal::HUP | Signal::QUIT)
        }
        Heard::Resized => {
            if let Some((rows, columns)) = running.resize() {
                capture.resize(rows, columns).await;
            }
            false
        }
        Heard::Stopped => {
            running.stop();
            false
        }
    }
}

/// What is known of one output while it is read.
#[derive(Default)]
struct Flow {
    /// Bytes read so far.
    bytes: Cell<u64>,
    /// Since when its pipe has been empty; none while we work on what came.
    waiting_since: Cell<Option<Instant>>,
    closed: Cell<bool>,
    /// Why our own output did not take something, the first time.
    refusal: RefCell<Option<io::Error>>,
}

impl Flow {
    fn refused(&self, error: io::Error) {
        self.refusal.borrow_mut().get_or_insert(error);
    }

    /// Whether, this long after the child's end, nothing more will come that belongs to it.
    fn is_over(&self, before: u64, spent: Duration) -> bool {
        if self.closed.get() {
            return true;
        }
        match self.waiting_since.get() {
            Some(since) => since.elapsed().min(spent) >= LINGER_QUIET || spent >= LINGER,
            None => spent >= LINGER && self.bytes.get() - before > PIPE_HOLDS,
        }
    }
}

/// Carries one output to the capture, and through to ours, until it ends.
async fn pump(
    output: Option<impl AsyncReadExt + Unpin>,
    source: Source,
    through: Option<Through>,
    capture: &Capture,
    flow: &Flow,
) {
    if let Some(output) = output {
        carry(output, source, through, capture, flow).await;
    }
    flow.closed.set(true);
}

async fn carry(
    mut output: impl AsyncReadExt + Unpin,
    source: Source,
    through: Option<Through>,
    capture: &Capture,
    flow: &Flow,
) {
    let mut piece = vec![0; PIECE];
    loop {
        flow.waiting_since.set(Some(Instant::now()));
        let read = output.read(&mut piece).await;
        flow.waiting_since.set(None);
        let count = match read {
            Ok(0) => return,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            // A pseudo-terminal whose last user is gone says EIO; that is its end.
            Err(_) => return,
        };
        flow.bytes.set(flow.bytes.get() + count as u64);
        capture.write(source, &piece[..count]).await;
        let Some(ours) = through else { continue };
        let passed;
        (piece, passed) = ours.pass(piece, count).await;
        match passed {
            Passed::Whole => {}
            // Whoever read our output is gone. Without us the command would learn that by its next write; it does so
            // now, because its pipe ends here.
            Passed::Gone => return,
            // A full disk, say. The command cannot be told as it would be without us; what comes next may have room.
            Passed::Not(error) => flow.refused(error),
        }
    }
}

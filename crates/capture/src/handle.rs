//! `Capture`: bytes in by whoever has them, entries out to the store. What `run` does with a child process, a service
//! can do with a remote sandbox's callbacks.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use log_model::{Counts, JobId, LogEvent, Masked, Owner, Phase, Recorded, Source, StageState, Timestamp};
use redact::Redactor;
use stream_store::Ending;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use crate::batcher::{BatchLimits, Batcher};
use crate::delivery::{Delivered, Delivery, DeliveryOptions, Parcel};
use crate::recorder::{Recorder, RecorderOptions};
use crate::store::StoreSource;
use crate::trouble::SpoolTrouble;
use crate::writer::default_spool_dir;

/// Pieces of output that wait to be read through. A full queue holds the writer up, by our own work only.
const INPUT: usize = 16;

/// Batches between reading and delivery; more wait in the delivery's own memory and spool.
const BATCHES: usize = 16;

/// What is captured, and where it may wait.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct CaptureOptions {
    /// The job the lines belong to.
    pub job: JobId,
    /// Opens the job for this owner if nobody has. Without one the job must be opened by somebody else; until then
    /// lines wait.
    pub owner: Option<Owner>,
    /// What the output is of; stands in every entry. See also [`Capture::stage_started`].
    pub phase: Option<Phase>,
    /// Set when standard output comes from a pseudo-terminal: its rows and columns.
    pub pty: Option<(u16, u16)>,
    /// The folder for what waits while the store is away, for this user alone.
    pub spool_dir: PathBuf,
    /// How large a spool may get, in bytes. Beyond it lines are lost, and a gap says how many.
    pub spool_limit: u64,
    /// How long [`Capture::finish`] waits for the store at most.
    pub flush_timeout: Duration,
}

impl CaptureOptions {
    /// For a job, with the usual limits: a spool of 1 GiB in the user's state folder, 30 s at the end.
    pub fn new(job: JobId) -> Self {
        Self {
            job,
            owner: None,
            phase: None,
            pty: None,
            spool_dir: default_spool_dir(),
            spool_limit: 1 << 30,
            flush_timeout: Duration::from_secs(30),
        }
    }
}

/// What a capture came to.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Report {
    /// Lines captured.
    pub lines: u64,
    /// Secrets hidden in them.
    pub redactions: u64,
    /// Everything is in the store, and said to be complete.
    pub delivered: bool,
    /// The file with what is not in the store; the next run or a flush delivers it.
    pub spool_left: Option<PathBuf>,
    /// Lines in that file.
    pub lines_left: u64,
    /// Lines that are nowhere, because the spool was full or could not be written.
    pub lines_lost: u64,
    /// Why the disk did not keep them; none when all were kept.
    pub spool_trouble: Option<SpoolTrouble>,
    /// Why the store did not take everything.
    pub trouble: Option<stream_store::Error>,
}

impl Report {
    /// A sentence for the person at the terminal; none when all is well.
    pub fn message(&self) -> Option<String> {
        if self.delivered && self.lines_lost == 0 {
            return None;
        }
        let why = match &self.trouble {
            Some(error) => format!("{error}; "),
            None => String::new(),
        };
        let mut lost = match self.lines_lost {
            0 => String::new(),
            1 => " 1 line is lost".to_owned(),
            lost => format!(" {lost} lines are lost"),
        };
        if self.lines_lost > 0 {
            match &self.spool_trouble {
                Some(trouble) => lost += &format!(", because {trouble}."),
                None => lost.push('.'),
            }
        }
        Some(match &self.spool_left {
            Some(path) => {
                let what = match self.lines_left {
                    0 => "the log's last words wait".to_owned(),
                    1 => "1 line waits".to_owned(),
                    lines => format!("{lines} lines wait"),
                };
                format!(
                    "{why}{what} in {}. The next run or `tailwater-capture flush` delivers them.{lost}",
                    path.display()
                )
            }
            None if self.delivered => format!("the log is complete except for a gap.{lost}"),
            None => format!("{why}the log is not complete.{lost}"),
        })
    }
}

/// Something for the task that reads output through.
enum Input {
    Bytes(Source, Vec<u8>),
    Size(u16, u16),
    Phase(Option<Phase>),
    Event(LogEvent),
    End(Option<Ending>),
}

/// A running capture: takes output in whatever pieces it comes, hides secrets, and sees to it that every line reaches
/// the store once, in order, or waits on disk until it can.
///
/// The order of pieces given one after the other is kept. Needs a tokio runtime.
///
/// # Cancel safety
/// Every call can be dropped. One that takes a piece, an entry or a size and was dropped has taken nothing; one that
/// returned has taken all of it, and what was taken is read through and delivered whatever is dropped later, except
/// the capture itself. [`stage_started`](Self::stage_started) has two steps and says what lies between them.
/// Dropping a capture without [`finish`](Self::finish), or the future of `finish`, stops it where it is: what waits
/// in memory is lost, what was spooled waits on disk, and the job's next run puts a gap in the place of the rest.
///
/// A service with a remote sandbox is shown whole in `examples/remote_sandbox.rs`.
///
/// ```
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::sync::Arc;
/// use capture::{Capture, CaptureOptions};
/// use log_model::{Outcome, Owner, OwnerId, Source};
/// use stream_store::{Ending, SqliteStore};
///
/// let folder = tempfile::tempdir()?;
/// let store = Arc::new(SqliteStore::open(&folder.path().join("log.sqlite"))?);
///
/// let mut options = CaptureOptions::new("build-42".parse()?);
/// options.owner = Some(Owner::user(OwnerId::new("user_ana")?));
/// options.spool_dir = folder.path().join("spool");
///
/// let redactor = redact::Redactor::builder().build()?;
/// let capture = Capture::start(store, redactor, options);
/// // A secret the sandbox was given while it runs: hidden from the next line on.
/// capture.redactor().register("correct-horse-battery");
/// // What a remote sandbox calls back with, cut wherever it likes.
/// capture.write(Source::Stdout, b"logged in with correct-horse").await;
/// capture.write(Source::Stdout, b"-battery\nready\n").await;
///
/// let report = capture.finish(Some(Ending { outcome: Outcome::Succeeded, exit_code: Some(0) })).await;
/// assert!(report.delivered);
/// assert_eq!((report.lines, report.redactions), (2, 1));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Capture {
    input: mpsc::Sender<Input>,
    redactor: Redactor,
    reading: AbortOnDropHandle<Counts>,
    delivering: AbortOnDropHandle<Delivered>,
}

impl Capture {
    /// Starts capturing. The store may be away: it is tried again and again while lines wait.
    pub fn start(store: impl Into<StoreSource>, redactor: Redactor, options: CaptureOptions) -> Self {
        let (input, inputs) = mpsc::channel(INPUT);
        let (parcels, arriving) = mpsc::channel(BATCHES);
        let delivery = Delivery::new(
            store.into(),
            DeliveryOptions {
                job: options.job,
                owner: options.owner,
                phase: options.phase.clone(),
                spool_dir: Some(options.spool_dir),
                spool_limit: options.spool_limit,
                flush_timeout: options.flush_timeout,
            },
        );
        let recorder = |source, pty| {
            let recording = RecorderOptions {
                phase: options.phase.clone(),
                pty,
                ..RecorderOptions::default()
            };
            Recorder::new(redactor.scrubber(), source, recording)
        };
        let reading = Reading {
            stdout: recorder(Source::Stdout, options.pty),
            stderr: recorder(Source::Stderr, None),
            phase: options.phase.clone(),
            batcher: Batcher::new(BatchLimits::default()),
            backlog: delivery.backlog(),
            counts: Counts::default(),
            parcels,
        };
        Self {
            input,
            redactor,
            reading: AbortOnDropHandle::new(tokio::spawn(reading.run(inputs))),
            delivering: AbortOnDropHandle::new(tokio::spawn(delivery.run(arriving))),
        }
    }

    /// Takes a piece of output. Returns once it is queued; a full queue holds the caller up until what was given
    /// before has been read through, never because of the network. Give it pieces of some 64 KiB at most: 16 of them
    /// may wait. Cancelled, it has taken nothing.
    ///
    /// [`Source::System`] is not an output: such bytes are read as standard error's.
    pub async fn write(&self, source: Source, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.send(Input::Bytes(source, bytes.to_vec())).await;
        }
    }

    /// The pseudo-terminal that standard output comes from has another size: rows and columns.
    pub async fn resize(&self, rows: u16, columns: u16) {
        self.send(Input::Size(rows, columns)).await;
    }

    /// Where secrets are registered while it runs; they are hidden from the next line on.
    pub fn redactor(&self) -> &Redactor {
        &self.redactor
    }

    /// A command was started for `phase`: later lines belong to it, and a stage entry says so. Cancelled between its
    /// two steps, it may have changed the phase without saying so.
    pub async fn stage_started(&self, phase: Phase) {
        self.send(Input::Phase(Some(phase))).await;
        self.send(Input::Event(LogEvent::Stage {
            state: StageState::Started,
        }))
        .await;
    }

    /// The current phase's command is over; what it left unfinished is recorded before that is said.
    pub async fn stage_finished(&self, exit_code: Option<i32>, took: Duration) {
        let duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let state = StageState::Finished { exit_code, duration_ms };
        self.send(Input::Event(LogEvent::Stage { state })).await;
    }

    /// A line in Tailwater's own name; redacted like any other.
    pub async fn say(&self, text: impl Into<String>) {
        let text = redact::system_text(text).shortened(crate::DISPLAY_LIMIT);
        let masked: Vec<Masked> = Vec::new();
        self.send(Input::Event(LogEvent::Line {
            source: Source::System,
            text,
            class: None,
            cut: None,
            masked,
        }))
        .await;
    }

    /// No more will come. Delivers everything, ends the job if `ending` says how, and waits for that up to
    /// [`CaptureOptions::flush_timeout`]; what is not delivered then stays in its spool. Cancelled, it leaves what a
    /// dropped capture leaves.
    pub async fn finish(self, ending: Option<Ending>) -> Report {
        self.send(Input::End(ending)).await;
        let counts = self.reading.await.unwrap_or_default();
        let delivered = self.delivering.await.unwrap_or_default();
        Report {
            lines: counts.lines,
            redactions: counts.redactions,
            delivered: delivered.complete,
            spool_left: delivered.spool_left,
            lines_left: delivered.lines_left,
            lines_lost: delivered.lines_lost,
            spool_trouble: delivered.spool_trouble.filter(|_| delivered.lines_lost > 0),
            trouble: delivered.trouble,
        }
    }

    async fn send(&self, input: Input) {
        // The reading task ends only with the capture itself, so that there is always somebody to take this.
        let _ = self.input.send(input).await;
    }
}

/// The task that turns output into batches.
struct Reading {
    stdout: Recorder,
    stderr: Recorder,
    phase: Option<Phase>,
    batcher: Batcher,
    backlog: Arc<AtomicBool>,
    counts: Counts,
    parcels: mpsc::Sender<Parcel>,
}

impl Reading {
    async fn run(mut self, mut inputs: mpsc::Receiver<Input>) -> Counts {
        let mut ending = None;
        loop {
            let quiet = [&self.stdout, &self.stderr].into_iter().filter_map(Recorder::due).min();
            let quiet = quiet.map(|due| tokio::time::Instant::now() + due.since(now()));
            let due = self.batcher.due().map(tokio::time::Instant::from_std);
            let wake = quiet.into_iter().chain(due).min();
            let input = tokio::select! {
                biased;
                input = inputs.recv() => input,
                () = async { tokio::time::sleep_until(wake.expect("the branch is enabled only with a time")).await }, if wake.is_some() => {
                    self.tick().await;
                    continue;
                }
            };
            match input {
                Some(Input::Bytes(source, bytes)) => self.read(source, &bytes).await,
                Some(Input::Size(rows, columns)) => self.stdout.resize(rows, columns),
                Some(Input::Phase(phase)) => {
                    self.finish_lines().await;
                    self.stdout.set_phase(phase.clone());
                    self.stderr.set_phase(phase.clone());
                    self.phase = phase;
                }
                Some(Input::Event(event)) => {
                    self.finish_lines().await;
                    self.record(vec![Recorded {
                        ts: now(),
                        phase: self.phase.clone(),
                        event,
                    }])
                    .await;
                }
                Some(Input::End(how)) => {
                    ending = how;
                    break;
                }
                None => break,
            }
            self.send_due().await;
        }
        self.finish_lines().await;
        let rest = self.batcher.take(std::time::Instant::now());
        self.send(rest).await;
        let _ = self.parcels.send(Parcel::Over(ending)).await;
        self.counts
    }

    async fn read(&mut self, source: Source, bytes: &[u8]) {
        let mut entries = Vec::new();
        let recorder = if source == Source::Stdout {
            &mut self.stdout
        } else {
            &mut self.stderr
        };
        recorder.push(bytes, now(), &mut entries);
        self.record(entries).await;
    }

    async fn tick(&mut self) {
        let mut entries = Vec::new();
        let now = now();
        self.stdout.tick(now, &mut entries);
        self.stderr.tick(now, &mut entries);
        self.record(entries).await;
        self.send_due().await;
    }

    async fn finish_lines(&mut self) {
        let mut entries = Vec::new();
        self.stdout.finish(now(), &mut entries);
        self.stderr.finish(now(), &mut entries);
        self.record(entries).await;
    }

    async fn record(&mut self, entries: Vec<Recorded>) {
        let now = std::time::Instant::now();
        for entry in entries {
            self.counts.add(&entry.event);
            self.batcher.backlog(self.backlog.load(Ordering::Relaxed));
            if let Some(batch) = self.batcher.push(entry, now) {
                self.send(batch).await;
            }
        }
    }

    async fn send_due(&mut self) {
        let now = std::time::Instant::now();
        if self.batcher.due().is_some_and(|due| due <= now) {
            let batch = self.batcher.take(now);
            self.send(batch).await;
        }
    }

    async fn send(&mut self, batch: Vec<Recorded>) {
        if !batch.is_empty() {
            // Delivery takes parcels until it was told that no more will come.
            let _ = self.parcels.send(Parcel::Events(batch)).await;
        }
    }
}

fn now() -> Timestamp {
    SystemTime::now().into()
}

//! Random schedules of faults against a capture in this process.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use capture::{Capture, CaptureOptions, StoreSource};
use log_model::{Outcome, Source};
use parking_lot::Mutex;
use redact::Redactor;
use stream_store::{Ending, RedisStore};
use testkit::proxy::Harm;

use crate::oracle;
use crate::world::{LIMIT, MARK, World, job, owner, soon};

/// Schedules run at once; most of their time is waiting.
const AT_ONCE: u64 = 10;

/// How many schedules there are unless somebody says otherwise.
const SCHEDULES: u64 = 200;

/// Every kind of fault must have met unanswered bytes so often.
const EACH: u64 = 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fault {
    CutBeforeRequest,
    CutInRequest,
    CutBeforeAnswer,
    CutInAnswer,
    Stall,
    StallPastTimeOut,
    Restart,
    RestartEmpty,
    FailOver,
    SpoolFull,
}

const FAULTS: [Fault; 10] = [
    Fault::CutBeforeRequest,
    Fault::CutInRequest,
    Fault::CutBeforeAnswer,
    Fault::CutInAnswer,
    Fault::Stall,
    Fault::StallPastTimeOut,
    Fault::Restart,
    Fault::RestartEmpty,
    Fault::FailOver,
    Fault::SpoolFull,
];

/// A small generator, so that a seed means the same schedule on every machine.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x2545_f491_4f6c_dd1d)
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// The faults of one schedule: three or more. Those that take long come in some schedules only, each in enough.
fn faults(seed: u64, dice: &mut Dice) -> Vec<Fault> {
    let quick = &FAULTS[..5];
    let mut faults = vec![FAULTS[5 + (seed % 5) as usize]];
    for _ in 0..2 + dice.below(2) {
        faults.push(quick[dice.below(5) as usize]);
    }
    let at = dice.below(faults.len() as u64) as usize;
    faults.swap(0, at);
    faults
}

/// A capture, and how many lines it was given.
struct Writing {
    capture: Capture,
    lines: u64,
    wide: usize,
}

impl Writing {
    async fn write(&mut self, lines: u64) {
        for _ in 0..lines {
            self.lines += 1;
            let line = format!("{MARK}{} {}\n", self.lines, "x".repeat(self.wide));
            self.capture.write(Source::Stdout, line.as_bytes()).await;
        }
    }

    /// Writes a little until harm was done once more than before; returns how many bytes were unanswered then.
    async fn until_harmed(&mut self, world: &World, before: u64) -> usize {
        let mut harmed = world.proxy.harmed();
        let what = "the harm";
        soon(what, async {
            loop {
                self.write(3).await;
                let came = harmed.wait_for(|done| done.0 > before);
                if let Ok(done) = tokio::time::timeout(Duration::from_millis(20), came).await {
                    return done.expect("the proxy is there").1;
                }
            }
        })
        .await
    }
}

/// Does one fault; returns the bytes that were unanswered when it took effect.
async fn suffer(fault: Fault, world: &mut World, writing: &mut Writing, dice: &mut Dice) -> usize {
    let before = world.proxy.harmed().borrow().0;
    let skip = dice.below(3) as usize;
    let harm = match fault {
        Fault::CutBeforeRequest => Harm::CutBeforeRequest,
        Fault::CutInRequest => Harm::CutInRequest,
        Fault::CutBeforeAnswer => Harm::CutBeforeAnswer,
        Fault::CutInAnswer => Harm::CutInAnswer,
        Fault::Stall => Harm::Stall(Duration::from_millis(20 + dice.below(200))),
        _ => Harm::Hold,
    };
    match fault {
        Fault::FailOver => {
            let (replica, link) = world.replica().await;
            // From here on the replica hears nothing: what is acknowledged now is lost.
            link.retarget((std::net::Ipv4Addr::LOCALHOST, 1).into());
            link.cut();
            writing.write(20).await;
            world.proxy.harm(skip, harm);
            let bytes = writing.until_harmed(world, before).await;
            world.fail_over(replica);
            world.proxy.release();
            return bytes;
        }
        Fault::SpoolFull => {
            world.proxy.harm(0, harm);
            let bytes = writing.until_harmed(world, before).await;
            // More than memory, the spool and the tail hold together.
            let (wide, few) = (std::mem::replace(&mut writing.wide, 7000), 2200);
            writing.write(few).await;
            writing.wide = wide;
            world.proxy.release();
            world.proxy.cut();
            return bytes;
        }
        _ => {}
    }
    let repeated = *world.proxy.repeated().borrow();
    world.proxy.harm(skip, harm);
    let bytes = writing.until_harmed(world, before).await;
    match fault {
        Fault::Restart => world.restart(),
        Fault::RestartEmpty => world.restart_empty(),
        Fault::StallPastTimeOut => {
            // The client has patience with a command for some seconds; then it sends it again, and is answered.
            let mut again = world.proxy.repeated();
            let came = soon("the command, again", again.wait_for(|times| *times > repeated)).await;
            came.expect("the proxy is there");
        }
        _ => {}
    }
    world.proxy.release();
    bytes
}

type Effects = Arc<Mutex<BTreeMap<Fault, u64>>>;

async fn run(seed: u64, world: &mut World, effects: &Effects) {
    let mut dice = Dice::new(seed);
    let faults = faults(seed, &mut dice);
    let job = job(&format!("faults-{seed}"));
    let mut options = CaptureOptions::new(job.clone());
    options.owner = Some(owner());
    options.spool_dir = world.place("spool");
    options.spool_limit = 1 << 20;
    options.flush_timeout = LIMIT / 2;
    let url = world.url();
    let source = StoreSource::connecting(move || {
        let url = url.parse().expect("it is an address");
        async move { Ok(Arc::new(RedisStore::connect(&url).await?) as Arc<dyn stream_store::LogStore>) }
    });
    // A connection of its own: what is done to the writer's is not done to the viewer's.
    let viewer = tokio::spawn(oracle::watch(world.store().await, job.clone()));
    let redactor = Redactor::builder().build().expect("the rules are sound");
    let mut writing = Writing {
        capture: Capture::start(source, redactor, options),
        lines: 0,
        wide: 10 + dice.below(100) as usize,
    };
    for fault in faults {
        writing.write(dice.below(80)).await;
        let bytes = suffer(fault, world, &mut writing, &mut dice).await;
        if bytes > 0 {
            *effects.lock().entry(fault).or_default() += 1;
        }
    }
    writing.write(dice.below(80)).await;
    let ending = Ending {
        outcome: Outcome::Succeeded,
        exit_code: Some(0),
    };
    let report = soon("the end", writing.capture.finish(Some(ending))).await;
    assert!(report.delivered, "{report:?}");
    let viewer = soon("the job's end at the viewer", viewer).await.expect("it watches");
    let entries = oracle::read_back(world, &job, viewer).await;
    oracle::check(&entries, writing.lines);
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn any_schedule_of_faults_leaves_every_line_once_and_in_order_or_a_gap() {
    let effects = Effects::default();
    let only = setting("TAILWATER_FAULT_SEED");
    let schedules = setting("TAILWATER_FAULT_SCHEDULES").unwrap_or(SCHEDULES);
    let (first, last) = only.map_or((0, schedules), |seed| (seed, seed + 1));
    let next = Arc::new(AtomicU64::new(first));
    let mut workers = Vec::new();
    for _ in 0..AT_ONCE.min(last - first) {
        let (next, effects) = (Arc::clone(&next), Arc::clone(&effects));
        workers.push(tokio::spawn(async move {
            let mut world = World::new().await;
            loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= last {
                    return;
                }
                let failing = Failing(seed);
                run(seed, &mut world, &effects).await;
                drop(failing);
            }
        }));
    }
    for worker in workers {
        worker.await.expect("every schedule passes");
    }
    let effects = effects.lock().clone();
    println!("faults with unanswered bytes on their way: {effects:?}");
    if only.is_none() && schedules >= SCHEDULES {
        for fault in FAULTS {
            let times = effects.get(&fault).copied().unwrap_or(0);
            assert!(times >= EACH, "{fault:?} took effect {times} times only");
        }
    }
}

/// Says which schedule it was when one fails.
struct Failing(u64);

impl Drop for Failing {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("schedule {}: repeat it with TAILWATER_FAULT_SEED={}", self.0, self.0);
        }
    }
}

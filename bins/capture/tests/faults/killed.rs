//! The program itself, killed at random moments and run again.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use log_model::{GapReason, LogEntry, LogEvent};
use testkit::program::wait_until;
use testkit::proxy::Harm;

use crate::oracle::{self, number};
use crate::schedule::Dice;
use crate::world::{LIMIT, MARK, World, job, soon};

/// Runs of the program that are killed.
const KILLS: u64 = 28;

const AT_ONCE: u64 = 4;

/// Lines of each run; the one that is killed would write for ever.
const LINES: u64 = 50;

fn program(world: &World, job: &str, verb: &str) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_tailwater-capture"));
    program.arg(verb).stdin(Stdio::null());
    program.env("TAILWATER_STORE", world.url());
    program.env("TAILWATER_JOB", job);
    program.env("TAILWATER_SPOOL_DIR", world.place(job));
    program
}

/// Writes numbered lines from `first` on, a few at a time.
fn run(world: &World, job: &str, first: u64, last: u64) -> Command {
    let script = format!(
        "i={first}; while [ $i -le {last} ]; do echo \"{MARK}$i of a run\"; i=$((i+1)); [ $((i % 10)) = 0 ] && sleep 0.02; done; true"
    );
    let mut program = program(world, job, "run");
    program.env("TAILWATER_OWNER", "user_ana");
    program.args(["--quiet", "--flush-timeout", "60s"]);
    if last < u64::MAX / 4 {
        program.arg("--end");
    }
    program.args(["--", "sh", "-c", &script]);
    program
}

async fn ends(mut child: Child) -> bool {
    let waiting = tokio::task::spawn_blocking(move || child.wait());
    let status = soon("the program's end", waiting).await;
    status.expect("it is waited for").expect("it is a child").success()
}

/// The size of the only spool in a folder.
fn spooled(folder: &Path) -> Option<u64> {
    let file = std::fs::read_dir(folder).ok()?.next()?.ok()?;
    Some(file.metadata().ok()?.len())
}

/// One run that is killed while bytes are on their way, and another; returns how many those were.
async fn kill_and_run_again(world: &mut World, seed: u64) -> usize {
    let mut dice = Dice::new(seed);
    let name = format!("killed-{seed}");
    let job = job(&name);
    let before = world.proxy.harmed().borrow().0;
    let hold = match seed % 4 {
        0 => Harm::CutBeforeRequest,
        1 => Harm::CutBeforeAnswer,
        _ => Harm::Hold,
    };
    world.proxy.harm(dice.below(20) as usize, hold);
    let mut child = run(world, &name, 1, u64::MAX / 2)
        .spawn()
        .expect("the program is built");
    let bytes = {
        let mut harmed = world.proxy.harmed();
        let harm = soon("the harm", harmed.wait_for(|done| done.0 > before)).await;
        harm.expect("the proxy is there").1
    };
    // Sometimes at once, sometimes while it connects again, sometimes when what waits is on disk.
    let empty = spooled(&world.place(&name)).unwrap_or(0);
    let connections = world.proxy.connections();
    tokio::task::block_in_place(|| match seed % 4 {
        0 | 1 if dice.below(2) == 0 => wait_until("another connection", LIMIT, || {
            (world.proxy.connections() > connections).then_some(())
        }),
        3 => wait_until("lines in the spool", LIMIT, || {
            spooled(&world.place(&name)).filter(|bytes| *bytes > empty).map(drop)
        }),
        _ => {}
    });
    child.kill().expect("it runs");
    assert!(!ends(child).await);
    world.proxy.release();
    world.proxy.cut();
    if seed.is_multiple_of(3) {
        assert!(ends(program(world, &name, "flush").spawn().expect("the program is built")).await);
    }
    let first = 1_000_000;
    let again = run(world, &name, first, first + LINES - 1).spawn();
    assert!(ends(again.expect("the program is built")).await);
    let viewer = soon("the job's end", oracle::watch(world.store().await, job.clone())).await;
    check(&oracle::read_back(world, &job, viewer).await, first);
    assert_eq!(
        std::fs::read_dir(world.place(&name))
            .expect("the folder is there")
            .count(),
        0
    );
    bytes
}

/// The first run's lines are a beginning of what it wrote; one gap says that nobody knows how many are missing; the
/// second run's lines are all there.
#[track_caller]
fn check(entries: &[LogEntry], first: u64) {
    let gaps: Vec<_> = entries
        .iter()
        .filter(|entry| matches!(entry.recorded.event, LogEvent::Gap { .. }))
        .collect();
    let [gap] = &gaps[..] else {
        panic!("there is one gap: {gaps:?}")
    };
    let LogEvent::Gap { lines, reason, .. } = gap.recorded.event else {
        unreachable!("it is a gap")
    };
    assert_eq!((lines, reason), (None, GapReason::WriterKilled));
    let (before, after): (Vec<_>, Vec<_>) = entries.iter().partition(|entry| entry.seq < gap.seq);
    let before: Vec<u64> = before.into_iter().filter_map(number).collect();
    let after: Vec<u64> = after.into_iter().filter_map(number).collect();
    assert_eq!(before, (1..=before.len() as u64).collect::<Vec<_>>());
    assert_eq!(after, (first..first + LINES).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_killed_at_any_moment_leaves_a_beginning_and_one_gap() {
    let next = Arc::new(AtomicU64::new(0));
    let met = Arc::new(AtomicU64::new(0));
    let workers: Vec<_> = (0..AT_ONCE)
        .map(|_| {
            let (next, met) = (Arc::clone(&next), Arc::clone(&met));
            tokio::spawn(async move {
                let mut world = World::new().await;
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= KILLS {
                        return;
                    }
                    let bytes = kill_and_run_again(&mut world, seed).await;
                    met.fetch_add(u64::from(bytes > 0), Ordering::Relaxed);
                }
            })
        })
        .collect();
    for worker in workers {
        worker.await.expect("every run passes");
    }
    let met = met.load(Ordering::Relaxed);
    assert!(met >= 20, "{met} were killed with unanswered bytes on their way");
}

/// The most memory a process ever had, in KiB.
fn peak(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_stays_bounded_while_the_store_is_away_and_the_spool_fills() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let done = folder.path().join("done");
    let script = format!(
        "yes 'a line of a hundred bytes, or nearly so: it says what was built, and how long that took, in seconds' | head -n 1000000; touch {0}; while [ -e {0} ]; do sleep 0.1; done",
        done.display()
    );
    let mut program = Command::new(env!("CARGO_BIN_EXE_tailwater-capture"));
    program.arg("run").stdin(Stdio::null());
    let nobody = testkit::program::free_port();
    program.env("TAILWATER_STORE", format!("redis://127.0.0.1:{nobody}"));
    program.env("TAILWATER_JOB", "away").env("TAILWATER_OWNER", "user_ana");
    program.env("TAILWATER_SPOOL_DIR", folder.path().join("spool"));
    program.args(["--quiet", "--", "sh", "-c", &script]);
    let mut child = program.spawn().expect("the program is built");
    let waited = std::time::Instant::now();
    let spool = || spooled(&folder.path().join("spool"));
    while !done.exists() || spool().is_none_or(|bytes| bytes < 64 << 20) {
        assert!(waited.elapsed() < LIMIT, "the spool fills: {:?}", spool());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let peak = peak(child.id()).expect("it runs");
    child.kill().expect("it runs");
    ends(child).await;
    println!(
        "peak with {} MiB in the spool: {} MiB",
        spool().unwrap_or(0) >> 20,
        peak >> 10
    );
    assert!(peak <= 48 << 10, "{peak} KiB");
}

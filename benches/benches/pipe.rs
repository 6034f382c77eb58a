//! How fast does a command's output reach Redis, from the child's pipe to acknowledged, and what memory does that take?
//!
//! The whole program, as it is shipped: `tailwater-capture run` with a child that writes 1,000,000 lines of 100 bytes, from
//! its start to its end, which comes when every line is acknowledged. Beside it, in turns and against the same server:
//! `redis-benchmark -P 64 XADD` with the same two fields, the most that one connection can do; and a worker in Python
//! that awaits one XADD for each line (redis-py, over fewer lines). Starts its own `redis-server`, which writes nothing to
//! disk. Needs a `python3` with redis-py, which `scripts/install-test-tools` brings, and the program, as built last:
//! `cargo build --release -p tailwater-capture && cargo bench -p tailwater-benches --bench pipe`.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use stream_store::{LogStore as _, RedisStore};
use tailwater_benches::output;
use tailwater_benches::redis::{cpu, median, plain_xadd};
use testkit::program;
use testkit::redis::RedisServer;

/// Lines the child writes.
const LINES: u64 = 1_000_000;

/// Lines the worker in Python is given: it is slow.
const WORKER_LINES: u64 = 20_000;

/// Bytes in a line, its newline not counted.
const LENGTH: usize = 100;

const ROUNDS: usize = 3;

fn main() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let (lines, fewer) = (folder.path().join("lines"), folder.path().join("fewer"));
    write_lines(&lines, LINES);
    write_lines(&fewer, WORKER_LINES);
    let capture = built_capture();
    let server = RedisServer::start();

    let (mut floors, mut rates, mut workers) = (Vec::new(), Vec::new(), Vec::new());
    for round in 1..=ROUNDS {
        server.command(&["FLUSHALL"]);
        let floor = plain_xadd(&server, LINES, &["ts", "1771754400123", "stdout", &"x".repeat(LENGTH)]);
        server.command(&["FLUSHALL"]);
        let ran = run(&capture, &server, &lines, &folder.path().join("spool"));
        server.command(&["FLUSHALL"]);
        let worker = worker(&server, &fewer);
        println!(
            "round {round}: redis-benchmark {floor:.0}, capture {:.0}, awaiting worker {worker:.0} lines/s; \
             CPU a line {:.2} µs in the capture, {:.2} µs in Redis; memory of the capture {:.1} MiB",
            ran.rate,
            ran.cpu.as_secs_f64() * 1e6 / LINES as f64,
            ran.server_cpu.as_secs_f64() * 1e6 / LINES as f64,
            ran.memory as f64 / 1024.0
        );
        floors.push(floor);
        rates.push(ran.rate);
        workers.push(worker);
    }
    let (floor, rate, worker) = (median(floors), median(rates), median(workers));
    println!("redis-benchmark XADD -P 64, one connection: {floor:>9.0} lines/s");
    println!("a worker that awaits one XADD a line:       {worker:>9.0} lines/s");
    println!(
        "capture, from the pipe to acknowledged:     {rate:>9.0} lines/s  {:.2} x redis-benchmark, {:.0} x the worker",
        rate / floor,
        rate / worker
    );
}

/// Lines as a build writes them, all of one length.
fn write_lines(path: &Path, count: u64) {
    let file = std::fs::File::create(path).expect("the folder takes files");
    let mut file = std::io::BufWriter::new(file);
    let burst = output::burst(count as usize * (LENGTH + 1));
    for line in burst.lines().cycle().take(count as usize) {
        writeln!(file, "{line:.<LENGTH$.LENGTH$}").expect("the folder takes files");
    }
    file.flush().expect("the folder takes files");
}

/// The program as it is shipped. Building it from here would build half of it anew each time: some build scripts look at
/// what cargo says to whatever it runs.
fn built_capture() -> PathBuf {
    let here = std::env::current_exe().expect("this program has a path");
    let folder = here.ancestors().nth(2).expect("it lies in target/release/deps");
    let program = folder.join("tailwater-capture");
    assert!(
        program.is_file(),
        "build it first: cargo build --release -p tailwater-capture"
    );
    program
}

/// What a run came to.
struct Ran {
    /// Lines a second, from the program's start to its end.
    rate: f64,
    /// What the program used of the processor, without its child.
    cpu: Duration,
    /// And the server meanwhile.
    server_cpu: Duration,
    /// The most memory the program had, in KiB.
    memory: u64,
}

fn run(capture: &Path, server: &RedisServer, lines: &Path, spool: &Path) -> Ran {
    let server_before = cpu(server.process_id()).expect("the server runs");
    let began = Instant::now();
    let mut program = Command::new(capture)
        .args(["run", "--quiet", "--end", "--job", "pipe", "--owner", "user_bench"])
        .args(["--store", &server.url(), "--spool-dir"])
        .arg(spool)
        .args(["--", "cat"])
        .arg(lines)
        .stdin(Stdio::null())
        .spawn()
        .expect("the program starts");
    let (mut used, mut memory) = (Duration::ZERO, 0);
    // Both only grow, so that the last look before the end is the answer, short of a few milliseconds.
    let status = loop {
        if let Some(status) = program.try_wait().expect("the program can be waited for") {
            break status;
        }
        used = cpu(program.id()).map_or(used, |now| now.max(used));
        memory = peak(program.id()).map_or(memory, |now| now.max(memory));
        std::thread::sleep(Duration::from_millis(5));
    };
    let took = began.elapsed();
    assert!(status.success(), "{status}");
    let server_cpu = cpu(server.process_id()).expect("the server runs") - server_before;
    complete(server);
    Ran {
        rate: LINES as f64 / took.as_secs_f64(),
        cpu: used,
        server_cpu,
        memory,
    }
}

/// The most memory a process has had, in KiB.
fn peak(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    peak.trim().trim_end_matches(" kB").parse().ok()
}

/// A rate counts only if the job has ended and every line is there.
fn complete(server: &RedisServer) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let record = runtime.block_on(async {
        let url = server.url().parse().expect("a URL");
        let store = RedisStore::connect(&url).await.expect("a connection");
        store.job(&"pipe".parse().expect("a name")).await.expect("answered")
    });
    let record = record.expect("the job was opened");
    assert!(record.is_over(), "{record:?}");
    assert_eq!((record.counts.lines, record.counts.gaps), (LINES, 0));
}

/// Lines a second of a worker that waits for each.
fn worker(server: &RedisServer, lines: &Path) -> f64 {
    let python = program::find("python3", Some("TAILWATER_TEST_PYTHON"));
    let said = Command::new(python)
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/pipe.py"))
        .args([&server.port().to_string(), "cat"])
        .arg(lines)
        .stderr(Stdio::inherit())
        .output()
        .expect("python3 starts");
    assert!(
        said.status.success(),
        "the worker needs a python3 with redis-py: run scripts/install-test-tools and put its folder on the PATH"
    );
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    let (count, seconds) = said.trim().split_once(' ').expect("two numbers");
    assert_eq!(count, WORKER_LINES.to_string());
    count.parse::<f64>().expect("a number") / seconds.parse::<f64>().expect("a number")
}

//! What does it cost to ask which jobs are to be looked at, and for how long does Redis do nothing else meanwhile, when
//! 10,000 jobs run and none, a hundred or all of them are due?
//!
//! Each is a whole walk in parts of 100 jobs, as a sweep asks, with the jobs' records; the median of nine. The longest
//! command is by the server's own clock (SLOWLOG). Starts its own `redis-server`.
//! `cargo bench -p tailwater-benches --bench due`.

use std::time::{Duration, Instant, SystemTime};

use futures::StreamExt as _;
use log_model::{JobId, Owner, OwnerId, Timestamp, WriterId};
use stream_store::{LogStore, RedisStore};
use tailwater_benches::redis::median;
use testkit::redis::{RedisServer, Reply};

/// How many jobs a sweep asks for at once.
const PART: usize = 100;

/// How often each walk is made.
const WALKS: usize = 9;

fn main() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    println!(
        "{:>7} {:>7} {:>9} {:>18}",
        "jobs", "due", "walk ms", "longest command µs"
    );
    for jobs in [1000, 10_000] {
        runtime.block_on(measure(jobs));
    }
}

async fn measure(jobs: usize) {
    let server = RedisServer::start();
    let url = server.url().parse().expect("a URL");
    let store = RedisStore::connect(&url).await.expect("a connection");
    let now: Timestamp = SystemTime::now().into();
    let later = now.plus(Duration::from_secs(60));
    let owner = Owner::user(OwnerId::new("user_ana").expect("a name"));
    let slot = WriterId::new("w").expect("a name");
    let open = async |number: usize| {
        let job = JobId::new(&format!("job-{number}")).expect("a name");
        store.open(&job, &owner, now).await.expect("opened");
        store.join(&job, &slot).await.expect("joined");
        job
    };
    let opened: Vec<_> = futures::stream::iter(0..jobs).map(open).buffered(256).collect().await;
    walk(&server, &store, now, jobs, jobs).await;
    for job in &opened[100..] {
        store.look_again(job, later).await.expect("noted");
    }
    walk(&server, &store, now, jobs, 100).await;
    for job in &opened {
        store.look_again(job, later).await.expect("noted");
    }
    walk(&server, &store, now, jobs, 0).await;
}

async fn walk(server: &RedisServer, store: &RedisStore, now: Timestamp, jobs: usize, expected: usize) {
    server.command(&["CONFIG", "SET", "slowlog-max-len", "100000"]);
    server.command(&["CONFIG", "SET", "slowlog-log-slower-than", "0"]);
    server.command(&["SLOWLOG", "RESET"]);
    let mut took = Vec::new();
    for _ in 0..WALKS {
        let (began, mut cursor, mut found) = (Instant::now(), None, 0);
        loop {
            let page = store.due(now, cursor, PART).await.expect("answered");
            found += page.jobs.len();
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        took.push(began.elapsed().as_secs_f64() * 1000.0);
        assert_eq!(found, expected);
    }
    let Reply::List(commands) = server.command(&["SLOWLOG", "GET", "-1"]) else {
        panic!("no list of commands");
    };
    let micros = |command: &Reply| match command {
        Reply::List(parts) => parts[2].text().parse::<u64>().expect("a number"),
        other => panic!("no command: {other:?}"),
    };
    // Emptying the server's own list takes longest of all.
    let asked = |command: &&Reply| !command.words().iter().any(|word| word == "SLOWLOG" || word == "CONFIG");
    let longest = commands.iter().filter(asked).map(micros).max().unwrap_or_default();
    println!("{jobs:>7} {expected:>7} {:>9.1} {longest:>18}", median(took));
}

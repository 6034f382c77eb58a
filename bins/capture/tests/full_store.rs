//! A server whose memory is full: it refuses lines, and none is lost.

use std::process::{Command, Stdio};

use log_model::{JobId, LogEvent, Seq, Span};
use stream_store::{LogStore, RedisStore};
use testkit::program::{READY, wait_until};
use testkit::redis::RedisServer;

const LINES: usize = 20_000;

#[test]
fn a_build_that_fills_the_server_ends_well_and_every_line_is_there_once_there_is_room() {
    let server = RedisServer::options().max_memory("5mb").start();
    let folder = tempfile::tempdir().expect("a folder");
    let script = "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); \
        echo \"$i ........................................................................................\
        ................................................................................\
        ................................................................................\"; done; exit 3";
    let mut program = Command::new(env!("CARGO_BIN_EXE_tailwater-capture"));
    program.args([
        "run",
        "--job",
        "full",
        "--owner",
        "user_ana",
        "--quiet",
        "--flush-timeout",
        "120s",
    ]);
    program.arg("--spool-dir").arg(folder.path().join("spool"));
    program.args(["--", "sh", "-c", script]);
    program.env("TAILWATER_STORE", server.url()).stdin(Stdio::null());
    let output = std::fs::File::create(folder.path().join("said")).expect("a file");
    let mut child = program.stderr(output).spawn().expect("the program is built");
    wait_until("a refusal", READY, || {
        let refused = server.command(&["INFO", "errorstats"]).text();
        refused.contains("errorstat_OOM").then_some(())
    });
    let held = server.command(&["XLEN", "{full}:log"]).text();
    assert!(held.parse::<usize>().expect("a number") < LINES, "it holds {held}");
    server.command(&["CONFIG", "SET", "maxmemory", "0"]);
    let code = child.wait().expect("it ends").code();
    let said = std::fs::read_to_string(folder.path().join("said")).expect("it was written");
    assert_eq!(code, Some(3), "{said}");

    let runtime = tokio::runtime::Runtime::new().expect("threads");
    runtime.block_on(async {
        let url = server.url().parse().expect("a store's URL");
        let store = RedisStore::connect(&url).await.expect("a connection");
        let job = JobId::new("full").expect("a name");
        let record = store.job(&job).await.expect("answered").expect("there");
        assert_eq!((record.counts.lines as usize, record.counts.gaps), (LINES, 0));
        let (mut after, mut next) = (Seq::ZERO, 1);
        while let Some(span) = Span::after(after, record.head) {
            let page = store.read(&job, span).await.expect("no hole");
            let Some(last) = page.last() else { break };
            after = last.seq;
            for entry in page {
                if let LogEvent::Line { text, .. } = entry.recorded.event {
                    let number = text.as_str().split(' ').next().and_then(|number| number.parse().ok());
                    assert_eq!(number, Some(next));
                    next += 1;
                }
            }
        }
        assert_eq!(next, LINES + 1);
    });
}

//! The program as an operator runs it.

use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::Duration;

use log_model::{JobId, Outcome, WriterId};
use stream_store::{Batch, Ending, LogStore, SqliteStore};
use testkit::builders::{T0, job, lines, owner};
use testkit::program::wait_until;
use testkit::s3::{S3Server, SeaweedServer};

const PROGRAM: &str = env!("CARGO_BIN_EXE_tailwater-archiver");

fn store_in(dir: &Path) -> Arc<dyn LogStore> {
    Arc::new(SqliteStore::open(&dir.join("log.db")).expect("a store"))
}

async fn ended_job(store: &Arc<dyn LogStore>, name: &str, count: u64) -> JobId {
    let job = job(name);
    store.open(&job, &owner("ana"), T0).await.expect("opened");
    let writer = store
        .join(&job, &WriterId::new("w").expect("a slot"))
        .await
        .expect("joined");
    let batch = Batch {
        writer: writer.id.clone(),
        fence: writer.fence,
        number: writer.next,
        events: lines(1..=count),
    };
    store.append(&job, &batch).await.expect("appended");
    store.leave(&job, &writer, T0).await.expect("left");
    store
        .end(
            &job,
            Ending {
                outcome: Outcome::Succeeded,
                exit_code: Some(0),
            },
            T0,
        )
        .await
        .expect("ended");
    job
}

fn command(dir: &Path, archive: &str, env: &[(&str, String)], rest: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command.env("TAILWATER_STORE", format!("sqlite:{}", dir.join("log.db").display()));
    command.env("TAILWATER_ARCHIVE", archive);
    command.env_remove("RUST_LOG");
    command.envs(env.iter().map(|(name, value)| (name, value)));
    command.args(rest);
    command
}

fn run(dir: &Path, archive: &str, env: &[(&str, String)], rest: &[&str]) -> Output {
    command(dir, archive, env, rest).output().expect("the program starts")
}

#[track_caller]
fn assert_ends(output: &Output, code: i32) {
    assert_eq!(
        output.status.code(),
        Some(code),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

async fn sweeps_purges_and_verifies(archive: &str, env: &[(&str, String)]) {
    let dir = tempfile::tempdir().expect("a directory");
    let store = store_in(dir.path());
    let job = ended_job(&store, "whole-road", 1_500).await;
    assert_ends(&run(dir.path(), archive, env, &["--retention", "1h"]), 0);
    let record = store.job(&job).await.expect("there").expect("the small record");
    assert_eq!(record.held(), None);
    assert_ends(&run(dir.path(), archive, env, &["verify", "--rescan"]), 0);
    let masked = run(
        dir.path(),
        archive,
        env,
        &[
            "purge",
            "--job",
            "whole-road",
            "--seq",
            "7",
            "--by",
            "op",
            "--reason",
            "leak",
        ],
    );
    assert_ends(&masked, 0);
    assert_eq!(
        String::from_utf8_lossy(&masked.stdout),
        "line 7 of whole-road is masked in the archive\n"
    );
    let verified = run(dir.path(), archive, env, &["verify", "--job", "whole-road"]);
    assert_ends(&verified, 0);
    assert_eq!(
        String::from_utf8_lossy(&verified.stdout),
        "1 jobs, 1 segments, 1501 lines read; 0 compared with the recent store; 0 masked; 0 wrong\n"
    );
    assert_ends(
        &run(
            dir.path(),
            archive,
            env,
            &["purge", "--job", "whole-road", "--by", "op", "--reason", "leak"],
        ),
        0,
    );
    assert_ends(
        &run(
            dir.path(),
            archive,
            env,
            &["purge", "--job", "nobodys", "--by", "op", "--reason", "leak"],
        ),
        1,
    );
    assert_ends(&run(dir.path(), archive, env, &["verify", "--job", "nobodys"]), 1);
    assert_ends(&run(dir.path(), archive, env, &[]), 0);
}

#[tokio::test]
async fn everything_works_over_a_folder() {
    let dir = tempfile::tempdir().expect("a directory");
    sweeps_purges_and_verifies(&format!("file://{}/archive", dir.path().display()), &[]).await;
}

#[tokio::test]
async fn everything_works_over_moto() {
    let server = S3Server::start();
    sweeps_purges_and_verifies(&server.url(), &server.env()).await;
}

#[tokio::test]
async fn everything_works_over_seaweed() {
    let server = SeaweedServer::start();
    sweeps_purges_and_verifies(&server.url(), &server.env()).await;
}

#[tokio::test]
async fn an_archive_that_is_away_is_exit_code_1_and_the_next_sweep_goes_on() {
    let server = S3Server::start();
    let dir = tempfile::tempdir().expect("a directory");
    let store = store_in(dir.path());
    let job = ended_job(&store, "later", 100).await;
    server.stop();
    assert_ends(
        &run(dir.path(), &server.url(), &server.env(), &["--retention", "1h"]),
        1,
    );
    assert_eq!(store.job(&job).await.expect("there").expect("known").held_from.get(), 1);
    server.start_again();
    assert_ends(
        &run(dir.path(), &server.url(), &server.env(), &["--retention", "1h"]),
        0,
    );
    assert_eq!(store.job(&job).await.expect("there").expect("known").held(), None);
}

#[tokio::test]
async fn killed_and_started_again_it_goes_on() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = store_in(dir.path());
    let job = ended_job(&store, "killed", 1_000).await;
    let archive = format!("file://{}/archive", dir.path().display());
    for _ in 0..3 {
        let mut child = command(dir.path(), &archive, &[], &["--retention", "1h"])
            .spawn()
            .expect("the program starts");
        let folder = dir.path().join("archive");
        wait_until("the archive's folder", Duration::from_secs(60), || {
            folder.exists().then_some(())
        });
        child.kill().expect("killed");
        child.wait().expect("ended");
    }
    assert_ends(&run(dir.path(), &archive, &[], &["--retention", "1h"]), 0);
    assert_eq!(store.job(&job).await.expect("there").expect("known").held(), None);
    assert_ends(&run(dir.path(), &archive, &[], &["verify"]), 0);
}

#[tokio::test]
async fn every_interval_it_sweeps_until_it_is_asked_to_stop() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = store_in(dir.path());
    let archive = format!("file://{}/archive", dir.path().display());
    let mut program = command(dir.path(), &archive, &[], &["--retention", "1h", "--every", "50ms"]);
    let program = testkit::program::Running::start(&mut program, &dir.path().join("output"));
    for name in ["first", "second"] {
        let job = ended_job(&store, name, 10).await;
        let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
        while store.job(&job).await.expect("there").expect("known").held().is_some() {
            assert!(tokio::time::Instant::now() < deadline, "{name} is archived");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    program.terminate();
}

#[test]
fn a_mistake_names_the_setting_and_repeats_no_secret() {
    let dir = tempfile::tempdir().expect("a directory");
    let output = run(dir.path(), "s3://key:hush@bucket/x", &[], &[]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_ends(&output, 2);
    assert!(said.contains("--archive") && !said.contains("hush"), "{said}");
}

#[test]
fn a_store_that_may_lose_lines_is_named_at_start() {
    let server = testkit::redis::RedisServer::options()
        .set("maxmemory-policy", "allkeys-lru")
        .start();
    let dir = tempfile::tempdir().expect("a directory");
    let archive = format!("file://{}", dir.path().join("archive").display());
    let store = [("TAILWATER_STORE", server.url())];
    let output = run(dir.path(), &archive, &store, &[]);
    assert_ends(&output, 0);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    for part in ["evicts keys", "allkeys-lru", "keeps nothing on disk"] {
        assert!(said.contains(part), "{said}");
    }
}

//! The whole road of a log over its real parts: capture, Redis, gateway, archiver, S3, each a process of its own.

mod road;

use http::{StatusCode, header};
use log_model::{LogEvent, Timestamp};
use serde_json::Value;
use testkit::recordings::{Stream as Output, load};

use crate::road::{Event, Road, any_file_holds, replay, said};

const JOB: &str = "build-1";
const OWNER: &str = "user_ana";
const STRANGER: &str = "user_bob";
const INSTALL: &str = "npm-install-deprecated-audit.pipe";
const DEV_SERVER: &str = "vite-dev.pipe";

/// What a recording's output should read like, line by line.
fn lines_of(name: &str, output: Output) -> Vec<String> {
    let redactor = redact::Redactor::builder()
        .build()
        .expect("the built-in rules fit together");
    let mut recorder = capture::Recorder::new(
        redactor.scrubber(),
        log_model::Source::Stdout,
        capture::RecorderOptions::default(),
    );
    let mut recorded = Vec::new();
    recorder.push(&load(name).bytes_of(output), Timestamp::from_millis(1), &mut recorded);
    recorder.finish(Timestamp::from_millis(1), &mut recorded);
    recorded
        .into_iter()
        .map(|recorded| match recorded.event {
            LogEvent::Line { text, .. } => text.as_str().to_owned(),
            other => panic!("a recorder makes lines, not {other:?}"),
        })
        .collect()
}

fn lines_in(entries: &[Event], phase: &str, source: &str) -> Vec<String> {
    entries
        .iter()
        .filter(|e| e.name == "line" && e.data["phase"] == phase && e.data["source"] == source)
        .map(|e| e.data["text"].as_str().expect("a line has a text").to_owned())
        .collect()
}

fn without_request_id(mut problem: Value) -> Value {
    problem["request_id"] = Value::Null;
    problem
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_goes_from_the_childs_pipe_to_its_owner_and_into_the_archive() {
    let road = Road::open(&[]).await;

    // Opened for its owner, before any worker exists.
    let opened = road
        .done("tailwater-capture", &["open", "--job", JOB, "--owner", OWNER])
        .await;
    assert!(opened.status.success(), "{}", said(&opened));

    // Its owner watches from the first second on.
    let mut watching = road.stream(JOB, OWNER, None).await;
    assert_eq!(watching.head.status, StatusCode::OK);
    assert_eq!(
        watching.head.headers[header::CONTENT_TYPE],
        "text/event-stream; charset=utf-8"
    );
    let hello = watching.next().await.expect("a hello");
    assert_eq!((hello.name.as_str(), &hello.data["head"]), ("hello", &Value::from(0)));

    // Two phases, one after the other, with the recorded chunks and exit codes.
    for (phase, recording, expected) in [("install", INSTALL, 0), ("dev_server", DEV_SERVER, 143)] {
        let mut args = vec!["run", "--job", JOB, "--phase", phase, "--"];
        let command = replay(recording, &["--speed", "20", "--max-gap", "0.2"]);
        args.extend(command.iter().map(String::as_str));
        let ran = road.done("tailwater-capture", &args).await;
        assert_eq!(ran.status.code(), Some(expected), "{}", said(&ran));
        assert_eq!(
            ran.stdout,
            load(recording).bytes_of(Output::Out),
            "the output is passed on as it was"
        );
    }
    let ended = road
        .done("tailwater-capture", &["end", "--job", JOB, "--outcome", "succeeded"])
        .await;
    assert!(ended.status.success(), "{}", said(&ended));

    // Every line, once, in its output's order; ids without a hole.
    let live = watching.entries_until(|event| event.name == "end").await;
    assert!(watching.next().await.is_none(), "the end closes the stream");
    let ids: Vec<u64> = live.iter().filter_map(|event| event.id).collect();
    assert_eq!(ids, (1..=live.len() as u64).collect::<Vec<_>>());
    for (phase, recording) in [("install", INSTALL), ("dev_server", DEV_SERVER)] {
        assert_eq!(
            lines_in(&live, phase, "stdout"),
            lines_of(recording, Output::Out),
            "{phase} on stdout"
        );
        assert_eq!(
            lines_in(&live, phase, "stderr"),
            lines_of(recording, Output::Err),
            "{phase} on stderr"
        );
    }
    let stages: Vec<(Value, Value, Value)> = live
        .iter()
        .filter(|event| event.name == "stage")
        .map(|event| {
            (
                event.data["phase"].clone(),
                event.data["state"].clone(),
                event.data["exit_code"].clone(),
            )
        })
        .collect();
    let stage = |phase: &str, state: &str, code: Value| (phase.into(), state.into(), code);
    assert_eq!(
        stages,
        [
            stage("install", "started", Value::Null),
            stage("install", "finished", 0.into()),
            stage("dev_server", "started", Value::Null),
            stage("dev_server", "finished", 143.into()),
        ]
    );
    let end = live.last().expect("there is an end");
    assert_eq!(
        (&end.data["outcome"], end.id),
        (&Value::from("succeeded"), ids.last().copied())
    );
    let head = ids.len() as u64;

    // Resumed by cookie anywhere, nothing is lost or doubled; at the end there is nothing to come back for.
    for after in [1, head / 2, head - 1] {
        let mut request = road.ask(&format!("/v1/jobs/{JOB}/logs/stream?last_event_id={after}"), None);
        let cookie = format!("other=1; __session={}", road.clerk.session(OWNER).token());
        request
            .headers_mut()
            .insert(header::COOKIE, cookie.parse().expect("a plain cookie"));
        let mut resumed = road::Stream::new(road.send(request).await);
        let rest = resumed.entries_until(|event| event.name == "end").await;
        assert!(rest == live[after as usize..], "resumed after {after}");
    }
    let over = road.stream(JOB, OWNER, Some(head)).await;
    assert_eq!(over.head.status, StatusCode::NO_CONTENT);

    // A page back is the same entries.
    let paged = walk_back(&road, head, "recent").await;
    assert_eq!(paged, live.iter().map(Event::as_entry).collect::<Vec<_>>());
    strangers_see_nothing(&road).await;

    // Swept to S3, verified, forgotten in Redis.
    let swept = road
        .done(
            "tailwater-archiver",
            &["--archive-after", "0s", "--retention", "0s", "--segment-age", "0s"],
        )
        .await;
    assert!(swept.status.success(), "{}", said(&swept));
    let held = road.redis.command(&["XLEN", &format!("{{{JOB}}}:log")]);
    assert_eq!(held.text(), "0", "everything is forgotten in Redis");
    let verified = road.done("tailwater-archiver", &["verify", "--job", JOB]).await;
    assert!(verified.status.success(), "{}", said(&verified));

    // And still paged back by the same cursor, by its owner only.
    assert_eq!(walk_back(&road, head, "archive").await, paged);
    strangers_see_nothing(&road).await;
    let mut resumed = road.stream(JOB, OWNER, Some(head / 2)).await;
    let rest = resumed.entries_until(|event| event.name == "end").await;
    assert!(rest == live[(head / 2) as usize..], "resumed from the archive");
    let over = road.stream(JOB, OWNER, Some(head)).await;
    assert_eq!(over.head.status, StatusCode::NO_CONTENT);
    let mut fresh = road.stream(JOB, OWNER, None).await;
    let names = [fresh.next().await, fresh.next().await, fresh.next().await];
    let names: Vec<_> = names
        .iter()
        .map(|event| event.as_ref().map(|event| event.name.as_str()))
        .collect();
    assert_eq!(names, [Some("hello"), Some("end"), None]);

    // A second sweep finds nothing to do; a job that is over takes nothing more.
    let again = road.done("tailwater-archiver", &[]).await;
    assert!(again.status.success(), "{}", said(&again));
    let late = road
        .done(
            "tailwater-capture",
            &["run", "--job", JOB, "--flush-timeout", "1s", "--", "echo", "late"],
        )
        .await;
    assert_eq!(
        late.status.code(),
        Some(0),
        "the build does not fail because of its log: {}",
        said(&late)
    );
    assert!(
        String::from_utf8_lossy(&late.stderr).contains("ended"),
        "{}",
        said(&late)
    );
}

/// Walks back from the live edge in small pages; oldest first.
async fn walk_back(road: &Road, head: u64, storage: &str) -> Vec<Value> {
    let mut all = Vec::new();
    let mut before = head + 1;
    loop {
        let path = format!("/v1/jobs/{JOB}/logs?before={before}&limit=7");
        let (status, _, page) = road.json(&path, Some(OWNER)).await;
        assert_eq!(
            (status, &page["storage"]),
            (StatusCode::OK, &Value::from(storage)),
            "{page}"
        );
        all.splice(0..0, page["entries"].as_array().expect("entries").iter().cloned());
        if page["has_more"] == false {
            return all;
        }
        before = page["next_before"].as_u64().expect("where to go on");
    }
}

/// A stranger learns nothing, not even that there is something.
async fn strangers_see_nothing(road: &Road) {
    for rest in [
        "",
        "/logs",
        "/logs?before=5",
        "/logs/raw",
        "/logs/search?q=npm",
        "/logs/stream",
    ] {
        let theirs = road.json(&format!("/v1/jobs/{JOB}{rest}"), Some(STRANGER)).await;
        let none = road.json(&format!("/v1/jobs/no-such-job{rest}"), Some(STRANGER)).await;
        assert_eq!(theirs.0, StatusCode::NOT_FOUND, "{rest}");
        assert_eq!(theirs.0, none.0, "{rest}");
        assert_eq!(without_request_id(theirs.2), without_request_id(none.2), "{rest}");
        let names = |headers: &http::HeaderMap| {
            headers
                .iter()
                .filter(|(name, _)| *name != "x-request-id" && *name != "date")
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect::<Vec<_>>()
        };
        assert_eq!(names(&theirs.1), names(&none.1), "{rest}");
        let nobody = road.json(&format!("/v1/jobs/{JOB}{rest}"), None).await;
        assert_eq!(
            (nobody.0, &nobody.2["code"]),
            (StatusCode::UNAUTHORIZED, &Value::from("token_missing")),
            "{rest}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_of_the_job_reaches_redis_its_disk_s3_or_a_reader() {
    let mut road = Road::open(&[]).await;
    // A value that no format gives away, known from the environment by its name.
    let secret = format!("{}{}", "correct-horse-", "battery-9271");
    let script = format!("echo \"deploying with {secret} now\"; echo \"and {secret}\" >&2");
    let mut command = road.program("tailwater-capture");
    command.args([
        "run", "--job", JOB, "--owner", OWNER, "--end", "--quiet", "--", "sh", "-c", &script,
    ]);
    command.env("DEPLOY_TOKEN", &secret);
    let ran = tokio::process::Command::from(command)
        .output()
        .await
        .expect("it starts");
    assert!(ran.status.success() && ran.stdout.is_empty(), "{}", said(&ran));

    let (_, _, page) = road.json(&format!("/v1/jobs/{JOB}/logs"), Some(OWNER)).await;
    let texts: Vec<&str> = page["entries"]
        .as_array()
        .expect("entries")
        .iter()
        .filter_map(|e| e["text"].as_str())
        .collect();
    assert!(
        texts.contains(&"deploying with [REDACTED] now") && texts.contains(&"and [REDACTED]"),
        "{texts:?}"
    );
    let swept = road.done("tailwater-archiver", &["--archive-after", "0s"]).await;
    assert!(swept.status.success(), "{}", said(&swept));
    road.redis.stop();
    assert!(!any_file_holds(road.redis.dir(), secret.as_bytes()), "Redis' own files");
    assert!(
        !any_file_holds(road.folder.path(), secret.as_bytes()),
        "logs and spools of the programs"
    );
    let end = page["entries"].as_array().and_then(|all| all.last()).expect("an end");
    assert_eq!(
        (&end["kind"], &end["redactions"]),
        (&Value::from("end"), &Value::from(2))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_away_loses_nothing_and_stops_nobody() {
    let mut road = Road::open(&[]).await;
    let opened = road
        .done("tailwater-capture", &["open", "--job", JOB, "--owner", OWNER])
        .await;
    assert!(opened.status.success(), "{}", said(&opened));
    road.redis.stop();

    // The build runs as ever; its lines wait on disk, and it says so.
    let args = [
        "run",
        "--job",
        JOB,
        "--flush-timeout",
        "1s",
        "--",
        "sh",
        "-c",
        "echo one; echo two; exit 3",
    ];
    let ran = road.done("tailwater-capture", &args).await;
    assert_eq!(
        (ran.status.code(), &*ran.stdout),
        (Some(3), &b"one\ntwo\n"[..]),
        "{}",
        said(&ran)
    );
    assert!(String::from_utf8_lossy(&ran.stderr).contains("spool"), "{}", said(&ran));
    // A reader is told to come back, in the one way that makes browsers do so.
    let mut away = road.stream(JOB, OWNER, None).await;
    assert_eq!(away.head.status, StatusCode::OK);
    assert_eq!(away.wait_for("unavailable").await.data["reason"], "store_unavailable");
    let (status, _, problem) = road.json(&format!("/v1/jobs/{JOB}/logs"), Some(OWNER)).await;
    assert_eq!(
        (status, &problem["code"]),
        (StatusCode::SERVICE_UNAVAILABLE, &Value::from("store_unavailable"))
    );

    // The store is back: what waited is delivered, in order, once.
    road.redis.restart();
    let flushed = road.done("tailwater-capture", &["flush"]).await;
    assert!(flushed.status.success(), "{}", said(&flushed));
    let (status, _, page) = road.json(&format!("/v1/jobs/{JOB}/logs"), Some(OWNER)).await;
    assert_eq!(status, StatusCode::OK, "{page}");
    let texts: Vec<&str> = page["entries"]
        .as_array()
        .expect("entries")
        .iter()
        .filter_map(|e| e["text"].as_str())
        .collect();
    assert_eq!(texts, ["one", "two"]);
}

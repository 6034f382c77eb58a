//! History: pages, downloads, search, the job itself.

use serde_json::json;
use tailwater_gateway::Settings;
use testkit::builders::{T0, finished, gap, line, started};

use crate::common::{Gateway, settings};

fn seqs(page: &serde_json::Value) -> Vec<u64> {
    page["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["seq"].as_u64().unwrap())
        .collect()
}

#[tokio::test]
async fn the_newest_page_is_oldest_first_and_links_to_the_one_before() {
    let gateway = Gateway::start().await;
    let job = gateway.job("ana").await;
    job.lines(1..=500).await;
    let answer = gateway.get_as("ana", &job.path("/logs")).whole().await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("cache-control"), "private, no-store");
    let link = format!("<{}?limit=200&before=301>; rel=\"prev\"", job.path("/logs"));
    assert_eq!(answer.header("link"), link);
    let page = answer.json();
    assert_eq!(seqs(&page), (301..=500).collect::<Vec<_>>());
    assert_eq!(
        page["entries"][0],
        json!({"kind": "line", "seq": 301, "ts": T0.as_millis(), "source": "stdout", "text": "line 301"})
    );
    for (name, value) in [
        ("job", json!(job.job)),
        ("status", json!("running")),
        ("storage", json!("recent")),
        ("next_before", json!(301)),
        ("next_after", json!(500)),
        ("has_more", json!(true)),
    ] {
        assert_eq!(page[name], value, "{name}");
    }
}

#[tokio::test]
async fn walking_back_meets_each_entry_once_while_new_ones_arrive() {
    let gateway = Gateway::start().await;
    let job = gateway.job("ana").await;
    job.lines(1..=1000).await;
    let mut met = Vec::new();
    let mut path = job.path("/logs?limit=77");
    loop {
        let answer = gateway.get_as("ana", &path).whole().await;
        let page = answer.json();
        met.splice(0..0, seqs(&page));
        job.lines(1..=10).await;
        if page["has_more"] == false {
            assert_eq!(answer.header("link"), "");
            break;
        }
        let link = answer.header("link");
        path = link[1..link.find('>').unwrap()].to_owned();
    }
    assert_eq!(met, (1..=1000).collect::<Vec<_>>());
}

#[tokio::test]
async fn walking_forward_meets_each_entry_once() {
    let gateway = Gateway::start().await;
    let job = gateway.job("ana").await;
    job.lines(1..=450).await;
    let (mut met, mut after) = (Vec::new(), 0);
    loop {
        let page = gateway
            .get_as("ana", &job.path(&format!("/logs?after={after}&limit=200")))
            .whole()
            .await
            .json();
        met.extend(seqs(&page));
        after = page["next_after"].as_u64().unwrap();
        if page["has_more"] == false {
            break;
        }
    }
    assert_eq!(met, (1..=450).collect::<Vec<_>>());
}

#[tokio::test]
async fn what_cannot_be_meant_is_refused_with_its_own_code() {
    let gateway = Gateway::start().await;
    let job = gateway.job("ana").await;
    for (query, code) in [
        ("before=x", "bad_cursor"),
        ("after=-1", "bad_cursor"),
        ("before=9007199254740992", "bad_cursor"),
        ("limit=0", "bad_limit"),
        ("limit=1001", "bad_limit"),
        ("limit=ten", "bad_limit"),
        ("before=1&after=1", "bad_request"),
        ("limit=1&limit=2", "bad_request"),
    ] {
        gateway
            .get_as("ana", &job.path(&format!("/logs?{query}")))
            .whole()
            .await
            .refused(400, code);
    }
    gateway
        .get_as("ana", &job.path("/logs/search"))
        .whole()
        .await
        .refused(400, "bad_request");
    assert_eq!(
        gateway
            .get_as("ana", &job.path("/logs?unknown=1&limit=1000"))
            .whole()
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn a_page_too_large_has_fewer_entries_and_says_that_there_are_more() {
    let gateway = Gateway::with(Settings {
        page_max_bytes: 10_000,
        ..settings()
    })
    .await;
    let job = gateway.job("ana").await;
    let long = "\u{1}".repeat(400);
    job.append((0..50).map(|_| line(&long)).collect()).await;
    let mut met = Vec::new();
    let mut path = job.path("/logs");
    loop {
        let answer = gateway.get_as("ana", &path).whole().await;
        assert!(answer.body.len() <= 10_000, "{}", answer.body.len());
        let page = answer.json();
        assert!(!seqs(&page).is_empty());
        met.splice(0..0, seqs(&page));
        if page["has_more"] == false {
            break;
        }
        path = job.path(&format!("/logs?before={}", page["next_before"]));
    }
    assert_eq!(met, (1..=50).collect::<Vec<_>>());
}

#[tokio::test]
async fn the_whole_log_is_a_file_of_lines() {
    let gateway = Gateway::start().await;
    let job = gateway.job("ana").await;
    job.append(vec![
        started("install"),
        line("one"),
        gap(Some(16)),
        gap(None),
        line(""),
        finished("install", 0, 5),
    ])
    .await;
    for first in (1..=5000).step_by(500) {
        job.lines(first..=first + 499).await;
    }
    let answer = gateway.get_as("ana", &job.path("/logs/raw")).whole().await;
    assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
    assert_eq!(
        answer.header("content-disposition"),
        format!("attachment; filename=\"{}.log\"", job.job)
    );
    let lines: Vec<_> = answer.text().lines().collect();
    let beginning = [
        "one",
        "[16 lines are missing here: spool_full]",
        "[lines are missing here: spool_full]",
        "",
    ];
    assert_eq!(lines[..4], beginning);
    assert_eq!(lines[4..].len(), 5000);
    assert_eq!((lines[4], lines[5003]), ("line 1", "line 5000"));
}

#[tokio::test]
async fn an_empty_log_is_an_empty_file() {
    let gateway = Gateway::start().await;
    let job = gateway.job("ana").await;
    let answer = gateway.get_as("ana", &job.path("/logs/raw")).whole().await;
    assert_eq!((answer.status.as_u16(), answer.text()), (200, ""));
}

#[tokio::test]
async fn words_are_found_whatever_their_case_page_by_page() {
    let gateway = Gateway::start().await;
    let job = gateway.job("ana").await;
    job.lines(1..=300).await;
    job.append(vec![
        line("npm WARN deprecated a"),
        line("nothing"),
        line("npm warn deprecated b"),
    ])
    .await;
    let first = gateway
        .get_as("ana", &job.path("/logs/search?q=npm+warn&limit=1"))
        .whole()
        .await;
    assert_eq!(seqs(&first.json()), [303]);
    assert_eq!(first.json()["has_more"], true);
    let link = first.header("link");
    let next = link[1..link.find('>').unwrap()].to_owned();
    let second = gateway.get_as("ana", &next).whole().await.json();
    assert_eq!(seqs(&second), [301]);
    let none = gateway
        .get_as("ana", &job.path("/logs/search?q=%C3%A9"))
        .whole()
        .await
        .json();
    assert_eq!((seqs(&none), none["has_more"].as_bool()), (vec![], Some(false)));
}

#[tokio::test]
async fn a_job_tells_how_it_stands_and_how_it_ended() {
    let gateway = Gateway::start().await;
    let job = gateway.job("ana").await;
    job.append(vec![started("install"), line("one"), finished("install", 1, 12)])
        .await;
    let ask = async || gateway.get_as("ana", &job.path("")).whole().await;
    let running = ask().await;
    assert_eq!(running.header("cache-control"), "private, no-store");
    let phase = json!({"phase": "install", "started": T0.as_millis(), "duration_ms": 12, "exit_code": 1});
    assert_eq!(
        running.json(),
        json!({
            "job": job.job, "status": "running", "storage": "recent", "head": 3, "lines": 1, "redactions": 0, "gaps": 0,
            "revision": 0, "opened": T0.as_millis(), "started": T0.as_millis(), "ended": null, "outcome": null,
            "exit_code": null, "phases": [phase]
        })
    );
    job.end().await;
    let ended = ask().await.json();
    for (name, value) in [
        ("status", json!("ended")),
        ("outcome", json!("succeeded")),
        ("exit_code", json!(0)),
        ("ended", json!(T0.as_millis() + 1000)),
        ("head", json!(4)),
    ] {
        assert_eq!(ended[name], value, "{name}");
    }
}

#[tokio::test]
async fn an_erased_log_is_gone_for_its_owner() {
    let gateway = Gateway::start().await;
    let job = gateway.job("ana").await;
    job.lines(1..=3).await;
    gateway.store.erase(&job.job, "ops", "asked", T0).await.unwrap();
    for ask in ["", "/logs", "/logs/raw", "/logs/search?q=x", "/logs/stream"] {
        gateway
            .get_as("ana", &job.path(ask))
            .whole()
            .await
            .refused(410, "log_erased");
    }
}

#[tokio::test]
async fn the_end_on_a_page_carries_the_revision_as_the_stream_s_does() {
    let gateway = Gateway::start().await;
    let job = gateway.job("ana").await;
    job.lines(1..=1).await;
    job.end().await;
    let page = gateway.get_as("ana", &job.path("/logs")).whole().await.json();
    let end = page["entries"].as_array().unwrap().last().unwrap();
    assert_eq!((end["kind"].as_str(), end["revision"].as_u64()), (Some("end"), Some(0)));
}

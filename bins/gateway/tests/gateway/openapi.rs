//! The description of the API against the API itself.

use std::collections::{BTreeMap, BTreeSet};

use tailwater_gateway::Settings;
use testkit::builders::T0;

use crate::common::{Gateway, settings};

const DESCRIPTION: &str = include_str!("../../../../docs/openapi.yaml");

/// What one path may answer: statuses with their content types.
type Answers = BTreeMap<u16, BTreeSet<String>>;

/// Reads the paths out of the description. It is kept in the plain form this needs: two blanks a level, responses by
/// status at the fourth level, content types below `content:`.
fn described() -> BTreeMap<String, Answers> {
    let mut paths: BTreeMap<String, Answers> = BTreeMap::new();
    let (mut inside, mut path, mut status) = (false, String::new(), None);
    for line in DESCRIPTION.lines() {
        let indent = line.len() - line.trim_start().len();
        let word = line.trim();
        match indent {
            0 => inside = word == "paths:",
            2 if inside => path = word.trim_end_matches(':').to_owned(),
            8 if inside && word.starts_with('\'') => {
                let number = word[1..4].parse().expect("a status");
                let types = paths.entry(path.clone()).or_default().entry(number).or_default();
                if word.contains("responses/Problem") {
                    types.insert("application/problem+json".to_owned());
                }
                status = Some(number);
            }
            12 if inside && word.contains('/') && word.ends_with(':') => {
                let number = status.expect("content belongs to a status");
                let types = paths
                    .get_mut(&path)
                    .expect("a path")
                    .get_mut(&number)
                    .expect("a status");
                types.insert(word.trim_end_matches(':').to_owned());
            }
            _ => {}
        }
    }
    paths
}

#[test]
fn every_path_is_described() {
    let paths: Vec<_> = described().into_keys().collect();
    let expected = [
        "/",
        "/healthz",
        "/jobs/{job}",
        "/readyz",
        "/v1/jobs/{job}",
        "/v1/jobs/{job}/logs",
        "/v1/jobs/{job}/logs/raw",
        "/v1/jobs/{job}/logs/search",
        "/v1/jobs/{job}/logs/stream",
    ];
    assert_eq!(paths, expected);
}

#[tokio::test]
async fn the_running_gateway_answers_as_described() {
    let described = described();
    let gateway = Gateway::with(Settings {
        viewer: true,
        ..settings()
    })
    .await;
    let (open, ended, erased) = (
        gateway.job("ana").await,
        gateway.job("ana").await,
        gateway.job("ana").await,
    );
    open.lines(1..=3).await;
    ended.end().await;
    gateway.store.erase(&erased.job, "ops", "asked", T0).await.unwrap();
    let mut met: BTreeMap<&str, BTreeSet<u16>> = BTreeMap::new();
    for (path, answers) in &described {
        let real = |job: &crate::common::Job| {
            path.replace("{job}", job.job.as_str()) + if path.ends_with("search") { "?q=line" } else { "" }
        };
        let asks = [
            gateway.get_as("ana", &real(&open)),
            gateway.get_as("ana", &real(&ended)).header("last-event-id", "1"),
            gateway.get_as("ana", &real(&erased)),
            gateway.get_as("bob", &real(&open)),
            gateway.get(&real(&open)),
            gateway
                .get(&real(&open))
                .header("cookie", "__session=x")
                .header("origin", "https://evil.example"),
            gateway.get_as(
                "ana",
                &(real(&open)
                    + if path.ends_with("search") {
                        "&limit=0"
                    } else {
                        "?limit=0&last_event_id=x"
                    }),
            ),
            gateway.get_as("ana", &real(&open)).method("POST"),
        ];
        for ask in asks {
            let answer = ask.send().await;
            let status = answer.status().as_u16();
            let content_type = answer
                .headers()
                .get("content-type")
                .map_or("", |value| value.to_str().unwrap());
            let content_type = content_type.split(';').next().unwrap_or_default();
            let types = answers
                .get(&status)
                .unwrap_or_else(|| panic!("{path} answers {status}, which is not described"));
            assert!(
                types.contains(content_type) || types.is_empty() && content_type.is_empty(),
                "{path} {status} {content_type}"
            );
            met.entry(path).or_default().insert(status);
        }
    }
    // What needs a store that is away, a crowd or a defect is tested elsewhere.
    for (path, answers) in &described {
        for status in answers.keys().filter(|status| !matches!(status, 429 | 500 | 503)) {
            let elsewhere = *status == 404 && !path.starts_with("/v1/");
            assert!(
                elsewhere || met[path.as_str()].contains(status),
                "{path} is described with {status}, which never came"
            );
        }
    }
}

#[test]
fn every_code_is_described() {
    for code in [
        "token_missing",
        "token_expired",
        "token_invalid",
        "origin_not_allowed",
        "job_not_found",
        "not_found",
        "method_not_allowed",
        "bad_cursor",
        "bad_limit",
        "bad_request",
        "too_many_streams",
        "rate_limited",
        "store_unavailable",
        "auth_unavailable",
        "archive_unavailable",
        "log_erased",
        "internal",
    ] {
        let codes = DESCRIPTION
            .lines()
            .find(|line| line.contains("enum: [token_missing"))
            .unwrap();
        assert!(codes.contains(code), "{code}");
    }
}

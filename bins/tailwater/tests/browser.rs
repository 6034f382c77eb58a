//! A real browser, with its own EventSource: follows, is cut, resumes, pages back, sees the end.

mod road;

use std::process::Stdio;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use capture::{Capture, CaptureOptions};
use log_model::{Outcome, Source};
use serde_json::Value;
use stream_store::{Ending, StoreUrl};
use testkit::browser::Browser;
use testkit::builders::{job, owner};
use testkit::proxy::Proxy;
use testkit::workspace::built;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::time::timeout;

use crate::road::{PATIENCE, Road};

/// The places of all rows, from the top of the page to its bottom.
const ROWS: &str = "return [...document.querySelectorAll('li[data-seq]')].map(li => Number(li.dataset.seq))";

fn row_is_there(seq: u64) -> String {
    format!("return document.querySelector('li[data-seq=\"{seq}\"]') !== null")
}

fn numbers(rows: &Value) -> Vec<u64> {
    rows.as_array()
        .expect("a list")
        .iter()
        .filter_map(Value::as_u64)
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_follows_is_cut_resumes_pages_back_and_sees_the_end() {
    let road = Road::open(&["--viewer", "--retry", "200ms"]).await;
    let proxy = Proxy::start(road.address).await;
    let store = stream_store::connect(&road.redis.url().parse::<StoreUrl>().expect("a URL"))
        .await
        .expect("a store");
    let redactor = redact::Redactor::builder()
        .build()
        .expect("the built-in rules fit together");
    let mut options = CaptureOptions::new(job("page"));
    options.owner = Some(owner("ana"));
    options.spool_dir = road.folder.path().join("spool");
    let capture = Capture::start(store.clone(), redactor, options);
    let write = async |from: u64, to: u64| {
        let text: String = (from..=to).map(|n| format!("line {n} <b>&amp;\n")).collect();
        capture.write(Source::Stdout, text.as_bytes()).await;
    };
    // 500 lines from before anybody looked.
    write(1, 500).await;
    timeout(PATIENCE, async {
        while store
            .job(&job("page"))
            .await
            .ok()
            .flatten()
            .is_none_or(|record| record.head.get() < 500)
        {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("500 lines arrive within a minute");

    let browser = Browser::start().await;
    let origin = format!("http://{}", proxy.address());
    browser
        .client
        .goto(&format!("{origin}/healthz"))
        .await
        .expect("the gateway answers");
    // The test cannot refresh the cookie as Clerk's script does; so the token lasts.
    let expires = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970")
        .as_secs()
        + 3600;
    let token = road.clerk.session("user_ana").claim("exp", expires).token();
    // Set by script, as Clerk's own is.
    browser
        .evaluate(&format!("document.cookie = '__session={token}; path=/; SameSite=Lax'"))
        .await;
    browser
        .client
        .goto(&format!("{origin}/jobs/page"))
        .await
        .expect("the page is served");
    browser
        .wait_for("the page is live", "return document.body.dataset.state === 'live'")
        .await;

    // Only what comes after the connect, and as text: nothing of it is markup.
    write(501, 520).await;
    browser.wait_for("line 520", &row_is_there(520)).await;
    assert_eq!(numbers(&browser.evaluate(ROWS).await), (501..=520).collect::<Vec<_>>());
    let text = browser
        .evaluate("return document.querySelector('li[data-seq=\"520\"]').innerText")
        .await;
    assert!(
        text.as_str().is_some_and(|text| text.contains("line 520 <b>&amp;")),
        "{text}"
    );

    // Cut in the middle: the browser comes back by itself with its last id, and nothing is lost or doubled.
    let before = proxy.connections();
    proxy.cut();
    write(521, 540).await;
    browser.wait_for("line 540", &row_is_there(540)).await;
    assert!(proxy.connections() > before, "it came back over a new connection");
    assert_eq!(numbers(&browser.evaluate(ROWS).await), (501..=540).collect::<Vec<_>>());

    // Earlier lines, page by page, to the first.
    for first in [301, 101, 1] {
        browser.wait_for("the button", "const b = document.querySelector('#load-earlier'); if (b.disabled || b.hidden) return false; b.click(); return true").await;
        browser.wait_for("earlier lines", &row_is_there(first)).await;
    }
    assert_eq!(numbers(&browser.evaluate(ROWS).await), (1..=540).collect::<Vec<_>>());

    // The end.
    let report = capture
        .finish(Some(Ending {
            outcome: Outcome::Failed,
            exit_code: Some(1),
        }))
        .await;
    assert!(report.delivered, "{:?}", report.message());
    browser
        .wait_for(
            "the end",
            "return document.querySelector('#outcome').dataset.outcome === 'failed'",
        )
        .await;
    browser
        .wait_for("the page's state", "return document.body.dataset.state === 'ended'")
        .await;
    browser.client.clone().close().await.expect("the browser closes");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_printed_address_opens_the_page_of_a_running_command() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = tokio::process::Command::new(built("tailwater"));
    command.args(["run", "--data"]).arg(folder.path().join("data"));
    // The command ends when it is told to: by a line on its standard input.
    command.args([
        "--job",
        "demo",
        "--quiet",
        "--",
        "sh",
        "-c",
        "echo hello; read line; echo $line; exit 7",
    ]);
    let mut running = command
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("it starts");
    let mut said = BufReader::new(running.stderr.take().expect("piped")).lines();
    let address = loop {
        let line = timeout(PATIENCE, said.next_line())
            .await
            .expect("it speaks")
            .expect("text")
            .expect("an address");
        if let Some(at) = line.find("http://") {
            break line[at..].to_owned();
        }
    };
    let browser = Browser::start().await;
    browser.client.goto(&address).await.expect("the page is served");
    browser
        .wait_for("the page is live", "return document.body.dataset.state === 'live'")
        .await;
    assert_eq!(
        browser.evaluate("return location.hash").await,
        "",
        "the code does not stay in the address bar"
    );
    browser.wait_for("the button", "const b = document.querySelector('#load-earlier'); if (b.disabled || b.hidden) return false; b.click(); return true").await;
    browser
        .wait_for("what came before", "return document.body.innerText.includes('hello')")
        .await;
    let mut stdin = running.stdin.take().expect("piped");
    stdin.write_all(b"good bye\n").await.expect("the command reads");
    browser
        .wait_for("the last line", "return document.body.innerText.includes('good bye')")
        .await;
    browser
        .wait_for(
            "the end",
            "return document.querySelector('#outcome').dataset.outcome === 'failed'",
        )
        .await;
    let status = timeout(Duration::from_secs(60), running.wait())
        .await
        .expect("it ends")
        .expect("a status");
    assert_eq!(status.code(), Some(7), "the command's exit code is ours");
    browser.client.clone().close().await.expect("the browser closes");
}

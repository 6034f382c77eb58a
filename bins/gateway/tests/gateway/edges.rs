//! Heads, methods, origins, deadlines: what every request meets.

use std::time::Duration;

use tailwater_gateway::{Deadlines, Settings};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::clock::HeldClock;
use crate::common::{Gateway, ORIGIN, settings, within};

#[tokio::test]
async fn a_preflight_is_answered_for_allowed_origins_only() {
    let gateway = Gateway::start().await;
    let ask = |origin: &str| {
        gateway
            .get("/v1/jobs/j1/logs/stream")
            .method("OPTIONS")
            .header("origin", origin)
            .whole()
    };
    let allowed = ask(ORIGIN).await;
    assert_eq!(allowed.status, 204);
    for (name, value) in [
        ("access-control-allow-origin", ORIGIN),
        ("access-control-allow-credentials", "true"),
        ("access-control-allow-methods", "GET"),
        (
            "access-control-allow-headers",
            "authorization, last-event-id, cache-control, traceparent",
        ),
        ("access-control-max-age", "600"),
        ("vary", "Origin"),
    ] {
        assert_eq!(allowed.header(name), value, "{name}");
    }
    let foreign = ask("https://evil.example").await;
    assert_eq!((foreign.status.as_u16(), foreign.header("vary")), (204, "Origin"));
    assert!(
        foreign
            .headers
            .keys()
            .all(|name| !name.as_str().starts_with("access-control"))
    );
}

#[tokio::test]
async fn every_answer_varies_by_origin_and_has_a_request_id() {
    let gateway = Gateway::start().await;
    let job = gateway.job("ana").await;
    for ask in [
        gateway.get("/nowhere"),
        gateway.get("/healthz"),
        gateway.get(&job.path("/logs")),
        gateway.get_as("ana", &job.path("/logs")),
        gateway.get_as("ana", &job.path("/logs/raw")),
        gateway.get_as("ana", &job.stream()),
    ] {
        let head = ask.header("origin", ORIGIN).send().await;
        let headers = head.headers();
        assert_eq!(headers["vary"], "Origin");
        assert_eq!(headers["access-control-allow-origin"], ORIGIN);
        assert_eq!(
            headers["access-control-expose-headers"],
            "retry-after, x-request-id, link"
        );
        assert!(!headers["x-request-id"].is_empty());
    }
    let own = gateway.get("/nowhere").header("x-request-id", "abc-1").whole().await;
    assert_eq!(
        (own.header("x-request-id"), own.json()["request_id"].as_str()),
        ("abc-1", Some("abc-1"))
    );
    let odd = gateway.get("/nowhere").header("x-request-id", "a b\"c").whole().await;
    assert_ne!(odd.header("x-request-id"), "a b\"c");
}

#[tokio::test]
async fn other_methods_are_told_which_ones_there_are() {
    let gateway = Gateway::start().await;
    for method in ["POST", "PUT", "DELETE", "PATCH"] {
        let answer = gateway.get_as("ana", "/v1/jobs/j1/logs").method(method).whole().await;
        answer.refused(405, "method_not_allowed");
        assert_eq!(answer.header("allow"), "GET, OPTIONS");
    }
    gateway.get("/v1/nothing").whole().await.refused(404, "not_found");
}

#[tokio::test]
async fn the_viewer_is_there_when_it_is_switched_on() {
    let off = Gateway::start().await;
    let on = Gateway::with(Settings {
        viewer: true,
        ..settings()
    })
    .await;
    for (path, content_type) in [
        ("/", "text/html; charset=utf-8"),
        ("/jobs/j1", "text/html; charset=utf-8"),
        ("/viewer.css", "text/css; charset=utf-8"),
        ("/viewer.js", "text/javascript; charset=utf-8"),
    ] {
        off.get(path).whole().await.refused(404, "not_found");
        let answer = on.get(path).whole().await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("content-type")),
            (200, content_type),
            "{path}"
        );
        assert!(!answer.body.is_empty());
        let policy = answer.header("content-security-policy");
        assert_eq!(
            policy.contains("default-src 'none'"),
            content_type.starts_with("text/html"),
            "{path}"
        );
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
    }
}

#[tokio::test]
async fn health_and_readiness_are_on_both_listeners_and_metrics_on_one() {
    let gateway = Gateway::start().await;
    let job = gateway.job("ana").await;
    let mut events = gateway.get_as("ana", &job.stream()).events().await;
    events.expect("hello").await;
    for path in ["/healthz", "/readyz"] {
        assert_eq!(gateway.get(path).whole().await.status, 200);
        assert_eq!(gateway.get_admin(path).whole().await.status, 200);
    }
    gateway.get("/metrics").whole().await.refused(404, "not_found");
    let metrics = gateway.get_admin("/metrics").whole().await;
    assert_eq!(
        metrics.header("content-type"),
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    );
    let text = metrics.text();
    assert!(text.contains("tailwater_gateway_streams 1\n"), "{text}");
    assert!(
        text.contains("tailwater_gateway_requests_total{route=\"stream\",status=\"200\"} 1\n"),
        "{text}"
    );
    assert!(text.ends_with("# EOF\n"));
    assert!(!text.contains(job.job.as_str()) && !text.contains("user_ana"));
}

/// Reads until the other side closes.
async fn until_closed(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    let _ = within(stream.read_to_end(&mut bytes)).await;
    bytes
}

/// Whether the other side has closed, without waiting for it; what it said before that is passed over.
fn is_closed(stream: &TcpStream) -> bool {
    let mut bytes = [0; 1024];
    loop {
        match stream.try_read(&mut bytes) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) => return error.kind() != std::io::ErrorKind::WouldBlock,
        }
    }
}

/// Lets the gateway do whatever there is to do now.
async fn a_round(gateway: &Gateway) {
    assert_eq!(gateway.get("/healthz").whole().await.status, 200);
}

#[tokio::test]
async fn a_slow_head_is_not_waited_for() {
    let clock = HeldClock::hold();
    let gateway = Gateway::start().await;
    // Nothing, half of HTTP/2's first words, half a head.
    for beginning in ["", "PRI * HTTP/2.0\r\n", "GET /healthz HTTP/1.1\r\nhost: x\r\n"] {
        let mut stream = TcpStream::connect(gateway.address).await.unwrap();
        stream.write_all(beginning.as_bytes()).await.unwrap();
        a_round(&gateway).await;
        clock.advance(Duration::from_secs(9)).await;
        a_round(&gateway).await;
        assert!(!is_closed(&stream), "{beginning:?}");
        let more = clock
            .advance_until(Duration::from_secs(20), async || {
                a_round(&gateway).await;
                is_closed(&stream)
            })
            .await;
        assert!(
            more < Duration::from_secs(4),
            "{beginning:?}: {more:?} after nine seconds"
        );
    }
    // A byte a second.
    let mut stream = TcpStream::connect(gateway.address).await.unwrap();
    let started = clock.moved();
    for byte in b"GET /healthz HTTP/1.1\r\nhost: x\r\nx-slow: yes".iter().cycle() {
        if stream.write_all(&[*byte]).await.is_err() || is_closed(&stream) {
            break;
        }
        clock.advance(Duration::from_secs(1)).await;
        a_round(&gateway).await;
        assert!(clock.moved() - started < Duration::from_secs(15), "it was waited for");
    }
}

#[tokio::test]
async fn a_connection_may_rest_between_two_requests_longer_than_a_head_may_take() {
    let clock = HeldClock::hold();
    let gateway = Gateway::start().await;
    let mut stream = TcpStream::connect(gateway.address).await.unwrap();
    let request = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n";
    let mut answer = [0; 4096];
    for _ in 0..3 {
        stream.write_all(request).await.unwrap();
        let read = within(stream.read(&mut answer)).await.unwrap();
        assert!(
            answer[..read].starts_with(b"HTTP/1.1 200"),
            "{}",
            String::from_utf8_lossy(&answer[..read])
        );
        a_round(&gateway).await;
        clock.advance(Duration::from_secs(100)).await;
        a_round(&gateway).await;
        assert!(!is_closed(&stream));
    }
    let more = clock
        .advance_until(Duration::from_secs(100), async || {
            a_round(&gateway).await;
            is_closed(&stream)
        })
        .await;
    assert!(more < Duration::from_secs(40), "{more:?} after a hundred seconds");
}

#[tokio::test]
async fn a_head_too_large_is_refused_with_an_empty_body() {
    let gateway = Gateway::start().await;
    let mut stream = TcpStream::connect(gateway.address).await.unwrap();
    let head = format!("GET / HTTP/1.1\r\nhost: x\r\nx-large: {}\r\n\r\n", "x".repeat(70_000));
    let _ = stream.write_all(head.as_bytes()).await;
    let answer = String::from_utf8(until_closed(&mut stream).await).unwrap();
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    assert!(answer.ends_with("\r\n\r\n"), "{answer}");
}

#[tokio::test]
async fn a_viewer_who_takes_nothing_is_let_go() {
    let deadlines = Deadlines {
        send: Duration::from_millis(300),
        ..Deadlines::default()
    };
    let gateway = Gateway::with(Settings {
        deadlines,
        ..settings()
    })
    .await;
    let job = gateway.job("ana").await;
    let mut stream = TcpStream::connect(gateway.address).await.unwrap();
    let head = format!(
        "GET {} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\r\n",
        job.stream(),
        gateway.token("ana")
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let streams = async || {
        let metrics = gateway.get_admin("/metrics").whole().await;
        let line = metrics
            .text()
            .lines()
            .find_map(|line| line.strip_prefix("tailwater_gateway_streams "))
            .map(str::to_owned);
        line.unwrap()
    };
    crate::common::until("it is open", async || streams().await == "1").await;
    // More than both sides' socket buffers hold, so that the peer is seen to take nothing.
    let long = "x".repeat(8000);
    for _ in 0..40 {
        job.append((0..50).map(|_| testkit::builders::line(&long)).collect())
            .await;
    }
    crate::common::until("it was let go", async || streams().await == "0").await;
    drop(stream);
}

#[tokio::test]
async fn over_http_2_a_stream_that_is_not_taken_is_reset_and_its_neighbours_go_on() {
    let deadlines = Deadlines {
        send: Duration::from_millis(300),
        ..Deadlines::default()
    };
    let gateway = Gateway::with(Settings {
        deadlines,
        ..settings()
    })
    .await;
    let (stalled, quiet) = (gateway.job("ana").await, gateway.job("ana").await);
    let stream = TcpStream::connect(gateway.address).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http2::Builder::new(hyper_util::rt::TokioExecutor::new())
        .initial_stream_window_size(2048)
        .handshake(hyper_util::rt::TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    let mut ask = async |job: &crate::common::Job| {
        let request = http::Request::get(format!("http://gateway.test{}", job.stream()))
            .header("authorization", format!("Bearer {}", gateway.token("ana")))
            .body(http_body_util::Empty::<bytes::Bytes>::new())
            .unwrap();
        within(sender.send_request(request)).await.unwrap()
    };
    let (not_read, read) = (ask(&stalled).await, ask(&quiet).await);
    let mut events = crate::common::Events::of(read);
    events.expect("hello").await;
    for first in 0..20 {
        stalled.lines(first * 100..=first * 100 + 99).await;
    }
    crate::common::until("it was let go", async || {
        gateway
            .get_admin("/metrics")
            .whole()
            .await
            .text()
            .contains("tailwater_gateway_streams 1\n")
    })
    .await;
    quiet.lines(1..=1).await;
    assert_eq!(events.expect("line").await.id, Some(1));
    drop(not_read);
}

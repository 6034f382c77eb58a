//! Who gets to see the page of a single machine: whoever has the printed code, under the loopback's own names.

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use log_model::Timestamp;
use tailwater::data::{Data, local_owner};
use tailwater::page::Page;
use testkit::builders::job;

struct Desk {
    page: Page,
    _folder: tempfile::TempDir,
}

impl Desk {
    async fn open() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let data = Data::open(&folder.path().join("data")).expect("a new folder");
        data.store
            .open(&job("mine"), &local_owner(), Timestamp::from_millis(1))
            .await
            .expect("opened");
        let page = Page::open(&data, 0).await.expect("a free port");
        Self { page, _folder: folder }
    }

    fn port(&self) -> &str {
        self.page.origin().rsplit(':').next().expect("an address has a port")
    }

    async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Response<Incoming> {
        let client: Client<HttpConnector, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.page.origin()));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request
            .body(Full::new(Bytes::copy_from_slice(body.as_bytes())))
            .expect("a plain request");
        client.request(request).await.expect("an answer")
    }

    async fn status(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> StatusCode {
        self.send(method, path, headers, body).await.status()
    }

    /// Signs in with the printed code; the cookie to send from then on.
    async fn cookie(&self) -> String {
        let answer = self
            .send("POST", "/v1/dev/session", &[], self.page.code().reveal())
            .await;
        assert_eq!(answer.status(), StatusCode::NO_CONTENT);
        let cookie = answer.headers()[header::SET_COOKIE].to_str().expect("text").to_owned();
        assert!(cookie.starts_with(&format!("__session_{}=", self.port())), "{cookie}");
        assert!(
            cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"),
            "{cookie}"
        );
        cookie.split(';').next().expect("a name and a value").to_owned()
    }
}

#[tokio::test]
async fn the_printed_code_opens_the_page_and_its_log() {
    let desk = Desk::open().await;
    let cookie = desk.cookie().await;
    for path in [
        "/v1/jobs/mine",
        "/v1/jobs/mine/logs",
        "/v1/jobs",
        "/v1/jobs/mine/logs/stream",
    ] {
        assert_eq!(
            desk.status("GET", path, &[("cookie", &cookie)], "").await,
            StatusCode::OK,
            "{path}"
        );
    }
    let other_cookies = format!("a=b; {cookie}; c=d");
    assert_eq!(
        desk.status("GET", "/v1/jobs/mine", &[("cookie", &other_cookies)], "")
            .await,
        StatusCode::OK
    );
}

#[tokio::test]
async fn without_the_code_there_is_only_the_empty_page() {
    let desk = Desk::open().await;
    assert_eq!(desk.status("GET", "/jobs/mine", &[], "").await, StatusCode::OK);
    let forged = format!("__session_{}={}", desk.port(), "0".repeat(64));
    for headers in [&[][..], &[("cookie", &*forged)], &[("authorization", "Bearer x.y.z")]] {
        for path in [
            "/v1/jobs",
            "/v1/jobs/mine",
            "/v1/jobs/mine/logs",
            "/v1/jobs/mine/logs/raw",
            "/v1/jobs/mine/logs/stream",
        ] {
            assert_eq!(
                desk.status("GET", path, headers, "").await,
                StatusCode::UNAUTHORIZED,
                "{path} {headers:?}"
            );
        }
    }
    for wrong in ["", "0", &"0".repeat(64), &"0".repeat(100_000)] {
        let status = desk.status("POST", "/v1/dev/session", &[], wrong).await;
        assert!(
            matches!(status, StatusCode::UNAUTHORIZED | StatusCode::BAD_REQUEST),
            "{status}"
        );
    }
    assert_eq!(
        desk.status("GET", "/v1/dev/session", &[], "").await,
        StatusCode::METHOD_NOT_ALLOWED
    );
}

#[tokio::test]
async fn a_page_from_elsewhere_gets_nothing_under_any_name() {
    let desk = Desk::open().await;
    let cookie = desk.cookie().await;
    let port = desk.port().to_owned();
    for host in [
        "evil.example",
        &format!("evil.example:{port}"),
        "127.0.0.1",
        "127.0.0.1:1",
        "localhost",
        "",
        &format!("127.0.0.1.evil.example:{port}"),
    ] {
        let status = desk
            .status("GET", "/v1/jobs/mine", &[("host", host), ("cookie", &cookie)], "")
            .await;
        assert_eq!(status, StatusCode::MISDIRECTED_REQUEST, "{host:?}");
    }
    for host in [
        format!("127.0.0.1:{port}"),
        format!("localhost:{port}"),
        format!("LOCALHOST:{port}"),
        format!("[::1]:{port}"),
    ] {
        let status = desk
            .status("GET", "/v1/jobs/mine", &[("host", &host), ("cookie", &cookie)], "")
            .await;
        assert_eq!(status, StatusCode::OK, "{host}");
    }
    for origin in ["http://evil.example", "null", "https://127.0.0.1:1", "http://127.0.0.1"] {
        let headers = [("origin", origin), ("cookie", &*cookie)];
        assert_eq!(
            desk.status("GET", "/v1/jobs/mine", &headers, "").await,
            StatusCode::FORBIDDEN,
            "{origin}"
        );
        let posted = desk
            .status("POST", "/v1/dev/session", &headers[..1], desk.page.code().reveal())
            .await;
        assert_eq!(posted, StatusCode::FORBIDDEN, "{origin}");
    }
    let own = format!("http://127.0.0.1:{port}");
    assert_eq!(
        desk.status("GET", "/v1/jobs/mine", &[("origin", &own), ("cookie", &cookie)], "")
            .await,
        StatusCode::OK
    );
}

#[tokio::test]
async fn every_problem_says_the_id_that_its_answer_is_known_by() {
    let desk = Desk::open().await;
    for (method, path, headers, body) in [
        ("GET", "/v1/dev/session", vec![], ""),
        ("POST", "/v1/dev/session", vec![("origin", "https://evil.example")], ""),
        ("POST", "/v1/dev/session", vec![], "a guess"),
        ("POST", "/v1/dev/session", vec![], &*"x".repeat(1000)),
        ("GET", "/v1/jobs", vec![], ""),
        ("GET", "/v1/jobs/mine", vec![("host", "evil.example")], ""),
        ("GET", "/v1/jobs/mine", vec![], ""),
    ] {
        for own in [None, Some("abc-1")] {
            let mut headers = headers.clone();
            headers.extend(own.map(|id| ("x-request-id", id)));
            let answer = desk.send(method, path, &headers, body).await;
            assert_eq!(
                answer.headers()["content-type"],
                "application/problem+json",
                "{method} {path}"
            );
            let id = answer.headers()["x-request-id"].to_str().expect("text").to_owned();
            let body = http_body_util::BodyExt::collect(answer.into_body())
                .await
                .expect("a body")
                .to_bytes();
            let problem: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
            assert_eq!(problem["request_id"], id.as_str(), "{method} {path}");
            assert!(own.is_none_or(|own| own == id) && !id.is_empty());
        }
    }
}

//! What a request asks is read from bytes that anybody may send: never a panic, and what is read means what was sent.

use tailwater_gateway::route::{self, Route};

/// Any bytes as a request's target: path, then query.
pub fn target(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (path, query) = match text.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (text, None),
    };
    for method in [http::Method::GET, http::Method::OPTIONS, http::Method::POST] {
        if let Ok(Route::Job(_, Some(job))) = route::route(&method, path) {
            assert!(
                job.as_str().bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/'),
                "a job id is a plain name"
            );
        }
    }
    if let Ok(page) = route::page_query(query) {
        assert!((1..=route::PAGE_LIMIT_MAX).contains(&page.limit));
    }
    if let Ok(search) = route::search_query(query) {
        assert!((1..=route::SEARCH_WORDS_MAX).contains(&search.words.len()));
        assert!((1..=route::PAGE_LIMIT_MAX).contains(&search.limit));
    }
    let _ = route::last_event_id(&http::HeaderMap::new(), query);
}

/// Any bytes as the values of the headers that are read.
pub fn headers(bytes: &[u8]) {
    let Ok(value) = http::HeaderValue::from_bytes(bytes) else {
        return;
    };
    let mut headers = http::HeaderMap::new();
    for name in ["last-event-id", "traceparent", "x-request-id"] {
        headers.insert(name, value.clone());
    }
    if let Ok(Some(cursor)) = route::last_event_id(&headers, None) {
        let digits = std::str::from_utf8(bytes).expect("a cursor is ASCII");
        assert_eq!(
            digits.parse().ok(),
            Some(cursor.get()),
            "the cursor read is the number sent"
        );
    }
    if let Some(id) = route::request_id(&headers) {
        assert!(!id.is_empty() && id.len() <= 128 && id.is_ascii());
    }
    if let Some(trace) = route::trace_id(&headers) {
        assert!(trace.len() == 32 && trace.bytes().all(|byte| byte.is_ascii_hexdigit()));
    }
    // A known cursor in the header wins over whatever stands in the query.
    let _ = route::last_event_id(&headers, std::str::from_utf8(bytes).ok());
}

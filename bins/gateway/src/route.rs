//! Which question a request asks: method, path, query and two headers, read strictly. Pure.
//!
//! A job's name that cannot exist is carried on as `None`, so that it is answered like a job that does not exist:
//! after the same questions about who is asking.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName, Method};
use log_model::{JobId, Seq};
use percent_encoding::percent_decode_str;

/// What a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Route {
    /// Something about a job, for its owner only.
    Job(Ask, Option<JobId>),
    /// May a page from elsewhere ask, and what with?
    Preflight,
    /// The viewer's page.
    Viewer,
    /// The viewer's style sheet.
    ViewerCss,
    /// The viewer's script.
    ViewerJs,
    /// Is the process up?
    Health,
    /// May it be sent requests?
    Ready,
}

/// What is asked about a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ask {
    /// Its lines as they come.
    Stream,
    /// A page of its history.
    Page,
    /// The whole log as text.
    Raw,
    /// Lines that hold some words.
    Search,
    /// How it stands.
    Job,
}

impl Route {
    /// A short name for metrics and spans.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Job(Ask::Stream, _) => "stream",
            Self::Job(Ask::Page, _) => "page",
            Self::Job(Ask::Raw, _) => "raw",
            Self::Job(Ask::Search, _) => "search",
            Self::Job(Ask::Job, _) => "job",
            Self::Preflight => "preflight",
            Self::Viewer | Self::ViewerCss | Self::ViewerJs => "viewer",
            Self::Health => "healthz",
            Self::Ready => "readyz",
        }
    }
}

/// Why a request leads nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoRoute {
    /// Nothing lives at this path.
    Path,
    /// Something does, and answers other methods: these.
    Method(&'static str),
}

const JOB_METHODS: &str = "GET, OPTIONS";

/// Reads method and path.
///
/// # Errors
/// [`NoRoute`] when nothing answers there.
pub fn route(method: &Method, path: &str) -> Result<Route, NoRoute> {
    let (route, methods) = match path {
        "/" => (Route::Viewer, "GET"),
        "/viewer.css" => (Route::ViewerCss, "GET"),
        "/viewer.js" => (Route::ViewerJs, "GET"),
        "/healthz" => (Route::Health, "GET"),
        "/readyz" => (Route::Ready, "GET"),
        _ => {
            if let Some(job) = path.strip_prefix("/jobs/") {
                if job.is_empty() || job.contains('/') {
                    return Err(NoRoute::Path);
                }
                (Route::Viewer, "GET")
            } else if path.starts_with("/v1/") && method == Method::OPTIONS {
                return Ok(Route::Preflight);
            } else {
                (Route::Job(ask(path).ok_or(NoRoute::Path)?, job(path)), JOB_METHODS)
            }
        }
    };
    if method == Method::GET {
        Ok(route)
    } else {
        Err(NoRoute::Method(methods))
    }
}

fn segments(path: &str) -> Option<(&str, &str)> {
    let rest = path.strip_prefix("/v1/jobs/")?;
    Some(match rest.find('/') {
        Some(slash) => rest.split_at(slash),
        None => (rest, ""),
    })
}

fn ask(path: &str) -> Option<Ask> {
    Some(match segments(path)? {
        ("", _) => return None,
        (_, "") => Ask::Job,
        (_, "/logs") => Ask::Page,
        (_, "/logs/stream") => Ask::Stream,
        (_, "/logs/raw") => Ask::Raw,
        (_, "/logs/search") => Ask::Search,
        _ => return None,
    })
}

fn job(path: &str) -> Option<JobId> {
    let (name, _) = segments(path)?;
    JobId::new(&percent_decode_str(name).decode_utf8().ok()?).ok()
}

/// A query or header value that cannot be meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bad {
    /// A cursor that is no whole number.
    Cursor,
    /// A limit outside 1 to 1000.
    Limit,
    /// `before` and `after` at once.
    BothCursors,
    /// The same name twice: nobody can know which was meant.
    Twice,
    /// A search for nothing, or for more than 256 bytes.
    Search,
}

/// Where a page starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    /// At the live edge.
    Newest,
    /// Just before this entry, going back.
    Before(Seq),
    /// Just after this entry, going forward.
    After(Seq),
}

/// What a page is asked for with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageQuery {
    /// Where it starts.
    pub from: From,
    /// How many entries it has at most: 1 to 1000.
    pub limit: u64,
}

/// What a search is asked for with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchQuery {
    /// The words, 1 to 256 bytes.
    pub words: String,
    /// Entries before this one; none starts at the live edge.
    pub before: Option<Seq>,
    /// How many lines to find at most: 1 to 1000.
    pub limit: u64,
}

/// The default number of entries on a page.
pub const PAGE_LIMIT: u64 = 200;
/// The greatest number of entries on a page.
pub const PAGE_LIMIT_MAX: u64 = 1000;
/// The longest words to search for, in bytes.
pub const SEARCH_WORDS_MAX: usize = 256;

/// Reads a page's query.
///
/// # Errors
/// [`Bad`] for a known name with a value that cannot be meant. Unknown names are passed over.
pub fn page_query(query: Option<&str>) -> Result<PageQuery, Bad> {
    let [before, after, limit] = values(query, ["before", "after", "limit"])?;
    let from = match (cursor(before)?, cursor(after)?) {
        (None, None) => From::Newest,
        (Some(before), None) => From::Before(before),
        (None, Some(after)) => From::After(after),
        (Some(_), Some(_)) => return Err(Bad::BothCursors),
    };
    Ok(PageQuery {
        from,
        limit: self::limit(limit)?,
    })
}

/// Reads a search's query.
///
/// # Errors
/// [`Bad`], as for a page.
pub fn search_query(query: Option<&str>) -> Result<SearchQuery, Bad> {
    let [words, before, limit] = values(query, ["q", "before", "limit"])?;
    let words = words
        .filter(|words| !words.is_empty() && words.len() <= SEARCH_WORDS_MAX)
        .ok_or(Bad::Search)?;
    Ok(SearchQuery {
        words: words.into_owned(),
        before: cursor(before)?,
        limit: self::limit(limit)?,
    })
}

/// Reads the last entry a returning viewer saw: from its header, or from `last_event_id` when a rebuilt `EventSource`
/// cannot set one. The header wins; empty means absent.
///
/// # Errors
/// [`Bad::Cursor`] when it is no whole number, [`Bad::Twice`] when there are two.
pub fn last_event_id(headers: &HeaderMap, query: Option<&str>) -> Result<Option<Seq>, Bad> {
    const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
    let mut sent = headers.get_all(LAST_EVENT_ID).iter();
    let header = sent.next().filter(|value| !value.is_empty());
    if sent.next().is_some() {
        return Err(Bad::Twice);
    }
    if let Some(header) = header {
        let text = header.to_str().map_err(|_| Bad::Cursor)?;
        return text.parse().map(Some).map_err(|_| Bad::Cursor);
    }
    let [value] = values(query, ["last_event_id"])?;
    cursor(value.filter(|value| !value.is_empty()))
}

fn cursor(value: Option<Cow<'_, str>>) -> Result<Option<Seq>, Bad> {
    value.map(|value| value.parse().map_err(|_| Bad::Cursor)).transpose()
}

fn limit(value: Option<Cow<'_, str>>) -> Result<u64, Bad> {
    let Some(value) = value else { return Ok(PAGE_LIMIT) };
    if value.len() > 4 || !value.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Bad::Limit);
    }
    value
        .parse()
        .ok()
        .filter(|limit| (1..=PAGE_LIMIT_MAX).contains(limit))
        .ok_or(Bad::Limit)
}

/// The values of the known names, decoded as forms are: `+` is a blank, `%` and two digits a byte.
fn values<'q, const N: usize>(query: Option<&'q str>, names: [&str; N]) -> Result<[Option<Cow<'q, str>>; N], Bad> {
    let mut found = [const { None }; N];
    for pair in query.unwrap_or_default().split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = decoded(name);
        if let Some(at) = names.iter().position(|known| *known == name) {
            if found[at].is_some() {
                return Err(Bad::Twice);
            }
            found[at] = Some(decoded(value));
        }
    }
    Ok(found)
}

fn decoded(text: &str) -> Cow<'_, str> {
    if !text.contains(['+', '%']) {
        return Cow::Borrowed(text);
    }
    // Bytes that are no text become the replacement character, which no number and no stored line is made of.
    Cow::Owned(
        percent_decode_str(&text.replace('+', " "))
            .decode_utf8_lossy()
            .into_owned(),
    )
}

/// The trace a request belongs to, from its `traceparent` header: 32 hexadecimal digits, when the header is whole.
pub fn trace_id(headers: &HeaderMap) -> Option<&str> {
    let text = headers.get("traceparent")?.to_str().ok()?;
    let hex = |part: &str, len: usize| {
        part.len() == len
            && part
                .bytes()
                .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    };
    let mut parts = text.splitn(5, '-');
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let whole = hex(version, 2) && version != "ff" && hex(trace, 32) && hex(span, 16) && hex(flags, 2);
    let zeroes = |part: &str| part.bytes().all(|byte| byte == b'0');
    (whole && !zeroes(trace) && !zeroes(span) && (version != "00" || parts.next().is_none())).then_some(trace)
}

/// A request's own id, when it brought a harmless one: 1 to 128 letters, digits, `_`, `.`, `=` or `-`.
pub fn request_id(headers: &HeaderMap) -> Option<&str> {
    let text = headers.get("x-request-id")?.to_str().ok()?;
    let harmless = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'=' | b'-');
    ((1..=128).contains(&text.len()) && text.bytes().all(harmless)).then_some(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn job(name: &str) -> Option<JobId> {
        Some(JobId::new(name).expect("a job id"))
    }

    fn seq(number: u64) -> Seq {
        Seq::new(number).expect("small")
    }

    #[test]
    fn every_path_leads_to_its_question() {
        for (path, expected) in [
            ("/v1/jobs/j1/logs/stream", Ok(Route::Job(Ask::Stream, job("j1")))),
            ("/v1/jobs/j1/logs", Ok(Route::Job(Ask::Page, job("j1")))),
            ("/v1/jobs/j1/logs/raw", Ok(Route::Job(Ask::Raw, job("j1")))),
            ("/v1/jobs/j1/logs/search", Ok(Route::Job(Ask::Search, job("j1")))),
            ("/v1/jobs/j1", Ok(Route::Job(Ask::Job, job("j1")))),
            ("/v1/jobs/j%31", Ok(Route::Job(Ask::Job, job("j1")))),
            ("/", Ok(Route::Viewer)),
            ("/jobs/j1", Ok(Route::Viewer)),
            ("/viewer.css", Ok(Route::ViewerCss)),
            ("/viewer.js", Ok(Route::ViewerJs)),
            ("/healthz", Ok(Route::Health)),
            ("/readyz", Ok(Route::Ready)),
            ("/metrics", Err(NoRoute::Path)),
            ("/v1/jobs/", Err(NoRoute::Path)),
            ("/v1/jobs", Err(NoRoute::Path)),
            ("/v1/jobs/j1/", Err(NoRoute::Path)),
            ("/v1/jobs/j1/logs/", Err(NoRoute::Path)),
            ("/v1/jobs/j1/logs/stream/", Err(NoRoute::Path)),
            ("/v1/jobs//logs", Err(NoRoute::Path)),
            ("/v2/jobs/j1", Err(NoRoute::Path)),
            ("/jobs/", Err(NoRoute::Path)),
            ("/jobs/a/b", Err(NoRoute::Path)),
            ("", Err(NoRoute::Path)),
        ] {
            assert_eq!(route(&Method::GET, path), expected, "{path}");
        }
    }

    #[test]
    fn a_job_that_cannot_exist_is_still_asked_for() {
        for name in ["a%2Fb", "a%20b", "%ff", "..", "a{b}", &"x".repeat(129)] {
            let path = format!("/v1/jobs/{name}/logs");
            assert_eq!(route(&Method::GET, &path), Ok(Route::Job(Ask::Page, None)), "{name}");
        }
    }

    #[test]
    fn other_methods_are_refused_with_those_that_are_not() {
        for method in [Method::POST, Method::PUT, Method::DELETE, Method::HEAD] {
            assert_eq!(
                route(&method, "/v1/jobs/j1/logs"),
                Err(NoRoute::Method("GET, OPTIONS")),
                "{method}"
            );
            assert_eq!(route(&method, "/healthz"), Err(NoRoute::Method("GET")), "{method}");
            assert_eq!(route(&method, "/nowhere"), Err(NoRoute::Path), "{method}");
        }
        assert_eq!(route(&Method::OPTIONS, "/v1/jobs/j1/logs"), Ok(Route::Preflight));
        assert_eq!(route(&Method::OPTIONS, "/"), Err(NoRoute::Method("GET")));
    }

    #[test]
    fn a_page_is_asked_for_by_one_cursor_and_a_limit() {
        for (query, expected) in [
            (
                None,
                Ok(PageQuery {
                    from: From::Newest,
                    limit: 200,
                }),
            ),
            (
                Some(""),
                Ok(PageQuery {
                    from: From::Newest,
                    limit: 200,
                }),
            ),
            (
                Some("before=613&limit=1"),
                Ok(PageQuery {
                    from: From::Before(seq(613)),
                    limit: 1,
                }),
            ),
            (
                Some("after=0&limit=1000&x=%zz&&=1"),
                Ok(PageQuery {
                    from: From::After(seq(0)),
                    limit: 1000,
                }),
            ),
            (Some("before=1&after=2"), Err(Bad::BothCursors)),
            (Some("before=1&before=1"), Err(Bad::Twice)),
            (Some("before="), Err(Bad::Cursor)),
            (Some("before=-1"), Err(Bad::Cursor)),
            (Some("after=1e3"), Err(Bad::Cursor)),
            (Some("after=9007199254740992"), Err(Bad::Cursor)),
            (Some("limit=0"), Err(Bad::Limit)),
            (Some("limit=1001"), Err(Bad::Limit)),
            (Some("limit="), Err(Bad::Limit)),
            (Some("limit=+5"), Err(Bad::Limit)),
            (Some("limit=00005"), Err(Bad::Limit)),
        ] {
            assert_eq!(page_query(query), expected, "{query:?}");
        }
    }

    #[test]
    fn a_search_has_words_of_at_most_256_bytes() {
        let found = search_query(Some("q=npm+warn%21&before=9")).expect("fine");
        assert_eq!(
            (found.words.as_str(), found.before, found.limit),
            ("npm warn!", Some(seq(9)), 200)
        );
        assert_eq!(search_query(None), Err(Bad::Search));
        assert_eq!(search_query(Some("q=")), Err(Bad::Search));
        assert!(search_query(Some(&format!("q={}", "x".repeat(256)))).is_ok());
        assert_eq!(search_query(Some(&format!("q={}", "x".repeat(257)))), Err(Bad::Search));
    }

    #[test]
    fn a_header_wins_over_the_query_and_empty_means_absent() {
        let check = |header: Option<&'static str>, query, expected| {
            let mut headers = HeaderMap::new();
            if let Some(header) = header {
                headers.insert("last-event-id", header.parse().expect("a header"));
            }
            assert_eq!(last_event_id(&headers, query), expected, "{header:?} {query:?}");
        };
        check(None, None, Ok(None));
        check(Some("7"), Some("last_event_id=8"), Ok(Some(seq(7))));
        check(None, Some("last_event_id=8"), Ok(Some(seq(8))));
        check(Some(""), Some("last_event_id=8"), Ok(Some(seq(8))));
        check(None, Some("last_event_id="), Ok(None));
        for bad in ["x", "-1", "1.5", "9007199254740992", "1,2", " 1 1"] {
            check(Some(bad), None, Err(Bad::Cursor));
        }
        check(None, Some("last_event_id=x"), Err(Bad::Cursor));
    }

    #[test]
    fn only_a_whole_traceparent_is_a_trace() {
        let trace = "0af7651916cd43dd8448eb211c80319c";
        for (text, good) in [
            (format!("00-{trace}-b7ad6b7169203331-01"), true),
            (format!("cc-{trace}-b7ad6b7169203331-01-more"), true),
            (format!("00-{trace}-b7ad6b7169203331-01-more"), false),
            (format!("ff-{trace}-b7ad6b7169203331-01"), false),
            (format!("00-{}-b7ad6b7169203331-01", "0".repeat(32)), false),
            (format!("00-{}-b7ad6b7169203331-01", trace.to_uppercase()), false),
            (format!("00-{trace}"), false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert("traceparent", text.parse().expect("a header"));
            assert_eq!(trace_id(&headers), good.then_some(trace), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_target_is_a_question_or_an_error(path: String, query: Option<String>, header: Vec<u8>) {
            let _ = route(&Method::GET, &path);
            let _ = (page_query(query.as_deref()), search_query(query.as_deref()));
            let mut headers = HeaderMap::new();
            if let Ok(value) = http::HeaderValue::from_bytes(&header) {
                headers.insert("last-event-id", value.clone());
                headers.insert("traceparent", value.clone());
                headers.insert("x-request-id", value);
            }
            let _ = (last_event_id(&headers, query.as_deref()), trace_id(&headers), request_id(&headers));
        }

        #[test]
        fn any_words_written_as_a_form_are_read_back(words in ".{1,60}") {
            let form: String = words.bytes().map(|byte| format!("%{byte:02x}")).collect();
            prop_assert_eq!(search_query(Some(&format!("q={form}"))).expect("short words").words, words);
        }
    }
}

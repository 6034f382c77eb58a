//! Everything that is not live: a page of history, the whole log as text, a search, the job itself.

use std::io;
use std::sync::Arc;

use archiver::{Cursor, Found, PageSize, Storage};
use bytes::Bytes;
use futures::{Stream, stream};
use http::{HeaderValue, Response, StatusCode, header};
use log_model::{JobId, LogEntry, LogEvent, Seq};

use crate::answer::{self, Refusal};
use crate::app::{App, chain};
use crate::body::Body;
use crate::route::{self, Ask, Bad, From, PageQuery, SearchQuery};
use crate::wire::{self, Direction, JobView, PageEntries, PageHead};

/// How many entries one search looks at before it answers with what it has.
pub const SEARCH_SCAN: u64 = 200_000;
/// How many entries are read at once where a whole log goes by.
const CHUNK: PageSize = PageSize { entries: 1000, bytes: 256 * 1024 };

/// What is asked, read and checked.
#[derive(Debug)]
pub(crate) enum Question {
    Job,
    Page(PageQuery),
    Raw,
    Search(SearchQuery),
}

impl Question {
    pub(crate) fn read(ask: Ask, query: Option<&str>) -> Result<Self, Bad> {
        Ok(match ask {
            Ask::Page => Self::Page(route::page_query(query)?),
            Ask::Search => Self::Search(route::search_query(query)?),
            Ask::Raw => Self::Raw,
            Ask::Job | Ask::Stream => Self::Job,
        })
    }
}

pub(crate) async fn answer(
    app: &Arc<App>,
    job: JobId,
    found: Found,
    question: Question,
) -> Result<Response<Body>, Refusal> {
    match question {
        Question::Job => {
            let view = JobView::new(&job, &found.record, storage(found.storage));
            Ok(private(answer::json(StatusCode::OK, &view)))
        }
        Question::Page(query) => page(app, &job, &found, query).await,
        Question::Raw => raw(app, job, &found),
        Question::Search(query) => search(app, &job, &found, query).await,
    }
}

fn storage(storage: Storage) -> &'static str {
    match storage {
        Storage::Recent => "recent",
        Storage::Archive => "archive",
        Storage::Mixed => "mixed",
    }
}

fn private(mut response: Response<Body>) -> Response<Body> {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    response
}

async fn page(app: &App, job: &JobId, found: &Found, query: PageQuery) -> Result<Response<Body>, Refusal> {
    let (cursor, direction) = match query.from {
        From::Newest => (Cursor::Newest, Direction::Back),
        From::Before(seq) => (Cursor::Before(seq), Direction::Back),
        From::After(seq) => (Cursor::After(seq), Direction::Forward),
    };
    let size = PageSize { entries: query.limit, bytes: app.settings.page_max_bytes };
    let page = app.history.page(job, cursor, size).await.map_err(|error| refused(job, error))?;
    let entries = PageEntries {
        entries: &page.entries,
        next_before: page.next_before,
        next_after: page.next_after,
        has_more: page.has_more,
    };
    Ok(paged(app, job, found, storage(page.storage), entries, direction, query.limit, "logs?"))
}

#[expect(clippy::too_many_arguments, reason = "a page is one thing with many sides, put together in two places")]
fn paged(
    app: &App,
    job: &JobId,
    found: &Found,
    storage: &str,
    entries: PageEntries<'_>,
    direction: Direction,
    limit: u64,
    path: &str,
) -> Response<Body> {
    let head = PageHead { job, status: found.record.state.as_str(), storage, revision: found.record.revision };
    let (body, entries) = wire::page(head, entries, direction, app.settings.page_max_bytes);
    let mut response = private(answer::bytes("application/json", body));
    let next = match direction {
        Direction::Back => entries.next_before.map(|seq| ("before", seq, "prev")),
        Direction::Forward => entries.next_after.map(|seq| ("after", seq, "next")),
    };
    if let Some((name, seq, rel)) = next.filter(|_| entries.has_more) {
        let link = format!("</v1/jobs/{job}/{path}{name}={seq}&limit={limit}>; rel=\"{rel}\"");
        response.headers_mut().insert(header::LINK, HeaderValue::try_from(link).expect("ids and numbers are ASCII"));
    }
    response
}

fn refused(job: &JobId, error: archiver::Error) -> Refusal {
    tracing::warn!(%job, error = %chain(&error), "page not read");
    error.into()
}

/// The whole log so far as text, read as the peer takes it. When a part cannot be read the connection is cut: a file
/// that just ends would look whole.
fn raw(app: &Arc<App>, job: JobId, found: &Found) -> Result<Response<Body>, Refusal> {
    let name = format!("attachment; filename=\"{job}.log\"");
    let lines = raw_lines(Arc::clone(app), job, found.record.head);
    let mut response = Response::new(Body::frames(lines));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(header::CONTENT_DISPOSITION, HeaderValue::try_from(name).expect("a job id is ASCII"));
    Ok(private(response))
}

fn raw_lines(app: Arc<App>, job: JobId, through: Seq) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
    stream::unfold(Some(Seq::ZERO), move |at| {
        let (app, job) = (Arc::clone(&app), job.clone());
        async move {
            let mut at = at?;
            // A part may hold no lines at all, and an empty frame says nothing: go on to one that does.
            while at < through {
                let page = match app.history.page(&job, Cursor::After(at), CHUNK).await {
                    Ok(page) => page,
                    Err(error) => {
                        tracing::warn!(%job, error = %chain(&error), "download cut");
                        return Some((Err(io::Error::other("the rest of the log could not be read")), None));
                    }
                };
                let mut out = Vec::with_capacity(64 * 1024);
                let entries = page.entries.iter().take_while(|entry| entry.seq <= through);
                let mut last = None;
                for entry in entries {
                    wire::raw(&mut out, entry);
                    last = Some(entry.seq);
                }
                at = last.unwrap_or(through);
                if !out.is_empty() {
                    app.metrics.sent(out.len());
                    return Some((Ok(out.into()), Some(at)));
                }
            }
            None
        }
    })
}

/// Lines that hold the words, whatever their case, newest first in the looking and oldest first in the answer.
async fn search(app: &App, job: &JobId, found: &Found, query: SearchQuery) -> Result<Response<Body>, Refusal> {
    let words = Words::new(&query.words);
    let mut hits: Vec<LogEntry> = Vec::new();
    let mut bytes = 0;
    let mut at = query.before.unwrap_or(found.record.head.next());
    let mut scanned = 0;
    let mut storages: Option<Storage> = None;
    let mut has_more = false;
    'scan: loop {
        let page = app.history.page(job, Cursor::Before(at), CHUNK).await.map_err(|error| refused(job, error))?;
        storages = Some(match storages {
            Some(storage) if storage != page.storage => Storage::Mixed,
            _ => page.storage,
        });
        let more = page.has_more;
        let before = page.next_before;
        for entry in page.entries.into_iter().rev() {
            scanned += 1;
            at = entry.seq;
            if words.are_in(&entry) {
                bytes += size(&entry);
                hits.push(entry);
            }
            let enough = hits.len() as u64 >= query.limit
                || scanned >= SEARCH_SCAN
                || bytes >= app.settings.page_max_bytes / 2;
            if enough {
                has_more = at > Seq::FIRST;
                break 'scan;
            }
        }
        match before.filter(|_| more) {
            Some(before) => at = before,
            None => break,
        }
    }
    hits.reverse();
    let entries = PageEntries {
        entries: &hits,
        next_before: has_more.then_some(at),
        next_after: hits.last().map(|entry| entry.seq),
        has_more,
    };
    let words: String = percent_encoding::utf8_percent_encode(&query.words, percent_encoding::NON_ALPHANUMERIC).collect();
    let path = format!("logs/search?q={words}&");
    let storage = storage(storages.unwrap_or(found.storage));
    Ok(paged(app, job, found, storage, entries, Direction::Back, query.limit, &path))
}

fn size(entry: &LogEntry) -> usize {
    match &entry.recorded.event {
        LogEvent::Line { text, .. } => text.len() + 256,
        _ => 256,
    }
}

/// Words to look for, whatever their case.
#[derive(Debug)]
struct Words {
    lower: String,
    ascii: bool,
}

impl Words {
    fn new(words: &str) -> Self {
        Self { lower: words.to_lowercase(), ascii: words.is_ascii() }
    }

    fn are_in(&self, entry: &LogEntry) -> bool {
        let LogEvent::Line { text, .. } = &entry.recorded.event else { return false };
        self.are_in_text(text.as_str())
    }

    fn are_in_text(&self, text: &str) -> bool {
        if !self.ascii || !text.is_ascii() {
            // Beyond ASCII a letter may change its length with its case, so the whole text is put in lower case.
            return text.to_lowercase().contains(&self.lower);
        }
        let (text, lower) = (text.as_bytes(), self.lower.as_bytes());
        let first = [lower[0], lower[0].to_ascii_uppercase()];
        text.len() >= lower.len()
            && (0..=text.len() - lower.len())
                .any(|at| first.contains(&text[at]) && text[at..at + lower.len()].eq_ignore_ascii_case(lower))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_are_found_whatever_their_case() {
        for (words, text, found) in [
            ("warn", "npm WARN deprecated", true),
            ("WARN", "npm warn deprecated", true),
            ("straße", "in der STRASSE", false),
            ("größe", "GRÖSSE GRÖßE", true),
            ("é", "CAFÉ", true),
            ("x", "", false),
            ("longer than the text", "short", false),
            ("ab", "aab", true),
            ("k", "\u{212a}", true), // The Kelvin sign is a k in lower case.
        ] {
            assert_eq!(Words::new(words).are_in_text(text), found, "{words:?} in {text:?}");
        }
    }

    proptest! {
        #[test]
        fn the_quick_way_finds_what_the_plain_way_finds(words in "[ -~]{1,4}", text in "[a-cA-C ]{0,40}") {
            let plain = text.to_lowercase().contains(&words.to_lowercase());
            prop_assert_eq!(Words::new(&words).are_in_text(&text), plain);
        }
    }
}

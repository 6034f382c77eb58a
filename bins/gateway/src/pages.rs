//! Everything that is not live: a page of history, the whole log as text, a search, the job itself.

use std::io;
use std::sync::Arc;

use archiver::{Cursor, Found, Page, PageSize, Query};
use bytes::Bytes;
use futures::{Stream, stream};
use http::{HeaderValue, Response, StatusCode, header};
use log_model::{JobId, Seq};
use settings::sentence;

use crate::answer::{self, Refusal};
use crate::app::App;
use crate::body::Body;
use crate::route::{self, Ask, Bad, From, PageQuery, SearchQuery};
use crate::wire::{self, Direction, JobView, PageEntries, PageHead};

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
            let view = JobView::new(&job, &found.record, found.storage.as_str());
            Ok(private(answer::json(StatusCode::OK, &view)))
        }
        Question::Page(query) => page(app, &job, found, query).await,
        Question::Raw => raw(app, job, found),
        Question::Search(query) => search(app, &job, found, query).await,
    }
}

fn private(mut response: Response<Body>) -> Response<Body> {
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    response
}

async fn page(app: &App, job: &JobId, found: Found, query: PageQuery) -> Result<Response<Body>, Refusal> {
    let (cursor, direction) = match query.from {
        From::Newest => (Cursor::Newest, Direction::Back),
        From::Before(seq) => (Cursor::Before(seq), Direction::Back),
        From::After(seq) => (Cursor::After(seq), Direction::Forward),
    };
    let size = PageSize {
        entries: query.limit,
        bytes: app.settings.page_max_bytes,
    };
    let said = Said::of(&found);
    let page = app.history.page_of(job, found, cursor, size).await;
    let page = page.map_err(|error| refused(job, error))?;
    Ok(paged(
        app,
        job,
        said,
        &page,
        direction,
        &format!("logs?limit={}&", query.limit),
    ))
}

/// What a page says of its job.
struct Said {
    status: &'static str,
    revision: u32,
}

impl Said {
    fn of(found: &Found) -> Self {
        Self {
            status: found.record.state.as_str(),
            revision: found.record.revision,
        }
    }
}

fn paged(app: &App, job: &JobId, said: Said, page: &Page, direction: Direction, path: &str) -> Response<Body> {
    let head = PageHead {
        job,
        status: said.status,
        storage: page.storage.as_str(),
        revision: said.revision,
    };
    let entries = PageEntries {
        entries: &page.entries,
        next_before: page.next_before,
        next_after: page.next_after,
        has_more: page.has_more,
    };
    let (body, entries) = wire::page(head, entries, direction, app.settings.page_max_bytes);
    let mut response = private(answer::bytes("application/json", body));
    let next = match direction {
        Direction::Back => entries.next_before.map(|seq| ("before", seq, "prev")),
        Direction::Forward => entries.next_after.map(|seq| ("after", seq, "next")),
    };
    if let Some((name, seq, rel)) = next.filter(|_| entries.has_more) {
        let link = format!("</v1/jobs/{job}/{path}{name}={seq}>; rel=\"{rel}\"");
        response.headers_mut().insert(
            header::LINK,
            HeaderValue::try_from(link).expect("ids and numbers are ASCII"),
        );
    }
    response
}

fn refused(job: &JobId, error: archiver::Error) -> Refusal {
    tracing::warn!(%job, error = %sentence(&error), "page not read");
    error.into()
}

/// The whole log so far as text, read as the peer takes it. When a part cannot be read the connection is cut: a file
/// that just ends would look whole.
fn raw(app: &Arc<App>, job: JobId, found: Found) -> Result<Response<Body>, Refusal> {
    let name = format!("attachment; filename=\"{job}.log\"");
    let lines = raw_lines(Arc::clone(app), job, found);
    let mut response = Response::new(Body::frames(lines));
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    headers.insert(
        header::CONTENT_DISPOSITION,
        HeaderValue::try_from(name).expect("a job id is ASCII"),
    );
    Ok(private(response))
}

fn raw_lines(app: Arc<App>, job: JobId, found: Found) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
    let walk = app.history.walk(&job, found, Seq::ZERO);
    stream::unfold(Some(Box::new(walk)), move |walk| {
        let (app, job) = (Arc::clone(&app), job.clone());
        async move {
            let mut walk = walk?;
            loop {
                let entries = match walk.next().await {
                    Ok(Some(entries)) => entries,
                    Ok(None) => return None,
                    Err(error) => {
                        tracing::warn!(%job, error = %sentence(&error), "download cut");
                        return Some((Err(io::Error::other("the rest of the log could not be read")), None));
                    }
                };
                let mut out = Vec::with_capacity(128 * entries.len());
                for entry in &entries {
                    wire::raw(&mut out, entry);
                }
                // A part may hold no lines at all, and an empty frame says nothing: go on to one that does.
                if !out.is_empty() {
                    app.metrics.sent(out.len());
                    return Some((Ok(out.into()), Some(walk)));
                }
            }
        }
    })
}

/// Lines that hold the words, whatever their case.
async fn search(app: &App, job: &JobId, found: Found, query: SearchQuery) -> Result<Response<Body>, Refusal> {
    let words = Query::new(&query.words).map_err(|_| Bad::Search)?;
    let size = PageSize {
        entries: query.limit,
        bytes: app.settings.page_max_bytes,
    };
    let said = Said::of(&found);
    let page = app.history.search(job, found, &words, query.before, size).await;
    let page = page.map_err(|error| refused(job, error))?;
    let words = percent_encoding::utf8_percent_encode(&query.words, percent_encoding::NON_ALPHANUMERIC);
    Ok(paged(
        app,
        job,
        said,
        &page,
        Direction::Back,
        &format!("logs/search?q={words}&limit={}&", query.limit),
    ))
}

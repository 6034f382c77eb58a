//! Looking for words in a log, newest first.

use log_model::{JobId, LogEntry, LogEvent, Seq};
use stream_store::READ_LIMIT;

use crate::error::{Error, Result};
use crate::history::{Found, Gathered, History, Kept, Page, PageSize, View, fit};
use crate::old::{Ahead, Direction};
use crate::places;

/// The longest query, in bytes.
pub const QUERY_BYTES: usize = 256;

/// How many entries one call looks at.
pub const SCANNED: u64 = 200_000;

/// What is looked for: these words as they stand, whatever their case.
#[derive(Debug, Clone)]
pub struct Query {
    folded: String,
}

impl Query {
    /// # Errors
    /// [`Error::Setting`] when `text` is empty or longer than [`QUERY_BYTES`].
    pub fn new(text: &str) -> Result<Self> {
        if text.is_empty() || text.len() > QUERY_BYTES {
            return Err(Error::Setting {
                problem: format!("a query is 1 to {QUERY_BYTES} bytes long"),
            });
        }
        Ok(Self {
            folded: text.to_lowercase(),
        })
    }

    /// Whether the query stands in `text`.
    pub fn matches(&self, text: &str) -> bool {
        if !self.folded.is_ascii() {
            return text.to_lowercase().contains(&self.folded);
        }
        let (text, wanted) = (text.as_bytes(), self.folded.as_bytes());
        let first = wanted[0];
        text.len() >= wanted.len()
            && (0..=text.len() - wanted.len()).any(|at| {
                text[at].to_ascii_lowercase() == first && text[at..at + wanted.len()].eq_ignore_ascii_case(wanted)
            })
    }

    fn is_in(&self, entry: &LogEntry) -> bool {
        matches!(&entry.recorded.event, LogEvent::Line { text, .. } if self.matches(text.as_str()))
    }
}

impl History {
    /// The lines before `before` (or from the end) that hold the query, oldest first, as many as `limit` allows.
    ///
    /// Looks at [`SCANNED`] entries at most: a page may be empty and still say that there is more, with the cursor to go
    /// on from.
    ///
    /// # Errors
    /// As [`page`](History::page).
    pub async fn search(
        &self,
        job: &JobId,
        found: Found,
        query: &Query,
        before: Option<Seq>,
        limit: PageSize,
    ) -> Result<Page> {
        let mut view = View { found };
        let record = view.readable()?;
        let mut top = before.map_or(record.head, |before| before.prev().min(record.head));
        let wanted = usize::try_from(limit.entries.clamp(1, READ_LIMIT)).unwrap_or(usize::MAX);
        let (mut hits, mut met, mut scanned) = (Vec::new(), Gathered::default(), 0);
        let mut ahead = Ahead::towards(Direction::Back);
        while scanned < SCANNED && hits.len() < wanted {
            // Frames mostly begin at 1, 1001, 2001 …: a part that begins there is one frame.
            let count = (top.prev().get() % READ_LIMIT + 1).min(SCANNED - scanned);
            let spans = places::back(top, count, &view.found.record.unused);
            let Some(first) = spans.first().map(|span| span.first()) else {
                top = Seq::ZERO;
                break;
            };
            let part = self.gather(job, &mut view, &spans, &mut ahead).await?;
            met.met(&part);
            scanned += spans.iter().map(|span| span.len()).sum::<u64>();
            hits.extend(part.entries.into_iter().rev().filter(|entry| query.is_in(entry)));
            top = first.prev();
        }
        if hits.len() > wanted {
            hits.truncate(wanted);
            top = hits.last().map_or(top, |oldest| oldest.seq.prev());
        }
        hits.reverse();
        let (count, oldest) = (hits.len(), hits.first().map(|hit| hit.seq));
        fit(&mut hits, limit.bytes, Kept::Newest);
        if hits.len() < count && oldest.is_some() {
            top = hits.first().map_or(top, |hit| hit.seq.prev());
        }
        let has_more = !places::back(top, 1, &view.found.record.unused).is_empty();
        let storage = met.storage(view.found.storage);
        let next_after = hits.last().map(|hit| hit.seq);
        Ok(Page {
            entries: hits,
            storage,
            next_before: has_more.then(|| top.next()),
            next_after,
            has_more,
        })
    }
}

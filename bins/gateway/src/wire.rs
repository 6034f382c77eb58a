//! From a log's values to the bytes on the wire: events of the stream, pages and jobs as JSON. Pure.
//!
//! A followed job's changes are turned into bytes once, here, and every viewer is sent the same bytes. The one thing
//! that is not shared is the job's end, because it says up to which revision its reader has been told.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use log_model::{GapReason, JobId, Kind, LogEntry, LogEvent, Outcome, Recorded, Seq, Span, Timestamp};
use serde::Serialize;
use sse_codec::{EventName, Frame};
use stream_store::{Change, JobRecord, State};

static HELLO: EventName = EventName::from_static("hello");
static LINE: EventName = EventName::from_static("line");
static STAGE: EventName = EventName::from_static("stage");
static GAP: EventName = EventName::from_static("gap");
static END: EventName = EventName::from_static("end");
static HEARTBEAT: EventName = EventName::from_static("heartbeat");
static STATUS: EventName = EventName::from_static("status");
static PURGE: EventName = EventName::from_static("purge");
static REWIND: EventName = EventName::from_static("rewind");
static UNAVAILABLE: EventName = EventName::from_static("unavailable");
static REAUTH: EventName = EventName::from_static("reauth");

/// What viewers share of one change.
#[derive(Debug, Clone)]
pub struct Frames {
    /// The events, each a block of its own; empty when there is nothing to say.
    pub bytes: Bytes,
    /// How many events that is.
    pub events: u32,
    /// The job's last entry, when the change ends with it: each viewer's own to write.
    pub end: Option<Arc<LogEntry>>,
    /// The job's revision, when the change raised it.
    pub revision: Option<u32>,
    /// Whether the job is silent now, when the change says so.
    pub silent: Option<bool>,
    /// Whether the change is that the log was erased.
    pub erased: bool,
}

/// Turns a change into what viewers share of it.
pub fn frames(change: &Change) -> Frames {
    let mut out = Vec::new();
    let mut frames = Frames {
        bytes: Bytes::new(),
        events: 1,
        end: None,
        revision: None,
        silent: None,
        erased: false,
    };
    match change {
        Change::Entries(entries) => {
            // A usual line is some 120 bytes, and its block as much again.
            out.reserve(entries.len() * 256);
            frames.events = 0;
            for entry in entries {
                if matches!(entry.recorded.event, LogEvent::Ended { .. }) {
                    frames.end = Some(Arc::new(entry.clone()));
                } else {
                    self::entry(&mut out, entry);
                    frames.events += 1;
                }
            }
        }
        Change::State(state) => {
            status(&mut out, *state);
            frames.silent = Some(matches!(state, State::Silent { .. }));
        }
        Change::Purged { seq, revision } => {
            purge(&mut out, *seq, *revision);
            frames.revision = Some(*revision);
            frames.erased = seq.is_none();
        }
        Change::Rewound(span) => rewind(&mut out, *span),
        _ => {}
    }
    if out.is_empty() {
        frames.events = 0;
    }
    frames.bytes = out.into();
    frames
}

/// Adds the event of one entry; the job's end has [a way of its own](end).
pub fn entry(out: &mut Vec<u8>, entry: &LogEntry) {
    // A gap made up by the reading side stands for all the entries it spans: whoever saw it goes on after them.
    let id = match &entry.recorded.event {
        LogEvent::Gap { span: Some(span), .. } => span.last(),
        _ => entry.seq,
    };
    let event = match entry.recorded.event.kind() {
        Kind::Stage => &STAGE,
        Kind::Gap => &GAP,
        Kind::End => &END,
        _ => &LINE,
    };
    Frame::new(event)
        .id(id.get())
        .write_with(out, |out| entry.write_event_json(out));
}

/// Adds the job's end, with the revision its reader should know of.
pub fn end(out: &mut Vec<u8>, entry: &LogEntry, revision: u32) {
    Frame::new(&END).id(entry.seq.get()).write_with(out, |out| {
        entry.write_event_json(out);
        add_revision(out, revision);
    });
}

/// Adds a field to the object just written.
fn add_revision(out: &mut Vec<u8>, revision: u32) {
    let brace = out.pop();
    debug_assert_eq!(brace, Some(b'}'), "an entry's JSON is an object");
    write!(out, ",\"revision\":{revision}}}").expect("a Vec takes every write");
}

/// What a stream opens with.
#[derive(Debug, Serialize)]
pub struct Hello<'a> {
    /// The job.
    pub job: &'a JobId,
    /// Where it stands: `running`, `silent` or `ended`.
    pub status: &'a str,
    /// The live edge: "load earlier" starts at `before = head + 1`.
    pub head: Seq,
    /// The cursor this stream goes on from; none for a fresh one.
    pub resumed_from: Option<Seq>,
    /// Raised whenever a line is masked after the fact.
    pub revision: u32,
    /// The longest silence of this stream, in seconds.
    pub heartbeat_s: u64,
    /// How long recent lines stay in the recent store, in seconds.
    pub retention_s: u64,
}

/// Adds the opening, with the time after which a browser comes back when the stream breaks.
pub fn hello(out: &mut Vec<u8>, hello: &Hello<'_>, retry: Duration) {
    Frame::new(&HELLO).retry(retry).write_with(out, |out| json(out, hello));
}

/// Adds a sign of life.
pub fn heartbeat(out: &mut Vec<u8>, ts: Timestamp, head: Seq) {
    #[derive(Serialize)]
    struct Heartbeat {
        ts: Timestamp,
        head: Seq,
    }
    Frame::new(&HEARTBEAT).write_with(out, |out| json(out, &Heartbeat { ts, head }));
}

/// Adds a gap that the stream itself makes up; whoever saw it goes on after `span`.
pub fn gap(out: &mut Vec<u8>, ts: Timestamp, reason: GapReason, span: Span) {
    #[derive(Serialize)]
    struct Gap {
        ts: Timestamp,
        reason: GapReason,
        from: Seq,
        to: Seq,
        lines: Option<u64>,
    }
    let gap = Gap {
        ts,
        reason,
        from: span.first(),
        to: span.last(),
        lines: None,
    };
    Frame::new(&GAP)
        .id(span.last().get())
        .write_with(out, |out| json(out, &gap));
}

/// Adds where the job stands; nothing for a job that is over, which its last entry says.
pub fn status(out: &mut Vec<u8>, state: State) {
    #[derive(Serialize)]
    struct Status {
        status: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        since: Option<Timestamp>,
    }
    let since = match state {
        State::Silent { since } => Some(since),
        State::Running => None,
        _ => return,
    };
    Frame::new(&STATUS).write_with(out, |out| {
        json(
            out,
            &Status {
                status: state.as_str(),
                since,
            },
        )
    });
}

/// Adds that an entry was masked after the fact, or (none) that the log was erased.
pub fn purge(out: &mut Vec<u8>, seq: Option<Seq>, revision: u32) {
    #[derive(Serialize)]
    struct Purge {
        seq: Option<Seq>,
        revision: u32,
    }
    Frame::new(&PURGE).write_with(out, |out| json(out, &Purge { seq, revision }));
}

/// Adds that what was seen under these ids comes again under new ones.
pub fn rewind(out: &mut Vec<u8>, span: Span) {
    #[derive(Serialize)]
    struct Rewind {
        from: Seq,
        to: Seq,
        reason: &'static str,
    }
    let rewind = Rewind {
        from: span.first(),
        to: span.last(),
        reason: "store_changed",
    };
    Frame::new(&REWIND).write_with(out, |out| json(out, &rewind));
}

/// Why a stream ends before its job does; the reader comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Farewell {
    /// Passing trouble: `draining`, or a refusal's code.
    Unavailable(&'static str),
    /// Time to show a fresh credential: `lease` or `key_removed`.
    Reauth(&'static str),
}

/// Adds a farewell: why, and when to come back.
///
/// The time is in the block's own `retry` too: a browser's `EventSource` goes by that one, and without it every viewer
/// would come back at the same moment.
pub fn farewell(out: &mut Vec<u8>, farewell: Farewell, retry: Duration) {
    #[derive(Serialize)]
    struct Data {
        reason: &'static str,
        retry_ms: u64,
    }
    let retry_ms = u64::try_from(retry.as_millis()).unwrap_or(u64::MAX);
    let event = match farewell {
        Farewell::Unavailable(_) => &UNAVAILABLE,
        Farewell::Reauth(_) => &REAUTH,
    };
    let (Farewell::Unavailable(reason) | Farewell::Reauth(reason)) = farewell;
    Frame::new(event)
        .retry(retry)
        .write_with(out, |out| json(out, &Data { reason, retry_ms }));
}

fn json(out: &mut Vec<u8>, value: &impl Serialize) {
    serde_json::to_writer(out, value).expect("plain structures always have a JSON form, and a Vec takes every write");
}

/// What a page says beside its entries.
#[derive(Debug, Clone, Copy)]
pub struct PageHead<'a> {
    /// The job.
    pub job: &'a JobId,
    /// Where it stands.
    pub status: &'a str,
    /// Which side the entries came from: `recent`, `archive` or `mixed`.
    pub storage: &'a str,
    /// The job's revision.
    pub revision: u32,
}

/// The entries of a page, and where the next one starts.
#[derive(Debug)]
pub struct PageEntries<'a> {
    /// Oldest first.
    pub entries: &'a [LogEntry],
    /// Where the page before this one starts.
    pub next_before: Option<Seq>,
    /// Where the page after this one starts.
    pub next_after: Option<Seq>,
    /// Whether there is more in the direction asked for.
    pub has_more: bool,
}

/// Which end of a page is given up when its body would grow too large: the far one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Going back: the oldest entries are left for the next page.
    Back,
    /// Going forward: the newest entries are.
    Forward,
}

/// Writes a page's JSON, of at most `cap` bytes where more than one entry is on it; returns it with where the next
/// ones start, which differ from what was given when entries had to be left out.
pub fn page<'a>(
    head: PageHead<'_>,
    mut page: PageEntries<'a>,
    direction: Direction,
    cap: usize,
) -> (Vec<u8>, PageEntries<'a>) {
    // Room for everything beside the entries, three numbers included.
    const AROUND: usize = 512;
    let mut entries = Vec::new();
    let mut ends = Vec::with_capacity(page.entries.len());
    for entry in page.entries {
        entry.write_json(&mut entries);
        if matches!(entry.recorded.event, LogEvent::Ended { .. }) {
            add_revision(&mut entries, head.revision);
        }
        entries.push(b',');
        ends.push(entries.len());
    }
    let room = cap.saturating_sub(AROUND);
    let mut kept = 0..page.entries.len();
    let size = |kept: &std::ops::Range<usize>| {
        let start = if kept.start == 0 { 0 } else { ends[kept.start - 1] };
        ends[kept.end - 1] - start
    };
    while kept.len() > 1 && size(&kept) > room {
        match direction {
            Direction::Back => kept.start += 1,
            Direction::Forward => kept.end -= 1,
        }
        page.has_more = true;
    }
    if kept.len() < page.entries.len() {
        page.entries = &page.entries[kept.clone()];
        page.next_before = page.entries.first().map(|entry| entry.seq);
        page.next_after = page.entries.last().map(|entry| entry.seq);
    }
    let mut out = Vec::with_capacity(entries.len() + AROUND);
    out.extend_from_slice(b"{\"job\":");
    json(&mut out, head.job);
    write!(
        out,
        ",\"status\":\"{}\",\"storage\":\"{}\",\"revision\":{},\"entries\":[",
        head.status, head.storage, head.revision
    )
    .expect("a Vec takes every write");
    if !kept.is_empty() {
        let start = if kept.start == 0 { 0 } else { ends[kept.start - 1] };
        out.extend_from_slice(&entries[start..ends[kept.end - 1] - 1]);
    }
    #[derive(Serialize)]
    struct Rest {
        next_before: Option<Seq>,
        next_after: Option<Seq>,
        has_more: bool,
    }
    out.extend_from_slice(b"],");
    let at = out.len();
    json(
        &mut out,
        &Rest {
            next_before: page.next_before,
            next_after: page.next_after,
            has_more: page.has_more,
        },
    );
    out.remove(at);
    (out, page)
}

/// A job as its owner sees it.
#[derive(Debug, Serialize)]
pub struct JobView<'a> {
    job: &'a JobId,
    status: &'a str,
    storage: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    silent_since: Option<Timestamp>,
    head: Seq,
    lines: u64,
    redactions: u64,
    gaps: u64,
    revision: u32,
    opened: Timestamp,
    started: Option<Timestamp>,
    ended: Option<Timestamp>,
    outcome: Option<Outcome>,
    exit_code: Option<i32>,
    phases: &'a [stream_store::PhaseRecord],
}

impl<'a> JobView<'a> {
    /// What of a record its owner is shown: nothing of writers, leases or archives.
    pub fn new(job: &'a JobId, record: &'a JobRecord, storage: &'a str) -> Self {
        let outcome = record.outcome();
        let silent_since = match record.state {
            State::Silent { since } => Some(since),
            _ => None,
        };
        Self {
            job,
            status: record.state.as_str(),
            storage,
            silent_since,
            head: record.head,
            lines: record.counts.lines,
            redactions: record.counts.redactions,
            gaps: record.counts.gaps,
            revision: record.revision,
            opened: record.opened,
            started: record.phases.iter().map(|phase| phase.started).min(),
            ended: record.ended,
            outcome: outcome.map(|ending| ending.outcome),
            exit_code: outcome.and_then(|ending| ending.exit_code),
            phases: &record.phases,
        }
    }
}

/// A job's last entry as its record tells it, for when the entry itself cannot be read.
pub fn end_from_record(record: &JobRecord) -> Option<LogEntry> {
    let ending = record.outcome()?;
    let event = LogEvent::Ended {
        outcome: ending.outcome,
        exit_code: ending.exit_code,
        counts: record.counts,
    };
    let ts = record.ended.unwrap_or(record.touched);
    Some(LogEntry {
        seq: record.head,
        recorded: Recorded { ts, phase: None, event },
    })
}

/// Adds an entry as a line of a downloaded log. What is missing is said; stages and the end are not lines.
pub fn raw(out: &mut Vec<u8>, entry: &LogEntry) {
    match &entry.recorded.event {
        LogEvent::Line { text, cut, .. } => {
            out.extend_from_slice(text.as_str().as_bytes());
            if let Some(cut) = cut {
                write!(out, " [shortened: the whole line had {cut} bytes]").expect("a Vec takes every write");
            }
            out.push(b'\n');
        }
        LogEvent::Gap { lines, reason, .. } => {
            match lines {
                Some(1) => out.extend_from_slice(b"[1 line is missing here"),
                Some(lines) => write!(out, "[{lines} lines are missing here").expect("a Vec takes every write"),
                None => out.extend_from_slice(b"[lines are missing here"),
            }
            writeln!(out, ": {reason}]").expect("a Vec takes every write");
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use testkit::builders::{T0, job, line};

    use super::*;

    fn seq(number: u64) -> Seq {
        Seq::new(number).expect("small")
    }

    fn entries(count: u64) -> Vec<LogEntry> {
        (1..=count)
            .map(|number| LogEntry {
                seq: seq(number),
                recorded: line(&format!("line {number}")),
            })
            .collect()
    }

    #[track_caller]
    fn check(write: impl FnOnce(&mut Vec<u8>), golden: &str) {
        let mut out = Vec::new();
        write(&mut out);
        assert_eq!(String::from_utf8(out).expect("UTF-8"), golden);
    }

    #[test]
    fn the_events_that_are_no_entries() {
        let job = job("j1");
        let hello = Hello {
            job: &job,
            status: "running",
            head: seq(812),
            resumed_from: None,
            revision: 0,
            heartbeat_s: 15,
            retention_s: 86400,
        };
        check(
            |out| super::hello(out, &hello, Duration::from_secs(2)),
            "retry: 2000\nevent: hello\ndata: {\"job\":\"j1\",\"status\":\"running\",\"head\":812,\"resumed_from\":null,\"revision\":0,\"heartbeat_s\":15,\"retention_s\":86400}\n\n",
        );
        check(
            |out| heartbeat(out, Timestamp::from_millis(5), seq(814)),
            "event: heartbeat\ndata: {\"ts\":5,\"head\":814}\n\n",
        );
        check(
            |out| {
                status(
                    out,
                    State::Silent {
                        since: Timestamp::from_millis(5),
                    },
                )
            },
            "event: status\ndata: {\"status\":\"silent\",\"since\":5}\n\n",
        );
        check(
            |out| status(out, State::Running),
            "event: status\ndata: {\"status\":\"running\"}\n\n",
        );
        check(|out| status(out, State::Ended), "");
        let span = Span::new(seq(816), seq(999_999)).expect("in order");
        check(
            |out| rewind(out, span),
            "event: rewind\ndata: {\"from\":816,\"to\":999999,\"reason\":\"store_changed\"}\n\n",
        );
        check(
            |out| purge(out, Some(seq(40)), 1),
            "event: purge\ndata: {\"seq\":40,\"revision\":1}\n\n",
        );
        check(
            |out| purge(out, None, 2),
            "event: purge\ndata: {\"seq\":null,\"revision\":2}\n\n",
        );
        check(
            |out| farewell(out, Farewell::Unavailable("draining"), Duration::from_millis(1700)),
            "retry: 1700\nevent: unavailable\ndata: {\"reason\":\"draining\",\"retry_ms\":1700}\n\n",
        );
        check(
            |out| farewell(out, Farewell::Reauth("lease"), Duration::from_millis(400)),
            "retry: 400\nevent: reauth\ndata: {\"reason\":\"lease\",\"retry_ms\":400}\n\n",
        );
        check(
            |out| gap(out, Timestamp::from_millis(5), GapReason::UnknownCursor, span),
            "event: gap\ndata: {\"ts\":5,\"reason\":\"unknown_cursor\",\"from\":816,\"to\":999999,\"lines\":null}\nid: 999999\n\n",
        );
    }

    #[test]
    fn the_end_is_left_for_each_viewer_to_write() {
        let mut entries = entries(2);
        let event = LogEvent::Ended {
            outcome: Outcome::Failed,
            exit_code: Some(1),
            counts: log_model::Counts::default(),
        };
        entries[1].recorded.event = event;
        let frames = frames(&Change::Entries(entries));
        assert_eq!(frames.events, 1);
        assert!(frames.bytes.ends_with(b"\nid: 1\n\n"));
        let last = frames.end.expect("the job is over");
        let ts = T0.as_millis();
        check(
            |out| end(out, &last, 3),
            &format!(
                "event: end\ndata: {{\"seq\":2,\"ts\":{ts},\"outcome\":\"failed\",\"exit_code\":1,\"lines\":0,\"redactions\":0,\"gaps\":0,\"revision\":3}}\nid: 2\n\n"
            ),
        );
    }

    #[test]
    fn a_page_too_large_gives_up_its_far_end() {
        let job = job("j1");
        let head = PageHead {
            job: &job,
            status: "running",
            storage: "recent",
            revision: 0,
        };
        let entries = entries(100);
        for (direction, cap) in [
            (Direction::Back, 2000),
            (Direction::Forward, 2000),
            (Direction::Back, 0),
        ] {
            let all = PageEntries {
                entries: &entries,
                next_before: None,
                next_after: Some(seq(100)),
                has_more: false,
            };
            let (body, kept) = page(head, all, direction, cap);
            assert!(body.len() <= cap || kept.entries.len() == 1);
            let json: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
            assert_eq!(json["entries"].as_array().map(Vec::len), Some(kept.entries.len()));
            assert_eq!(json["has_more"], true);
            let (first, last) = (kept.entries[0].seq, kept.entries[kept.entries.len() - 1].seq);
            assert_eq!((kept.next_before, kept.next_after), (Some(first), Some(last)));
            match direction {
                Direction::Back => assert_eq!(last, seq(100)),
                Direction::Forward => assert_eq!(first, seq(1)),
            }
        }
    }

    #[test]
    fn a_page_without_entries_is_whole_json() {
        let job = job("j1");
        let head = PageHead {
            job: &job,
            status: "running",
            storage: "recent",
            revision: 0,
        };
        let none = PageEntries {
            entries: &[],
            next_before: None,
            next_after: None,
            has_more: false,
        };
        let (body, _) = page(head, none, Direction::Back, 0);
        let golden = r#"{"job":"j1","status":"running","storage":"recent","revision":0,"entries":[],"next_before":null,"next_after":null,"has_more":false}"#;
        assert_eq!(String::from_utf8(body).expect("UTF-8"), golden);
    }
}

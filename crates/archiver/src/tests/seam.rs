//! Where recent and old meet.

use log_model::{GapReason, LogEvent, Owner, OwnerId, Span};
use object_store::{ObjectStore, ObjectStoreExt};
use testkit::builders::{line, text_of};

use super::*;
use crate::{Error, Query, Storage};

async fn swept(lines: u64) -> (Sides, JobId) {
    let sides = Sides::new();
    let mut author = Author::opens(&sides.store, "seam").await;
    author.writes_lines(lines, T0).await;
    let job = author.ends().await;
    assert!(sides.sweep(after(48)).await.is_complete());
    (sides, job)
}

#[tokio::test]
async fn a_page_crosses_the_seam() {
    let sides = Sides::new();
    let mut author = Author::opens(&sides.store, "cross").await;
    author.writes_lines(100, T0).await;
    author.writes_lines(100, after(30)).await;
    assert!(sides.sweep(after(31)).await.is_complete());
    let record = sides.store.job(&author.job).await.expect("there").expect("known");
    assert_eq!(record.held_from, seq(101));
    let history = sides.history();
    for (cursor, storage, first, last, before, more) in [
        (Cursor::Newest, Storage::Recent, 151, 200, Some(151), true),
        (Cursor::Before(seq(121)), Storage::Mixed, 71, 120, Some(71), true),
        (Cursor::Before(seq(51)), Storage::Archive, 1, 50, None, false),
        (Cursor::After(seq(0)), Storage::Archive, 1, 50, None, true),
        (Cursor::After(seq(80)), Storage::Mixed, 81, 130, Some(81), true),
        (Cursor::After(seq(150)), Storage::Recent, 151, 200, Some(151), false),
        (Cursor::Before(seq(9_999)), Storage::Recent, 151, 200, Some(151), true),
    ] {
        let page = history.page(&author.job, cursor, size(50)).await.expect("a page");
        let places: Vec<u64> = page.entries.iter().map(|entry| entry.seq.get()).collect();
        assert!(places.iter().copied().eq(first..=last), "{cursor:?}: {places:?}");
        assert_eq!(
            (page.storage, page.next_before, page.has_more),
            (storage, before.map(seq), more),
            "{cursor:?}"
        );
        assert_eq!(page.next_after, Some(seq(last)), "{cursor:?}");
    }
    for (cursor, next_after) in [
        (Cursor::Before(seq(1)), None),
        (Cursor::After(seq(200)), Some(200)),
        (Cursor::After(seq(999)), Some(200)),
    ] {
        let page = history.page(&author.job, cursor, size(50)).await.expect("a page");
        assert!(page.entries.is_empty() && !page.has_more, "{cursor:?}");
        assert_eq!(page.next_after, next_after.map(seq), "{cursor:?}");
    }
}

#[tokio::test]
async fn a_page_stops_before_it_is_too_long() {
    let sides = Sides::new();
    let mut author = Author::opens(&sides.store, "long").await;
    author
        .writes((0..20).map(|_| line(&"\"x\\".repeat(300))).collect())
        .await;
    let history = sides.history();
    let limit = PageSize {
        entries: 20,
        bytes: 5_000,
    };
    let newest = history.page(&author.job, Cursor::Newest, limit).await.expect("a page");
    let mut json = Vec::new();
    newest.entries.iter().for_each(|entry| entry.write_json(&mut json));
    assert!(json.len() <= 5_000 && newest.entries.len() == 3, "{} bytes", json.len());
    assert_eq!(
        (newest.entries[0].seq, newest.next_before, newest.has_more),
        (seq(18), Some(seq(18)), true)
    );
    let oldest = history
        .page(&author.job, Cursor::After(seq(0)), limit)
        .await
        .expect("a page");
    assert_eq!(
        (oldest.entries[2].seq, oldest.next_after, oldest.has_more),
        (seq(3), Some(seq(3)), true)
    );
    let tiny = PageSize { entries: 20, bytes: 1 };
    assert_eq!(
        history
            .page(&author.job, Cursor::Newest, tiny)
            .await
            .expect("a page")
            .entries
            .len(),
        1
    );
}

#[tokio::test]
async fn a_stranger_hears_the_same_as_about_a_job_that_is_not_there() {
    let (sides, archived) = swept(10).await;
    let running = Author::opens(&sides.store, "running").await.job;
    let history = sides.history();
    let ana = vec![testkit::builders::owner("ana")];
    let org = vec![Owner::org(OwnerId::new("user_ana").expect("an id"))];
    for job in [&archived, &running] {
        assert!(history.job(job, &ana).await.expect("an answer").is_some());
        for strangers in [vec![testkit::builders::owner("eve")], org.clone(), vec![]] {
            assert_eq!(history.job(job, &strangers).await.expect("an answer"), None);
        }
    }
    assert_eq!(history.job(&job("nobodys"), &ana).await.expect("an answer"), None);
}

/// How often the archive was asked, per look-up.
#[tokio::test]
async fn a_stranger_costs_the_same_look_ups_as_a_job_that_is_not_there() {
    use std::sync::atomic::{AtomicU64, Ordering};

    use futures::FutureExt;

    use super::double::{Doubled, Step};

    #[derive(Default)]
    struct Count(AtomicU64);
    impl Step for Count {
        fn before(&self) -> futures::future::BoxFuture<'_, bool> {
            self.0.fetch_add(1, Ordering::SeqCst);
            futures::future::ready(true).boxed()
        }
        fn after(&self) -> futures::future::BoxFuture<'_, bool> {
            futures::future::ready(true).boxed()
        }
    }
    let (sides, archived) = swept(10).await;
    let running = Author::opens(&sides.store, "running").await.job;
    let count = Arc::new(Count::default());
    let objects = Doubled {
        inner: sides.objects.clone(),
        step: count.clone(),
    };
    let history = History::new(sides.store.clone(), Some(Arc::new(Archive::over(Arc::new(objects)))));
    let (eve, ana) = ([testkit::builders::owner("eve")], [testkit::builders::owner("ana")]);
    // What the owner's own visits leave remembered must not make a stranger's answer quicker.
    history.job(&archived, &ana).await.expect("an answer");
    let mut costs = Vec::new();
    for job in [&archived, &archived, &running, &job("nobodys")] {
        let before = count.0.load(Ordering::SeqCst);
        assert_eq!(history.job(job, &eve).await.expect("an answer"), None);
        costs.push(count.0.load(Ordering::SeqCst) - before);
    }
    assert_eq!(costs, [2, 2, 2, 2]);
}

#[tokio::test]
async fn a_job_the_store_has_lost_is_read_from_the_archive() {
    let (sides, job) = swept(1_200).await;
    let empty = Sides::new();
    let history = History::new(empty.store.clone(), Some(sides.archive.clone()));
    let found = history
        .job(&job, &[testkit::builders::owner("ana")])
        .await
        .expect("an answer")
        .expect("found");
    assert_eq!(
        (found.storage, found.record.outcome()),
        (Storage::Archive, Some(ENDING))
    );
    assert_whole(&walked_back(&history, &job, 500).await, 1_201);
}

#[tokio::test]
async fn what_the_archive_should_hold_and_does_not_is_a_gap() {
    let (sides, job) = swept(1_200).await;
    let segments: Vec<_> = super::kept::objects(&sides)
        .await
        .into_iter()
        .filter(|o| o.as_ref().contains("segments"))
        .collect();
    sides.objects.delete(&segments[0]).await.expect("deleted");
    let page = sides
        .history()
        .page(&job, Cursor::Newest, size(200))
        .await
        .expect("a page");
    let span = Span::new(seq(1_002), seq(1_201)).expect("a span");
    let [gap] = &page.entries[..] else {
        panic!("one gap: {:?}", page.entries)
    };
    assert_eq!(gap.seq, seq(1_201));
    assert_eq!(
        gap.recorded.event,
        LogEvent::Gap {
            lines: None,
            span: Some(span),
            reason: GapReason::ArchiveMissing
        }
    );
    assert_eq!((page.next_before, page.has_more), (Some(seq(1_002)), true));
}

#[tokio::test]
async fn damage_is_a_gap_and_never_an_entry() {
    let (sides, job) = swept(1_200).await;
    let segments: Vec<_> = super::kept::objects(&sides)
        .await
        .into_iter()
        .filter(|o| o.as_ref().contains("segments"))
        .collect();
    let bytes = sides
        .objects
        .get(&segments[0])
        .await
        .expect("there")
        .bytes()
        .await
        .expect("bytes");
    let mut damaged = bytes.to_vec();
    damaged[40] ^= 0x10;
    sides
        .objects
        .put_opts(&segments[0], damaged.into(), object_store::PutOptions::default())
        .await
        .expect("put");
    let first = sides
        .history()
        .page(&job, Cursor::After(seq(0)), size(100))
        .await
        .expect("a page");
    assert!(matches!(
        first.entries[..],
        [LogEntry {
            recorded: Recorded {
                event: LogEvent::Gap { .. },
                ..
            },
            ..
        }]
    ));
    // The other frame is sound.
    let last = sides
        .history()
        .page(&job, Cursor::Newest, size(100))
        .await
        .expect("a page");
    assert_eq!(last.entries.len(), 100);
    let verified = crate::verify(
        &*sides.store,
        &sides.archive,
        Some(&job),
        None,
        &policy(),
        &crate::Stop::default(),
    )
    .await;
    assert_eq!(verified.expect("both sides are there").wrong, 1);
}

#[tokio::test]
async fn while_the_archive_is_away_recent_pages_still_work() {
    let sides = Sides::new();
    let mut author = Author::opens(&sides.store, "away").await;
    author.writes_lines(50, T0).await;
    author.writes_lines(50, after(30)).await;
    assert!(sides.sweep(after(31)).await.is_complete());
    let small = author.job.clone();
    let history = History::new(sides.store.clone(), Some(Arc::new(Archive::over(Arc::new(Nowhere)))));
    assert_eq!(
        history
            .page(&small, Cursor::Newest, size(50))
            .await
            .expect("a page")
            .entries
            .len(),
        50
    );
    let older = history.page(&small, Cursor::Before(seq(51)), size(50)).await;
    assert!(matches!(older, Err(Error::Unavailable { .. })), "{older:?}");
    // Of a job that was forgotten, the small record still tells how it ended.
    let forgotten = author.ends().await;
    assert!(sides.sweep(after(96)).await.is_complete());
    let found = history
        .job(&forgotten, &[testkit::builders::owner("ana")])
        .await
        .expect("an answer")
        .expect("found");
    assert_eq!((found.record.head, found.record.outcome()), (seq(101), Some(ENDING)));
    // Whether there is such a job cannot be said for one the store does not know.
    let unknown = history.job(&job("unknown"), &[testkit::builders::owner("ana")]).await;
    assert!(matches!(unknown, Err(Error::Unavailable { .. })), "{unknown:?}");
}

#[tokio::test]
async fn while_the_archive_is_away_a_sweep_leaves_jobs_undone_and_loses_nothing() {
    let sides = Sides::new();
    let mut author = Author::opens(&sides.store, "later").await;
    author.writes_lines(10, T0).await;
    let job = author.ends().await;
    let nowhere = Archive::over(Arc::new(Nowhere));
    let swept = sweep(&*sides.store, &nowhere, &plain(), after(48), &policy())
        .await
        .expect("the store is there");
    assert!(!swept.is_complete() && swept.forgotten == 0, "{swept:?}");
    assert!(sides.sweep(after(48)).await.is_complete());
    assert_whole(&walked_back(&sides.history(), &job, 5).await, 11);
}

#[tokio::test]
async fn a_download_meets_everything_once() {
    let sides = Sides::new();
    let mut author = Author::opens(&sides.store, "whole").await;
    author.writes_lines(2_500, T0).await;
    author.writes_lines(1_300, after(30)).await;
    assert!(sides.sweep(after(31)).await.is_complete());
    let history = sides.history();
    for from in [0, 1, 999, 1_000, 2_499, 2_500, 2_501, 3_799, 3_800] {
        let mut walk = history.walk(
            &author.job,
            history.lookup(&author.job).await.expect("found"),
            seq(from),
        );
        let mut places = Vec::new();
        while let Some(part) = walk.next().await.expect("both sides are there") {
            places.extend(part.iter().map(|entry| entry.seq.get()));
        }
        assert!(places.iter().copied().eq(from + 1..=3_800), "from {from}");
    }
}

#[tokio::test]
async fn a_search_finds_words_on_both_sides_whatever_their_case() {
    let sides = Sides::new();
    let mut author = Author::opens(&sides.store, "find").await;
    let lines = |from: u64| {
        (from..from + 1_500).map(|n| {
            line(&if n % 100 == 0 {
                format!("Error N{n}")
            } else {
                "ok".into()
            })
        })
    };
    author.writes(lines(1).collect()).await;
    assert!(sides.sweep(after(48)).await.is_complete());
    author.writes(lines(1_501).collect()).await;
    let history = sides.history();
    let found = history.lookup(&author.job).await.expect("found");
    let query = Query::new("eRRor n").expect("short");
    let (mut all, mut before) = (Vec::new(), None);
    loop {
        let page = history
            .search(&author.job, found.clone(), &query, before, size(7))
            .await
            .expect("a page");
        all.splice(0..0, page.entries.iter().map(|entry| entry.seq.get()));
        assert!(
            page.entries
                .iter()
                .all(|entry| text_of(&entry.recorded.event).starts_with("Error"))
        );
        before = page.next_before;
        if !page.has_more {
            break;
        }
    }
    assert!(all.iter().copied().eq((1..=30).map(|n| n * 100)), "{all:?}");
    assert!(Query::new("").is_err() && Query::new(&"x".repeat(257)).is_err());
    assert!(Query::new("ÄRGER").expect("short").matches("viel Ärger hier"));
}

/// A bucket that cannot be reached.
#[derive(Debug)]
struct Nowhere;

impl std::fmt::Display for Nowhere {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("nowhere")
    }
}

fn nowhere() -> object_store::Error {
    object_store::Error::Generic {
        store: "nowhere",
        source: "away".into(),
    }
}

#[async_trait::async_trait]
impl ObjectStore for Nowhere {
    async fn put_opts(
        &self,
        _: &object_store::path::Path,
        _: object_store::PutPayload,
        _: object_store::PutOptions,
    ) -> object_store::Result<object_store::PutResult> {
        Err(nowhere())
    }
    async fn put_multipart_opts(
        &self,
        _: &object_store::path::Path,
        _: object_store::PutMultipartOptions,
    ) -> object_store::Result<Box<dyn object_store::MultipartUpload>> {
        Err(nowhere())
    }
    async fn get_opts(
        &self,
        _: &object_store::path::Path,
        _: object_store::GetOptions,
    ) -> object_store::Result<object_store::GetResult> {
        Err(nowhere())
    }
    fn delete_stream(
        &self,
        _: futures::stream::BoxStream<'static, object_store::Result<object_store::path::Path>>,
    ) -> futures::stream::BoxStream<'static, object_store::Result<object_store::path::Path>> {
        Box::pin(futures::stream::iter([Err(nowhere())]))
    }
    fn list(
        &self,
        _: Option<&object_store::path::Path>,
    ) -> futures::stream::BoxStream<'static, object_store::Result<object_store::ObjectMeta>> {
        Box::pin(futures::stream::iter([Err(nowhere())]))
    }
    async fn list_with_delimiter(
        &self,
        _: Option<&object_store::path::Path>,
    ) -> object_store::Result<object_store::ListResult> {
        Err(nowhere())
    }
    async fn copy_opts(
        &self,
        _: &object_store::path::Path,
        _: &object_store::path::Path,
        _: object_store::CopyOptions,
    ) -> object_store::Result<()> {
        Err(nowhere())
    }
}

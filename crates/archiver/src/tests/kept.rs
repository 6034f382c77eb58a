//! What lies in the archive, object by object.

use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use stream_store::State;
use testkit::builders::line_at;

use super::*;
use crate::manifest::Manifest;

/// The archive's objects by name.
pub(super) async fn objects(sides: &Sides) -> Vec<Path> {
    let listed: Vec<_> = sides.objects.list(None).try_collect().await.expect("memory answers");
    listed.into_iter().map(|object| object.location).collect()
}

/// An object as a person would read it: decompressed by plain zstd, seek table and all.
pub(super) async fn text(sides: &Sides, path: &Path) -> String {
    let bytes = sides
        .objects
        .get(path)
        .await
        .expect("there")
        .bytes()
        .await
        .expect("bytes");
    let plain = if path.as_ref().ends_with(".zst") {
        zstd::decode_all(&bytes[..]).expect("plain zstd reads it")
    } else {
        bytes.to_vec()
    };
    String::from_utf8(plain).expect("text")
}

#[tokio::test]
async fn names_and_manifest_are_as_documented() {
    let sides = Sides::new();
    let mut author = Author::opens(&sides.store, "golden").await;
    author
        .writes(vec![
            testkit::builders::started("install"),
            line_at(T0, "hello"),
            testkit::builders::finished("install", 0, 12),
        ])
        .await;
    author.ends().await;
    assert!(sides.sweep(after(1)).await.is_complete());
    let names: Vec<String> = objects(&sides).await.iter().map(ToString::to_string).collect();
    let [manifest, segment] = &names[..] else {
        panic!("two objects: {names:?}")
    };
    assert_eq!(manifest, "jobs/golden/manifest-1.json");
    let lines = text(&sides, &Path::from(segment.as_str())).await;
    assert_eq!(
        lines,
        concat!(
            r#"{"kind":"stage","seq":1,"ts":1771754400000,"phase":"install","state":"started"}"#,
            "\n",
            r#"{"kind":"line","seq":2,"ts":1771754400000,"source":"stdout","text":"hello"}"#,
            "\n",
            r#"{"kind":"stage","seq":3,"ts":1771754400000,"phase":"install","state":"finished","exit_code":0,"duration_ms":12}"#,
            "\n",
            r#"{"kind":"end","seq":4,"ts":1771754400000,"outcome":"succeeded","exit_code":0,"lines":1,"redactions":0,"gaps":0}"#,
            "\n",
        )
    );
    let bytes = sides
        .objects
        .get(&Path::from(segment.as_str()))
        .await
        .expect("there")
        .bytes()
        .await
        .expect("bytes");
    let digest = crate::Digest::of(&bytes).to_string();
    assert_eq!(
        *segment,
        format!("jobs/golden/segments/0000000000000001-{}.ndjson.zst", &digest[..16])
    );
    let json = text(&sides, &Path::from(manifest.as_str())).await;
    let touched = json
        .split(r#""touched":"#)
        .nth(1)
        .and_then(|rest| rest.split(',').next())
        .expect("a time");
    assert_eq!(
        json,
        format!(
            concat!(
                r#"{{"format":1,"number":1,"job":"golden","owner":{{"kind":"user","id":"user_ana"}},"status":"ended","through":4,"revision":0,"#,
                r#""counts":{{"lines":1,"redactions":0,"gaps":0}},"#,
                r#""phases":[{{"phase":"install","started":1771754400000,"duration_ms":12,"exit_code":0}}],"#,
                r#""opened":1771754400000,"touched":{},"ending":{{"outcome":"succeeded","exit_code":0}},"ended":1771754400000,"erased":null,"#,
                r#""unused":[],"segments":[{{"first":1,"last":4,"entries":4,"newest":1771754400000,"bytes":{},"sha256":"{}","frames":[[1,0]]}}]}}"#,
            ),
            touched,
            bytes.len(),
            digest
        )
    );
}

#[tokio::test]
async fn a_manifest_reads_back_and_hostile_ones_are_refused() {
    let (sides, job) = {
        let sides = Sides::new();
        let mut author = Author::opens(&sides.store, "hostile").await;
        author.writes_lines(2_500, T0).await;
        let job = author.ends().await;
        assert!(sides.sweep(after(1)).await.is_complete());
        (sides, job)
    };
    let manifest = sides.archive.job(&job).await.expect("an answer").expect("a manifest");
    assert_eq!(Manifest::decode(&job, &manifest.encode()).expect("our own"), manifest);
    assert_eq!(manifest.segments[0].frames.len(), 3);
    let spoilt: [fn(&mut Manifest); 9] = [
        |m| m.format = 2,
        |m| m.job = testkit::builders::job("other"),
        |m| m.through = seq(7),
        |m| m.segments[0].bytes = u64::MAX,
        |m| m.segments[0].bytes = 3,
        |m| m.segments[0].entries = 0,
        |m| m.segments[0].frames.clear(),
        |m| m.segments[0].frames[1].offset = u64::MAX,
        |m| {
            let again = m.segments[0].clone();
            m.segments.push(again);
        },
    ];
    for (at, spoil) in spoilt.iter().enumerate() {
        let mut hostile = manifest.clone();
        spoil(&mut hostile);
        assert!(Manifest::decode(&job, &hostile.encode()).is_err(), "number {at}");
    }
}

#[tokio::test]
async fn a_running_job_is_copied_by_count_and_by_age_and_not_before() {
    let sides = Sides::new();
    let mut author = Author::opens(&sides.store, "running").await;
    author.writes_lines(900, T0).await;
    assert_eq!(sides.sweep(T0.plus(Duration::from_secs(60))).await.segments, 0);
    assert_eq!(sides.sweep(after(1)).await.entries, 900);
    let manifest = sides
        .archive
        .job(&author.job)
        .await
        .expect("an answer")
        .expect("a manifest");
    assert_eq!((manifest.state, manifest.through), (State::Running, seq(900)));
    author.writes_lines(50_100, after(1)).await;
    let swept = sides.sweep(after(1)).await;
    assert_eq!((swept.segments, swept.entries), (1, 50_000));
    let manifest = sides
        .archive
        .job(&author.job)
        .await
        .expect("an answer")
        .expect("a manifest");
    assert_eq!(manifest.segments[1].frames.len(), 50);
    // Not every manifest stays.
    assert_eq!(
        objects(&sides)
            .await
            .iter()
            .filter(|object| object.as_ref().contains("manifest"))
            .count(),
        2
    );
}

#[tokio::test]
async fn what_is_not_confirmed_is_not_copied_from_a_running_job() {
    let sides = Sides::new();
    let author = Author::opens(&sides.store, "unconfirmed").await;
    let batch = Batch {
        writer: author.writer.id.clone(),
        fence: author.writer.fence,
        number: 1,
        events: testkit::builders::lines(1..=10),
    };
    sides.store.append(&author.job, &batch).await.expect("appended");
    let record = sides.store.job(&author.job).await.expect("there").expect("known");
    let swept = sides.sweep(after(5)).await;
    assert_eq!(swept.entries, record.confirmed.get());
}

#[tokio::test]
async fn entries_stay_in_the_store_until_they_are_old_enough() {
    let sides = Sides::new();
    let mut author = Author::opens(&sides.store, "retention").await;
    author.writes_lines(1_500, T0).await;
    author.writes_lines(1_500, after(10)).await;
    let job = author.ends().await;
    assert_eq!(sides.sweep(after(11)).await.forgotten, 0);
    assert_eq!(sides.sweep(after(25)).await.forgotten, 1_500);
    let record = sides.store.job(&job).await.expect("there").expect("known");
    assert_eq!(record.held_from, seq(1_501));
    assert_eq!(sides.sweep(after(25)).await.forgotten, 0);
    // The last entry, the end, was written at the time everything began; the lines before it hold it back.
    assert_eq!(sides.sweep(after(34)).await.forgotten, 1_501);
    assert_whole(&walked_back(&sides.history(), &job, 999).await, 3_001);
}

#[tokio::test]
async fn two_sweeps_at_once_do_each_job_once() {
    let sides = Sides::new();
    for name in ["a", "b", "c", "d"] {
        let mut author = Author::opens(&sides.store, name).await;
        author.writes_lines(700, T0).await;
        author.ends().await;
    }
    let (one, two) = tokio::join!(sides.sweep(after(48)), sides.sweep(after(48)));
    assert!(one.is_complete() && two.is_complete(), "{one:?} {two:?}");
    assert_eq!(one.entries + two.entries, 4 * 701);
    assert_eq!(one.elsewhere + two.elsewhere, 0);
}

#[tokio::test]
async fn a_sweep_stops_when_it_is_asked() {
    let sides = Sides::new();
    let mut author = Author::opens(&sides.store, "stop").await;
    author.writes_lines(10, T0).await;
    author.ends().await;
    let stop = crate::Stop::default();
    stop.ask();
    let swept = crate::sweep_until(&*sides.store, &sides.archive, &plain(), after(1), &policy(), &stop)
        .await
        .expect("swept");
    assert!(swept.stopped && !swept.is_complete() && swept.segments == 0);
}

#[tokio::test]
async fn an_archive_that_lost_what_the_store_believed_archived_is_an_error_and_nothing_is_forgotten() {
    let sides = Sides::new();
    let mut author = Author::opens(&sides.store, "wiped").await;
    author.writes_lines(100, T0).await;
    author.writes_lines(100, after(20)).await;
    let job = author.ends().await;
    assert!(sides.sweep(after(25)).await.is_complete());
    let empty = Archive::over(Arc::new(InMemory::new()));
    let swept = sweep(&*sides.store, &empty, &plain(), after(96), &policy())
        .await
        .expect("swept");
    assert_eq!((swept.undone, swept.forgotten), (1, 0), "{swept:?}");
    let record = sides.store.job(&job).await.expect("there").expect("known");
    assert_eq!(record.held_from, seq(101));
}

#[tokio::test]
async fn a_second_job_of_an_archived_name_is_left_alone_and_not_taken_for_its_copy() {
    let sides = Sides::new();
    let mut first = Author::opens(&sides.store, "nightly").await;
    first.writes_lines(100, T0).await;
    first.ends().await;
    assert!(sides.sweep(after(48)).await.is_complete());

    // The record's time is over: a store that knows nothing of the first job.
    let later = Sides::new();
    let job = job("nightly");
    later
        .store
        .open(&job, &owner("ana"), after(1000))
        .await
        .expect("opened");
    let mut second = Author::opens(&later.store, "nightly").await;
    second.writes_lines(5, after(1000)).await;
    second.ends().await;
    let swept = sweep(&*later.store, &sides.archive, &plain(), after(2000), &policy())
        .await
        .expect("swept");
    assert_eq!((swept.undone, swept.forgotten), (1, 0), "{swept:?}");
    let record = later.store.job(&job).await.expect("there").expect("known");
    assert_eq!(
        (record.held_from, record.head),
        (seq(1), seq(6)),
        "its lines are all still there"
    );
}

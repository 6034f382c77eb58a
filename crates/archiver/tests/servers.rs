//! The archive on real servers and in a real folder.

use std::sync::Arc;
use std::time::Duration;

use archiver::{Archive, ArchiveUrl, Cursor, Error, History, PageSize, Policy, S3Options, Storage, sweep};
use log_model::{JobId, Outcome, WriterId};
use redact::Redactor;
use stream_store::{Batch, Ending, LogStore, SqliteStore};
use testkit::builders::{T0, job, lines, owner};
use testkit::redis::RedisServer;
use testkit::s3::{ACCESS_KEY_ID, REGION, S3Server, SECRET_ACCESS_KEY, SeaweedServer};

fn bucket(url: &str, endpoint: String) -> Archive {
    let url: ArchiveUrl = url.parse().expect("an address");
    let options = S3Options {
        endpoint: Some(endpoint),
        region: Some(REGION.to_owned()),
        access_key_id: Some(ACCESS_KEY_ID.to_owned()),
        secret_access_key: Some(SECRET_ACCESS_KEY.to_owned()),
    };
    assert!(!format!("{options:?}").contains("secret"), "a key is not shown");
    Archive::open_with(&url, &options).expect("usable")
}

async fn ended_job(store: &Arc<dyn LogStore>) -> JobId {
    let job = job("on-a-server");
    store.open(&job, &owner("ana"), T0).await.expect("opened");
    let writer = store
        .join(&job, &WriterId::new("w").expect("a slot"))
        .await
        .expect("joined");
    for (number, events) in (writer.next..).zip(lines(1..=2_400).chunks(64)) {
        let batch = Batch {
            writer: writer.id.clone(),
            fence: writer.fence,
            number,
            events: events.to_vec(),
        };
        store.append(&job, &batch).await.expect("appended");
    }
    store.leave(&job, &writer, T0).await.expect("left");
    store
        .end(
            &job,
            Ending {
                outcome: Outcome::Failed,
                exit_code: Some(1),
            },
            T0,
        )
        .await
        .expect("ended");
    job
}

async fn a_log_goes_there_and_comes_back(archive: Archive) {
    let dir = tempfile::tempdir().expect("a directory");
    let store: Arc<dyn LogStore> = Arc::new(SqliteStore::open(&dir.path().join("log.db")).expect("a store"));
    from_that_store(store, archive).await;
}

async fn from_that_store(store: Arc<dyn LogStore>, archive: Archive) {
    let job = ended_job(&store).await;
    assert!(archive.probe().await.expect("it answers").conditional_put);
    let redactor = Redactor::builder().build().expect("the built-in rules");
    let now = T0.plus(Duration::from_secs(48 * 3600));
    let swept = sweep(&*store, &archive, &redactor, now, &Policy::default())
        .await
        .expect("both sides are there");
    assert!(swept.is_complete(), "{swept:?}");
    assert_eq!(swept.forgotten, 2_401);
    let history = History::new(store, Some(Arc::new(archive)));
    let page = history
        .page(
            &job,
            Cursor::Newest,
            PageSize {
                entries: 200,
                bytes: 4 << 20,
            },
        )
        .await
        .expect("a page");
    assert_eq!((page.entries.len(), page.storage), (200, Storage::Archive));
    assert_eq!(page.entries[199].seq.get(), 2_401);
}

#[tokio::test]
async fn moto_keeps_a_log() {
    let server = S3Server::start();
    a_log_goes_there_and_comes_back(bucket(&server.url(), server.endpoint())).await;
}

#[tokio::test]
async fn a_log_leaves_redis_for_a_folder() {
    let server = RedisServer::start();
    let store = stream_store::connect(&server.url().parse().expect("an address"))
        .await
        .expect("connected");
    let dir = tempfile::tempdir().expect("a directory");
    let url = ArchiveUrl::folder(dir.path()).expect("an absolute path");
    from_that_store(store, Archive::open(&url).expect("usable")).await;
}

#[tokio::test]
async fn seaweed_keeps_a_log() {
    let server = SeaweedServer::start();
    a_log_goes_there_and_comes_back(bucket(&server.url(), server.endpoint())).await;
}

#[tokio::test]
async fn a_folder_keeps_a_log() {
    let dir = tempfile::tempdir().expect("a directory");
    let url = ArchiveUrl::folder(&dir.path().join("made/by/us")).expect("an absolute path");
    a_log_goes_there_and_comes_back(Archive::open(&url).expect("usable")).await;
    assert!(dir.path().join("made/by/us/jobs/on-a-server/manifest-1.json").is_file());
}

#[tokio::test]
async fn a_server_that_is_away_is_unavailable_within_a_bounded_time() {
    let server = S3Server::start();
    let archive = bucket(&server.url(), server.endpoint());
    assert_eq!(archive.job(&job("nobodys")).await.expect("it answers"), None);
    server.stop();
    let away = tokio::time::timeout(Duration::from_secs(60), archive.job(&job("nobodys")))
        .await
        .expect("in time");
    assert!(matches!(away, Err(Error::Unavailable { .. })), "{away:?}");
    server.start_again();
    assert_eq!(archive.job(&job("nobodys")).await.expect("it answers"), None);
}

#[tokio::test]
async fn plain_http_is_for_this_machine_only() {
    let url: ArchiveUrl = "s3://logs/x".parse().expect("an address");
    let options = S3Options {
        endpoint: Some("http://192.0.2.1:9000".to_owned()),
        region: Some(REGION.to_owned()),
        access_key_id: Some(ACCESS_KEY_ID.to_owned()),
        secret_access_key: Some(SECRET_ACCESS_KEY.to_owned()),
    };
    let archive = Archive::open_with(&url, &options).expect("nothing is asked yet");
    let refused = tokio::time::timeout(Duration::from_secs(60), archive.job(&job("nobodys")))
        .await
        .expect("in time");
    assert!(matches!(refused, Err(Error::Unavailable { .. })), "{refused:?}");
}

//! Whose a job is: users and organisations, recent jobs and archived ones. A stranger's request and a guess are the same
//! in bytes, in headers and in the work they cause.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use archiver::{Archive, ArchiveUrl, Policy};
use log_model::{JobId, Owner, OwnerId, Timestamp, WriterId};
use parking_lot::Mutex;
use stream_store::{LogStore, Writer};
use tempfile::TempDir;
use testkit::builders::{T0, unique_job};
use testkit::clerk::Clerk;

use crate::access::{ASKS, comparable};
use crate::common::{Ask, Gateway, Hooked, Job, away, clerk_gatekeeper, settings};

/// A gateway with an archive in a folder. Its store can be switched off, and tells what it was asked.
struct Archived {
    gateway: Gateway,
    archive: Arc<Archive>,
    off: Arc<AtomicBool>,
    asked: Arc<Mutex<Vec<&'static str>>>,
    _folder: TempDir,
}

impl Archived {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let archive = Arc::new(Archive::open(&ArchiveUrl::folder(folder.path()).unwrap()).unwrap());
        let (off, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let (switch, told) = (Arc::clone(&off), Arc::clone(&asked));
        let wrap = move |inner| {
            let hook = move |name: &'static str| -> futures::future::BoxFuture<'static, stream_store::Result<()>> {
                told.lock().push(name);
                let answer = if switch.load(Ordering::SeqCst) {
                    Err(away())
                } else {
                    Ok(())
                };
                Box::pin(async { answer })
            };
            Arc::new(Hooked {
                inner,
                hook: Arc::new(hook),
            }) as Arc<dyn LogStore>
        };
        let (settings, clerk) = (settings(), Clerk::new());
        let keeper = clerk_gatekeeper(&clerk, &settings.origins);
        let gateway = Gateway::beside(settings, wrap, keeper, clerk, Some(Arc::clone(&archive))).await;
        Self {
            gateway,
            archive,
            off,
            asked,
            _folder: folder,
        }
    }

    async fn open(&self, owner: &Owner) -> (JobId, Writer) {
        let job = unique_job("job");
        self.gateway.store.open(&job, owner, T0).await.unwrap();
        let writer = self
            .gateway
            .store
            .join(&job, &WriterId::new("w1").unwrap())
            .await
            .unwrap();
        (job, writer)
    }

    /// Copies what has ended to the archive, and has the store forget it.
    async fn sweep(&self, keep_record: Duration) {
        let policy = Policy {
            retention: Duration::ZERO,
            record_retention: keep_record,
            ..Policy::default()
        };
        let redactor = redact::Redactor::builder().build().unwrap();
        let now = Timestamp::from(SystemTime::now());
        let swept = archiver::sweep(&*self.gateway.store, &self.archive, &redactor, now, &policy)
            .await
            .unwrap();
        assert!(swept.is_complete(), "{swept:?}");
    }

    fn ask_with(&self, token: &str, path: &str) -> Ask {
        self.gateway
            .get(path)
            .header("authorization", &format!("Bearer {token}"))
    }

    /// What the store is asked while this is answered.
    async fn work(&self, ask: Ask) -> (crate::common::Whole, Vec<&'static str>) {
        self.asked.lock().clear();
        let answer = ask.whole().await;
        (answer, std::mem::take(&mut *self.asked.lock()))
    }
}

fn org(name: &str) -> Owner {
    Owner::org(OwnerId::new(name).unwrap())
}

async fn write_and_end(archived: &Archived, job: &JobId, writer: Writer) {
    let job = Job::written(Arc::clone(&archived.gateway.store), job.clone(), writer);
    job.lines(1..=20).await;
    job.end().await;
}

#[tokio::test]
async fn a_stranger_and_a_guess_are_one_in_bytes_headers_and_work_whatever_became_of_the_job() {
    let archived = Archived::start().await;
    let gateway = &archived.gateway;
    let ana = testkit::builders::owner("ana");
    let mut jobs = Vec::new();
    for (what, keep_record) in [
        (
            "archived, and its small record kept",
            Some(Duration::from_secs(3600 * 24 * 30)),
        ),
        ("archived, and nothing of it in the store", Some(Duration::ZERO)),
        ("over, in the store", None),
    ] {
        let (job, writer) = archived.open(&ana).await;
        write_and_end(&archived, &job, writer).await;
        if let Some(keep_record) = keep_record {
            archived.sweep(keep_record).await;
            assert_eq!(
                gateway.store.job(&job).await.unwrap().is_none(),
                keep_record.is_zero(),
                "{what}"
            );
        }
        jobs.push((what, job));
    }
    jobs.push(("running", archived.open(&ana).await.0));
    let (of_an_org, writer) = archived.open(&org("org_acme")).await;
    jobs.push(("an organisation's", of_an_org.clone()));
    drop(writer);
    let strangers = [
        ("another user", gateway.token("bob")),
        (
            "another organisation's member",
            gateway.clerk.session("user_bob").org("org_other", "admin").token(),
        ),
        (
            "the same, in version 1",
            gateway.clerk.session("user_bob").v1().org("org_other", "admin").token(),
        ),
    ];
    for (who, token) in &strangers {
        for ask in ASKS {
            let guess = archived.ask_with(token, &format!("/v1/jobs/no-such-job{ask}"));
            let (guess, guess_work) = archived.work(guess).await;
            guess.refused(404, "job_not_found");
            assert!(!guess_work.is_empty(), "a guess is looked up");
            for (what, job) in &jobs {
                // Twice: what is remembered of the first time must not show in the second.
                for time in 1..=2 {
                    let stranger = archived.ask_with(token, &format!("/v1/jobs/{job}{ask}"));
                    let (stranger, work) = archived.work(stranger).await;
                    assert_eq!(
                        comparable(&stranger),
                        comparable(&guess),
                        "{who}, {what}, {ask}, time {time}"
                    );
                    assert_eq!(work, guess_work, "{who}, {what}, {ask}, time {time}");
                }
            }
        }
    }
    // And all of them are there for those whose they are.
    for (what, job) in &jobs {
        let token = gateway.clerk.session("user_ana").org("org_acme", "member").token();
        for ask in ASKS {
            let answer = archived.ask_with(&token, &format!("/v1/jobs/{job}{ask}")).send().await;
            assert_eq!(answer.status(), 200, "{what}, {ask}");
        }
    }
}

#[tokio::test]
async fn an_organisations_job_is_read_by_its_members_in_both_versions_recent_and_archived() {
    let archived = Archived::start().await;
    let (job, writer) = archived.open(&org("org_acme")).await;
    let clerk = archived.gateway.clerk.clone();
    let ana = || clerk.session("user_ana");
    let members = [
        ana().org("org_acme", "member").token(),
        ana().v1().org("org_acme", "member").token(),
        clerk.session("user_ben").org("org_acme", "admin").token(),
    ];
    let strangers = [
        ana().token(),
        ana().v1().token(),
        ana().org("org_other", "admin").token(),
        ana().v1().org("org_other", "admin").token(),
        // What the other version says is not believed.
        ana().claim("org_id", "org_acme").claim("org_role", "org:admin").token(),
        ana()
            .v1()
            .claim("o", serde_json::json!({"id": "org_acme", "rol": "admin"}))
            .token(),
        // A user whose id reads like the organisation's is not it.
        clerk.session("user_org_acme").token(),
    ];
    let check = async |storage: &str| {
        let path = format!("/v1/jobs/{job}/logs");
        for token in &members {
            let answer = archived.ask_with(token, &path).whole().await;
            assert_eq!(
                (answer.status.as_u16(), answer.json()["storage"].as_str()),
                (200, Some(storage))
            );
        }
        for token in &strangers {
            archived
                .ask_with(token, &path)
                .whole()
                .await
                .refused(404, "job_not_found");
        }
    };
    check("recent").await;
    write_and_end(&archived, &job, writer).await;
    check("recent").await;
    archived.sweep(Duration::ZERO).await;
    check("archive").await;
}

#[tokio::test]
async fn a_user_and_an_organisation_of_one_name_are_two_owners() {
    let archived = Archived::start().await;
    // Clerk would not make such an id; a job opened by hand may name it.
    let (users, _) = archived.open(&Owner::user(OwnerId::new("org_acme").unwrap())).await;
    let member = archived
        .gateway
        .clerk
        .session("user_ana")
        .org("org_acme", "admin")
        .token();
    let path = format!("/v1/jobs/{users}");
    archived
        .ask_with(&member, &path)
        .whole()
        .await
        .refused(404, "job_not_found");
}

#[tokio::test]
async fn while_the_store_is_away_a_stranger_and_a_guess_are_still_one_and_the_archive_still_serves() {
    let archived = Archived::start().await;
    let (job, writer) = archived.open(&testkit::builders::owner("ana")).await;
    write_and_end(&archived, &job, writer).await;
    archived.sweep(Duration::ZERO).await;
    archived.off.store(true, Ordering::SeqCst);
    for ask in ["", "/logs", "/logs/raw", "/logs/search?q=line"] {
        let guess = archived.gateway.get_as("bob", &format!("/v1/jobs/no-such-job{ask}"));
        let (guess, guess_work) = archived.work(guess).await;
        guess.refused(503, "store_unavailable");
        let stranger = archived.gateway.get_as("bob", &format!("/v1/jobs/{job}{ask}"));
        let (stranger, work) = archived.work(stranger).await;
        assert_eq!(comparable(&stranger), comparable(&guess), "{ask}");
        assert_eq!(work, guess_work, "{ask}");
        let owner = archived
            .gateway
            .get_as("ana", &format!("/v1/jobs/{job}{ask}"))
            .whole()
            .await;
        assert_eq!(owner.status, 200, "{ask}: {}", owner.text());
    }
}

//! Nothing is lost and nothing doubled between a page and a stream, whatever is written while a viewer connects.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::FutureExt;
use parking_lot::Mutex;
use stream_store::LogStore;

use crate::common::{Gateway, Hooked, Job, settings};

/// A gateway whose every look at its store finds one more line written before it and one after it, up to a limit.
async fn meddled_with() -> (Gateway, Arc<Mutex<Option<Arc<Job>>>>, Arc<AtomicUsize>) {
    let job: Arc<Mutex<Option<Arc<Job>>>> = Arc::default();
    let left = Arc::new(AtomicUsize::new(0));
    let (writing, count) = (Arc::clone(&job), Arc::clone(&left));
    let wrap = move |inner| {
        let hook = move |_: &'static str| {
            let (writing, count) = (Arc::clone(&writing), Arc::clone(&count));
            async move {
                let job = writing.lock().clone();
                let more = count
                    .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1))
                    .is_ok();
                if let Some(job) = job.filter(|_| more) {
                    job.append(vec![testkit::builders::line("meanwhile")]).await;
                }
                Ok(())
            }
            .boxed()
        };
        Arc::new(Hooked {
            inner,
            hook: Arc::new(hook),
        }) as Arc<dyn LogStore>
    };
    (Gateway::over(settings(), wrap).await, job, left)
}

async fn all_once(meanwhile: usize, ended: bool) {
    let (gateway, writing, left) = meddled_with().await;
    let job = Arc::new(gateway.job("ana").await);
    job.lines(1..=5).await;
    *writing.lock() = Some(Arc::clone(&job));
    left.store(meanwhile, Ordering::SeqCst);
    let mut events = gateway.get_as("ana", &job.stream()).events().await;
    let head = events.expect("hello").await.data["head"].as_u64().unwrap();
    left.store(0, Ordering::SeqCst);
    let last = job.append(vec![testkit::builders::line("last")]).await.last.get();
    if ended {
        job.end().await;
    }
    let mut met = events.ids_through(last).await;
    let page = gateway
        .get_as("ana", &job.path(&format!("/logs?before={}&limit=1000", head + 1)))
        .whole()
        .await
        .json();
    met.splice(
        0..0,
        page["entries"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| entry["seq"].as_u64().unwrap()),
    );
    assert_eq!(met, (1..=last).collect::<Vec<_>>(), "{meanwhile} lines meanwhile");
    if ended {
        events.expect("end").await;
        events.closed().await;
    }
}

#[tokio::test]
async fn page_and_stream_are_exactly_the_log_whatever_comes_between_the_steps_of_connecting() {
    for meanwhile in [0, 1, 2, 3, 4, 5, 6, 8, 20] {
        all_once(meanwhile, meanwhile % 2 == 0).await;
    }
}

#[tokio::test]
async fn a_returning_viewer_gets_each_entry_once_whatever_comes_between() {
    for meanwhile in [0, 1, 2, 3, 5, 8, 20] {
        let (gateway, writing, left) = meddled_with().await;
        let job = Arc::new(gateway.job("ana").await);
        job.lines(1..=50).await;
        *writing.lock() = Some(Arc::clone(&job));
        left.store(meanwhile, Ordering::SeqCst);
        let mut events = gateway
            .get_as("ana", &job.stream())
            .header("last-event-id", "10")
            .events()
            .await;
        events.expect("hello").await;
        left.store(0, Ordering::SeqCst);
        let last = job.append(vec![testkit::builders::line("last")]).await.last.get();
        assert_eq!(
            events.ids_through(last).await,
            (11..=last).collect::<Vec<_>>(),
            "{meanwhile} lines meanwhile"
        );
    }
}

//! A store and a bucket that do something before and after each call: fail, or wait for a turn.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use log_model::{JobId, LogEntry, Owner, Seq, Span, Timestamp, WriterId};
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions,
    PutOptions, PutPayload, PutResult,
};
use stream_store::{
    Appended, Batch, Change, Claim, Ended, Ending, Error, JobPage, JobRecord, Known, ListCursor, LogStore, Result,
    Silence, State, Writer,
};

/// Called before and after each call; says whether the call may happen, or its answer may arrive.
pub(super) trait Step: Send + Sync + 'static {
    fn before(&self) -> BoxFuture<'_, bool>;
    fn after(&self) -> BoxFuture<'_, bool>;
}

#[derive(Clone)]
pub(super) struct Doubled<T> {
    pub(super) inner: Arc<T>,
    pub(super) step: Arc<dyn Step>,
}

impl<T> fmt::Debug for Doubled<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Doubled")
    }
}

impl<T> fmt::Display for Doubled<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Doubled")
    }
}

fn away() -> Error {
    Error::Unavailable {
        source: "killed".into(),
    }
}

fn gone() -> object_store::Error {
    object_store::Error::Generic {
        store: "double",
        source: "killed".into(),
    }
}

macro_rules! stepped {
    ($self:ident, $error:expr, $call:expr) => {{
        if !$self.step.before().await {
            return Err($error);
        }
        let answer = $call.await;
        if !$self.step.after().await {
            return Err($error);
        }
        answer
    }};
}

/// The store to be doubled, as something with a size.
#[derive(Debug)]
pub(super) struct Real(pub(super) Arc<dyn LogStore>);

#[async_trait]
impl LogStore for Doubled<Real> {
    async fn open(&self, job: &JobId, owner: &Owner, at: Timestamp) -> Result<JobRecord> {
        stepped!(self, away(), self.inner.0.open(job, owner, at))
    }
    async fn job(&self, job: &JobId) -> Result<Option<JobRecord>> {
        stepped!(self, away(), self.inner.0.job(job))
    }
    async fn join(&self, job: &JobId, slot: &WriterId) -> Result<Writer> {
        stepped!(self, away(), self.inner.0.join(job, slot))
    }
    async fn rejoin(&self, job: &JobId, slot: &WriterId, known: &Known, at: Timestamp) -> Result<Writer> {
        stepped!(self, away(), self.inner.0.rejoin(job, slot, known, at))
    }
    async fn renew(&self, job: &JobId, writer: &Writer) -> Result<()> {
        stepped!(self, away(), self.inner.0.renew(job, writer))
    }
    async fn leave(&self, job: &JobId, writer: &Writer, at: Timestamp) -> Result<()> {
        stepped!(self, away(), self.inner.0.leave(job, writer, at))
    }
    async fn finish(&self, job: &JobId, writer: &Writer, ending: Ending, at: Timestamp) -> Result<Ended> {
        stepped!(self, away(), self.inner.0.finish(job, writer, ending, at))
    }
    async fn end(&self, job: &JobId, ending: Ending, at: Timestamp) -> Result<Ended> {
        stepped!(self, away(), self.inner.0.end(job, ending, at))
    }
    async fn append(&self, job: &JobId, batch: &Batch) -> Result<Appended> {
        stepped!(self, away(), self.inner.0.append(job, batch))
    }
    async fn confirm(&self, job: &JobId, writer: &WriterId, number: u64) -> Result<bool> {
        stepped!(self, away(), self.inner.0.confirm(job, writer, number))
    }
    async fn read(&self, job: &JobId, span: Span) -> Result<Vec<LogEntry>> {
        stepped!(self, away(), self.inner.0.read(job, span))
    }
    fn follow(&self, job: &JobId, after: Seq) -> BoxStream<'static, Result<Change>> {
        self.inner.0.follow(job, after)
    }
    async fn mark_silent(&self, job: &JobId, silence: &Silence, at: Timestamp) -> Result<State> {
        stepped!(self, away(), self.inner.0.mark_silent(job, silence, at))
    }
    async fn due(&self, by: Timestamp, cursor: Option<ListCursor>, limit: usize) -> Result<JobPage> {
        stepped!(self, away(), self.inner.0.due(by, cursor, limit))
    }
    async fn look_again(&self, job: &JobId, at: Timestamp) -> Result<()> {
        stepped!(self, away(), self.inner.0.look_again(job, at))
    }
    async fn list(&self, cursor: Option<ListCursor>, limit: usize) -> Result<JobPage> {
        stepped!(self, away(), self.inner.0.list(cursor, limit))
    }
    async fn claim(&self, job: &JobId, holder: &str, ttl: Duration) -> Result<Claim> {
        stepped!(self, away(), self.inner.0.claim(job, holder, ttl))
    }
    async fn release(&self, claim: &Claim) -> Result<()> {
        stepped!(self, away(), self.inner.0.release(claim))
    }
    async fn archived(&self, job: &JobId, through: Seq) -> Result<()> {
        stepped!(self, away(), self.inner.0.archived(job, through))
    }
    async fn forget(&self, job: &JobId, through: Seq, keep_record: Duration) -> Result<()> {
        stepped!(self, away(), self.inner.0.forget(job, through, keep_record))
    }
    async fn mask(&self, job: &JobId, entry: &LogEntry) -> Result<u32> {
        stepped!(self, away(), self.inner.0.mask(job, entry))
    }
    async fn erase(&self, job: &JobId, by: &str, why: &str, at: Timestamp) -> Result<u32> {
        stepped!(self, away(), self.inner.0.erase(job, by, why, at))
    }
    async fn ping(&self) -> Result<()> {
        stepped!(self, away(), self.inner.0.ping())
    }
    async fn warnings(&self) -> Result<Vec<String>> {
        stepped!(self, away(), self.inner.0.warnings())
    }
}

#[async_trait]
impl<T: ObjectStore> ObjectStore for Doubled<T> {
    async fn put_opts(&self, path: &Path, payload: PutPayload, options: PutOptions) -> object_store::Result<PutResult> {
        stepped!(self, gone(), self.inner.put_opts(path, payload, options))
    }
    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> object_store::Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(path, options).await
    }
    async fn get_opts(&self, path: &Path, options: GetOptions) -> object_store::Result<GetResult> {
        stepped!(self, gone(), self.inner.get_opts(path, options))
    }
    fn delete_stream(
        &self,
        paths: BoxStream<'static, object_store::Result<Path>>,
    ) -> BoxStream<'static, object_store::Result<Path>> {
        let (inner, step) = (Arc::clone(&self.inner), Arc::clone(&self.step));
        let deleted = paths.then(move |path| {
            let (inner, step) = (Arc::clone(&inner), Arc::clone(&step));
            async move {
                let path = path?;
                if !step.before().await {
                    return Err(gone());
                }
                let one = futures::stream::iter([Ok(path.clone())]).boxed();
                inner
                    .delete_stream(one)
                    .collect::<Vec<_>>()
                    .await
                    .into_iter()
                    .collect::<object_store::Result<Vec<_>>>()?;
                if step.after().await { Ok(path) } else { Err(gone()) }
            }
        });
        deleted.boxed()
    }
    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
        let (inner, step, prefix) = (Arc::clone(&self.inner), Arc::clone(&self.step), prefix.cloned());
        let listed = async move {
            if !step.before().await {
                return futures::stream::iter([Err(gone())]).boxed();
            }
            inner.list(prefix.as_ref())
        };
        futures::stream::once(listed).flatten().boxed()
    }
    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> object_store::Result<ListResult> {
        stepped!(self, gone(), self.inner.list_with_delimiter(prefix))
    }
    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> object_store::Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

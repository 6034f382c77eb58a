//! The archive itself: objects in a bucket or a folder, written once, read in ranges.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use log_model::JobId;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    Attribute, Attributes, BackoffConfig, ClientOptions, GetOptions, ObjectStore, ObjectStoreExt, PutMode, PutOptions,
    PutPayload, RetryConfig,
};

use crate::error::{Error, Result};
use crate::layout::{self, Layout};
use crate::manifest::{MANIFEST_BYTES, Manifest};
use crate::segment::{Segment, SegmentRecord};
use crate::url::{ArchiveUrl, Place};

/// How long one request may take, 8 MiB either way included.
const REQUEST: Duration = Duration::from_secs(30);
/// How long reaching the server may take.
const CONNECT: Duration = Duration::from_secs(5);
/// How often a request is made again.
const RETRIES: usize = 3;
/// After how long it is not made again.
const RETRY_FOR: Duration = Duration::from_secs(20);
/// How often the newest manifest is looked for again when it went away between being listed and being read.
const LOOKS: usize = 4;

/// What an S3 client needs, said outright instead of by `AWS_*` variables.
#[derive(Clone, Default)]
pub struct S3Options {
    /// The server, as in `http://127.0.0.1:9000`; none for AWS itself. Plain HTTP only to this machine.
    pub endpoint: Option<String>,
    /// The region.
    pub region: Option<String>,
    /// The access key's id.
    pub access_key_id: Option<String>,
    /// The secret access key.
    pub secret_access_key: Option<String>,
}

impl fmt::Debug for S3Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Options")
            .field("endpoint", &self.endpoint)
            .field("region", &self.region)
            .finish_non_exhaustive()
    }
}

/// What trying the archive out has shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Probe {
    /// Whether the archive refuses to write over an object that exists. Where it does not, the recent store's claim on
    /// the job is the only lock.
    pub conditional_put: bool,
}

/// The logs that are kept for good.
///
/// Every request has a time-out and a bounded number of retries. Dropping a future leaves the request's effect in
/// doubt; everything here may be repeated.
#[derive(Debug)]
pub struct Archive {
    objects: Arc<dyn ObjectStore>,
    layout: Layout,
    /// A folder refuses content types.
    takes_attributes: bool,
    conditional: AtomicBool,
}

impl Archive {
    /// Opens an archive; a bucket's credentials, region and endpoint are taken from the usual `AWS_*` variables. A folder
    /// is made when it is not there. Nothing is asked of a bucket yet.
    ///
    /// # Errors
    /// [`Error::Setting`] when it cannot be used like that.
    pub fn open(url: &ArchiveUrl) -> Result<Self> {
        match url.place() {
            Place::Bucket { bucket, prefix } => Self::bucket(AmazonS3Builder::from_env(), bucket, prefix),
            Place::Folder(path) => Self::folder(path),
        }
    }

    /// Opens an archive without a look at the environment.
    ///
    /// # Errors
    /// As [`open`](Archive::open).
    pub fn open_with(url: &ArchiveUrl, options: &S3Options) -> Result<Self> {
        let Place::Bucket { bucket, prefix } = url.place() else {
            return Self::open(url);
        };
        let mut builder = AmazonS3Builder::new();
        for (key, value) in [
            (AmazonS3ConfigKey::Endpoint, &options.endpoint),
            (AmazonS3ConfigKey::Region, &options.region),
            (AmazonS3ConfigKey::AccessKeyId, &options.access_key_id),
            (AmazonS3ConfigKey::SecretAccessKey, &options.secret_access_key),
        ] {
            if let Some(value) = value {
                builder = builder.with_config(key, value);
            }
        }
        Self::bucket(builder, bucket, prefix)
    }

    fn bucket(builder: AmazonS3Builder, bucket: &str, prefix: &str) -> Result<Self> {
        // The HTTP client is built without a TLS provider of its own and takes the process's. Somebody else having
        // chosen one already is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let endpoint = [AmazonS3ConfigKey::S3Endpoint, AmazonS3ConfigKey::Endpoint]
            .iter()
            .find_map(|key| builder.get_config_value(key));
        let mut client = ClientOptions::new().with_timeout(REQUEST).with_connect_timeout(CONNECT);
        if endpoint.as_deref().is_some_and(is_plain_http_here) {
            client = client.with_allow_http(true);
        }
        let retry = RetryConfig {
            backoff: BackoffConfig {
                init_backoff: Duration::from_millis(100),
                max_backoff: Duration::from_secs(5),
                base: 3.0,
            },
            max_retries: RETRIES,
            retry_timeout: RETRY_FOR,
        };
        let objects = builder
            .with_bucket_name(bucket)
            .with_client_options(client)
            .with_retry(retry)
            .build();
        let objects = objects.map_err(|error| Error::Setting {
            problem: format!("the bucket {bucket} cannot be used as the AWS_* variables say: {error}"),
        })?;
        Ok(Self {
            objects: Arc::new(objects),
            layout: Layout::new(prefix),
            takes_attributes: true,
            conditional: AtomicBool::new(true),
        })
    }

    fn folder(path: &std::path::Path) -> Result<Self> {
        let problem = |error: &dyn fmt::Display| Error::Setting {
            problem: format!("the archive's folder {} cannot be used: {error}", path.display()),
        };
        std::fs::create_dir_all(path).map_err(|error| problem(&error))?;
        let objects = LocalFileSystem::new_with_prefix(path)
            .map_err(|error| problem(&error))?
            .with_fsync(true);
        Ok(Self::over(Arc::new(objects)))
    }

    /// An archive over any object store that takes no attributes.
    pub(crate) fn over(objects: Arc<dyn ObjectStore>) -> Self {
        Self {
            objects,
            layout: Layout::new(""),
            takes_attributes: false,
            conditional: AtomicBool::new(true),
        }
    }

    /// Tries out that objects can be written, and whether they can be written once only; leaves nothing behind where it may delete.
    ///
    /// # Errors
    /// [`Error::Denied`] and [`Error::Unavailable`].
    pub async fn probe(&self) -> Result<Probe> {
        let path = self.layout.probe(&crate::random_name());
        let first = self
            .put(&path, Bytes::from_static(b"probe"), "text/plain", true)
            .await?;
        let second = self
            .put(&path, Bytes::from_static(b"probe"), "text/plain", true)
            .await?;
        // Whoever may write need not be allowed to delete; then a few bytes stay behind, and nothing else is the worse.
        if let Err(error) = self.delete(&path).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the probe object stays behind"
            );
        }
        let conditional_put = first == Put::Written && second == Put::AlreadyThere && self.is_conditional();
        self.conditional.store(conditional_put, Ordering::Relaxed);
        Ok(Probe { conditional_put })
    }

    /// What is held of a job, by its newest manifest; none when nothing is.
    ///
    /// Asks the archive for the same number of objects whether the job is there or not.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Denied`], [`Error::Damaged`].
    pub async fn job(&self, job: &JobId) -> Result<Option<Manifest>> {
        for _ in 0..LOOKS {
            let newest = self.manifest_numbers(job).await?.into_iter().max();
            // Where there is none, one is asked for all the same, so that the time an answer takes does not tell whether
            // somebody else has a job of this name.
            let number = newest.unwrap_or(1);
            let found = self.get(&self.layout.manifest(job, number), MANIFEST_BYTES).await?;
            match (newest, found) {
                (_, Some(json)) => return self.decoded(job, number, &json).map(Some),
                (None, None) => return Ok(None),
                // Replaced and tidied away since it was listed.
                (Some(_), None) => {}
            }
        }
        Err(Error::damaged("a job's newest manifest is listed but cannot be read"))
    }

    fn decoded(&self, job: &JobId, number: u64, json: &[u8]) -> Result<Manifest> {
        let manifest = Manifest::decode(job, json)?;
        if manifest.number == number {
            Ok(manifest)
        } else {
            Err(Error::damaged("a manifest has another one's name"))
        }
    }

    async fn manifest_numbers(&self, job: &JobId) -> Result<Vec<u64>> {
        let listed = self
            .objects
            .list_with_delimiter(Some(&self.layout.job(job)))
            .await
            .map_err(trouble)?;
        Ok(listed
            .objects
            .iter()
            .filter_map(|object| layout::manifest_number(&object.location))
            .collect())
    }

    /// Writes the manifest after `manifest`'s own number, which becomes its number.
    ///
    /// # Errors
    /// [`Error::Overtaken`] when somebody else has written that number.
    pub(crate) async fn put_manifest(&self, manifest: &mut Manifest) -> Result<()> {
        let mut next = manifest.clone();
        next.number += 1;
        let json = Bytes::from(next.encode());
        let path = self.layout.manifest(&next.job, next.number);
        if self.put(&path, json.clone(), "application/json", true).await? == Put::AlreadyThere {
            // A retry of a request whose answer was lost meets its own object.
            let theirs = self.get(&path, MANIFEST_BYTES).await?;
            if theirs.is_none_or(|theirs| theirs != json) {
                return Err(Error::Overtaken { job: next.job });
            }
        }
        *manifest = next;
        Ok(())
    }

    /// Takes away manifests that newer ones have replaced, except the last but one: a reader may just be on its way to
    /// it. Nothing depends on it, so a failure is only logged.
    pub(crate) async fn tidy(&self, manifest: &Manifest) {
        let tidied = async {
            for number in self.manifest_numbers(&manifest.job).await? {
                if number + 1 < manifest.number {
                    self.delete(&self.layout.manifest(&manifest.job, number)).await?;
                }
            }
            Ok::<_, Error>(())
        };
        if let Err(error) = tidied.await {
            tracing::debug!(job = %manifest.job, error = &error as &dyn std::error::Error, "old manifests stay");
        }
    }

    /// Writes a segment; one that is there already is the same, by its name.
    pub(crate) async fn put_segment(&self, job: &JobId, segment: &Segment) -> Result<()> {
        let path = self.layout.segment(job, segment.record.first, &segment.record.sha256);
        self.put(&path, segment.bytes.clone(), "application/x-ndjson", true)
            .await?;
        Ok(())
    }

    /// A whole segment; none when it is not there.
    pub(crate) async fn segment(&self, job: &JobId, segment: &SegmentRecord) -> Result<Option<Bytes>> {
        let path = self.layout.segment(job, segment.first, &segment.sha256);
        self.get(&path, crate::segment::SEGMENT_BYTES).await
    }

    /// Some bytes of a segment; none when it is not there.
    pub(crate) async fn segment_range(
        &self,
        job: &JobId,
        segment: &SegmentRecord,
        range: std::ops::Range<u64>,
    ) -> Result<Option<Bytes>> {
        let path = self.layout.segment(job, segment.first, &segment.sha256);
        match self.objects.get_range(&path, range).await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(trouble(error)),
        }
    }

    /// Takes away every segment of the job that `manifest` does not name; returns how many those were. To be called under
    /// the job's claim only: a segment that is just being written is named by no manifest yet.
    pub(crate) async fn drop_unnamed(&self, manifest: &Manifest) -> Result<u64> {
        let named: std::collections::HashSet<Path> = manifest
            .segments
            .iter()
            .map(|segment| self.layout.segment(&manifest.job, segment.first, &segment.sha256))
            .collect();
        let mut listed = self.objects.list(Some(&self.layout.segments(&manifest.job)));
        let mut dropped = 0;
        while let Some(object) = listed.next().await {
            let location = object.map_err(trouble)?.location;
            if !named.contains(&location) {
                self.delete(&location).await?;
                dropped += 1;
            }
        }
        Ok(dropped)
    }

    /// Takes away every manifest older than this one.
    pub(crate) async fn drop_older_manifests(&self, manifest: &Manifest) -> Result<()> {
        for number in self.manifest_numbers(&manifest.job).await? {
            if number < manifest.number {
                self.delete(&self.layout.manifest(&manifest.job, number)).await?;
            }
        }
        Ok(())
    }

    /// Every job of the archive, in no promised order; one may come twice. Holds a listing's page at a time.
    pub(crate) fn jobs(&self) -> impl futures::Stream<Item = Result<JobId>> + Send + '_ {
        let mut last = None;
        let objects = self.objects.list(Some(&self.layout.jobs())).map_err(trouble);
        objects.try_filter_map(move |object| {
            let job = self
                .layout
                .job_of(&object.location)
                .filter(|job| last.as_ref() != Some(job));
            if job.is_some() {
                last.clone_from(&job);
            }
            futures::future::ready(Ok(job))
        })
    }

    fn is_conditional(&self) -> bool {
        self.conditional.load(Ordering::Relaxed)
    }

    async fn put(&self, path: &Path, bytes: Bytes, content_type: &'static str, may_retry: bool) -> Result<Put> {
        let conditional = self.is_conditional();
        if !conditional && self.exists(path).await? {
            return Ok(Put::AlreadyThere);
        }
        let mut options = PutOptions::from(if conditional {
            PutMode::Create
        } else {
            PutMode::Overwrite
        });
        if self.takes_attributes {
            options.attributes = Attributes::from_iter([(Attribute::ContentType, content_type)]);
        }
        match self
            .objects
            .put_opts(path, PutPayload::from_bytes(bytes.clone()), options)
            .await
        {
            Ok(_) => Ok(Put::Written),
            Err(object_store::Error::AlreadyExists { .. }) => Ok(Put::AlreadyThere),
            // Not every server knows the condition. From now on the store's claim is the lock.
            Err(object_store::Error::NotImplemented { .. }) if conditional && may_retry => {
                self.conditional.store(false, Ordering::Relaxed);
                Box::pin(self.put(path, bytes, content_type, false)).await
            }
            Err(error) => Err(trouble(error)),
        }
    }

    async fn exists(&self, path: &Path) -> Result<bool> {
        match self.objects.head(path).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(trouble(error)),
        }
    }

    async fn get(&self, path: &Path, limit: usize) -> Result<Option<Bytes>> {
        let found = match self.objects.get_opts(path, GetOptions::default()).await {
            Ok(found) => found,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(trouble(error)),
        };
        if found.meta.size > limit as u64 {
            return Err(Error::damaged("an object is longer than any of its kind"));
        }
        match found.bytes().await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(trouble(error)),
        }
    }

    async fn delete(&self, path: &Path) -> Result<()> {
        match self.objects.delete(path).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(trouble(error)),
        }
    }
}

/// What became of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Put {
    Written,
    AlreadyThere,
}

fn trouble(error: object_store::Error) -> Error {
    match error {
        object_store::Error::PermissionDenied { .. } | object_store::Error::Unauthenticated { .. } => Error::Denied {
            source: Box::new(error),
        },
        error => Error::Unavailable {
            source: Box::new(error),
        },
    }
}

/// Plain HTTP is for servers on this machine: tests, or a sidecar that adds TLS.
fn is_plain_http_here(endpoint: &str) -> bool {
    let Ok(url) = url::Url::parse(endpoint) else {
        return false;
    };
    let here = match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    url.scheme() == "http" && here
}

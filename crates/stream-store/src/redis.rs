//! The store for production: Redis or Valkey, one server, behind sentinels or a cluster.
//!
//! All keys of a job have the tag `{job}`, so they lie in one slot: `{job}:log` is a stream whose ids are `<seq>-0`,
//! `{job}:job` a hash with the record, `{job}:patch` what was masked after the fact, `{job}:wake` the channel that
//! followers hear. Every change is one script: it happens whole, judged by the server's clock, or not at all.
//!
//! `script` and `scripts/` change things, `read` reads them; `fields`, `pack`, `entry` and `record` are their forms, `follow` and `wake`
//! tell what is new, `confirm` and `index` are what their names say; `link` is the connection, `trouble` its errors.

mod confirm;
mod entry;
mod fields;
mod follow;
mod index;
mod link;
mod pack;
mod read;
mod record;
mod script;
mod trouble;
mod wake;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use fred::interfaces::ClientLike as _;
use fred::types::Value;
use fred::types::config::Options;
use futures::stream::BoxStream;
use futures::{StreamExt as _, TryStreamExt as _};
use log_model::{Fence, JobId, LogEntry, LogEvent, Owner, Seq, Span, Timestamp, WriterId};
use tokio::sync::Semaphore;

use self::confirm::Confirmer;
use self::index::Which;
use self::link::{Link, Settings};
use self::record::text;
use self::script::number;
use self::wake::Wakes;
use crate::known::Known;
use crate::record::{Ending, JobRecord, State};
use crate::store::{
    Appended, Batch, Change, Claim, Due, Ended, Error, JobPage, ListCursor, LogStore, Result, Silence, Writer,
};
use crate::url::{Place, RedisUrl, StoreUrl};

/// How many followers look at once; more wait for their turn.
const LOOKS: usize = 256;

/// How many index entries one step of `due` or `list` asks for, and how many records it asks for at once.
const STEP: usize = 500;

/// The store in Redis (from 7.0) or Valkey.
///
/// Share one per process: it has one connection for commands, one for wake-ups as soon as somebody follows, and one
/// for [`confirm`](LogStore::confirm) as soon as somebody asks; on a cluster, these to each node. Connections are made
/// again for ever, with pauses from 50 ms to 2 s. A command is sent at most once and answered within 5 s, or is
/// [`Error::Unavailable`]; at most 8,192 wait.
///
/// Dropping it closes the connections, once the last follower's stream is dropped too.
pub struct RedisStore {
    inner: Arc<Inner>,
}

/// What followers share with the store.
struct Inner {
    url: RedisUrl,
    link: Link,
    wakes: Wakes,
    confirmer: Confirmer,
    looks: Semaphore,
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore")
            .field("url", &self.inner.url)
            .finish_non_exhaustive()
    }
}

impl RedisStore {
    /// Connects to the server that `url` names. One that is away is no error: it is waited for up to 2 s, and
    /// everything asked before it comes is [`Error::Unavailable`].
    ///
    /// # Errors
    /// [`Error::Setting`] when the server refuses the user or the password, when certificate authorities cannot be
    /// read, or when the URL names another kind of store.
    pub async fn connect(url: &StoreUrl) -> Result<Self> {
        let Place::Redis(url) = &url.0 else {
            return Err(trouble::setting(format!("{url} is no Redis or Valkey server")));
        };
        let settings = Settings::new(url)?;
        let link = settings.connect().await?;
        refuse_old(&link, url).await?;
        let inner = Inner {
            url: url.clone(),
            link,
            wakes: Wakes::new(settings.clone()),
            confirmer: Confirmer::new(settings, url.replicas),
            looks: Semaphore::new(LOOKS),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    fn link(&self) -> &Link {
        &self.inner.link
    }

    /// Leaves, with an ending in the same step or without.
    async fn leaves(&self, job: &JobId, writer: &Writer, ending: Option<Ending>, at: Timestamp) -> Result<Ended> {
        let [outcome, code] = words(ending);
        let call = vec![
            writer.id.as_str().into(),
            string(writer.fence.0),
            string(writer.next),
            string(at),
            lease(),
            outcome,
            code,
        ];
        let answer = script::LEAVE.run(self.link(), job, call).await?;
        self.ended(job, &answer, at).await
    }

    /// What a script says of a job's end: its place, or 0 while there is none.
    async fn ended(&self, job: &JobId, answer: &[Value], at: Timestamp) -> Result<Ended> {
        match seq(answer, 0)? {
            Seq::ZERO => Ok(Ended::WhenLastWriterLeaves),
            last => {
                index::sooner(self.link(), job, at).await;
                Ok(Ended::At(last))
            }
        }
    }

    async fn dues(&self, jobs: Vec<index::Indexed>) -> Result<Vec<Due>> {
        let record = |one: index::Indexed| async move {
            let record = read::record(self.link(), &one.job).await?;
            Ok(Due { job: one.job, record })
        };
        futures::stream::iter(jobs.into_iter().map(record))
            .buffered(STEP)
            .try_collect()
            .await
    }
}

/// Scripts that say what they may do, and channels that belong to a slot, came with Redis 7.
async fn refuse_old(link: &Link, url: &RedisUrl) -> Result<()> {
    if !link.client().is_connected() {
        return Ok(());
    }
    // A server that does not say is found out when it is used.
    let Ok(info) = link.command("INFO", 0, vec!["server".into()]).await else {
        return Ok(());
    };
    let version = text(&info).and_then(|info| info.lines().find_map(|line| line.strip_prefix("redis_version:")));
    let major = version.and_then(|version| version.split('.').next()?.parse::<u32>().ok());
    match (major, version) {
        (Some(..7), Some(version)) => Err(trouble::setting(format!(
            "the store at {url} is Redis {version}: Redis 7.0 or later is needed, or Valkey"
        ))),
        _ => Ok(()),
    }
}

/// A duration in milliseconds, as scripts take it.
fn millis(span: Duration) -> Value {
    Timestamp::default()
        .plus(span)
        .as_millis()
        .min(Seq::MAX.get())
        .to_string()
        .into()
}

fn lease() -> Value {
    millis(Silence::default().silent_after)
}

fn string(text: impl ToString) -> Value {
    text.to_string().into()
}

/// An ending's outcome and exit code, each empty where there is none.
fn words(ending: Option<Ending>) -> [Value; 2] {
    let code = ending.and_then(|ending| ending.exit_code).map(|code| code.to_string());
    let outcome = ending.map_or("", |ending| ending.outcome.as_str());
    [outcome.into(), code.unwrap_or_default().into()]
}

fn seq(answer: &[Value], at: usize) -> Result<Seq> {
    Seq::new(number(answer, at)?).map_err(|_| script::unexpected("a script"))
}

fn revision(answer: &[Value]) -> Result<u32> {
    u32::try_from(number(answer, 0)?).map_err(|_| script::unexpected("a script"))
}

#[async_trait]
impl LogStore for RedisStore {
    async fn open(&self, job: &JobId, owner: &Owner, at: Timestamp) -> Result<JobRecord> {
        let fresh = index::add(self.link(), job, at).await?;
        let call = vec![record::owner_field(owner).into(), string(at)];
        let answer = script::OPEN.run(self.link(), job, call).await?;
        if !fresh && number(&answer, 0)? == 1 {
            index::refresh(self.link(), job, at).await?;
        }
        match answer.get(1) {
            Some(Value::Array(flat)) => record::read(flat)?.ok_or(Error::NoSuchJob),
            _ => Err(script::unexpected("a script")),
        }
    }

    async fn job(&self, job: &JobId) -> Result<Option<JobRecord>> {
        read::record(self.link(), job).await
    }

    async fn join(&self, job: &JobId, slot: &WriterId) -> Result<Writer> {
        let answer = script::JOIN.run(self.link(), job, vec![slot.as_str().into()]).await?;
        self.inner.confirmer.saw(number(&answer, 2)?);
        Ok(Writer {
            id: slot.clone(),
            fence: Fence(number(&answer, 0)?),
            next: number(&answer, 1)?,
        })
    }

    async fn rejoin(&self, job: &JobId, slot: &WriterId, known: &Known, at: Timestamp) -> Result<Writer> {
        index::add(self.link(), job, at).await?;
        let call = vec![
            slot.as_str().into(),
            record::owner_field(&known.owner).into(),
            string(known.opened),
            string(known.fence.0),
            string(known.highest),
            string(known.resend_from),
            string(known.next),
            string(known.counts.lines),
            string(known.counts.redactions),
            string(known.counts.gaps),
            record::phases_field(&known.phases).into(),
            string(at),
        ];
        let answer = script::REJOIN.run(self.link(), job, call).await?;
        self.inner.confirmer.saw(number(&answer, 2)?);
        Ok(Writer {
            id: slot.clone(),
            fence: Fence(number(&answer, 0)?),
            next: number(&answer, 1)?,
        })
    }

    async fn renew(&self, job: &JobId, writer: &Writer) -> Result<()> {
        let call = vec![writer.id.as_str().into(), string(writer.fence.0)];
        script::RENEW.run(self.link(), job, call).await.map(drop)
    }

    async fn leave(&self, job: &JobId, writer: &Writer, at: Timestamp) -> Result<()> {
        self.leaves(job, writer, None, at).await.map(drop)
    }

    async fn finish(&self, job: &JobId, writer: &Writer, ending: Ending, at: Timestamp) -> Result<Ended> {
        self.leaves(job, writer, Some(ending), at).await
    }

    async fn end(&self, job: &JobId, ending: Ending, at: Timestamp) -> Result<Ended> {
        let [outcome, code] = words(Some(ending));
        let call = vec![outcome, code, string(at), lease()];
        let answer = script::END.run(self.link(), job, call).await?;
        self.ended(job, &answer, at).await
    }

    async fn append(&self, job: &JobId, batch: &Batch) -> Result<Appended> {
        if batch.events.is_empty()
            || batch
                .events
                .iter()
                .any(|one| matches!(one.event, LogEvent::Ended { .. }))
        {
            return Err(trouble::setting(
                "a batch holds one event or more, and never a job's end".to_owned(),
            ));
        }
        let mut counts = log_model::Counts::default();
        for recorded in &batch.events {
            counts.add(&recorded.event);
        }
        let call = vec![
            batch.writer.as_str().into(),
            string(batch.fence.0),
            string(batch.number),
            string(counts.lines),
            string(counts.redactions),
            string(counts.gaps),
            string(batch.events.len()),
            Value::Bytes(pack::pack(&batch.events).into()),
            fields::stages(&batch.events).into(),
        ];
        let answer = script::APPEND.run(self.link(), job, call).await?;
        Ok(Appended {
            first: seq(&answer, 0)?,
            last: seq(&answer, 1)?,
        })
    }

    async fn confirm(&self, job: &JobId, writer: &WriterId, number: u64) -> Result<bool> {
        self.inner.confirmer.confirm(job, writer, number).await
    }

    async fn read(&self, job: &JobId, span: Span) -> Result<Vec<LogEntry>> {
        let (outline, entries) = read::entries(self.link(), job, span).await?;
        if outline.state == State::Erased {
            Err(Error::Erased)
        } else {
            Ok(entries)
        }
    }

    fn follow(&self, job: &JobId, after: Seq) -> BoxStream<'static, Result<Change>> {
        follow::follow(self.inner.clone(), job.clone(), after)
    }

    async fn mark_silent(&self, job: &JobId, silence: &Silence, at: Timestamp) -> Result<State> {
        let call = vec![
            millis(silence.silent_after),
            millis(silence.lost_after),
            millis(silence.abandon_after),
            string(at),
        ];
        let answer = script::MARK_SILENT.run(self.link(), job, call).await?;
        if number(&answer, 2)? == 1 {
            index::sooner(self.link(), job, at).await;
        }
        record::state(
            answer.first().and_then(text),
            Some(Timestamp::from_millis(number(&answer, 1)?)),
        )
    }

    async fn due(&self, by: Timestamp, cursor: Option<ListCursor>, limit: usize) -> Result<JobPage> {
        let (jobs, next) = index::walk(self.link(), Which::DueBy(by), cursor, limit.min(STEP)).await?;
        let mut jobs = self.dues(jobs).await?;
        // An `open` may be between its two steps.
        for at in (0..jobs.len()).rev() {
            if jobs[at].record.is_none() && index::is_young(self.link(), &jobs[at].job).await? {
                jobs.remove(at);
            }
        }
        Ok(JobPage { jobs, next })
    }

    async fn look_again(&self, job: &JobId, at: Timestamp) -> Result<()> {
        index::later(self.link(), job, at).await
    }

    async fn list(&self, cursor: Option<ListCursor>, limit: usize) -> Result<JobPage> {
        let (jobs, next) = index::walk(self.link(), Which::All, cursor, limit.min(STEP)).await?;
        Ok(JobPage {
            jobs: self.dues(jobs).await?,
            next,
        })
    }

    async fn claim(&self, job: &JobId, holder: &str, ttl: Duration) -> Result<Claim> {
        script::CLAIM
            .run(self.link(), job, vec![holder.into(), millis(ttl)])
            .await?;
        Ok(Claim {
            job: job.clone(),
            holder: holder.to_owned(),
        })
    }

    async fn release(&self, claim: &Claim) -> Result<()> {
        script::RELEASE
            .run(self.link(), &claim.job, vec![claim.holder.as_str().into()])
            .await
            .map(drop)
    }

    async fn archived(&self, job: &JobId, through: Seq) -> Result<()> {
        script::ARCHIVED
            .run(self.link(), job, vec![string(through)])
            .await
            .map(drop)
    }

    async fn forget(&self, job: &JobId, through: Seq, keep_record: Duration) -> Result<()> {
        loop {
            let call = vec![string(through), millis(keep_record)];
            let answer = script::FORGET.run(self.link(), job, call).await;
            if matches!(answer, Err(Error::NoSuchJob)) {
                index::remove_old(self.link(), job).await?;
            }
            match number(&answer?, 0)? {
                1 => {}
                2 => return index::remove(self.link(), job).await,
                _ => return Ok(()),
            }
        }
    }

    async fn mask(&self, job: &JobId, entry: &LogEntry) -> Result<u32> {
        let mut json = Vec::with_capacity(256);
        entry.write_json(&mut json);
        let answer = script::MASK
            .run(self.link(), job, vec![string(entry.seq), Value::Bytes(json.into())])
            .await?;
        revision(&answer)
    }

    async fn erase(&self, job: &JobId, by: &str, why: &str, at: Timestamp) -> Result<u32> {
        let answer = script::ERASE
            .run(self.link(), job, vec![by.into(), why.into(), string(at)])
            .await?;
        index::sooner(self.link(), job, at).await;
        revision(&answer)
    }

    async fn ping(&self) -> Result<()> {
        self.link()
            .client()
            .ping::<Value>(None)
            .await
            .map(drop)
            .map_err(trouble::in_use)
    }

    async fn warnings(&self) -> Result<Vec<String>> {
        let client = self.link().client();
        let servers: Vec<_> = if self.link().is_clustered() {
            client.active_connections().into_iter().map(Some).collect()
        } else {
            vec![None]
        };
        let mut warnings = Vec::new();
        for server in servers {
            let place = server.as_ref().map(|server| format!(" ({server})")).unwrap_or_default();
            let client = client.with_options(&Options {
                cluster_node: server,
                ..Options::default()
            });
            let ask = async |name, arguments: Vec<Value>| -> Result<Value> {
                let command = fred::types::CustomCommand::new_static(name, None, false);
                client.custom(command, arguments).await.map_err(trouble::in_use)
            };
            let info = ask("INFO", vec![]).await?;
            let info = text(&info).unwrap_or_default();
            let field = |name: &str| info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            if let Some(policy) = field("maxmemory_policy").filter(|policy| *policy != "noeviction") {
                warnings.push(format!(
                    "the store's server{place} evicts keys when its memory is full (maxmemory-policy {policy}): \
                     lines will be lost; set maxmemory-policy noeviction"
                ));
            }
            // Where CONFIG is not allowed, whoever runs the server keeps its snapshots.
            let snapshots = match ask("CONFIG", vec!["GET".into(), "save".into()]).await {
                Ok(Value::Array(pair)) => pair.get(1).and_then(text).is_none_or(|save| !save.is_empty()),
                _ => true,
            };
            if field("aof_enabled") == Some("0") && !snapshots {
                warnings.push(format!(
                    "the store's server{place} keeps nothing on disk: a restart loses every line that is not \
                     archived; set appendonly yes"
                ));
            }
        }
        Ok(warnings)
    }
}

//! Whether what was acknowledged would survive the loss of the primary.
//!
//! WAIT speaks for the writes of its own connection only, so the connection that WAITs writes first; replication is
//! ordered, and that write covers all before it. Both happen on a connection of their own, because everything behind a
//! WAIT waits with it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use fred::types::Value;
use log_model::{JobId, WriterId};
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::link::{Link, Settings};
use super::record::text;
use super::script::{self, Keys, number, unexpected};
use crate::store::Result;

/// How long replicas have to answer.
const REPLICAS: i64 = 1000;

/// How long to wait for another job's confirmation before saying no.
const TURN: Duration = Duration::from_secs(2);

pub(super) struct Confirmer {
    settings: Settings,
    /// Connected when it is first needed; one job at a time.
    link: Mutex<Option<Link>>,
    expected: Option<u64>,
    seen: AtomicU64,
}

impl Confirmer {
    pub(super) fn new(settings: Settings, expected: Option<u64>) -> Self {
        Self {
            settings,
            link: Mutex::new(None),
            expected,
            seen: AtomicU64::new(0),
        }
    }

    /// A primary was seen to have this many replicas.
    pub(super) fn saw(&self, replicas: u64) {
        self.seen.fetch_max(replicas, Ordering::AcqRel);
    }

    pub(super) async fn confirm(&self, job: &JobId, writer: &WriterId, batch: u64) -> Result<bool> {
        let Ok(mut link) = timeout(TURN, self.link.lock()).await else {
            return Ok(false);
        };
        let link = &*link.get_or_insert_with(|| self.settings.link());
        let before = connection(link, job).await?;
        let answer = script::CONFIRM
            .run(link, job, vec![writer.as_str().into(), batch.to_string().into()])
            .await?;
        let Ok(through) = number(&answer, 0) else {
            return Ok(false);
        };
        let replid = answer
            .get(1)
            .and_then(text)
            .ok_or_else(|| unexpected("a script"))?
            .to_owned();
        self.saw(number(&answer, 2)?);
        let expected = self.expected.unwrap_or_else(|| self.seen.load(Ordering::Acquire));
        if expected > 0 {
            let slot = Keys::of(job).slot;
            let call = vec![Value::Integer(expected as i64), Value::Integer(REPLICAS)];
            let have = link
                .command("WAIT", slot, call)
                .await?
                .as_u64()
                .ok_or_else(|| unexpected("WAIT"))?;
            if have < expected {
                return Ok(false);
            }
            // On a connection that has written nothing, WAIT says yes to everything: it must have been the same one.
            if connection(link, job).await? != before {
                return Ok(false);
            }
        }
        let answer = script::CONFIRMED
            .run(link, job, vec![through.to_string().into(), replid.into()])
            .await?;
        Ok(number(&answer, 0)? == 1)
    }
}

/// The server's number for the connection to the job's node.
async fn connection(link: &Link, job: &JobId) -> Result<u64> {
    let answer = link.command("CLIENT", Keys::of(job).slot, vec!["ID".into()]).await?;
    answer.as_u64().ok_or_else(|| unexpected("CLIENT ID"))
}

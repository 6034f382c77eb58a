//! The scripts, and how they are called: by their hash, with their text only where a server does not know them yet.

use std::sync::OnceLock;

use fred::types::Value;
use log_model::JobId;

use super::link::Link;
use crate::store::{Error, Result};

/// A script and what it may do.
pub(super) struct Script {
    parts: &'static [&'static str],
    source: OnceLock<String>,
    /// The server's name for it; the same on every server.
    hash: OnceLock<String>,
}

/// Runs also when the server is out of memory: what frees some, and the few bytes of a lease or a wish.
const ALWAYS: &str = "#!lua flags=allow-oom\n";
/// Is refused as a whole when the server is out of memory, so that a batch never lands in part.
const WITH_ROOM: &str = "#!lua\n";

const COMMON: &str = include_str!("scripts/common.lua");
const RECORD: &str = include_str!("scripts/record.lua");

macro_rules! scripts {
    ($($(#[$doc:meta])* $name:ident = [$($part:expr),+];)+) => {
        $($(#[$doc])* pub(super) static $name: Script = Script::new(&[$($part),+]);)+
    };
}

scripts! {
    APPEND = [WITH_ROOM, COMMON, include_str!("scripts/append.lua")];
    OPEN = [WITH_ROOM, COMMON, include_str!("scripts/open.lua")];
    JOIN = [ALWAYS, COMMON, RECORD, include_str!("scripts/join.lua")];
    REJOIN = [WITH_ROOM, COMMON, RECORD, include_str!("scripts/rejoin.lua")];
    RENEW = [ALWAYS, COMMON, RECORD, include_str!("scripts/renew.lua")];
    LEAVE = [ALWAYS, COMMON, RECORD, include_str!("scripts/leave.lua")];
    END = [ALWAYS, COMMON, RECORD, include_str!("scripts/end.lua")];
    MARK_SILENT = [ALWAYS, COMMON, RECORD, include_str!("scripts/mark_silent.lua")];
    CLAIM = [ALWAYS, COMMON, include_str!("scripts/claim.lua")];
    RELEASE = [ALWAYS, COMMON, include_str!("scripts/release.lua")];
    ARCHIVED = [ALWAYS, COMMON, include_str!("scripts/archived.lua")];
    FORGET = [ALWAYS, COMMON, RECORD, include_str!("scripts/forget.lua")];
    MASK = [ALWAYS, COMMON, RECORD, include_str!("scripts/mask.lua")];
    ERASE = [ALWAYS, COMMON, RECORD, include_str!("scripts/erase.lua")];
    CONFIRM = [ALWAYS, COMMON, include_str!("scripts/confirm.lua")];
    CONFIRMED = [ALWAYS, COMMON, include_str!("scripts/confirmed.lua")];
}

impl Script {
    const fn new(parts: &'static [&'static str]) -> Self {
        Self {
            parts,
            source: OnceLock::new(),
            hash: OnceLock::new(),
        }
    }

    fn source(&self) -> &str {
        self.source.get_or_init(|| self.parts.concat())
    }

    /// Runs it for a job and returns what it answered after its verdict.
    ///
    /// # Errors
    /// The verdict's error, or the connection's.
    pub(super) async fn run(&self, link: &Link, job: &JobId, arguments: Vec<Value>) -> Result<Vec<Value>> {
        let keys = Keys::of(job);
        let hash = match self.hash.get() {
            Some(hash) => hash.as_str(),
            None => {
                let loaded = link
                    .command("SCRIPT", keys.slot, vec!["LOAD".into(), self.source().into()])
                    .await?;
                let hash = loaded.as_string().ok_or_else(|| unexpected("SCRIPT LOAD"))?;
                self.hash.get_or_init(|| hash)
            }
        };
        let mut call = Vec::with_capacity(arguments.len() + 7);
        call.extend([
            hash.into(),
            Value::Integer(3),
            keys.log.into(),
            keys.record.into(),
            keys.patch.into(),
        ]);
        call.extend([link.publish().into(), keys.wake.into()]);
        call.extend(arguments);
        match link.send("EVALSHA", keys.slot, call.clone()).await {
            // This server was started, or became a primary, since: EVAL teaches it. Nothing has been run yet.
            Err(error) if error.details().starts_with("NOSCRIPT") => {
                call[0] = self.source().into();
                answer(link.command("EVAL", keys.slot, call).await?)
            }
            answered => answer(answered.map_err(super::trouble::in_use)?),
        }
    }
}

/// The names of a job's keys, which lie in one slot by their tag, and that slot.
pub(super) struct Keys {
    pub(super) log: String,
    pub(super) record: String,
    pub(super) patch: String,
    pub(super) wake: String,
    pub(super) slot: u16,
}

impl Keys {
    pub(super) fn of(job: &JobId) -> Self {
        let name = |what| format!("{{{job}}}:{what}");
        let slot = fred::util::redis_keyslot(job.as_str().as_bytes());
        Self {
            log: name("log"),
            record: name("job"),
            patch: name("patch"),
            wake: name("wake"),
            slot,
        }
    }
}

pub(super) fn unexpected(command: &str) -> Error {
    Error::Damaged {
        what: format!("the server's answer to {command} has another form"),
    }
}

/// The verdicts of `common.lua`.
fn answer(value: Value) -> Result<Vec<Value>> {
    let Value::Array(mut parts) = value else {
        return Err(unexpected("a script"));
    };
    let rest = parts.split_off(1.min(parts.len()));
    let verdict = parts.first().and_then(Value::as_i64);
    match verdict {
        Some(0) => Ok(rest),
        Some(1) => Err(Error::NoSuchJob),
        Some(2) => Err(Error::Erased),
        Some(3) => Err(Error::Ended),
        Some(4) => Err(Error::Fenced),
        Some(5) => Err(Error::Behind {
            expected: number(&rest, 0)?,
        }),
        Some(6) => Err(Error::Claimed),
        Some(7) => Err(Error::OtherOwner),
        _ => Err(unexpected("a script")),
    }
}

/// The whole number at a place of a script's answer.
pub(super) fn number(answer: &[Value], at: usize) -> Result<u64> {
    answer
        .get(at)
        .and_then(Value::as_u64)
        .ok_or_else(|| unexpected("a script"))
}

//! The rules and the known values of a job, shared between its streams.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use log_model::{RuleId, SafeText};
use parking_lot::RwLock;

use crate::custom::CustomRule;
use crate::engine::Engine;
use crate::error::Error;
use crate::known::{Known, Registered};
use crate::rules::{self, Group};
use crate::scrubber::{Scrubbed, Scrubber};

/// What is to be hidden: the built-in rules, rules of one's own, and values known to be secret.
///
/// Cloning is cheap and every clone shares the known values. `Debug` shows none of them.
#[derive(Clone)]
pub struct Redactor {
    shared: Arc<Shared>,
}

struct Shared {
    custom: Vec<CustomRule>,
    known: RwLock<Arc<Known>>,
    // Raised after each change of `known`, so that a scrubber need not take the lock for every line.
    version: AtomicU64,
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redactor")
            .field("custom", &self.shared.custom.len())
            .field("known", &*self.known().1)
            .finish()
    }
}

/// One rule, for a list of them.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RuleInfo<'r> {
    /// Its id.
    pub id: &'r RuleId,
    /// What a person reads.
    pub name: String,
    /// What kind of service it belongs to.
    pub group: Group,
    /// Where the format is documented: an address, or a sentence for rules that are not a vendor's.
    pub source: &'r str,
    /// The checksum that the format carries, in words; empty where it carries none.
    pub checksum: &'r str,
}

impl Redactor {
    /// A builder with the built-in rules and nothing else.
    pub fn builder() -> RedactorBuilder {
        RedactorBuilder {
            known: Vec::new(),
            custom: Vec::new(),
        }
    }

    /// Hides a value from the next line on that any scrubber of this redactor is given, in all its coats.
    ///
    /// White space around the value is not part of it. A line that is being scrubbed at this moment on another thread may
    /// still be judged without the value.
    pub fn register(&self, value: &str) -> Registered {
        let mut known = self.shared.known.write();
        match known.with(value) {
            Ok(more) => {
                *known = Arc::new(more);
                self.shared.version.fetch_add(1, Ordering::Release);
                Registered::Hidden
            }
            Err(refused) => refused,
        }
    }

    /// The state of one output stream.
    pub fn scrubber(&self) -> Scrubber {
        Scrubber::new(self.clone())
    }

    /// Every rule, in the order in which one of them is named where several agree.
    pub fn rules(&self) -> impl Iterator<Item = RuleInfo<'_>> {
        let built_in = Engine::built_in().infos().iter().zip(rules::all());
        let built_in = built_in.map(|(info, rule)| RuleInfo {
            id: &info.id,
            name: info.id.human_name(),
            group: info.group,
            source: info.source,
            checksum: rule.checksum,
        });
        let custom = self.shared.custom.iter().map(|rule| RuleInfo {
            id: rule.id(),
            name: rule.id().human_name(),
            group: Group::Custom,
            source: "added by the service",
            checksum: "",
        });
        built_in.chain(custom)
    }

    /// Runs the present rules over text that was stored before: what is left of it, or `None` when nothing is to hide.
    ///
    /// A private key over several lines is not found this way, since each line is seen alone.
    pub fn rescan(&self, text: &SafeText) -> Option<Scrubbed> {
        let scrubbed = self.scrubber().scrub(text.as_str());
        (!scrubbed.masked.is_empty()).then_some(scrubbed)
    }

    pub(crate) fn version(&self) -> u64 {
        self.shared.version.load(Ordering::Acquire)
    }

    /// The known values, and a version no newer than they are.
    pub(crate) fn known(&self) -> (u64, Arc<Known>) {
        let version = self.version();
        (version, Arc::clone(&self.shared.known.read()))
    }

    pub(crate) fn custom(&self) -> &[CustomRule] {
        &self.shared.custom
    }

    pub(crate) fn rule_id(&self, rule: u16) -> &RuleId {
        let built_in = Engine::built_in().infos();
        let rule = usize::from(rule);
        match rule.checked_sub(built_in.len()) {
            None => &built_in[rule].id,
            Some(custom) => self.shared.custom[custom].id(),
        }
    }
}

/// Collects what a [`Redactor`] hides.
#[derive(Clone)]
#[must_use]
pub struct RedactorBuilder {
    known: Vec<String>,
    custom: Vec<CustomRule>,
}

impl fmt::Debug for RedactorBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedactorBuilder")
            .field("known", &self.known.len())
            .field("custom", &self.custom)
            .finish()
    }
}

impl RedactorBuilder {
    /// Hides this value in all its coats. A value that is too short or too common is passed over; to learn of it, use
    /// [`Redactor::register`].
    pub fn known_secret(mut self, value: impl Into<String>) -> Self {
        self.known.push(value.into());
        self
    }

    /// Adds a rule.
    pub fn rule(mut self, rule: CustomRule) -> Self {
        self.custom.push(rule);
        self
    }

    /// The redactor.
    ///
    /// # Errors
    /// [`Error::DuplicateRule`] when a rule's id is taken, by another or by a built-in rule.
    pub fn build(self) -> Result<Redactor, Error> {
        let mut ids: BTreeSet<&RuleId> = Engine::built_in().infos().iter().map(|info| &info.id).collect();
        for rule in &self.custom {
            if !ids.insert(rule.id()) {
                return Err(Error::DuplicateRule {
                    id: rule.id().to_string(),
                });
            }
        }
        let (known, _) = Known::new(self.known);
        let shared = Shared {
            custom: self.custom,
            known: RwLock::new(Arc::new(known)),
            version: AtomicU64::new(0),
        };
        Ok(Redactor {
            shared: Arc::new(shared),
        })
    }
}

/// Text that the program itself says, run through the built-in rules, so that it is safe whatever it was made of.
pub fn system_text(text: impl Into<String>) -> SafeText {
    crate::scrubber::scrub_alone(&text.into())
}

//! The table of rules: what vendors document about the shape of their credentials, one row each.
//!
//! A row is an id (whose words are the human name), a group, where the format is documented, the checksum it carries if
//! any, and patterns in the language of `shape`. A dot in a pattern is a dot. There is one file per group. Examples are
//! made by the tests, from the patterns and, independently of them, from what the vendors document; none is written down.
//!
//! A run's lower bound is often below what the vendor issues today: lengths change without notice, and a keyword this
//! particular followed by that many fitting characters is never anything else. What has no literal of its own (a bare
//! 32-digit hexadecimal key) is found by the name beside it; see `names`.
//!
//! A checksum never unmasks: it says where a token ends when more letters follow; see `checksum`.

mod ai;
mod automation;
mod chat;
mod cloud;
mod code_host;
mod database;
mod hosting;
mod identity;
mod mail;
mod observability;
mod payment;
mod registry;
mod social;

use std::fmt;

/// What kind of service a rule belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Group {
    /// Clouds and networks.
    Cloud,
    /// Where code is kept.
    CodeHost,
    /// Chat, and addresses that post to it.
    Chat,
    /// Payments and commerce.
    Payment,
    /// Models and what is built on them.
    Ai,
    /// E-mail, telephony and customer messaging.
    Mail,
    /// Authentication, vaults and signed tokens.
    Identity,
    /// Hosting and deployment.
    Hosting,
    /// Databases and content as a service.
    Database,
    /// Package registries.
    Registry,
    /// Monitoring, analytics and flags.
    Observability,
    /// Continuous integration and automation.
    Automation,
    /// Social networks and tools for work.
    Social,
    /// Rules that are no vendor's: private keys, addresses, headers, names, known values.
    Structure,
    /// Rules added by the service.
    Custom,
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Cloud => "cloud",
            Self::CodeHost => "code host",
            Self::Chat => "chat",
            Self::Payment => "payment",
            Self::Ai => "ai",
            Self::Mail => "mail",
            Self::Identity => "identity",
            Self::Hosting => "hosting",
            Self::Database => "database",
            Self::Registry => "registry",
            Self::Observability => "observability",
            Self::Automation => "automation",
            Self::Social => "social",
            Self::Structure => "structure",
            Self::Custom => "custom",
        })
    }
}

/// One row.
pub(crate) struct Rule {
    pub(crate) id: &'static str,
    pub(crate) group: Group,
    pub(crate) source: &'static str,
    /// The checksum of the format, in words; empty where there is none.
    pub(crate) checksum: &'static str,
    pub(crate) patterns: &'static [&'static str],
}

impl Rule {
    const fn new(id: &'static str, group: Group, source: &'static str, patterns: &'static [&'static str]) -> Self {
        Self {
            id,
            group,
            source,
            checksum: "",
            patterns,
        }
    }

    const fn checksum(self, checksum: &'static str) -> Self {
        Self { checksum, ..self }
    }
}

const fn structure(id: &'static str, source: &'static str) -> Rule {
    Rule::new(id, Group::Structure, source, &[])
}

/// The vendors' rows. Of rules that fit the same place the earlier gives its name, so what is particular stands before
/// what is general: a payment key before an `sk_` key of any other service, a JSON Web Token of anyone last.
const TABLES: [&[Rule]; 14] = [
    cloud::ROWS,
    code_host::ROWS,
    chat::ROWS,
    hosting::ROWS,
    payment::ROWS,
    ai::ROWS,
    mail::ROWS,
    identity::ROWS,
    database::ROWS,
    registry::ROWS,
    observability::ROWS,
    automation::ROWS,
    social::ROWS,
    identity::ANYONES,
];

const VENDORS: usize = {
    let mut rows = 0;
    let mut at = 0;
    while at < TABLES.len() {
        rows += TABLES[at].len();
        at += 1;
    }
    rows
};

fn vendors() -> impl Iterator<Item = &'static Rule> {
    TABLES.iter().copied().flatten()
}

/// All built-in rules. Where several hide the same place, the first of them gives its name.
pub(crate) fn all() -> impl Iterator<Item = &'static Rule> {
    vendors().chain(STRUCTURE)
}

const fn structural(index: usize) -> u16 {
    (VENDORS + index) as u16
}

pub(crate) const PRIVATE_KEY: u16 = structural(0);
pub(crate) const URL_PASSWORD: u16 = structural(1);
pub(crate) const URL_TOKEN: u16 = structural(2);
pub(crate) const AUTHORIZATION: u16 = structural(3);
pub(crate) const COOKIE: u16 = structural(4);
pub(crate) const COMMAND_LINE: u16 = structural(5);
pub(crate) const PASSWORD: u16 = structural(6);
pub(crate) const NAMED_SECRET: u16 = structural(7);

/// The rule that known values are hidden by.
pub(crate) const fn index_of_known() -> u16 {
    structural(STRUCTURE.len() - 1)
}

/// The rule of the custom rule at this place.
pub(crate) fn index_of_custom(at: usize) -> u16 {
    u16::try_from(VENDORS + STRUCTURE.len() + at).unwrap_or(u16::MAX)
}

const STRUCTURE: &[Rule] = &[
    structure("private-key", "https://www.rfc-editor.org/rfc/rfc7468"),
    structure("url-password", "https://www.rfc-editor.org/rfc/rfc3986#section-3.2.1"),
    structure("url-token", "https://www.rfc-editor.org/rfc/rfc3986#section-3.2.1"),
    structure(
        "authorization-header",
        "https://www.rfc-editor.org/rfc/rfc9110#section-11",
    ),
    structure("cookie", "https://www.rfc-editor.org/rfc/rfc6265"),
    structure("command-line-password", "the programs' own manuals"),
    structure("password", "a name that says password, with its value"),
    structure("named-secret", "a name that says secret, token or key, with its value"),
    structure("known-value", "given by the job or registered while it runs"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Engine;
    use crate::{MASK, Redactor};

    /// A small generator: examples differ, and are the same in every run.
    struct Dice(u64);

    impl Dice {
        fn next(&mut self) -> u64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            self.0
        }

        fn pick(&mut self, members: &[u8]) -> u8 {
            members[(self.next() >> 16) as usize % members.len()]
        }
    }

    #[test]
    fn there_are_three_hundred_rules_and_each_has_a_source() {
        assert!(vendors().count() >= 300, "{VENDORS}");
        assert!(all().all(|rule| !rule.source.is_empty() && !rule.id.is_empty()));
    }

    #[test]
    fn no_two_rules_share_an_id() {
        let mut ids: Vec<_> = all().map(|rule| rule.id).collect();
        ids.sort_unstable();
        assert!(ids.windows(2).all(|pair| pair[0] != pair[1]), "{ids:?}");
    }

    #[test]
    fn every_pattern_compiles() {
        let mut classes = crate::shape::Classes::default();
        let mut wrong = Vec::new();
        for rule in vendors() {
            for pattern in rule.patterns {
                if let Err(why) = crate::shape::Shape::compile(pattern, &mut classes) {
                    wrong.push(format!("{}: {pattern}: {why}", rule.id));
                }
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
    }

    #[test]
    fn an_example_of_every_shape_is_hidden_wherever_it_stands() {
        let engine = Engine::built_in();
        let (shapes, classes) = engine.shapes();
        let redactor = Redactor::builder().build().unwrap();
        let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
        let mut missed = Vec::new();
        for (shape, rule) in shapes {
            for round in 0..20 {
                let example = String::from_utf8(shape.example(classes, |members| dice.pick(members))).unwrap();
                let hidden = shape.hidden_part(&example).to_owned();
                for (before, after) in [
                    ("", ""),
                    ("token: ", ""),
                    ("x=\"", "\","),
                    ("é", "é"),
                    ("  - ", " (active)"),
                    ("\\n", "\\n"),
                ] {
                    let line = format!("{before}{example}{after}");
                    let clean = redactor.scrubber().scrub(&line);
                    if clean.text.as_str().contains(&hidden) || clean.masked.is_empty() {
                        missed.push(format!(
                            "{} round {round}: {line} -> {}",
                            engine.infos()[usize::from(*rule)].id,
                            clean.text
                        ));
                    }
                    assert!(!clean.text.as_str().contains(&format!("{MASK}{MASK}")), "{line}");
                }
            }
        }
        assert!(
            missed.is_empty(),
            "{} missed, as {:#?}",
            missed.len(),
            &missed[..missed.len().min(20)]
        );
    }
}

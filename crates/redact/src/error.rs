//! What can be wrong with a redactor's settings.

/// A rule that cannot be accepted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A custom rule's id is not one.
    #[error("the rule id {id:?} is not valid: 1 to 64 lower-case letters, digits or '-' are expected")]
    RuleId {
        /// The id as given.
        id: String,
    },
    /// Two rules share one id, so that nobody could tell which of them hid something.
    #[error("the rule id {id:?} is already taken")]
    DuplicateRule {
        /// The id as given.
        id: String,
    },
    /// The literal that must be present before a custom rule is tried is too short to be a cheap gate.
    #[error("the rule {id:?} needs a literal of at least 3 characters of ASCII that every match contains")]
    Literal {
        /// The rule's id.
        id: String,
    },
    /// The pattern does not parse.
    #[error("the pattern of the rule {id:?} does not parse")]
    Pattern {
        /// The rule's id.
        id: String,
        /// Where and why, by the pattern language.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The pattern would cost more than time linear in the line, or is refused for what it matches.
    #[error("the pattern of the rule {id:?} is refused: {why}")]
    Refused {
        /// The rule's id.
        id: String,
        /// A sentence.
        why: &'static str,
    },
}

//! A little chance, so that many viewers do not do the same thing at the same moment.

use std::time::Duration;

/// A number from 0 up to, not including, 1. Good for spreading load, not for secrets.
fn share() -> f64 {
    // Without the system's chance the spread is lost, and nothing else.
    let bits = getrandom::u64().unwrap_or(1 << 63);
    (bits >> 11) as f64 / (1u64 << 53) as f64
}

/// Somewhere below `span`.
pub(crate) fn below(span: Duration) -> Duration {
    span.mul_f64(share())
}

/// Up to a tenth more or less than `span`.
pub(crate) fn around(span: Duration) -> Duration {
    span.mul_f64(0.9 + 0.2 * share())
}

/// A new request's id: 16 hexadecimal digits.
pub(crate) fn request_id() -> String {
    format!("{:016x}", getrandom::u64().unwrap_or_default())
}

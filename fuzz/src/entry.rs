//! The JSON of an entry: any bytes are an entry or an error, and an entry is written as it was read.
#![expect(clippy::disallowed_methods, reason = "the decoder is what is tried")]

use log_model::entry::{decode_trusted, decode_trusted_recorded};

/// Reads the bytes as a stored entry and as a spooled one; what reads is written and read again.
pub fn any_bytes_are_an_entry_or_an_error(bytes: &[u8]) {
    if let Ok(entry) = decode_trusted(bytes) {
        let mut json = Vec::new();
        entry.write_json(&mut json);
        assert_eq!(decode_trusted(&json).ok(), Some(entry));
    }
    if let Ok(recorded) = decode_trusted_recorded(bytes) {
        let mut json = Vec::new();
        recorded.write_json(&mut json);
        assert_eq!(decode_trusted_recorded(&json).ok(), Some(recorded));
    }
}

//! Redaction of any text, twice.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tailwater_fuzz::redact::idempotent(bytes));

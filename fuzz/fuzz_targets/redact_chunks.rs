//! Redaction of any bytes, read in any pieces.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tailwater_fuzz::redact::chunks(bytes));

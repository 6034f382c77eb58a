//! A known value in any text.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tailwater_fuzz::redact::known(bytes));

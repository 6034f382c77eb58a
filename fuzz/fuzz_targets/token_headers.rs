//! The headers a token is taken from.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tailwater_fuzz::token::headers(bytes));

//! Paths, queries and cursors of requests.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tailwater_fuzz::http::target(bytes));

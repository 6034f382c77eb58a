//! Any event, written and read.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tailwater_fuzz::sse::what_is_encoded_reads_back(bytes));

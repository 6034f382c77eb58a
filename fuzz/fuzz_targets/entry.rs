//! The JSON of an entry.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tailwater_fuzz::entry::any_bytes_are_an_entry_or_an_error(bytes));

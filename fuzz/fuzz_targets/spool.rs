//! A spool file of any bytes.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tailwater_fuzz::screen::a_spool_is_read_without_panic(bytes));

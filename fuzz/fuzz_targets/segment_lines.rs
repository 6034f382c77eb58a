//! The lines of a frame.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tailwater_fuzz::segment::lines(bytes));

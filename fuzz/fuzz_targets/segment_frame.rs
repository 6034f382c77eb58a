//! A compressed frame of a segment.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tailwater_fuzz::segment::frame(bytes));

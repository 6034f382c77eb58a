//! Lines of any bytes in any pieces.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tailwater_fuzz::screen::lines_do_not_depend_on_chunks(bytes));

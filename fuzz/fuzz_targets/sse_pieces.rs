//! An event stream in any pieces.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tailwater_fuzz::sse::any_pieces_give_the_same_events(bytes));

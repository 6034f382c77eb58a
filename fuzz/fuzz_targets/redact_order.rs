//! Values and rules in any order.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tailwater_fuzz::redact::order(bytes));

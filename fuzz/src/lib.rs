//! What must hold for any bytes: a property each, run by a fuzzer and, over kept inputs, by `cargo test`.
#![forbid(unsafe_code)]

pub mod entry;
pub mod http;
pub mod redact;
pub mod screen;
pub mod segment;
pub mod sse;
pub mod token;

/// A property with its name: the name of its fuzz target and of its corpus' folder.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// The name.
    pub name: &'static str,
    /// Panics when the property does not hold for these bytes.
    pub property: fn(&[u8]),
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target {
        name: "http_target",
        property: http::target,
    },
    Target {
        name: "http_headers",
        property: http::headers,
    },
    Target {
        name: "redact",
        property: redact::idempotent,
    },
    Target {
        name: "redact_known",
        property: redact::known,
    },
    Target {
        name: "redact_chunks",
        property: redact::chunks,
    },
    Target {
        name: "redact_order",
        property: redact::order,
    },
    Target {
        name: "redact_bounded",
        property: redact::bounded,
    },
    Target {
        name: "screen",
        property: screen::lines_do_not_depend_on_chunks,
    },
    Target {
        name: "spool",
        property: screen::a_spool_is_read_without_panic,
    },
    Target {
        name: "segment_frame",
        property: segment::frame,
    },
    Target {
        name: "segment_lines",
        property: segment::lines,
    },
    Target {
        name: "segment_seek_table",
        property: segment::seek_table,
    },
    Target {
        name: "manifest",
        property: segment::manifest,
    },
    Target {
        name: "sse_pieces",
        property: sse::any_pieces_give_the_same_events,
    },
    Target {
        name: "sse_round_trip",
        property: sse::what_is_encoded_reads_back,
    },
    Target {
        name: "token",
        property: token::token,
    },
    Target {
        name: "key_set",
        property: token::key_set,
    },
    Target {
        name: "token_headers",
        property: token::headers,
    },
    Target {
        name: "pem",
        property: token::pem,
    },
    Target {
        name: "entry",
        property: entry::any_bytes_are_an_entry_or_an_error,
    },
];

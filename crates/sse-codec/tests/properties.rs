//! What holds for every stream: encoding and decoding are each other's inverse, and how bytes are cut does not matter.

use std::time::Duration;

use proptest::prelude::*;
use sse_codec::{Decoder, EventId, EventName, Frame, Limits, Oversized};

/// An event as the caller of both sides sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Told {
    event: String,
    data: String,
    id: Option<String>,
    retry: Option<Duration>,
}

fn decode<'a>(pieces: impl IntoIterator<Item = &'a [u8]>, limits: Limits) -> (Vec<Result<Told, Oversized>>, String) {
    let mut decoder = Decoder::new(limits);
    let mut all = Vec::new();
    for piece in pieces {
        decoder.push(piece);
        while let Some(event) = decoder.next() {
            all.push(event.map(|e| Told {
                event: e.event.into(),
                data: e.data.into(),
                id: e.id.map(Into::into),
                retry: e.retry,
            }));
        }
    }
    (all, decoder.last_event_id().to_owned())
}

/// The stream cut at these places, each taken modulo what is left.
fn cut<'a>(mut stream: &'a [u8], places: &[u16]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    for place in places {
        let (piece, rest) = stream.split_at(usize::from(*place) % (stream.len() + 1));
        pieces.push(piece);
        stream = rest;
    }
    pieces.push(stream);
    pieces
}

fn told() -> impl Strategy<Value = Told> {
    (
        "[^\r\n]{1,12}",
        "(?s).{0,60}|([a-z: ]{0,9}\n){0,4}",
        proptest::option::of("[^\r\n\0]{0,12}|[0-9]{1,20}"),
        proptest::option::of((0..=i32::MAX as u64).prop_map(Duration::from_millis)),
    )
        .prop_map(|(event, data, id, retry)| Told {
            event,
            // The format has only one kind of line break inside data.
            data: data.replace("\r\n", "\n").replace('\r', "\n"),
            id,
            retry,
        })
}

fn encode(events: &[Told]) -> Vec<u8> {
    let mut out = Vec::new();
    for told in events {
        let name = EventName::new(told.event.clone()).expect("one line, not empty");
        let mut frame = Frame::new(&name);
        if let Some(id) = &told.id {
            frame = frame.id(EventId::new(id).expect("one line without NUL"));
        }
        if let Some(retry) = told.retry {
            frame = frame.retry(retry);
        }
        frame.write(&mut out, &told.data);
    }
    out
}

/// Bytes that look like a stream more often than chance would have it.
fn streamish() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        Just(b"data".to_vec()),
        Just(b"data: ".to_vec()),
        Just(b"event:".to_vec()),
        Just(b"id: ".to_vec()),
        Just(b"retry: 12".to_vec()),
        Just(b"\n".to_vec()),
        Just(b"\n\n".to_vec()),
        Just(b"\r".to_vec()),
        Just(b"\r\n\r\n".to_vec()),
        Just(b"\xef\xbb\xbf".to_vec()),
        Just(b":".to_vec()),
        Just(b"\0".to_vec()),
        proptest::collection::vec(any::<u8>(), 0..12),
        "[a-z]{0,40}".prop_map(String::into_bytes),
    ];
    proptest::collection::vec(part, 0..40).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn what_was_encoded_is_decoded(events in proptest::collection::vec(told(), 0..8)) {
        let bytes = encode(&events);
        let (got, _) = decode([&bytes[..]], Limits::default());
        prop_assert_eq!(got, events.into_iter().map(Ok).collect::<Vec<_>>());
    }

    #[test]
    fn what_was_encoded_is_decoded_in_any_pieces(
        events in proptest::collection::vec(told(), 0..8),
        places in proptest::collection::vec(any::<u16>(), 0..20),
    ) {
        let bytes = encode(&events);
        let (got, _) = decode(cut(&bytes, &places), Limits::default());
        prop_assert_eq!(got, events.into_iter().map(Ok).collect::<Vec<_>>());
    }

    #[test]
    fn any_bytes_in_any_pieces_are_the_same_events(
        stream in streamish(),
        places in proptest::collection::vec(any::<u16>(), 0..20),
        limit in prop_oneof![Just(0usize), 0..40usize, Just(1 << 20)],
    ) {
        let whole = decode([&stream[..]], Limits::field_bytes(limit));
        prop_assert_eq!(&decode(cut(&stream, &places), Limits::field_bytes(limit)), &whole);
        prop_assert_eq!(&decode(stream.chunks(1), Limits::field_bytes(limit)), &whole);
    }

    #[test]
    fn any_bytes_decode_without_a_panic(stream: Vec<u8>, limit in 0..64usize) {
        let (events, _) = decode([&stream[..]], Limits::field_bytes(limit));
        for event in events.into_iter().flatten() {
            // Each byte may have been replaced by a character of three.
            prop_assert!(event.data.len() <= 3 * limit.max(stream.len()));
        }
    }

    #[test]
    fn one_event_is_one_block_with_the_id_last(told in told(), seq: u64) {
        let name = EventName::new(told.event.clone()).expect("one line, not empty");
        let mut out = Vec::new();
        Frame::new(&name).id(seq).write(&mut out, &told.data);
        let text = String::from_utf8(out).expect("text in, text out");
        let ending = format!("\nid: {seq}\n\n");
        prop_assert!(text.ends_with(&ending));
        prop_assert_eq!(text.find("\n\n"), Some(text.len() - 2), "only one blank line, at its end");
    }
}

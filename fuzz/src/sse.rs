//! Event streams: what must hold of the decoder for any bytes, and of the encoder for any event.

use std::time::Duration;

use sse_codec::{Decoder, EventId, EventName, Frame, Limits};

type Told = Result<(String, String, Option<String>, Option<Duration>), sse_codec::Oversized>;

fn decode<'a>(pieces: impl IntoIterator<Item = &'a [u8]>, limits: Limits) -> (Vec<Told>, String, Option<Duration>) {
    let mut decoder = Decoder::new(limits);
    let mut all = Vec::new();
    for piece in pieces {
        decoder.push(piece);
        while let Some(event) = decoder.next() {
            all.push(event.map(|e| (e.event.into(), e.data.into(), e.id.map(Into::into), e.retry)));
        }
    }
    (all, decoder.last_event_id().to_owned(), decoder.retry())
}

/// The same bytes in any pieces are the same events, within a generous limit and within a narrow one.
///
/// The first byte chooses the size of the pieces and the narrow limit; the rest is the stream.
pub fn any_pieces_give_the_same_events(bytes: &[u8]) {
    let Some((&choice, stream)) = bytes.split_first() else {
        return;
    };
    let size = usize::from(choice % 16) + 1;
    for limits in [Limits::default(), Limits::field_bytes(usize::from(choice / 16))] {
        let whole = decode([stream], limits);
        assert_eq!(
            decode(stream.chunks(size), limits),
            whole,
            "in pieces of {size} within {limits:?}"
        );
        assert_eq!(
            decode(stream.chunks(1), limits),
            whole,
            "byte by byte within {limits:?}"
        );
    }
}

/// An event of any name, data and id either cannot be built, or reads back as it was.
///
/// The input's parts, between bytes 0xff, are name, id and data.
pub fn what_is_encoded_reads_back(bytes: &[u8]) {
    let mut parts = bytes.splitn(3, |byte| *byte == 0xff).map(String::from_utf8_lossy);
    let (name, id, data) = match (parts.next(), parts.next(), parts.next()) {
        (Some(name), Some(id), Some(data)) => (name, id, data),
        _ => return,
    };
    let (Ok(event), Ok(event_id)) = (EventName::new(name.clone().into_owned()), EventId::new(&id)) else {
        assert!(name.is_empty() || name.contains(['\r', '\n']) || id.contains(['\r', '\n', '\0']));
        return;
    };
    let mut out = Vec::new();
    Frame::new(&event)
        .id(event_id)
        .retry(Duration::from_millis(7))
        .write(&mut out, &data);
    let data = data.replace("\r\n", "\n").replace('\r', "\n");
    let expected = Ok((
        name.into_owned(),
        data,
        Some(id.clone().into_owned()),
        Some(Duration::from_millis(7)),
    ));
    let (events, last_id, retry) = decode([&out[..]], Limits::field_bytes(usize::MAX));
    assert_eq!(events, [expected]);
    assert_eq!((last_id.as_str(), retry), (&*id, Some(Duration::from_millis(7))));
}

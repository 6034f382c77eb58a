//! What an answer's body is: some bytes known at once, or a stream of frames made as the peer takes them.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::Stream;
use futures::stream::BoxStream;
use hyper::body::{Frame, SizeHint};

use crate::io::{InFlight, taken};

/// An answer's body.
///
/// A streamed body is polled only when the peer's connection has room, so what a slow reader costs is what the
/// connection buffers and nothing more. An `Err` item cuts the connection, which is how a reader of a download learns
/// that it is not whole.
pub struct Body {
    content: Content,
    /// Released when the body is: tells the connection that the request is over.
    in_flight: Option<InFlight>,
}

enum Content {
    Whole(Option<Bytes>),
    Frames(BoxStream<'static, io::Result<Bytes>>),
}

impl Body {
    /// No bytes at all.
    pub fn empty() -> Self {
        Self {
            content: Content::Whole(None),
            in_flight: None,
        }
    }

    /// Bytes known at once.
    pub fn whole(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self {
            content: Content::Whole((!bytes.is_empty()).then_some(bytes)),
            in_flight: None,
        }
    }

    /// One body frame for each item, made when the peer has room for it.
    pub fn frames(frames: impl Stream<Item = io::Result<Bytes>> + Send + 'static) -> Self {
        Self {
            content: Content::Frames(Box::pin(frames)),
            in_flight: None,
        }
    }

    pub(crate) fn holding(mut self, in_flight: InFlight) -> Self {
        self.in_flight = Some(in_flight);
        self
    }
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.content {
            Content::Whole(bytes) => f
                .debug_tuple("Whole")
                .field(&bytes.as_ref().map_or(0, Bytes::len))
                .finish(),
            Content::Frames(_) => f.write_str("Frames"),
        }
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let body = self.get_mut();
        let frame = match &mut body.content {
            Content::Whole(bytes) => Poll::Ready(bytes.take().map(Ok)),
            Content::Frames(frames) => frames.as_mut().poll_next(cx),
        };
        taken(matches!(frame, Poll::Ready(Some(_))));
        if matches!(frame, Poll::Ready(None)) {
            body.in_flight = None;
        }
        frame.map(|frame| frame.map(|bytes| bytes.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.content, Content::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Content::Frames(_) => SizeHint::default(),
        }
    }
}

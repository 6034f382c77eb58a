//! Event-stream bytes (`text/event-stream`): an encoder that cannot write a malformed frame and a decoder that survives
//! any bytes.
//!
//! It knows names, data, ids and waiting times, and nothing of what they mean. There is no I/O in it: bytes go into and
//! come out of buffers that the caller owns.
//!
//! ```
//! use sse_codec::{Decoder, EventName, Frame, Limits};
//!
//! static LINE: EventName = EventName::from_static("line");
//!
//! let mut bytes = Vec::new();
//! Frame::new(&LINE).id(813).write_with(&mut bytes, |data| data.extend_from_slice(br#"{"seq":813}"#));
//!
//! let mut decoder = Decoder::new(Limits::default());
//! decoder.push(&bytes);
//! let event = decoder.next().expect("the block is finished")?;
//! assert_eq!((event.event, event.data, event.id), ("line", r#"{"seq":813}"#, Some("813")));
//! # Ok::<(), sse_codec::Oversized>(())
//! ```
#![forbid(unsafe_code)]

mod decode;
mod encode;
mod frame;

pub use crate::decode::{Decoder, Event, Limits, Oversized};
pub use crate::encode::Frame;
pub use crate::frame::{EventId, EventName, Malformed};

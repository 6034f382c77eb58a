//! Our own outputs, which a command's are passed through to as they were.
//!
//! Apart from tokio's, because those lose what an output that is full for the moment does not take: whoever shares a
//! terminal or a pipe with us may have made it non-blocking, as Node does, and a disk may have room again.

use std::io;
use std::os::fd::AsFd;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

/// One of our outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Through {
    Stdout,
    Stderr,
}

/// What became of a piece.
#[derive(Debug)]
pub(crate) enum Passed {
    Whole,
    /// The output did not take all of it, and may take what comes next.
    Not(io::Error),
    /// Nobody reads it any more.
    Gone,
}

impl Through {
    /// Passes the first `length` bytes on, and gives the buffer back. Waits for as long as the output takes nothing, as
    /// the command itself would.
    ///
    /// Dropped, it goes on in the background.
    pub(crate) async fn pass(self, buffer: Vec<u8>, length: usize) -> (Vec<u8>, Passed) {
        let passing = tokio::task::spawn_blocking(move || {
            let passed = match self {
                Self::Stdout => write(io::stdout(), &buffer[..length]),
                Self::Stderr => write(io::stderr(), &buffer[..length]),
            };
            (buffer, passed)
        });
        match passing.await {
            Ok(passed) => passed,
            // Only the end of the runtime stops such a task.
            Err(stopped) => (Vec::new(), Passed::Not(stopped.into())),
        }
    }
}

/// Writes past the buffers of the standard library: nobody else writes to these outputs meanwhile but whole sentences.
fn write(output: impl AsFd, mut bytes: &[u8]) -> Passed {
    while !bytes.is_empty() {
        match rustix::io::write(&output, bytes) {
            Ok(count) => bytes = &bytes[count..],
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => {
                // An error of its own comes with the next write.
                let _ = poll(&mut [PollFd::new(&output, PollFlags::OUT)], None);
            }
            Err(Errno::PIPE) => return Passed::Gone,
            Err(error) => return Passed::Not(error.into()),
        }
    }
    Passed::Whole
}

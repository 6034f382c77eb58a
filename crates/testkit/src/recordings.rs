//! Recorded build output: what real commands wrote, chunk by chunk, as raw bytes with times.
//!
//! `recordings/NAME.MODE.rec` (or `.rec.gz`) holds one JSON object per `read(2)` of the recorder:
//! `{"t": seconds, "s": "out"|"err"|"pty", "b64": bytes}`; `NAME.MODE.json` beside it tells the command, its exit code
//! and what was measured. A chunk may end inside a line, an escape sequence, a character or a secret.

use std::io::Read;
use std::path::{Path, PathBuf};

use base64::Engine;
use serde_json::Value;

/// Which of the command's outputs a chunk was read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
    /// A pseudo-terminal, which merges both.
    Pty,
}

/// One read of the recorder.
#[derive(Debug, Clone, PartialEq)]
pub struct Chunk {
    /// Seconds since the command was started.
    pub t: f64,
    /// Where it was read from.
    pub stream: Stream,
    /// What was read.
    pub bytes: Vec<u8>,
}

/// One recorded run of a command.
#[derive(Debug, Clone, PartialEq)]
pub struct Recording {
    /// Its chunks in the order they were read.
    pub chunks: Vec<Chunk>,
    /// The command's exit code; -N when it died of signal N.
    pub exit_code: i32,
}

impl Recording {
    /// All bytes of one output, in order.
    pub fn bytes_of(&self, stream: Stream) -> Vec<u8> {
        self.chunks
            .iter()
            .filter(|c| c.stream == stream)
            .flat_map(|c| c.bytes.iter().copied())
            .collect()
    }
}

/// The folder of recordings.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("recordings")
}

/// The names of all recordings of a mode (`pipe` or `pty`), sorted, as in `vite-build.pipe`.
///
/// # Panics
/// When the folder cannot be read.
pub fn names(mode: &str) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder())
        .expect("the recordings are part of the repository")
        .filter_map(|file| file.ok()?.file_name().into_string().ok())
        .filter_map(|file| {
            file.strip_suffix(".rec.gz")
                .or(file.strip_suffix(".rec"))
                .map(str::to_owned)
        })
        .filter(|name| name.ends_with(mode))
        .collect();
    names.sort();
    names
}

/// Reads a recording by its name, as in `vite-build.pipe`.
///
/// # Panics
/// When there is no such recording.
pub fn load(name: &str) -> Recording {
    let plain = folder().join(format!("{name}.rec"));
    read(&if plain.exists() {
        plain
    } else {
        folder().join(format!("{name}.rec.gz"))
    })
}

/// Reads a recording from a file.
///
/// # Panics
/// When the file is missing or is no recording.
pub fn read(path: &Path) -> Recording {
    let file = std::fs::read(path).unwrap_or_else(|error| panic!("no recording at {}: {error}", path.display()));
    let mut text = String::new();
    if path.extension().is_some_and(|ext| ext == "gz") {
        flate2::read::GzDecoder::new(&*file)
            .read_to_string(&mut text)
            .expect("a recording is gzip of JSON lines");
    } else {
        text = String::from_utf8(file).expect("a recording is JSON lines");
    }
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .expect("recordings have plain names");
    let about = path.with_file_name(format!(
        "{}.json",
        name.trim_end_matches(".gz").trim_end_matches(".rec")
    ));
    let about: Value = serde_json::from_slice(&std::fs::read(about).expect("each recording has its .json"))
        .expect("the file beside a recording is JSON");
    Recording {
        chunks: text.lines().map(chunk).collect(),
        exit_code: about["exit_code"]
            .as_i64()
            .and_then(|code| i32::try_from(code).ok())
            .expect("an exit code"),
    }
}

fn chunk(line: &str) -> Chunk {
    let json: Value = serde_json::from_str(line).expect("each line of a recording is JSON");
    Chunk {
        t: json["t"].as_f64().expect("a time"),
        stream: match json["s"].as_str() {
            Some("out") => Stream::Out,
            Some("err") => Stream::Err,
            _ => Stream::Pty,
        },
        bytes: base64::engine::general_purpose::STANDARD
            .decode(json["b64"].as_str().expect("bytes"))
            .expect("bytes in base64"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_recording_reads() {
        assert!(names("pipe").len() > 40 && names("pty").len() > 40);
        for name in ["vite-build.pipe", "lines-200k.pipe", "vite-dev.pty"] {
            assert!(!load(name).chunks.is_empty(), "{name}");
        }
    }
}

//! The archive's decoders: any bytes are a segment or a manifest, or an error, in bounded memory.

use archiver::Manifest;
use archiver::segment::{self, FRAME_BYTES};
use log_model::JobId;

/// A frame's lines are never more than the bound, whatever the frame claims, and each is an entry or an error.
pub fn frame(bytes: &[u8]) {
    if let Ok(raw) = segment::decode_frame(bytes) {
        assert!(raw.len() <= FRAME_BYTES, "a frame is never longer than the bound");
        lines(&raw);
    }
}

/// Any lines are entries or errors, and an entry writes back to one line.
pub fn lines(bytes: &[u8]) {
    for entry in segment::entries(bytes).flatten() {
        let mut line = Vec::new();
        entry.write_json(&mut line);
        assert!(!line.contains(&b'\n'), "an entry is one line");
        assert_eq!(segment::entries(&line).next().and_then(Result::ok), Some(entry));
    }
}

/// A seek table accounts for every byte before it, or is refused.
pub fn seek_table(bytes: &[u8]) {
    if let Ok(table) = segment::seek_table(bytes) {
        let total: u64 = table.iter().map(|(compressed, _)| u64::from(*compressed)).sum();
        assert_eq!(
            total as usize + 17 + 8 * table.len(),
            bytes.len(),
            "every byte is a frame's or the table's"
        );
    }
}

/// A manifest that is taken reads back the same, and describes segments within the bounds.
pub fn manifest(bytes: &[u8]) {
    let job = JobId::new("fuzzed").expect("a job id");
    if let Ok(manifest) = Manifest::decode(&job, bytes) {
        assert_eq!(
            Manifest::decode(&job, &manifest.encode()).ok().as_ref(),
            Some(&manifest)
        );
        let _ = manifest.record();
        for segment in &manifest.segments {
            assert!(segment.first <= segment.last && segment.bytes <= segment::SEGMENT_BYTES as u64);
        }
    }
}

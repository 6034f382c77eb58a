//! How things are called in the archive.
//!
//! ```text
//! <prefix>/jobs/<job>/manifest-<n>.json                                what is held; the highest n counts
//! <prefix>/jobs/<job>/segments/<first, 16 digits>-<hash>.ndjson.zst    entries, never changed
//! ```
//! A segment's name follows from what it is: its first entry's place and the beginning of its SHA-256. Writing the
//! same segment again hits the same name, two different ones never share one, and a manifest cannot point elsewhere.

use log_model::{JobId, Seq};
use object_store::path::{Path, PathPart};

use crate::digest::Digest;

/// Where below a bucket everything is kept.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    root: Path,
}

const JOBS: &str = "jobs";
const SEGMENTS: &str = "segments";

impl Layout {
    /// `prefix` is already checked to be made of safe parts; empty means the bucket's top.
    pub(crate) fn new(prefix: &str) -> Self {
        Self {
            root: prefix
                .split('/')
                .filter(|part| !part.is_empty())
                .map(PathPart::from)
                .collect(),
        }
    }

    /// Where all jobs are.
    pub(crate) fn jobs(&self) -> Path {
        self.root.clone().join(JOBS)
    }

    /// Where one job is. A job id is a safe path part by its type: no slash, no `.` or `..`, nothing to escape.
    pub(crate) fn job(&self, job: &JobId) -> Path {
        self.jobs().join(job.as_str())
    }

    pub(crate) fn manifest(&self, job: &JobId, number: u64) -> Path {
        self.job(job).join(format!("manifest-{number}.json"))
    }

    pub(crate) fn segments(&self, job: &JobId) -> Path {
        self.job(job).join(SEGMENTS)
    }

    pub(crate) fn segment(&self, job: &JobId, first: Seq, sha256: &Digest) -> Path {
        self.segments(job)
            .join(format!("{:016}-{}.ndjson.zst", first.get(), sha256.short()))
    }

    /// A name for trying out whether the archive takes writes.
    pub(crate) fn probe(&self, random: &str) -> Path {
        self.root.clone().join("probes").join(random)
    }

    /// The job an object belongs to; none for what is not ours.
    pub(crate) fn job_of(&self, object: &Path) -> Option<JobId> {
        let mut parts = object.prefix_match(&self.jobs())?;
        JobId::new(parts.next()?.as_ref()).ok()
    }
}

/// The number in a manifest's name; none for another object.
pub(crate) fn manifest_number(object: &Path) -> Option<u64> {
    let digits = object.filename()?.strip_prefix("manifest-")?.strip_suffix(".json")?;
    let number: u64 = digits.parse().ok()?;
    // One number has one name: no signs, no leading zeros.
    (number >= 1 && number.to_string() == digits).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(text: &str) -> JobId {
        JobId::new(text).expect("a job id")
    }

    #[test]
    fn names_are_as_documented() {
        let layout = Layout::new("logs/prod");
        let seq = Seq::new(50_001).expect("small");
        let digest = Digest::of(b"abc");
        assert_eq!(
            layout.manifest(&job("j1"), 12).as_ref(),
            "logs/prod/jobs/j1/manifest-12.json"
        );
        assert_eq!(
            layout.segment(&job("j1"), seq, &digest).as_ref(),
            "logs/prod/jobs/j1/segments/0000000000050001-ba7816bf8f01cfea.ndjson.zst"
        );
        assert_eq!(Layout::new("").job(&job("a.b_C-9")).as_ref(), "jobs/a.b_C-9");
    }

    #[test]
    fn every_job_id_is_one_part_of_a_path() {
        for text in ["...", "a..b", ".hidden", "-", "%", "~"] {
            let Ok(id) = JobId::new(text) else { continue };
            let layout = Layout::new("p");
            assert_eq!(layout.job(&id).as_ref(), format!("p/jobs/{text}"));
            assert_eq!(layout.job_of(&layout.manifest(&id, 1)), Some(id));
        }
    }

    #[test]
    fn only_plain_numbers_name_a_manifest() {
        for (name, number) in [
            ("manifest-1.json", Some(1)),
            ("manifest-18446744073709551615.json", Some(u64::MAX)),
            ("manifest-01.json", None),
            ("manifest-+1.json", None),
            ("manifest-0.json", None),
            ("manifest-.json", None),
            ("manifest-1.json.tmp", None),
            ("segments", None),
        ] {
            assert_eq!(manifest_number(&Path::from(name)), number, "{name}");
        }
    }
}

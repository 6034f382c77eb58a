//! The SQLite store: everything every store does, and what only a file can do wrong.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use log_model::Timestamp;
use stream_store::conformance::Subject;
use stream_store::{LogStore, SqliteStore};

/// A file of its own, opened twice, and a clock that only the test moves.
struct OneFile {
    store: Arc<dyn LogStore>,
    elsewhere: Arc<dyn LogStore>,
    passed: Arc<AtomicU64>,
    _folder: tempfile::TempDir,
}

async fn one_file() -> OneFile {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("log.db");
    let (start, passed) = (Timestamp::from(SystemTime::now()), Arc::new(AtomicU64::new(0)));
    let open = |path: &Path| -> Arc<dyn LogStore> {
        let passed = Arc::clone(&passed);
        let clock = move || start.plus(Duration::from_millis(passed.load(Ordering::Relaxed)));
        Arc::new(SqliteStore::open_with_clock(path, clock).expect("a new file opens"))
    };
    OneFile {
        store: open(&path),
        elsewhere: open(&path),
        passed,
        _folder: folder,
    }
}

#[async_trait]
impl Subject for OneFile {
    fn store(&self) -> Arc<dyn LogStore> {
        Arc::clone(&self.store)
    }

    async fn elsewhere(&self) -> Arc<dyn LogStore> {
        Arc::clone(&self.elsewhere)
    }

    async fn pass(&self, span: Duration) {
        let millis = u64::try_from(span.as_millis()).expect("a short time");
        self.passed.fetch_add(millis, Ordering::Relaxed);
    }
}

stream_store::conformance_tests!(one_file);

//! The workspace's own programs, as they were built beside the running test.

use std::path::PathBuf;

/// A program of this workspace.
///
/// # Panics
/// When it was not built: `scripts/test` does that first.
#[track_caller]
pub fn built(program: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test knows where it is");
    let folder = test
        .parent()
        .and_then(|deps| deps.parent())
        .expect("a test lies in target/PROFILE/deps");
    let found = folder.join(program);
    assert!(
        found.is_file(),
        "{program} is not built; run: cargo build --workspace --bins"
    );
    found
}

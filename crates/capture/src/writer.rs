//! What a run calls itself, and where it keeps what waits when nobody says.

use std::path::PathBuf;
use std::time::SystemTime;

use log_model::WriterId;

/// A writer id nobody else has.
pub(crate) fn fresh_writer() -> WriterId {
    let mut bytes = [0; 8];
    // Without randomness from the system, time and process still tell writers apart.
    if getrandom::fill(&mut bytes).is_err() {
        let nanos = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default()
            .as_nanos();
        bytes = ((nanos as u64) ^ (u64::from(std::process::id()) << 40)).to_be_bytes();
    }
    WriterId::new(&format!("w{:016x}", u64::from_be_bytes(bytes))).expect("a letter and 16 digits are a writer id")
}

/// The folder spools go to when none is named: the user's own state, or a temporary folder.
pub fn default_spool_dir() -> PathBuf {
    let state = std::env::var_os("XDG_STATE_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute());
    let state = state.or_else(|| {
        std::env::var_os("HOME")
            .map(|home| PathBuf::from(home).join(".local/state"))
            .filter(|path| path.is_absolute())
    });
    match state {
        Some(state) => state.join("tailwater/spool"),
        None => std::env::temp_dir().join(format!("tailwater-{}", rustix::process::getuid().as_raw())),
    }
}

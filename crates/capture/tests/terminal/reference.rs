//! The reference terminal, a program of its own.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, MutexGuard};

use base64::Engine;
use serde::Deserialize;

/// What the reference says.
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Shown {
    /// The rows it shows in the end.
    pub(crate) rows: Vec<String>,
    /// The rows that our lines take.
    pub(crate) ours: Vec<String>,
}

pub(crate) struct Reference {
    child: Child,
    asked: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Reference {
    /// Starts it.
    ///
    /// # Panics
    /// When there is no Python with pyte, with a message on how to get it.
    pub(crate) fn start() -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/terminal/reference.py");
        let mut child = Command::new(testkit::program::find("python3", Some("TAILWATER_TEST_PYTHON")))
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 starts");
        Self {
            asked: child.stdin.take().expect("it is a pipe"),
            answers: BufReader::new(child.stdout.take().expect("it is a pipe")),
            child,
        }
    }

    /// Writes `bytes` to it, and breaks `lines` into rows of its width.
    pub(crate) fn show(&mut self, rows: u16, columns: u16, bytes: &[u8], lines: &[String]) -> Shown {
        let bytes = base64::engine::general_purpose::STANDARD.encode(bytes);
        let case = serde_json::json!({ "rows": rows, "columns": columns, "bytes": bytes, "lines": lines });
        writeln!(self.asked, "{case}").expect("it reads");
        let mut answer = String::new();
        self.answers.read_line(&mut answer).expect("it writes");
        serde_json::from_str(&answer)
            .unwrap_or_else(|_| panic!("the reference needs pyte: run scripts/install-test-tools"))
    }
}

impl Drop for Reference {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One for all cases of a property.
pub(crate) fn shared() -> MutexGuard<'static, Shared> {
    static SHARED: Mutex<Shared> = Mutex::new(Shared(None));
    SHARED.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

pub(crate) struct Shared(Option<Reference>);

impl Shared {
    pub(crate) fn show(&mut self, rows: u16, columns: u16, bytes: &[u8], lines: &[String]) -> Shown {
        self.0
            .get_or_insert_with(Reference::start)
            .show(rows, columns, bytes, lines)
    }
}

//! Stands in for a recorded build command: writes what it wrote, where it wrote it, and exits as it did.
//!
//! `replay [--speed X] [--max-gap SECONDS] FILE.rec[.gz]`: speed 1 is as recorded, 0 (the default) as fast as the
//! reader takes it. A recorded death by signal N becomes exit code 128 + N, as a shell reports it.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use testkit::recordings::{Recording, Stream, read};

fn main() -> ExitCode {
    let (mut speed, mut max_gap, mut file) = (0.0_f64, f64::INFINITY, None);
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let number = |text: Option<String>| text.and_then(|t| t.parse().ok());
        match arg.as_str() {
            "--speed" => speed = number(args.next()).unwrap_or(speed),
            "--max-gap" => max_gap = number(args.next()).unwrap_or(max_gap),
            _ => file = Some(arg),
        }
    }
    let Some(file) = file else {
        eprintln!("usage: replay [--speed X] [--max-gap SECONDS] FILE.rec[.gz]");
        return ExitCode::from(2);
    };
    let recording = read(Path::new(&file));
    match play(&recording, speed, max_gap) {
        Ok(()) => exit_code(recording.exit_code),
        // The reader went away: what a command that is killed by SIGPIPE looks like from outside.
        Err(_) => ExitCode::from(141),
    }
}

fn play(recording: &Recording, speed: f64, max_gap: f64) -> std::io::Result<()> {
    let (start, mut due, mut before) = (Instant::now(), 0.0, 0.0);
    for chunk in &recording.chunks {
        if speed > 0.0 {
            due += ((chunk.t - before) / speed).clamp(0.0, max_gap);
            before = chunk.t;
            std::thread::sleep(Duration::from_secs_f64(due).saturating_sub(start.elapsed()));
        }
        match chunk.stream {
            Stream::Out | Stream::Pty => {
                let mut out = std::io::stdout().lock();
                out.write_all(&chunk.bytes)?;
                out.flush()?;
            }
            Stream::Err => std::io::stderr().write_all(&chunk.bytes)?,
        }
    }
    Ok(())
}

fn exit_code(recorded: i32) -> ExitCode {
    ExitCode::from(u8::try_from(if recorded < 0 { 128 - recorded } else { recorded }).unwrap_or(1))
}

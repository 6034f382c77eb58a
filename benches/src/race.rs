//! Several ways of doing one thing, timed in turns.
//!
//! On a machine that others use as well, the fastest of many short rounds is the one that was least disturbed, and taking
//! turns gives every runner the same weather.

use std::time::{Duration, Instant};

/// Who takes part, under which name.
pub struct Runner<'a> {
    name: String,
    run: Box<dyn FnMut() + 'a>,
    best: Duration,
}

impl<'a> Runner<'a> {
    /// One round of `run` handles all of the race's bytes once.
    pub fn new(name: impl Into<String>, run: impl FnMut() + 'a) -> Self {
        Self {
            name: name.into(),
            run: Box::new(run),
            best: Duration::MAX,
        }
    }
}

/// Runs them in turns for about `long` and prints, for each, its best rate and what share of the first runner's it is.
pub fn race(title: &str, bytes: usize, long: Duration, mut runners: Vec<Runner<'_>>) {
    let started = Instant::now();
    let mut rounds = 0;
    while started.elapsed() < long || rounds < 5 {
        for runner in &mut runners {
            let start = Instant::now();
            (runner.run)();
            runner.best = runner.best.min(start.elapsed());
        }
        rounds += 1;
    }
    println!("{title}, {bytes} bytes, best of {rounds} rounds");
    let limit = runners.first().map_or(Duration::MAX, |first| first.best);
    for runner in &runners {
        println!(
            "  {:<50} {:>8.0} MB/s  {:>7.3} of the limit",
            runner.name,
            bytes as f64 / runner.best.as_secs_f64() / 1e6,
            limit.as_secs_f64() / runner.best.as_secs_f64()
        );
    }
}

//! The floor of everything that writes to Redis, and what a server says of itself.

use std::process::Command;
use std::time::Duration;

use testkit::program;
use testkit::redis::RedisServer;

/// Lines a second of `redis-benchmark -P 64 XADD` over one connection: an entry a line, of these fields and values.
///
/// # Panics
/// When there is no `redis-benchmark`, or it says something else than its rate.
pub fn plain_xadd(server: &RedisServer, lines: u64, fields: &[&str]) -> f64 {
    let (port, lines) = (server.port().to_string(), lines.to_string());
    let mut command = Command::new(program::find("redis-benchmark", None));
    command.args(["-p", &port, "-c", "1", "-P", "64", "-n", &lines, "--csv"]);
    command.args(["XADD", "floor", "*"]).args(fields);
    let said = command.output().expect("redis-benchmark starts");
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    let rate = said
        .lines()
        .last()
        .and_then(|line| line.rsplit("\",\"").nth(6)?.trim_matches('"').parse().ok());
    rate.unwrap_or_else(|| panic!("redis-benchmark said something else: {said}"))
}

/// What the server says a call of a command has cost it since `CONFIG RESETSTAT`, in microseconds.
///
/// # Panics
/// When the command was not called.
pub fn in_server(server: &RedisServer, command: &str) -> f64 {
    let stats = server.command(&["INFO", "commandstats"]).text();
    let line = stats
        .lines()
        .find_map(|line| line.strip_prefix(&format!("cmdstat_{command}:")));
    let cost = line.and_then(|line| line.split(',').find_map(|part| part.strip_prefix("usec_per_call=")));
    cost.and_then(|cost| cost.parse().ok()).expect("the command was called")
}

/// What a process has used of the processor, in steps of the kernel's hundredth of a second; none once it is gone.
pub fn cpu(process: u32) -> Option<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let fields = stat.rsplit(") ").next()?.split(' ').skip(11).take(2);
    let ticks: u64 = fields.filter_map(|field| field.parse::<u64>().ok()).sum();
    Some(Duration::from_millis(ticks * 10))
}

/// The middle one of several measurements.
///
/// # Panics
/// When there are none.
pub fn median(mut measured: Vec<f64>) -> f64 {
    measured.sort_by(f64::total_cmp);
    measured[measured.len() / 2]
}

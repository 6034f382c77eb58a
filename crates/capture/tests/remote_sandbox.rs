//! The example for services with a remote sandbox runs, and what it shows is true.


use std::process::Command;

#[test]
fn the_example_records_what_a_sandbox_calls_back_with() {
    // Cargo builds a package's examples before its tests, beside them.
    let tests = std::env::current_exe().expect("this test is a file");
    let folder = tests.ancestors().nth(2).expect("it is in target/PROFILE/deps");
    let output = Command::new(folder.join("examples/remote_sandbox")).output().expect("the example is built");
    let text = String::from_utf8(output.stdout).expect("it is text");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut lines: Vec<&str> = text.lines().filter_map(|line| line.split_once(' ').map(|(_, said)| said)).collect();
    assert_eq!((lines.first(), lines.last()), (Some(&"started"), Some(&"ended succeeded")));
    // Two outputs carry no common order.
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "ended succeeded",
            "finished Some(0)",
            "started",
            "stderr: using token [REDACTED]",
            "stdout: built in 3 s ✓",
            "stdout: cloning 100%",
        ]
    );
}

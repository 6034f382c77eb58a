//! Commands that do what few commands do, and surroundings that few are started in.

use std::ffi::OsString;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::net::UnixStream;
use std::process::{Command, Output, Stdio};

use super::{PROGRAM, Place, bare, finish, same, same_with, status};

/// Runs a command bare and through us, each prepared by `prepare`, and compares everything.
#[track_caller]
fn alike(command: &[&str], prepare: impl Fn(&mut Command)) {
    let place = Place::new();
    let run = |mut command: Command| -> Output {
        prepare(&mut command);
        command.output().expect("it starts")
    };
    let (ours, bare) = (run(place.through_us(&[], command)), run(bare(command)));
    assert_eq!(status(&ours), status(&bare), "{command:?}: {ours:?}");
    assert_eq!(
        (text(&ours.stdout), text(&ours.stderr)),
        (text(&bare.stdout), text(&bare.stderr)),
        "{command:?}"
    );
}

/// The same for a command in a shell, where PROGRAM stands for nothing or for us.
#[track_caller]
fn alike_in_a_shell(script: &str) {
    let place = Place::new();
    let run = |program: &str| {
        let mut shell = Command::new("bash");
        place.settings(&mut shell);
        shell.args(["-c", &script.replace("PROGRAM", program)]);
        finish(shell, b"typed\n")
    };
    let (ours, bare) = (run(&format!("{PROGRAM} run --")), run(""));
    assert_eq!(status(&ours), status(&bare), "{script}: {ours:?}");
    assert_eq!(
        (text(&ours.stdout), text(&ours.stderr)),
        (text(&bare.stdout), text(&bare.stderr)),
        "{script}"
    );
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn every_signal_that_ends_a_process() {
    // Those that end none, those that stop one, and the two the system keeps for itself.
    let others = [17, 18, 19, 20, 21, 22, 23, 28, 32, 33];
    for signal in (1..=64).filter(|signal| !others.contains(signal)) {
        same(&format!("echo out; kill -{signal} $$; echo not reached"));
    }
}

#[test]
fn standard_input_of_every_kind() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let file = folder.path().join("input");
    std::fs::write(&file, "first\nsecond\n").expect("it can be written");
    let command = [
        "sh",
        "-c",
        "head -n 1; test -t 0; echo $?; test -p /dev/stdin; echo $?; test -f /dev/stdin; echo $?",
    ];
    alike(&command, |command| {
        command.stdin(Stdio::null());
    });
    alike(&command, |command| {
        command.stdin(std::fs::File::open(&file).expect("it is there"));
    });
    alike(&["cat"], |command| {
        let (mut ours, theirs) = UnixStream::pair().expect("there are sockets");
        ours.write_all(b"over a socket\n").expect("it takes a line");
        command.stdin(Stdio::from(OwnedFd::from(theirs)));
    });
    // What the command does not read is left for whoever comes next, at the same place.
    alike_in_a_shell("PROGRAM sh -c 'read a; echo $a'; wc -c");
    alike_in_a_shell(&format!(
        "exec < {}; PROGRAM sh -c 'exec head -c 3'; cat",
        file.display()
    ));
}

#[test]
fn limits_niceness_masks_and_folders() {
    for script in [
        "PROGRAM sh -c 'ulimit -a; cat /proc/self/oom_score_adj; nice; umask'",
        "ulimit -n 128; ulimit -c 0; ulimit -s 4096; PROGRAM sh -c 'ulimit -a'",
        "PROGRAM nice -n 5 nice",
        "nice -n 3 PROGRAM2 nice",
        "umask 027; PROGRAM sh -c 'umask; umask 0; umask'",
        "cd $(mktemp -d) && rmdir $PWD && PROGRAM sh -c 'ls; echo $?'",
        "exec 7>&1; PROGRAM sh -c 'echo by another way >&7'",
        "PROGRAM sh -c 'cat /proc/self/cgroup; id; hostname'",
    ] {
        // A program between it and the shell is one more word.
        alike_in_a_shell(&script.replace("PROGRAM2", "env PROGRAM"));
    }
}

#[test]
fn words_that_are_no_text_and_many_of_them() {
    let odd = |bytes: &[u8]| OsString::from_vec(bytes.to_vec());
    let place = Place::new();
    let run = |mut command: Command| {
        command
            .arg(odd(b"\xff\xfe \n'\"$x"))
            .arg("")
            .arg(odd(&[b'a'; 100_000]))
            .env("ODD", odd(b"\xc3\x28"))
            .env("LARGE", odd(&[b'b'; 100_000]));
        finish(command, b"")
    };
    let command = ["sh", "-c", r#"printf '%s|' "$@"; printf '%s' "$ODD" "$LARGE""#, "sh"];
    let (ours, bare) = (run(place.through_us(&[], &command)), run(bare(&command)));
    assert_eq!(status(&ours), 0, "{}", text(&ours.stderr));
    assert!(ours.stdout == bare.stdout && bare.stdout.len() > 200_000);
}

#[test]
fn commands_that_become_another_or_leave_one_behind() {
    for script in [
        "exec sh -c 'echo another; exit 9'",
        "exec 2>&1; echo a; echo b >&2; exit 3",
        "(setsid sh -c 'sleep 0.2' >/dev/null 2>&1 </dev/null &); echo parent; exit 4",
        "( ( echo grandchild; exit 5 ) ); echo $?",
        "sh -c 'kill -STOP $$' & sleep 0.1; kill -CONT $!; wait $!; echo $?",
        "(sleep 0.2; echo later) & echo first; wait",
        "(sleep 0.3; echo when the command is over) & echo first",
        "no-such-command-here; echo $?; /tmp; echo $?",
        "setsid -w sh -c 'kill -TERM 0; sleep 5'; echo $?",
        "trap '' TERM; kill -TERM $$; echo lived on; exit 6",
    ] {
        same(script);
    }
}

#[test]
fn output_by_other_names() {
    for script in [
        "echo a > /dev/stdout; echo b > /dev/stderr; echo c > /proc/self/fd/1",
        "echo a | tee /dev/stderr",
        "(echo to the terminal > /dev/tty) 2>/dev/null || echo there is none",
        "test -t 0; echo $?; test -t 1; echo $?; test -t 2; echo $?",
        r"printf 'a\r\nb\000c\r\n\000\377\r\r\n'",
        r"printf 'no newline at the end\r'",
        "exec 1>&-; echo on a closed output; echo $? >&2",
        "dd if=/dev/zero bs=1048577 count=3 2>/dev/null | tr '\\0' z",
    ] {
        same(script);
    }
    same_with(b"\0\xff\r\n\r\n", &["cat", "-"]);
}

#[test]
fn both_outputs_into_one_file_hold_everything() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let place = Place::new();
    let script = "for i in $(seq 200); do echo out $i; echo err $i >&2; done; exit 3";
    let run = |mut command: Command, name: &str| {
        let path = folder.path().join(name);
        let file = std::fs::OpenOptions::new().create(true).append(true).open(&path);
        let file = file.expect("it can be made");
        let both = file.try_clone().expect("it can be had twice");
        let ended = command.stdin(Stdio::null()).stdout(file).stderr(both).status();
        assert_eq!(ended.expect("it starts").code(), Some(3));
        let held = std::fs::read_to_string(path).expect("it is text");
        // The order between two pipes is nobody's to know; within each it is the command's.
        ["out", "err"].map(|of| {
            held.lines()
                .filter(|line| line.starts_with(of))
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
    };
    let command = ["sh", "-c", script];
    assert_eq!(
        run(place.through_us(&[], &command), "ours"),
        run(bare(&command), "bare")
    );
}

/// Whoever shares our output may have made it non-blocking; what it does not take at once is not lost.
#[test]
fn an_output_that_does_not_block_gets_everything() {
    let place = Place::new();
    let (mut ours, theirs) = UnixStream::pair().expect("there are sockets");
    theirs.set_nonblocking(true).expect("it can be set");
    let mut running = place
        .through_us(&[], &["sh", "-c", "seq 1 300000; exit 3"])
        .stdin(Stdio::null())
        .stdout(Stdio::from(OwnedFd::from(theirs)))
        .spawn()
        .expect("it starts");
    let mut read = Vec::new();
    ours.read_to_end(&mut read).expect("it reads");
    let expected: Vec<u8> = (1..=300_000)
        .flat_map(|line| format!("{line}\n").into_bytes())
        .collect();
    assert!(read == expected, "{} of {} bytes", read.len(), expected.len());
    assert_eq!(running.wait().expect("it ends").code(), Some(3));
}

/// A command may make its own output non-blocking, as Node does: then it is told so, as without us.
#[test]
fn a_command_may_make_its_output_non_blocking() {
    let python = testkit::program::find("python3", Some("TAILWATER_TEST_PYTHON"));
    let python = python.to_str().expect("it is text");
    let script = "import os,sys\nos.set_blocking(1, False)\nos.set_blocking(2, False)\nleft = b'x' * 99 + b'\\n'\nleft *= 20000\nwhile left:\n    try:\n        left = left[os.write(1, left):]\n    except BlockingIOError:\n        pass\nos.write(2, b'done\\n')\nsys.exit(4)";
    alike(&[python, "-c", script], |command| {
        command.stdin(Stdio::null());
    });
}

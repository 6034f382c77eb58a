//! A command behaves with us as it does without us: each is run bare and through the program, and compared.

mod odd;

use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_tailwater-capture");

/// As long as a machine busy with other tests may take.
const PATIENCE: Duration = Duration::from_secs(60);

struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a folder can be made"),
        }
    }

    /// The program with its settings in the environment, so that what follows is the command alone.
    fn settings(&self, command: &mut Command) {
        let folder = self.folder.path();
        command
            .env(
                "TAILWATER_STORE",
                format!("sqlite:{}", folder.join("log.sqlite").display()),
            )
            .env("TAILWATER_JOB", "build-42")
            .env("TAILWATER_OWNER", "user_ana")
            .env("TAILWATER_SPOOL_DIR", folder.join("spool"));
    }

    fn through_us(&self, flags: &[&str], command: &[&str]) -> Command {
        let mut program = Command::new(PROGRAM);
        program.arg("run").args(flags).arg("--").args(command);
        self.settings(&mut program);
        program
    }
}

fn bare(command: &[&str]) -> Command {
    let mut bare = Command::new(command[0]);
    bare.args(&command[1..]);
    bare
}

/// What a shell makes of how a process ended.
fn status(output: &Output) -> i32 {
    output
        .status
        .code()
        .unwrap_or_else(|| 128 + output.status.signal().expect("it ended one way or the other"))
}

fn finish(mut command: Command, input: &[u8]) -> Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    // A command that reads nothing is gone before it was given everything.
    let _ = child.stdin.take().expect("it is a pipe").write_all(input);
    child.wait_with_output().expect("it ends")
}

/// Compares output, error output and exit of a command run bare and through us, with the same input.
#[track_caller]
fn same_with(input: &[u8], command: &[&str]) {
    let place = Place::new();
    let ours = finish(place.through_us(&[], command), input);
    let bare = finish(bare(command), input);
    assert_eq!(status(&ours), status(&bare), "{command:?}: {ours:?}");
    assert!(ours.stdout == bare.stdout, "{command:?}: standard output differs");
    assert!(ours.stderr == bare.stderr, "{command:?}: standard error differs");
}

#[track_caller]
fn same(script: &str) {
    same_with(b"", &["sh", "-c", script]);
}

#[test]
fn exit_codes_and_deaths_by_signal() {
    for end in ["exit 0", "exit 1", "exit 99", "exit 255"] {
        same(&format!("echo out; echo err >&2; {end}"));
    }
    for signal in ["KILL", "TERM", "ABRT", "SEGV", "PIPE", "HUP", "USR1"] {
        same(&format!("echo out; kill -{signal} $$"));
    }
}

#[test]
fn standard_input_given_at_its_end_or_closed() {
    same_with(b"one\ntwo\n", &["cat"]);
    same_with(b"", &["cat"]);
    same_with(&[0, 255, 254, 10, 13, 27], &["od", "-c"]);
    same_with(b"ana\nrest\n", &["sh", "-c", "read name; echo hello $name"]);
    let place = Place::new();
    let closed = |program: &str| format!("exec {program} sh -c 'read x; echo $?' <&-");
    let ours = {
        let mut shell = Command::new("sh");
        place.settings(&mut shell);
        shell.args(["-c", &closed(&format!("{PROGRAM} run --"))]);
        shell.output().expect("it runs")
    };
    assert!(ours.status.success(), "{ours:?}");
    assert_ne!(ours.stdout, b"0\n", "there is nothing to read");
}

#[test]
fn output_of_every_kind() {
    for script in [
        "seq 1 200000",
        "head -c 1048576 /dev/zero | tr '\\0' x; echo",
        "head -c 3000000 /dev/zero | tr '\\0' y",
        "head -c 300000 /bin/sh",
        r"printf '\303'; sleep 0.05; printf '\251 \342\202\n\377\376\n'",
        r"printf 'a\rb\r\n\033[2J\033[31mred\033[0m\033]0;t\007'",
        "echo last words; exec >&- 2>&-; sleep 0.2; exit 5",
        "seq 1 50000 >&2; seq 1 50000",
        "true",
        "printf unfinished; exit 3",
    ] {
        same(script);
    }
}

#[test]
fn surroundings_are_the_same() {
    same("umask; pwd; ulimit -n; ulimit -c");
    // Without our own process there would be no difference in what is open, ignored or blocked.
    same("ls /proc/self/fd");
    same("grep -E '^Sig(Blk|Ign|Cgt)' /proc/self/status");
    same("umask 077; touch file-made-here; ls -l file-made-here | cut -c1-10; rm file-made-here");
}

#[test]
fn the_environment_is_as_it_was_without_our_settings() {
    let place = Place::new();
    let with = |mut command: Command| {
        command.env("NODE_ENV", "test").env("EMPTY", "").env_remove("OLDPWD");
        String::from_utf8(command.output().expect("it runs").stdout).expect("it is text")
    };
    let sorted = |text: String| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    let ours = sorted(with(place.through_us(&["--phase", "build"], &["env"])));
    assert_eq!(ours, sorted(with(bare(&["env"]))));
}

#[test]
fn the_folder_and_open_files_are_inherited() {
    let place = Place::new();
    let folder = place.folder.path().join("here");
    std::fs::create_dir(&folder).expect("it can be made");
    let mut shell = Command::new("sh");
    place.settings(&mut shell);
    let script = format!("exec 3>third; exec {PROGRAM} run -- sh -c 'pwd; echo kept >&3'");
    let output = shell
        .args(["-c", &script])
        .current_dir(&folder)
        .output()
        .expect("it runs");
    let folder = folder.canonicalize().expect("it is there");
    assert_eq!(output.stdout, format!("{}\n", folder.display()).into_bytes());
    assert_eq!(std::fs::read(folder.join("third")).expect("it is there"), b"kept\n");
}

#[test]
fn a_reader_of_our_output_that_goes_away_ends_the_command_as_it_would_without_us() {
    let place = Place::new();
    let through = |program: &str| {
        let mut shell = Command::new("bash");
        place.settings(&mut shell);
        let script = format!("{program} seq 1 10000000 | head -n 2; echo ${{PIPESTATUS[0]}}");
        shell.args(["-c", &script]).output().expect("it runs").stdout
    };
    assert_eq!(through(&format!("{PROGRAM} run --")), through(""));
}

/// Waits for a file that a command makes when it is ready.
fn wait_for(file: &Path) {
    let began = Instant::now();
    while !file.exists() {
        assert!(began.elapsed() < PATIENCE, "{} does not come", file.display());
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn kill(signal: &str, child: &Child) {
    let killed = Command::new("kill").args([signal, &child.id().to_string()]).status();
    assert!(killed.expect("kill is there").success());
}

#[test]
fn signals_reach_the_command_and_its_children() {
    for (signal, number) in [
        ("-TERM", 15),
        ("-INT", 2),
        ("-HUP", 1),
        ("-QUIT", 3),
        ("-USR1", 10),
        ("-USR2", 12),
    ] {
        let place = Place::new();
        let at = |name: &str| place.folder.path().join(name);
        let trapped = format!("trap 'exit {number}' {number}");
        let script = format!(
            "{trapped}; sh -c \"trap 'touch {heard}; exit' {number}; echo \\$\\$ > {child}.new; mv {child}.new {child}; while :; do sleep 0.02; done\" & touch {ready}; \
             while :; do sleep 0.02; done",
            heard = at("heard").display(),
            child = at("child").display(),
            ready = at("ready").display(),
        );
        // Background children of a shell without job control ignore INT and QUIT, with us as without us.
        let ignored = matches!(number, 2 | 3);
        let mut ours = place
            .through_us(&["--quiet"], &["sh", "-c", &script])
            .stdin(Stdio::null())
            .spawn()
            .expect("it starts");
        wait_for(&at("ready"));
        wait_for(&at("child"));
        kill(signal, &ours);
        if ignored {
            let child = std::fs::read_to_string(at("child")).expect("it is there");
            let ended = Command::new("kill").args(["-KILL", child.trim()]).status();
            assert!(ended.expect("kill is there").success(), "it lived on");
        } else {
            wait_for(&at("heard"));
        }
        assert_eq!(ours.wait().expect("it ends").code(), Some(number), "{signal}");
    }
}

#[test]
fn a_stopped_command_goes_on_when_we_do() {
    let place = Place::new();
    let at = |name: &str| place.folder.path().join(name);
    let script = format!(
        "trap 'touch {}' CONT; touch {}; while ! [ -e {} ]; do sleep 0.02; done; exit 6",
        at("continued").display(),
        at("ready").display(),
        at("continued").display()
    );
    let mut ours = place
        .through_us(&["--quiet"], &["sh", "-c", &script])
        .stdin(Stdio::null())
        .spawn()
        .expect("it starts");
    wait_for(&at("ready"));
    kill("-TSTP", &ours);
    let stopped = || {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", ours.id())).expect("it lives");
        stat.rsplit(')')
            .next()
            .is_some_and(|rest| rest.trim_start().starts_with('T'))
    };
    let began = Instant::now();
    while !stopped() {
        assert!(began.elapsed() < PATIENCE, "it stops");
        std::thread::sleep(Duration::from_millis(5));
    }
    kill("-CONT", &ours);
    assert_eq!(ours.wait().expect("it ends").code(), Some(6));
}

#[test]
fn a_process_left_behind_with_the_pipe_does_not_keep_us() {
    let place = Place::new();
    let output = finish(place.through_us(&[], &["sh", "-c", "sleep 300 & echo $!; exit 4"]), b"");
    assert_eq!(output.status.code(), Some(4));
    let left = String::from_utf8(output.stdout).expect("it is text");
    let ended = Command::new("kill").arg(left.trim()).status().expect("kill is there");
    assert!(ended.success(), "what was left behind still ran");
}

#[test]
fn commands_that_cannot_be_run_are_said_calmly() {
    let place = Place::new();
    let file = place.folder.path().join("notes.txt");
    std::fs::write(&file, "no program").expect("it can be written");
    let file = file.to_str().expect("it is text");
    for (command, code, sentence) in [
        ("no-such-program-here", 127, "was not found; is it installed"),
        ("/nowhere/at/all", 127, "was not found; is it installed"),
        (file, 126, "may not be run; is it an executable file?"),
        ("/tmp", 126, "may not be run; is it an executable file?"),
    ] {
        for flags in [&[][..], &["--pty"]] {
            let output = finish(place.through_us(flags, &[command]), b"");
            assert_eq!(output.status.code(), Some(code), "{command}: {output:?}");
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(
                said.contains(sentence) && said.lines().count() == 1,
                "{command}: {said}"
            );
        }
    }
}

/// A store that is away, and no place to wait for it in: the build goes on, and what is lost is said.
#[track_caller]
fn no_room(mut command: Command) {
    let output = command
        .env(
            "TAILWATER_STORE",
            format!("redis://127.0.0.1:{}", testkit::program::free_port()),
        )
        .env("TAILWATER_FLUSH_TIMEOUT", "300ms")
        .stdin(Stdio::null())
        .output()
        .expect("it runs");
    assert_eq!(
        output.status.code(),
        Some(7),
        "{:?}",
        String::from_utf8_lossy(&output.stderr)
    );
    let lines = output.stdout.iter().filter(|&&b| b == b'\n').count();
    assert_eq!(lines, 30_000, "all of it passes through");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("lost") || said.contains("not complete"), "{said}");
}

#[test]
fn a_spool_that_cannot_be_made_changes_nothing_for_the_command() {
    let place = Place::new();
    let file = place.folder.path().join("a-file");
    std::fs::write(&file, "").expect("it can be written");
    let mut command = place.through_us(&[], &["sh", "-c", "seq 1 30000; exit 7"]);
    command.env("TAILWATER_SPOOL_DIR", file.join("spool"));
    no_room(command);
}

#[test]
fn a_file_that_may_not_grow_changes_nothing_for_the_command() {
    let place = Place::new();
    // Beyond the limit the system sends a signal that ends a process by default.
    let mut shell = Command::new("bash");
    place.settings(&mut shell);
    let script = format!("ulimit -f 16; exec {PROGRAM} run -- sh -c 'seq 1 30000; exit 7'");
    shell.args(["-c", &script]);
    no_room(shell);
}

/// The program at a terminal of its own, which a test types at and resizes.
struct AtTerminal {
    pty: pty_process::Pty,
    child: tokio::process::Child,
    seen: String,
}

impl AtTerminal {
    fn start(place: &Place, flags: &[&str], script: &str) -> Self {
        let (pty, pts) = pty_process::open().expect("there are pseudo-terminals");
        pty.resize(pty_process::Size::new(30, 100)).expect("it has a size");
        let folder = place.folder.path();
        let child = pty_process::Command::new(PROGRAM)
            .arg("run")
            .args(flags)
            .args(["--", "sh", "-c", script])
            .env(
                "TAILWATER_STORE",
                format!("sqlite:{}", folder.join("log.sqlite").display()),
            )
            .env("TAILWATER_JOB", "build-42")
            .env("TAILWATER_OWNER", "user_ana")
            .env("TAILWATER_SPOOL_DIR", folder.join("spool"))
            .spawn(pts)
            .expect("it starts");
        Self {
            pty,
            child,
            seen: String::new(),
        }
    }

    /// Reads until `text` was shown.
    async fn see(&mut self, text: &str) {
        use tokio::io::AsyncReadExt;
        let reading = async {
            let mut piece = [0; 4096];
            while !self.seen.contains(text) {
                let count = self.pty.read(&mut piece).await.expect("it is open");
                self.seen.push_str(&String::from_utf8_lossy(&piece[..count]));
            }
        };
        if tokio::time::timeout(PATIENCE, reading).await.is_err() {
            panic!("{text:?} does not come: {:?}", self.seen);
        }
    }

    async fn code(mut self) -> Option<i32> {
        // What it still writes must be read, or it would wait for room.
        use tokio::io::AsyncReadExt;
        let mut piece = [0; 4096];
        let ended = async {
            loop {
                tokio::select! {
                    status = self.child.wait() => return status.expect("it ends").code(),
                    read = self.pty.read(&mut piece) => if read.is_err() {
                        return self.child.wait().await.expect("it ends").code();
                    },
                }
            }
        };
        let limit = Duration::from_secs(60);
        tokio::time::timeout(limit, ended)
            .await
            .expect("it ends within a minute")
    }
}

#[tokio::test]
async fn at_a_terminal_the_command_reads_from_it_and_its_keys_reach_all() {
    use tokio::io::AsyncWriteExt;
    let place = Place::new();
    let script = "test -t 0 && echo a terminal; read name; echo hello $name; trap 'exit 8' INT; echo ready; while :; do sleep 0.02; done";
    for flags in [&[][..], &["--pty"]] {
        let mut terminal = AtTerminal::start(&place, flags, script);
        terminal.see("a terminal").await;
        terminal.pty.write_all(b"ana\r").await.expect("it takes keys");
        terminal.see("hello ana").await;
        terminal.see("ready").await;
        terminal.pty.write_all(b"\x03").await.expect("it takes keys");
        assert_eq!(terminal.code().await, Some(8), "{flags:?}");
    }
}

#[tokio::test]
async fn a_pseudo_terminal_is_as_large_as_ours_and_follows_it() {
    let place = Place::new();
    let script = "stty size; trap 'stty size; exit 5' WINCH; echo ready; while :; do sleep 0.02; done";
    let mut terminal = AtTerminal::start(&place, &["--pty"], script);
    terminal.see("30 100").await;
    terminal.see("ready").await;
    terminal
        .pty
        .resize(pty_process::Size::new(40, 120))
        .expect("it has a size");
    terminal.see("40 120").await;
    assert_eq!(terminal.code().await, Some(5));
}

#[test]
fn what_a_quiet_run_keeps_is_everything_but_its_exit() {
    let place = Place::new();
    let mut output = Vec::new();
    let mut child = place
        .through_us(&["--quiet"], &["sh", "-c", "seq 1 1000; echo err >&2; exit 2"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    child
        .stdout
        .take()
        .expect("a pipe")
        .read_to_end(&mut output)
        .expect("it reads");
    child
        .stderr
        .take()
        .expect("a pipe")
        .read_to_end(&mut output)
        .expect("it reads");
    assert_eq!(output, b"");
    assert_eq!(child.wait().expect("it ends").code(), Some(2));
}

/// The same command, started by somebody who ignores a signal, as `nohup` does.
fn ignoring(signal: &str, command: &Command) -> Command {
    let mut shell = Command::new("sh");
    shell
        .args(["-c", &format!("trap '' {signal}; exec \"$@\""), "sh"])
        .arg(command.get_program())
        .args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell
}

#[test]
fn a_signal_that_was_ignored_before_stays_ignored() {
    for signal in ["HUP", "INT", "USR1", "TSTP"] {
        let place = Place::new();
        let script = format!("kill -{signal} $$; echo still here; exit 4");
        let command = ["sh", "-c", &script];
        let ours = finish(ignoring(signal, &place.through_us(&[], &command)), b"");
        let bare = finish(ignoring(signal, &bare(&command)), b"");
        assert_eq!(status(&bare), status(&ours), "{signal}: {ours:?}");
        assert!(ours.stdout == bare.stdout && bare.stdout == b"still here\n", "{signal}");
    }
}

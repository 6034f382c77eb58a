//! The program as its user meets it: what each verb prints, and the exit codes.

use std::path::Path;
use std::process::Stdio;

use testkit::workspace::built;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

async fn tailwater(folder: &Path, args: &[&str], input: &str) -> Said {
    let mut command = Command::new(built("tailwater"));
    command
        .args(args)
        .current_dir(folder)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.env("DEPLOY_PASSWORD", format!("{}{}", "swordfish-", "4711"));
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let mut child = command.spawn().expect("it starts");
    child
        .stdin
        .take()
        .expect("piped")
        .write_all(input.as_bytes())
        .await
        .expect("it reads its input");
    let done = tokio::time::timeout(std::time::Duration::from_secs(60), child.wait_with_output()).await;
    let done = done.expect("it ends within a minute").expect("it ends");
    Said {
        code: done.status.code(),
        out: String::from_utf8(done.stdout).expect("text"),
        err: String::from_utf8(done.stderr).expect("text"),
    }
}

#[tokio::test]
async fn a_command_is_run_kept_listed_and_shown() {
    let folder = tempfile::tempdir().expect("a folder");
    let script = "echo to stdout; echo to stderr >&2; echo $DEPLOY_PASSWORD; exit 5";
    let ran = tailwater(folder.path(), &["run", "--job", "first", "--", "sh", "-c", script], "").await;
    assert_eq!(ran.code, Some(5), "{}", ran.err);
    let secret = format!("{}{}", "swordfish-", "4711");
    assert_eq!(
        ran.out,
        format!("to stdout\n{secret}\n"),
        "the command's own output is passed on as it was"
    );
    assert!(
        ran.err.contains("http://127.0.0.1:") && ran.err.contains("3 lines kept, 1 secret hidden"),
        "{}",
        ran.err
    );

    let jobs = tailwater(folder.path(), &["jobs"], "").await;
    assert!(
        jobs.out
            .lines()
            .any(|line| line.contains("failed") && line.ends_with("first")),
        "{}",
        jobs.out
    );
    for args in [&["show", "first"][..], &["show", "first", "--follow"]] {
        let shown = tailwater(folder.path(), args, "").await;
        assert_eq!(shown.code, Some(0), "{}", shown.err);
        assert!(
            shown.out.contains("\n[REDACTED]\n") && !shown.out.contains(&secret),
            "{}",
            shown.out
        );
        assert!(shown.out.contains("── build started") && shown.out.contains("── failed: 3 lines, 1 secrets hidden"));
    }
}

#[tokio::test]
async fn mistakes_are_said_in_a_sentence_with_a_next_step() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("file"), "no folder").expect("written");
    let ended = tailwater(folder.path(), &["run", "--job", "over", "--", "true"], "").await;
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let cases: &[(&[&str], i32, &str)] = &[
        (&["run", "--job", "over", "--", "true"], 2, "has ended already"),
        (&["run", "--job", "a/b", "--", "true"], 2, "a job id must be"),
        (
            &["run", "--data", "file", "--", "true"],
            2,
            "name another one with --data",
        ),
        (&["run"], 2, "<COMMAND>"),
        (&["run", "--", "no-such-command-here"], 127, "was not found"),
        (&["run", "--", "./file"], 126, "./file"),
        (&["run", "--secret-file", "nowhere", "--", "true"], 2, "--secret-file"),
        (&["show", "nothing"], 2, "there is no job nothing here"),
        (&["jobs", "--data", "elsewhere"], 2, "nothing was captured"),
        (&["serve", "--data", "elsewhere"], 2, "nothing was captured"),
        (&["redact", "--known-env", "NOT_SET"], 2, "NOT_SET"),
        (&["frobnicate"], 2, "unrecognized subcommand"),
    ];
    for (args, code, words) in cases {
        let said = tailwater(folder.path(), args, "").await;
        assert_eq!(said.code, Some(*code), "{args:?}: {}", said.err);
        assert!(said.err.contains(words), "{args:?}: {}", said.err);
        assert!(!said.err.contains("panicked"), "{args:?}: {}", said.err);
    }
}

#[tokio::test]
async fn the_filter_hides_what_a_capture_would_hide() {
    let folder = tempfile::tempdir().expect("a folder");
    let key = format!("{}{}", "AKIA", "Q7RZ4TKW2XNB6YHD");
    let input = format!("plain\nkey \x1b[31m{}\x1b[0m{} end\n", &key[..9], &key[9..]);
    let said = tailwater(folder.path(), &["redact"], &input).await;
    assert_eq!(
        (said.code, &*said.out),
        (Some(0), "plain\nkey [REDACTED] end\n"),
        "{}",
        said.err
    );
    let known = tailwater(
        folder.path(),
        &["redact", "--known-env", "DEPLOY_PASSWORD"],
        "it is swordfish-4711.\n",
    )
    .await;
    assert_eq!(known.out, "it is [REDACTED].\n");
}

#[tokio::test]
async fn records_are_redacted_each_as_a_stream_of_its_own() {
    let folder = tempfile::tempdir().expect("a folder");
    let records = concat!(
        r#"{"id":1,"text":"one\ntwo\n"}"#,
        "\n\n",
        r#"{"id":"b","text":"my blue-canary-77 and BLUE-CANARY-77","known":["blue-canary-77"]}"#,
        "\n",
        r#"{"id":3,"text":"blue-canary-77 is nothing here"}"#,
        "\n",
    );
    let said = tailwater(folder.path(), &["redact", "--jsonl"], records).await;
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert_eq!(
        said.out.lines().collect::<Vec<_>>(),
        [
            r#"{"id":1,"text":"one\ntwo","masked":[]}"#,
            r#"{"id":"b","text":"my [REDACTED] and [REDACTED]","masked":[{"rule":"known-value","name":"Known value","count":2}]}"#,
            r#"{"id":3,"text":"blue-canary-77 is nothing here","masked":[]}"#,
        ]
    );
    let both = r#"{"id":1,"text":"swordfish-4711 and blue-canary-77","known":["blue-canary-77"]}"#;
    let said = tailwater(
        folder.path(),
        &["redact", "--jsonl", "--known-env", "DEPLOY_PASSWORD"],
        both,
    )
    .await;
    assert!(said.out.contains("[REDACTED] and [REDACTED]"), "{}", said.out);
    let bad = tailwater(
        folder.path(),
        &["redact", "--jsonl"],
        "{\"id\":1,\"text\":\"x\"}\nnot json\n",
    )
    .await;
    assert!(
        bad.code == Some(2) && bad.err.contains("line 2 of standard input"),
        "{}",
        bad.err
    );
}

#[tokio::test]
async fn the_table_of_rules_is_printed() {
    let folder = tempfile::tempdir().expect("a folder");
    let said = tailwater(folder.path(), &["redact", "--list-rules"], "").await;
    assert!(said.out.lines().count() >= 60, "{}", said.out);
    assert!(said.out.contains("stripe-live-key") && said.out.contains("Stripe live key"));
}

#[tokio::test]
async fn the_canary_comes_back_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    let said = tailwater(folder.path(), &["canary"], "").await;
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
    assert_eq!(
        said.out
            .matches("2000 of 2000 lines, and the end; 200 of 200 secrets hidden, 0 lines leak")
            .count(),
        2
    );
}

//! States of a progress display: bars, percentages, transfers, tables, told by how they look.

/// Whether a line is a state of something that will change.
pub(super) fn is_progress(text: &str, first: u8, percent: bool) -> bool {
    let told = match first {
        b'#' | b'0'..=b'9' | b'a'..=b'f' if is_layer(text) => true,
        b'0'..=b'9' => is_curl(text),
        b'%' => text.starts_with("% Total    % Received % Xferd"),
        // cargo: `Building [=====>      ] 19/56: zerocopy, syn`; pnpm: `Downloading foo@1.2.3: 1.2 MB/3.4 MB`.
        b'B' | b'C' | b'D' => is_drawn_between_brackets(text) || is_transfer(text),
        b'[' => is_drawn_between_brackets(text) || is_build(text),
        b'-' => text.bytes().take_while(|&b| b == b'-').count() >= 10 && text.contains('/') && text.contains(" eta "),
        // Braille patterns: what nearly every spinner turns with.
        0xe2 => text.starts_with(|c| ('\u{2801}'..='\u{28ff}').contains(&c)) || begins_with_bar(text),
        _ => false,
    };
    told || percent && has_percentage(text)
}

/// A number of percent beside what says that it will grow.
fn has_percentage(text: &str) -> bool {
    const GIT: [&str; 9] = [
        "Counting objects:",
        "Compressing objects:",
        "Receiving objects:",
        "Resolving deltas:",
        "Updating files:",
        "Writing objects:",
        "Unpacking objects:",
        "Checking out files:",
        "Filtering content:",
    ];
    const WEBPACK: [&str; 7] = [
        "setup",
        "building",
        "sealing",
        "emitting",
        "done plugins",
        "cache ",
        "compiling",
    ];

    let Some(percent) = memchr::memchr(b'%', text.as_bytes()) else {
        return false;
    };
    let before = text[..percent].trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    if before.len() == percent {
        return false;
    }
    let after = &text[percent + 1..];
    let before = before.trim_end();
    if before.is_empty() {
        let stage = after.trim_start();
        return stage.is_empty()
            || WEBPACK.iter().any(|known| stage.starts_with(known))
            || is_bar(after)
            || after.starts_with('|');
    }
    GIT.iter().any(|stage| before.ends_with(stage))
        // tqdm and its kin: a bar right behind or before the number.
        || after.starts_with('|')
        || is_bar(after)
        || is_bar(before)
}

/// Something drawn between brackets, ten columns at least, with or without a word before.
fn is_drawn_between_brackets(text: &str) -> bool {
    // One word may stand before: were there another, its space would come first.
    let word = text.bytes().take_while(u8::is_ascii_alphabetic).count();
    let rest = &text[word..];
    let Some(rest) = rest.strip_prefix(" [").or_else(|| text.strip_prefix('[')) else {
        return false;
    };
    let Some((inside, _)) = rest.split_once(']') else {
        return false;
    };
    // Ten columns of something drawn, or many of nothing yet.
    inside.len() >= 10
        && (inside.len() >= 20 || inside.contains(['#', '=', '-', '.', '>', '█', '░']))
        && inside
            .chars()
            .all(|c| matches!(c, '#' | '=' | '-' | '.' | '>' | ' ' | '█' | '░' | '⠂'))
}

/// The head of a build's display, `[+] Building 12.3s (5/9)`, until it is finished.
fn is_build(text: &str) -> bool {
    text.starts_with("[+] Building ") && !text.contains("FINISHED")
}

/// `Downloading registry.example/typescript@5.9.2: 1.2 MB/3.4 MB`, until it is done.
fn is_transfer(text: &str) -> bool {
    text.starts_with("Downloading ") && text.contains("B/") && !text.ends_with(", done")
}

/// A row of curl's table: twelve columns, three of them times.
fn is_curl(text: &str) -> bool {
    let mut columns = text.split_ascii_whitespace();
    let is_time = |column: Option<&str>| {
        column.is_some_and(|c| {
            c.len() >= 7
                && c.bytes()
                    .all(|b| b.is_ascii_digit() || matches!(b, b':' | b'-' | b'd' | b'h'))
        })
    };
    columns.nth(7).is_some() && is_time(columns.next()) && is_time(columns.next()) && is_time(columns.next())
}

/// pip's: a bar first, then how much of how much.
fn begins_with_bar(text: &str) -> bool {
    let bar = text
        .chars()
        .take_while(|c| matches!(c, '━' | '╸' | '╺' | '█' | '░' | '▉'..='▏'))
        .count();
    bar >= 10 && text.contains('/')
}

/// A bar drawn of blocks or marks, three at least: `[####......]`, `████░░`, `[===>   ]`, `━━━━`.
fn is_bar(text: &str) -> bool {
    let drawn = |c: char| matches!(c, '#' | '=' | '\u{2588}'..='\u{2593}' | '━' | '■' | '▰' | '▱' | '□');
    let mut run = 0;
    for c in text.chars().take(512) {
        if drawn(c) {
            run += 1;
            if run >= 3 {
                return true;
            }
        } else {
            run = 0;
        }
    }
    false
}

/// A container layer on its way: `a1b2c3d4e5f6: Downloading [==>  ] 1.2MB/3.4MB`, `#5 sha256:… 1.2MB / 3.4MB`.
fn is_layer(text: &str) -> bool {
    if let Some((layer, state)) = text.split_at_checked(12)
        && let Some(state) = state.strip_prefix(": ")
        && layer.bytes().all(|b| b.is_ascii_hexdigit())
    {
        const STATES: [&str; 7] = [
            "Pulling fs layer",
            "Waiting",
            "Downloading",
            "Verifying Checksum",
            "Download complete",
            "Extracting",
            "Pull complete",
        ];
        return STATES.iter().any(|known| state.starts_with(known));
    }
    text.starts_with('#') && text.contains(" sha256:") && text.contains(" / ")
}

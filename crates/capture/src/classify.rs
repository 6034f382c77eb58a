//! Known noise, told by the clean text of one line alone. Noise is stored like any line; a page may fold it.

use log_model::Class;

/// The class of a line, or none for a line like any other.
///
/// Errors are never noise, whatever else the line says: `npm error`, a conflict of versions, an unsupported engine,
/// and anything about install scripts stay in sight.
///
/// ```
/// use log_model::Class;
/// assert_eq!(capture::classify("npm warn deprecated glob@7.1.3: no longer supported"), Some(Class::Deprecated));
/// assert_eq!(capture::classify("npm error code ERESOLVE"), None);
/// ```
pub fn classify(text: &str) -> Option<Class> {
    let text = text.trim();
    let Some(&first) = text.as_bytes().first() else {
        return Some(Class::Blank);
    };
    // Only a few beginnings and marks lead anywhere, so that most lines cost one look at their first byte and a
    // search for a percent sign.
    let class = match first {
        b'n' | b'N' => npm(text).or_else(|| sentence(text)),
        b'[' if text.starts_with("[notice] ") => Some(Class::Notice),
        b'D' | b'w' | b'W' | b'(' => deprecated(text).or_else(|| sentence(text)),
        b'0'..=b'9' => funding(text).or_else(|| notice(text)),
        b'r' if text.starts_with("run `npm fund`") || text.starts_with("run \"npm fund\"") => Some(Class::Funding),
        b'A'..=b'Z' | b'a'..=b'z' => notice(text).or_else(|| sentence(text)),
        _ => None,
    };
    let class = class.or_else(|| is_progress(text, first).then_some(Class::Progress))?;
    (!is_serious(text)).then_some(class)
}

/// Whether a line speaks of a failure, or of something a person has to decide.
fn is_serious(text: &str) -> bool {
    const WORDS: [&str; 10] = [
        "npm error",
        "npm err!",
        "eresolve",
        "ebadengine",
        "install script",
        "install-script",
        "postinstall",
        "preinstall",
        "vulnerabilit",
        "fatal",
    ];
    let lower = text.to_ascii_lowercase();
    WORDS.iter().any(|word| lower.contains(word))
        // "errors: 0" in a progress display is no failure, but it is rarer than a failure is grave.
        || lower.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| matches!(word, "error" | "errors" | "err" | "failed" | "fail" | "failure"))
            && !lower.contains("deprecat")
}

fn npm(text: &str) -> Option<Class> {
    let rest = text.strip_prefix("npm ").or_else(|| text.strip_prefix("NPM "))?;
    let (level, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    match level {
        "notice" => Some(Class::Notice),
        "warn" | "WARN" if rest.trim_start().starts_with("deprecated ") => Some(Class::Deprecated),
        "fund" => Some(Class::Funding),
        _ => None,
    }
}

fn deprecated(text: &str) -> Option<Class> {
    let found = text.starts_with("DEPRECATION:")
        || text.starts_with("DEPRECATED:")
        || text.starts_with("DeprecationWarning:")
        || text.starts_with("Deprecation Warning")
        || text.starts_with("warning: deprecated ")
        // Node: `(node:4711) [DEP0040] DeprecationWarning: …` and the hint that follows it.
        || text.starts_with("(node:") && text.contains("DeprecationWarning:")
        || text.starts_with("(Use `node --trace-deprecation")
        // pnpm: `WARN  deprecated glob@7.1.3: …` and `WARN  5 deprecated subdependencies found: …`.
        || text.strip_prefix("WARN").map(str::trim_start).is_some_and(|rest| {
            rest.starts_with("deprecated ") || rest.contains(" deprecated subdependencies found")
        })
        // yarn: `warning left-pad@1.3.0: use String.prototype.padStart()`, with the chain of who wants it.
        || text.strip_prefix("warning ").is_some_and(|rest| {
            rest.split_once(": ").is_some_and(|(packages, words)| {
                packages.split(" > ").all(|package| !package.contains(' '))
                    && packages.contains('@')
                    && (words.to_ascii_lowercase().contains("deprecat") || words.contains("no longer supported"))
            })
        });
    found.then_some(Class::Deprecated)
}

fn funding(text: &str) -> Option<Class> {
    let rest = text.trim_start_matches(|c: char| c.is_ascii_digit());
    (rest.starts_with(" packages are looking for funding") || rest.starts_with(" package is looking for funding"))
        .then_some(Class::Funding)
}

fn notice(text: &str) -> Option<Class> {
    let found = text.starts_with("A new release of ")
        || text.starts_with("Update available! ")
        || text.starts_with("info Visit https://yarnpkg.com/")
        || text.starts_with("hint: Using 'master' as the name for the initial branch");
    found.then_some(Class::Notice)
}

/// What tools say of the usage data they collect, sentence by sentence.
fn sentence(text: &str) -> Option<Class> {
    const BEGINNINGS: [&str; 9] = [
        "Attention: Next.js now collects completely anonymous telemetry",
        "This information is used to shape Next.js' roadmap",
        "You can learn more, including how to opt-out if you'd not like to participate in this anonymous program",
        "https://nextjs.org/telemetry",
        "Nuxt collects completely anonymous",
        "Astro collects anonymous",
        "Gatsby collects anonymous",
        "Storybook now collects completely anonymous telemetry",
        "Welcome to .NET! Telemetry",
    ];
    let found = BEGINNINGS.iter().any(|beginning| text.starts_with(beginning))
        || text.contains("anonymous telemetry")
        || text.contains("anonymous usage data")
        || text.contains("anonymous usage statistics");
    found.then_some(Class::Telemetry)
}

fn is_progress(text: &str, first: u8) -> bool {
    match first {
        b'P' if text.starts_with("Progress: resolved ") => return true,
        b'<' if text.starts_with("<s> [webpack.Progress] ") => return true,
        b't' if text.starts_with("transforming (") => return true,
        // Braille patterns: what nearly every spinner turns with.
        0xe2 if text.starts_with(|c| ('\u{2801}'..='\u{28ff}').contains(&c)) => return true,
        _ => {}
    }
    if matches!(first, b'B' | b'C') && is_cargo_bar(text) {
        return true;
    }
    let Some(percent) = memchr::memchr(b'%', text.as_bytes()) else {
        return is_layer(text);
    };
    let before = text[..percent].trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    if before.len() == percent {
        return false;
    }
    let after = &text[percent + 1..];
    let before = before.trim_end();
    // git: `Receiving objects:  10% (191/1906)`; apt: `(Reading database ... 5%`.
    const GIT: [&str; 6] = [
        "Counting objects:",
        "Compressing objects:",
        "Receiving objects:",
        "Resolving deltas:",
        "Updating files:",
        "Writing objects:",
    ];
    before.starts_with("(Reading database ...")
        || GIT.iter().any(|stage| before.ends_with(stage))
        // tqdm and its kin: a bar right behind or before the number.
        || after.starts_with('|')
        || is_bar(after)
        || is_bar(before)
}

/// Cargo's: `Building [=====>      ] 19/56: zerocopy, syn`.
fn is_cargo_bar(text: &str) -> bool {
    text.split_once(" [").is_some_and(|(verb, rest)| {
        verb.bytes().all(|b| b.is_ascii_alphabetic()) && rest.starts_with(['=', '>', ' ']) && rest.contains("] ")
    })
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
    if let Some((layer, state)) = text.split_once(": ")
        && layer.len() == 12
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

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(class: Option<Class>, lines: &[&str]) {
        for line in lines {
            assert_eq!(classify(line), class, "{line:?}");
        }
    }

    #[test]
    fn a_line_without_a_visible_character_is_blank() {
        check(Some(Class::Blank), &["", " ", "\t  ", "\u{a0}"]);
    }

    #[test]
    fn deprecations_of_each_package_manager_are_known() {
        check(
            Some(Class::Deprecated),
            &[
                "npm warn deprecated glob@7.1.3: Glob versions prior to v9 are no longer supported",
                "npm WARN deprecated request@2.88.2: request has been deprecated",
                " WARN  deprecated glob@7.1.3: no longer supported",
                " WARN  3 deprecated subdependencies found: glob@7.1.3, inflight@1.0.6",
                "warning jest > glob@7.2.3: Glob versions prior to v9 are no longer supported",
                "(node:42) [DEP0040] DeprecationWarning: The `punycode` module is deprecated.",
                "(Use `node --trace-deprecation ...` to show where the warning was created)",
                "DEPRECATION: Legacy editable install is deprecated",
            ],
        );
    }

    #[test]
    fn notices_funding_and_telemetry_are_known() {
        check(
            Some(Class::Notice),
            &[
                "npm notice",
                "npm notice New major version",
                "[notice] A new release of pip",
            ],
        );
        check(
            Some(Class::Funding),
            &[
                "38 packages are looking for funding",
                "1 package is looking for funding",
                "  run `npm fund` for details",
            ],
        );
        check(
            Some(Class::Telemetry),
            &[
                "Attention: Next.js now collects completely anonymous telemetry regarding usage.",
                "https://nextjs.org/telemetry",
            ],
        );
    }

    #[test]
    fn states_of_progress_displays_are_known() {
        check(
            Some(Class::Progress),
            &[
                "Receiving objects:  10% (191/1906)",
                "remote: Counting objects: 100% (1906/1906), done.",
                "Resizing images:  47%|████▋     | 140/300 [00:01<00:01, 98.70it/s]",
                "<s> [webpack.Progress] 8% setup compilation",
                "Progress: resolved 231, reused 0, downloaded 185, added 180, done",
                "(Reading database ... 5%",
                "⠙ Resolving dependencies",
                "[########......] 57% of packages",
                "a1b2c3d4e5f6: Downloading [==>   ]  1.2MB/3.4MB",
            ],
        );
    }

    #[test]
    fn an_error_is_never_noise() {
        check(
            None,
            &[
                "npm error code ERESOLVE",
                "npm ERR! deprecated",
                "npm warn EBADENGINE Unsupported engine {",
                "npm warn ERESOLVE overriding peer dependency",
                "npm notice install scripts of 2 packages were not run",
                "⠙ Build failed: 3 errors",
                "Receiving objects:  10% (191/1906) fatal: early EOF",
            ],
        );
    }

    #[test]
    fn ordinary_lines_have_no_class() {
        check(
            None,
            &[
                "vite v7.1.0 building for production...",
                "dist/index.html  0.46 kB │ gzip:  0.30 kB",
                "tests/test_orders.py ............ [ 39%]",
                "Statements   : 87.5% ( 21/24 )",
                "added 38 packages in 3s",
                "width: 100%;",
                "%",
                "npm warn config optional",
                "The deprecated module was removed",
            ],
        );
    }
}

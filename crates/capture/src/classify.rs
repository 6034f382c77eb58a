//! Known noise, told by the clean text of one line alone. Noise is stored like any line; a page may fold it.

mod progress;

use std::sync::LazyLock;

use log_model::Class;
use memchr::memmem::Finder;

use self::progress::is_progress;

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
    by_words(text, true, true)
}

/// Classifies lines of one text, over which the words that may stand anywhere in a line are looked for once.
pub(crate) struct Words<'a> {
    text: &'a [u8],
    /// Where the next of each is, from the line on that was asked about last; beyond the text when there is none.
    percent: usize,
    anonymous: usize,
}

impl<'a> Words<'a> {
    pub(crate) fn of(text: &'a str) -> Self {
        let text = text.as_bytes();
        Self {
            text,
            percent: memchr::memchr(b'%', text).unwrap_or(usize::MAX),
            anonymous: ANONYMOUS.find(text).unwrap_or(usize::MAX),
        }
    }

    /// The class of the line that begins at `at`; lines are asked about in their order.
    pub(crate) fn classify(&mut self, at: usize, line: &str) -> Option<Class> {
        let rest = || self.text.get(at..).unwrap_or_default();
        if self.percent < at {
            self.percent = memchr::memchr(b'%', rest()).map_or(usize::MAX, |found| at + found);
        }
        if self.anonymous < at {
            self.anonymous = ANONYMOUS.find(rest()).map_or(usize::MAX, |found| at + found);
        }
        let end = at + line.len();
        by_words(line, self.percent < end, self.anonymous < end)
    }
}

/// How the words begin that tools use for the usage data they collect.
static ANONYMOUS: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new("anonymous "));

/// The class of a line of which it is known whether it may hold a percent sign, and whether it may speak of something
/// anonymous.
fn by_words(text: &str, percent: bool, anonymous: bool) -> Option<Class> {
    let text = text.trim();
    let Some(&first) = text.as_bytes().first() else {
        return Some(Class::Blank);
    };
    if let Some(class) = by_beginning(text, first) {
        // What a package says of its own end is its author's text, whatever words it uses.
        let stays = class == Class::Deprecated || !is_serious(text);
        return stays.then_some(class);
    }
    // Most lines cost one look at their first byte, a search for a few words and one for a percent sign.
    let class = deprecated(text, first)
        .or_else(|| funding(text, first))
        .or_else(|| if anonymous { telemetry(text, first) } else { None })
        .or_else(|| is_progress(text, first, percent).then_some(Class::Progress))?;
    (class == Class::Deprecated || !is_serious(text)).then_some(class)
}

/// Lines told by how they begin, in the order of their first byte; of several that fit, any gives the same class.
const BEGINNINGS: &[(&str, Class)] = &[
    // Node and its hints.
    ("(Use `node --trace-deprecation", Class::Deprecated),
    ("(Use `node --trace-warnings", Class::Notice),
    // git, apt, wget.
    ("(Reading database ...", Class::Progress),
    ("<s> [webpack.Progress] ", Class::Progress),
    // docker compose and buildkit: the head of a display that is drawn again and again.
    ("=> => extracting sha256:", Class::Progress),
    ("=> => sha256:", Class::Progress),
    ("=> => transferring ", Class::Progress),
    // core-js and others ask for support after they were installed.
    ("> https://boosty.to/", Class::Funding),
    ("> https://opencollective.com/", Class::Funding),
    ("> https://patreon.com/", Class::Funding),
    ("> https://www.patreon.com/", Class::Funding),
    ("A new release of ", Class::Notice),
    ("A new version of ", Class::Notice),
    ("Astro collects anonymous", Class::Telemetry),
    (
        "Attention: Next.js now collects completely anonymous telemetry",
        Class::Telemetry,
    ),
    ("Browserslist: caniuse-lite is outdated", Class::Notice),
    ("Browserslist: browsers data (caniuse-lite) is", Class::Notice),
    ("DEPRECATED:", Class::Deprecated),
    ("DEPRECATION WARNING", Class::Deprecated),
    ("DEPRECATION:", Class::Deprecated),
    ("Deprecation Warning", Class::Deprecated),
    ("DeprecationWarning:", Class::Deprecated),
    ("Dload  Upload   Total   Spent    Left  Speed", Class::Progress),
    ("Gatsby collects anonymous", Class::Telemetry),
    ("Love nodemon? You can now support the project", Class::Funding),
    ("NPM notice", Class::Notice),
    ("Nuxt collects completely anonymous", Class::Telemetry),
    ("Progress: resolved ", Class::Progress),
    ("RUNS  ", Class::Progress),
    (
        "Storybook now collects completely anonymous telemetry",
        Class::Telemetry,
    ),
    ("Thank you for using core-js", Class::Funding),
    (
        "The project needs your help! Please consider supporting of core-js",
        Class::Funding,
    ),
    ("This information is used to shape Next.js' roadmap", Class::Telemetry),
    (
        "Turborepo now collects completely anonymous telemetry",
        Class::Telemetry,
    ),
    ("Update available! ", Class::Notice),
    ("Use the `composer fund` command", Class::Funding),
    ("WARNING: You are using pip version", Class::Notice),
    ("Welcome to .NET! Telemetry", Class::Telemetry),
    (
        "Why you should do it regularly: https://github.com/browserslist/",
        Class::Notice,
    ),
    (
        "You can learn more, including how to opt-out if you'd not like to participate in this anonymous program",
        Class::Telemetry,
    ),
    ("You should consider upgrading via the ", Class::Notice),
    ("[+] Running ", Class::Progress),
    ("[notice] ", Class::Notice),
    ("computing gzip size (", Class::Progress),
    ("hint: Using 'master' as the name for the initial branch", Class::Notice),
    ("https://nextjs.org/telemetry", Class::Telemetry),
    ("info Visit https://yarnpkg.com/", Class::Notice),
    ("npm WARN deprecated ", Class::Deprecated),
    ("npm fund ", Class::Funding),
    ("npm notice", Class::Notice),
    ("npm warn deprecated ", Class::Deprecated),
    ("npx update-browserslist-db@latest", Class::Notice),
    ("rendering chunks (", Class::Progress),
    ("run \"npm fund\"", Class::Funding),
    ("run `npm fund`", Class::Funding),
    ("transforming (", Class::Progress),
    ("warning: deprecated ", Class::Deprecated),
    // The box in which pnpm tells of a newer one.
    ("│   Changelog: https://pnpm.io", Class::Notice),
    ("│   To update, run: ", Class::Notice),
    ("│   Update available! ", Class::Notice),
];

/// Where in the table the beginnings with each first byte are.
const BY_FIRST: [(u8, u8); 256] = {
    let mut places = [(0, 0); 256];
    let mut at = 0;
    while at < BEGINNINGS.len() {
        let first = BEGINNINGS[at].0.as_bytes()[0] as usize;
        if places[first].1 == 0 {
            places[first].0 = at as u8;
        }
        places[first].1 = at as u8 + 1;
        at += 1;
    }
    places
};

fn by_beginning(text: &str, first: u8) -> Option<Class> {
    let (from, to) = BY_FIRST[usize::from(first)];
    let (_, class) = BEGINNINGS[usize::from(from)..usize::from(to)]
        .iter()
        .find(|(beginning, _)| text.starts_with(beginning))?;
    Some(*class)
}

/// Whether a line speaks of a failure, or of something a person has to decide.
fn is_serious(text: &str) -> bool {
    /// What words begin with that are grave.
    const BEGINNINGS: [&str; 10] = [
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
    /// Whole words. "errors: 0" in a progress display is no failure, but it is rarer than a failure is grave.
    const WORDS: [&str; 6] = ["error", "errors", "err", "failed", "fail", "failure"];

    let text = text.as_bytes();
    let mut at = 0;
    while let Some(word) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let length = word.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
        if length >= 3 && matches!(word[0] | 0x20, b'n' | b'e' | b'i' | b'p' | b'v' | b'f') {
            let begins = |beginning: &str| {
                word.get(..beginning.len())
                    .is_some_and(|begin| begin.eq_ignore_ascii_case(beginning.as_bytes()))
            };
            if BEGINNINGS.iter().any(|known| begins(known))
                || WORDS.iter().any(|known| known.len() == length && begins(known))
            {
                return true;
            }
        }
        at += length.max(1);
    }
    false
}

fn deprecated(text: &str, first: u8) -> Option<Class> {
    let found = match first {
        // Node: `(node:4711) [DEP0040] DeprecationWarning: …`.
        b'(' => text.starts_with("(node:") && text.contains("DeprecationWarning:"),
        // pnpm: `WARN  deprecated glob@7.1.3: …` and `WARN  5 deprecated subdependencies found: …`.
        b'W' => text
            .strip_prefix("WARN")
            .map(str::trim_start)
            .is_some_and(|rest| rest.starts_with("deprecated ") || rest.contains(" deprecated subdependencies found")),
        // yarn: `warning left-pad@1.3.0: use String.prototype.padStart()`, with the chain of who wants it.
        b'w' => text.strip_prefix("warning ").is_some_and(|rest| {
            rest.split_once(": ").is_some_and(|(packages, words)| {
                packages.split(" > ").all(|package| !package.contains(' '))
                    && packages.contains('@')
                    && (words.to_ascii_lowercase().contains("deprecat") || words.contains("no longer supported"))
            })
        }),
        _ => false,
    };
    found.then_some(Class::Deprecated)
}

fn funding(text: &str, first: u8) -> Option<Class> {
    if !first.is_ascii_digit() {
        return None;
    }
    let rest = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let rest = rest
        .strip_prefix(" packages ")
        .or_else(|| rest.strip_prefix(" package "))?;
    (rest.starts_with("are looking for funding")
        || rest.starts_with("is looking for funding")
        || rest.starts_with("you are using are looking for funding"))
    .then_some(Class::Funding)
}

/// What tools say of the usage data they collect, told by a few words wherever they stand.
fn telemetry(text: &str, first: u8) -> Option<Class> {
    if !first.is_ascii_alphabetic() {
        return None;
    }
    let at = ANONYMOUS.find(text.as_bytes())?;
    let rest = &text[at + "anonymous ".len()..];
    ["telemetry", "usage data", "usage statistics"]
        .iter()
        .any(|word| rest.starts_with(word))
        .then_some(Class::Telemetry)
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
    fn the_table_is_in_order() {
        assert!(BEGINNINGS.len() < 255);
        assert!(
            BEGINNINGS
                .windows(2)
                .all(|pair| pair[0].0.as_bytes()[0] <= pair[1].0.as_bytes()[0])
        );
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
                "DEPRECATION WARNING [import]: Sass @import rules are deprecated",
                "npm warn deprecated multer@1.4.4: Multer 1.x is impacted by a number of vulnerabilities",
                "npm warn deprecated thing@1.0.0: fails with an error in its postinstall",
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
                "│   Update available! 10.1.0 → 10.2.0.   │",
                "Browserslist: caniuse-lite is outdated. Please run:",
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
                "Building [========>                  ] 19/56: zerocopy, syn",
                "Building [                           ] 0/56",
                "[###########---------------------] 759/16872",
                "[..................] / idealTree:app: sill idealTree buildDeps",
                "━━━━━━━━━━━━━━━━━━━━ 103.4/103.4 kB 338.6 MB/s eta 0:00:00",
                "---------------------------------------- 0.1/1.3 MB ? eta -:--:--",
                "100 32.0M  100 32.0M    0     0  15.9M      0  0:00:02  0:00:02 --:--:-- 15.9M",
                "% Total    % Received % Xferd  Average Speed   Time    Time     Time  Current",
                "69% building finish",
                "10% building 0/1 entries 0/0 dependencies 0/0 modules",
                "[+] Building 12.3s (5/9)",
                "=> => extracting sha256:0123456789abcdef                    0.3s",
                "Downloading registry.example/typescript@5.9.2: 1.2 MB/3.4 MB",
                "Progress: [ 35%] [#####.............]",
                "Working... ━━━━━━━━╺━━━━━━━━━━━  45% 0:00:03",
                "file.zip   45%[=======>        ]   1.2M  3.1MB/s",
                "RUNS  src/app.test.ts",
                "computing gzip size (3)...",
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
                "[+] Building 35.2s (9/9) FINISHED",
                "[1/4] Resolving packages...",
                "[ OK ] 3 of 4",
                "Building dependency tree...",
                "Downloading flask-3.1.3-py3-none-any.whl (103 kB)",
                "Downloaded serde v1.0.229",
                "sxE                                          [ 97%]",
                "100% of what was asked for",
                "Compiling serde v1.0.229",
                "The deprecated module was removed",
            ],
        );
    }
}

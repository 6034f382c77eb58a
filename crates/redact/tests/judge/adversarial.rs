//! Secrets that hide: in addresses, headers, commands and dumps, in escapes, beside neighbours, far out on long lines.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::coats;
use crate::dice::{CLOSE, CLOSE_EITHER, Dice, OPEN, OPEN_EITHER, secret};
use crate::verdict::{Case, Score};

const LINES: &str = include_str!("adversarial.txt");
const SECOND: &str = include_str!("adversarial_second.txt");
const THIRD: &str = include_str!("adversarial_third.txt");
const FOURTH: &str = include_str!("adversarial_fourth.txt");
const FIFTH: &str = include_str!("adversarial_fifth.txt");
const SIXTH: &str = include_str!("adversarial_sixth.txt");
const SEVENTH: &str = include_str!("adversarial_seventh.txt");
const EIGHTH: &str = include_str!("adversarial_eighth.txt");
const NINTH: &str = include_str!("adversarial_ninth.txt");
const TENTH: &str = include_str!("adversarial_tenth.txt");
const ELEVENTH: &str = include_str!("adversarial_eleventh.txt");
const TWELFTH: &str = include_str!("adversarial_twelfth.txt");
const THIRTEENTH: &str = include_str!("adversarial_thirteenth.txt");
const FOURTEENTH: &str = include_str!("adversarial_fourteenth.txt");
const FIFTEENTH: &str = include_str!("adversarial_fifteenth.txt");
const SIXTEENTH: &str = include_str!("adversarial_sixteenth.txt");
const SEVENTEENTH: &str = include_str!("adversarial_seventeenth.txt");
const EIGHTEENTH: &str = include_str!("adversarial_eighteenth.txt");
const NINETEENTH: &str = include_str!("adversarial_nineteenth.txt");
const TWENTIETH: &str = include_str!("adversarial_twentieth.txt");
const TWENTY_FIRST: &str = include_str!("adversarial_twenty_first.txt");
const TWENTY_SECOND: &str = include_str!("adversarial_twenty_second.txt");
const TWENTY_THIRD: &str = include_str!("adversarial_twenty_third.txt");

/// What a line may stand behind.
const PREFIXES: &[&str] = &[
    "",
    "",
    "",
    "",
    "#12 0.345 ",
    "2026-11-23T14:58:05.123Z ",
    "web-1  | ",
    "    ",
    "[info] ",
];

pub(crate) fn run(score: &mut Score) {
    let mut dice = Dice::new(4);
    rows(score, &mut dice, LINES);
    for _ in 0..4 {
        escapes(score, &mut dice);
        neighbours(score, &mut dice);
        long_lines(score, &mut dice);
        known_together(score, &mut dice);
    }
}

/// Lines that were written when those of [`run`] were known, to see what holds of others.
pub(crate) fn run_second(score: &mut Score) {
    rows(score, &mut Dice::new(14), SECOND);
}

/// And once more.
pub(crate) fn run_third(score: &mut Score) {
    rows(score, &mut Dice::new(15), THIRD);
}

/// And a short time.
pub(crate) fn run_fourth(score: &mut Score) {
    rows(score, &mut Dice::new(16), FOURTH);
}

/// Lines of somebody who had not seen the redactor.
pub(crate) fn run_fifth(score: &mut Score) {
    rows(score, &mut Dice::new(17), FIFTH);
}

/// And more of the same kind.
pub(crate) fn run_sixth(score: &mut Score) {
    rows(score, &mut Dice::new(18), SIXTH);
}

/// And more of the same kind.
pub(crate) fn run_seventh(score: &mut Score) {
    rows(score, &mut Dice::new(19), SEVENTH);
}

/// And more of the same kind.
pub(crate) fn run_eighth(score: &mut Score) {
    rows(score, &mut Dice::new(20), EIGHTH);
}

/// And more of the same kind.
pub(crate) fn run_ninth(score: &mut Score) {
    rows(score, &mut Dice::new(21), NINTH);
}

/// And more of the same kind.
pub(crate) fn run_tenth(score: &mut Score) {
    rows(score, &mut Dice::new(22), TENTH);
}

/// And more of the same kind.
pub(crate) fn run_eleventh(score: &mut Score) {
    rows(score, &mut Dice::new(23), ELEVENTH);
}

/// And more of the same kind.
pub(crate) fn run_twelfth(score: &mut Score) {
    rows(score, &mut Dice::new(24), TWELFTH);
}

/// And more of the same kind.
pub(crate) fn run_thirteenth(score: &mut Score) {
    rows(score, &mut Dice::new(25), THIRTEENTH);
}

/// And more of the same kind.
pub(crate) fn run_fourteenth(score: &mut Score) {
    rows(score, &mut Dice::new(26), FOURTEENTH);
}

/// And more of the same kind.
pub(crate) fn run_fifteenth(score: &mut Score) {
    rows(score, &mut Dice::new(27), FIFTEENTH);
}

/// And more of the same kind.
pub(crate) fn run_sixteenth(score: &mut Score) {
    rows(score, &mut Dice::new(28), SIXTEENTH);
}

/// And more of the same kind.
pub(crate) fn run_seventeenth(score: &mut Score) {
    rows(score, &mut Dice::new(29), SEVENTEENTH);
}

/// And more of the same kind.
pub(crate) fn run_eighteenth(score: &mut Score) {
    rows(score, &mut Dice::new(30), EIGHTEENTH);
}

/// And more of the same kind.
pub(crate) fn run_nineteenth(score: &mut Score) {
    rows(score, &mut Dice::new(31), NINETEENTH);
}

/// And more of the same kind.
pub(crate) fn run_twentieth(score: &mut Score) {
    rows(score, &mut Dice::new(32), TWENTIETH);
}

/// And more of the same kind.
pub(crate) fn run_twenty_first(score: &mut Score) {
    rows(score, &mut Dice::new(33), TWENTY_FIRST);
}

/// And more of the same kind.
pub(crate) fn run_twenty_second(score: &mut Score) {
    rows(score, &mut Dice::new(34), TWENTY_SECOND);
}

/// And more of the same kind.
pub(crate) fn run_twenty_third(score: &mut Score) {
    rows(score, &mut Dice::new(35), TWENTY_THIRD);
}

/// Lines of this form, each drawn several times.
pub(crate) fn rows(score: &mut Score, dice: &mut Dice, lines: &str) {
    for row in lines.lines().filter(|row| !row.starts_with('#') && !row.is_empty()) {
        let (group, template) = row.split_once(" | ").expect("a row has a group and a line");
        for _ in 0..5 {
            let line = fill(dice, template);
            let prefix = dice.pick(PREFIXES);
            score.add(&Case::line(
                format!("{group}: {template}"),
                group,
                format!("{prefix}{line}"),
            ));
        }
    }
}

/// Fills a line's placeholders with marked values.
fn fill(dice: &mut Dice, template: &str) -> String {
    let mut out = String::new();
    let mut rest = template;
    // Within something percent-encoded, a raw sign would be a mistake.
    let plain = template.contains("%3");
    while let Some(at) = rest.find('{') {
        let (before, after) = rest.split_at(at);
        out.push_str(before);
        let end = after.find('}').unwrap_or(0);
        match after.get(1..end).and_then(|name| value(dice, name, plain)) {
            Some(value) => {
                out.push_str(&secret(&value));
                rest = &after[end + 1..];
            }
            None => {
                out.push('{');
                rest = &after[1..];
            }
        }
    }
    out.push_str(rest);
    out.replace('⟨', &OPEN_EITHER.to_string())
        .replace('⟩', &CLOSE_EITHER.to_string())
}

fn value(dice: &mut Dice, name: &str, plain: bool) -> Option<String> {
    Some(match name {
        "P" if plain => dice.chars("w", 16),
        "P" => {
            let length = 10 + dice.below(10);
            dice.password(length)
        }
        "Q" => odd_password(dice),
        "T" => {
            let length = 30 + dice.below(14);
            dice.chars("w", length)
        }
        "H" => dice.chars("h", 32),
        "U" => dice.uuid(),
        "B" => STANDARD.encode(format!("ci-user:{}", dice.password(15))),
        digits => dice.chars("w", digits.parse().ok()?),
    })
}

fn odd_password(dice: &mut Dice) -> String {
    let signs: Vec<char> = "@:/#?&$*()=!%".chars().collect();
    let mut word = String::new();
    for _ in 0..3 {
        word.push_str(&dice.chars("w", 3));
        word.push(signs[dice.below(signs.len())]);
    }
    word + &dice.chars("w", 3)
}

/// Formats that nothing else looks like.
const PLAIN_FORMATS: &[(&str, &str)] = &[
    ("GitHub", "ghp_{w:36}"),
    ("Stripe", "sk_live_{w:24}"),
    ("GitLab", "glpat-{w:20}"),
    ("Slack", "xoxb-{d:12}-{d:12}-{w:24}"),
    ("Anthropic", "sk-ant-api03-{u:93}AA"),
    ("npm", "npm_{w:36}"),
    ("SendGrid", "SG.{w:22}.{w:43}"),
    ("AWS", "AKIA{x:16}"),
    ("Google", "AIza{w:35}"),
    ("DigitalOcean", "dop_v1_{h:64}"),
    ("JWT", "{jwt}"),
];

fn escapes(score: &mut Score, dice: &mut Dice) {
    for (vendor, template) in PLAIN_FORMATS {
        let token = dice.draw_plain(template);
        for (place, line) in [
            (
                "every byte percent-encoded",
                format!("GET /?x={} 200", secret(&coats::percent_all(&token))),
            ),
            (
                "percent-encoded",
                format!(
                    "GET /?next=%2Fhook%3Fx%3D{}%26y%3D1",
                    secret(&coats::percent(&token, true, false))
                ),
            ),
            (
                "percent-encoded twice",
                format!("GET /?next=%252Fhook%253Fx%253D{}%2526y", secret(&token)),
            ),
            (
                "every character as \\u",
                format!(r#"{{"x":"{}"}}"#, secret(&coats::unicode_escaped(&token))),
            ),
            ("json in json", format!(r#"{{"m":"{{\"x\":\"{}\"}}"}}"#, secret(&token))),
            (
                "json in json in json",
                format!(r#"{{"m":"{{\\\"x\\\":\\\"{}\\\"}}"}}"#, secret(&token)),
            ),
            ("after \\n", format!(r#""first\n{}\nlast""#, secret(&token))),
            ("after \\t", format!(r#""a\t{}\tb""#, secret(&token))),
            ("after \\u003d", format!(r#""x\u003d{}\u0026y""#, secret(&token))),
            ("html", format!("&lt;a title=&quot;{}&quot;&gt;", secret(&token))),
            ("after a colour's rest", format!("[32m{}[0m", secret(&token))),
        ] {
            score.add(&Case::line(format!("escaped {vendor}"), place, line));
        }
    }
    for name in ["password", "api_key", "client_secret", "DB_PASSWORD", "token"] {
        let password = odd_password(dice) + "\"<\\é";
        for (place, line) in [
            (
                "json",
                format!(r#"{{"{name}":"{}","x":1}}"#, secret(&coats::json(&password))),
            ),
            (
                "json twice",
                format!(
                    r#""{{\"{name}\":\"{}\",\"x\":1}}""#,
                    secret(&coats::json(&coats::json(&password)))
                ),
            ),
            (
                "json for a page",
                format!(
                    r#"{{"{name}":"{}","x":1}}"#,
                    secret(&coats::json_for_html(&password, false))
                ),
            ),
            (
                "json for a page, upper",
                format!(
                    r#"{{"{name}":"{}","x":1}}"#,
                    secret(&coats::json_for_html(&password, true))
                ),
            ),
            (
                "query",
                format!(
                    "POST /login?{name}={}&x=1",
                    secret(&coats::percent(&password, true, false))
                ),
            ),
            (
                "query, lower",
                format!(
                    "POST /login?{name}={}&x=1",
                    secret(&coats::percent(&password, false, false))
                ),
            ),
            (
                "form",
                format!("{name}={}&x=1", secret(&coats::percent(&password, true, true))),
            ),
            (
                "single quotes",
                format!("export {name}='{}'", secret(&coats::single_quoted(&password))),
            ),
            (
                "double quotes",
                format!("export {name}=\"{}\"", secret(&coats::double_quoted(&password))),
            ),
            (
                "dollar quotes",
                format!("{name}=$'{}'", secret(&coats::ansi_c(&password))),
            ),
            (
                "attribute",
                format!("<a {name}=\"{}\" x=\"1\"/>", secret(&coats::html(&password, false))),
            ),
        ] {
            score.add(&Case::line(format!("escaped {name}"), place, line));
        }
    }
}

fn neighbours(score: &mut Score, dice: &mut Dice) {
    for (vendor, template) in PLAIN_FORMATS {
        let mut token = || secret(&dice.draw_plain(template));
        for (place, line) in [
            ("Chinese", format!("令牌{}已加载", token())),
            ("Japanese", format!("トークン「{}」を使用", token())),
            ("Korean", format!("토큰{}입니다", token())),
            ("Cyrillic", format!("ключ{}готово", token())),
            ("accents", format!("clé{}é", token())),
            ("emoji", format!("🔑{}✅", token())),
            ("full-width", format!("key：{}。", token())),
            ("dashes of typography", format!("key—{}—done", token())),
            ("typographic quotes", format!("key “{}” loaded", token())),
            ("ellipsis", format!("loading {}… done", token())),
            ("colon", format!("key:{}:end", token())),
            ("equals", format!("x={}=y", token())),
            ("at", format!("{}@host", token())),
            ("slash", format!("/v1/{}/end", token())),
            ("comma, no space", format!("a,{},b", token())),
            ("two, comma", format!("{},{}", token(), token())),
            ("two, space", format!("{} {}", token(), token())),
            ("two, newline escape", format!(r"{}\n{}", token(), token())),
            ("markup", format!("<b>{}</b>", token())),
            ("stars", format!("**{}**", token())),
            ("underscore after a word", format!("old_{}", token())),
            ("ends in a dash", format!("x-{}", token())),
        ] {
            score.add(&Case::line(format!("beside {vendor}"), place, line));
        }
    }
    // Of fixed length, with nothing between.
    for (vendor, template) in [
        ("GitHub", "ghp_{w:36}"),
        ("npm", "npm_{w:36}"),
        ("Google", "AIza{w:35}"),
        ("Shopify", "shpat_{h:32}"),
    ] {
        let (one, other) = (dice.draw_plain(template), dice.draw_plain(template));
        score.add(&Case::line(
            format!("beside {vendor}"),
            "two in a row",
            format!("got {}{} done", secret(&one), secret(&other)),
        ));
        score.add(&Case::line(
            format!("beside {vendor}"),
            "a word right before",
            format!("token{}", secret(&one)),
        ));
    }
}

fn long_lines(score: &mut Score, dice: &mut Dice) {
    const FILLER: &str = r#"{"id":17,"path":"src/pages/index.tsx","size":4211,"ok":true},"#;
    for (vendor, template) in PLAIN_FORMATS {
        for limit in [8 << 10, 16 << 10, 64 << 10] {
            for back in [0, 4, 20, 60] {
                let mut line = FILLER.repeat(limit / FILLER.len() + 1);
                line.truncate(limit - back);
                line.push(' ');
                line.push_str(&dice.draw(template));
                line.push_str(" and after it ");
                line.push_str(FILLER);
                score.add(&Case::line(
                    format!("long line {vendor}"),
                    format!("{back} before {limit}"),
                    line,
                ));
            }
        }
    }
    let filler = FILLER.repeat((1 << 20) / FILLER.len());
    let middle = FILLER.len() * (filler.len() / FILLER.len() / 2);
    let (password, token) = (dice.draw("{pw:16}"), dice.draw("ghp_{w:36}"));
    let line = format!(
        "{}{{\"password\":\"{password}\"}},{}{token}",
        &filler[..middle],
        &filler[middle..]
    );
    score.add(&Case::line("long line", "1 MiB", line));
    let known = dice.chars("w", 24);
    let line = format!("{}{}{}", &filler[..middle], secret(&known), &filler[middle..]);
    score.add(&Case::line("long line", "1 MiB, known value", line).knowing(&*known));
}

/// Values that overlap, hold each other, or touch.
fn known_together(score: &mut Score, dice: &mut Dice) {
    let inner = dice.chars("w", 12);
    let outer = format!("{}{inner}{}", dice.chars("w", 9), dice.chars("w", 9));
    for order in [[&inner, &outer], [&outer, &inner]] {
        let case = |place: &str, line: String| {
            let mut case = Case::line("known values together", place, line);
            case.known = order.iter().map(|value| (0, (*value).clone())).collect();
            case
        };
        score.add(&case("nested, outer", format!("got {} done", secret(&outer))));
        score.add(&case("nested, inner", format!("got {} done", secret(&inner))));
        score.add(&case(
            "adjacent",
            format!("got {}{} done", secret(&outer), secret(&inner)),
        ));
        score.add(&case(
            "adjacent twice",
            format!("got {}{} done", secret(&inner), secret(&inner)),
        ));
    }
    let (a, b, c) = (dice.chars("w", 9), dice.chars("w", 9), dice.chars("w", 9));
    let mut case = Case::line(
        "known values together",
        "overlapping",
        format!("got {} done", secret(&format!("{a}{b}{c}"))),
    );
    case.known = vec![(0, format!("{a}{b}")), (0, format!("{b}{c}"))];
    score.add(&case);
    let part = dice.chars("w", 4);
    let value = format!("{part}{part}{}", &part[..3]);
    score.add(
        &Case::line(
            "known values together",
            "overlapping itself",
            format!("got {} done", secret(&format!("{part}{value}"))),
        )
        .knowing(&*value),
    );
    // A known value within something that a rule hides only a part of, or that hides more than it.
    let user = dice.chars("w", 10);
    score.add(
        &Case::line(
            "known values together",
            "in an address",
            format!(
                "postgres://{}:{}@db/{}",
                secret(&user),
                dice.draw("{pw:14}"),
                secret(&user)
            ),
        )
        .knowing(&*user),
    );
    let token = dice.draw_plain("ghp_{w:36}");
    let half = token[10..30].to_owned();
    score.add(
        &Case::line(
            "known values together",
            "part of a format",
            format!("got {} done", secret(&token)),
        )
        .knowing(&*half),
    );
    // Once, plainly, to be sure that marks are what they seem.
    assert_eq!(secret("x"), format!("{OPEN}x{CLOSE}"));
}

//! The job's own values, in every coat a log puts on them.

use crate::coats;
use crate::dice::{Dice, either, secret};
use crate::verdict::{Case, Score};

/// Kinds of values a job has, each drawn anew.
fn values(dice: &mut Dice) -> Vec<(&'static str, String)> {
    let word = |dice: &mut Dice, length| dice.chars("w", length);
    vec![
        ("eight characters", word(dice, 8)),
        ("twelve characters", word(dice, 12)),
        ("long token", word(dice, 64)),
        ("digits", dice.chars("d", 12)),
        ("hex", dice.chars("h", 32)),
        (
            "password of six",
            format!("{}7{}!{}", dice.chars("a", 2), dice.chars("A", 1), dice.chars("a", 1)),
        ),
        (
            "password of seven",
            format!("{}#4{}", dice.chars("l", 3), dice.chars("l", 2)),
        ),
        (
            "signs",
            format!(
                "{}\"{}'{}&<{}>\\{} $%+",
                word(dice, 3),
                word(dice, 2),
                word(dice, 2),
                word(dice, 2),
                word(dice, 3)
            ),
        ),
        (
            "signs of addresses",
            format!(
                "{}@{}:{}/{}#{}?x=&",
                word(dice, 3),
                word(dice, 2),
                word(dice, 2),
                word(dice, 3),
                word(dice, 3)
            ),
        ),
        (
            "signs of patterns",
            format!("{}.*+?^${{}}()|[{}]\\{}", word(dice, 3), word(dice, 3), word(dice, 3)),
        ),
        (
            "spaces",
            format!(
                "{} {} {} {}",
                dice.chars("a", 6),
                dice.chars("a", 5),
                dice.chars("a", 7),
                dice.chars("a", 4)
            ),
        ),
        ("accents", format!("pässwörd-{}-žluť", word(dice, 5))),
        ("Cyrillic", format!("пароль{}ключ", word(dice, 4))),
        ("Chinese", format!("密码{}钥匙{}", word(dice, 3), word(dice, 3))),
        ("emoji", format!("🔑{}🔒{}", word(dice, 4), word(dice, 3))),
        ("base64 itself", format!("{}==", dice.chars("b", 42))),
        ("uuid", dice.uuid()),
        ("backslashes", format!("C:\\keys\\{}\\{}", word(dice, 6), word(dice, 6))),
        ("tab", format!("{}\t{}", word(dice, 8), word(dice, 8))),
    ]
}

/// Each coat of a value, marked; `None` where the coat does not change it.
fn dressed(dice: &mut Dice, value: &str) -> Vec<(&'static str, String)> {
    let changed = |name, coat: String| (coat != value).then(|| (name, secret(&coat)));
    let mut coats: Vec<(&'static str, String)> = vec![("as it is", secret(value))];
    coats.extend(
        [
            changed("json", coats::json(value)),
            changed("json twice", coats::json(&coats::json(value))),
            changed("json for a page", coats::json_for_html(value, false)),
            changed("percent, upper", coats::percent(value, true, false)),
            changed("percent, lower", coats::percent(value, false, false)),
            changed("form", coats::percent(value, true, true)),
            changed("hex", coats::hex(value, false)),
            changed("hex, upper", coats::hex(value, true)),
            changed("html", coats::html(value, false)),
            changed("html, numbers", coats::html(value, true)),
            changed("single quotes", coats::single_quoted(value)),
            changed("double quotes", coats::double_quoted(value)),
            changed("backslashes", coats::backslashed(value)),
            changed("dollar quotes", coats::ansi_c(value)),
            changed("upper case", value.to_uppercase()).filter(|_| value.is_ascii()),
            changed("lower case", value.to_lowercase()).filter(|_| value.is_ascii()),
        ]
        .into_iter()
        .flatten(),
    );
    // At six characters, base64 leaves fewer than eight for the value alone at some shifts.
    for shift in 0..3 {
        let (before, after) = (coats::neighbour(dice, 3 + shift), coats::neighbour(dice, 4));
        for (name, url) in [("base64", false), ("base64url", true)] {
            coats.push((name, coats::base64_within(&before, value, &after, url)));
        }
    }
    coats.push(("base64 alone", coats::base64_within("", value, "", false)));
    coats.push(("basic credentials", coats::base64_within("deploy:", value, "", false)));
    coats
}

const PLACES: &[(&str, &str)] = &[
    ("after text", "logged in with {} today"),
    ("json", r#"{"a":"{}","b":2}"#),
    ("argument", "+ ./deploy.sh '{}' --verbose"),
    ("address", "GET /v1/x?q={}&r=2 200"),
    ("glued", "x{}y"),
    ("docker step", "#12 0.345 {}"),
    ("parenthesised", "failed ({})."),
];

pub(crate) fn run(score: &mut Score) {
    let mut dice = Dice::new(5);
    for _ in 0..3 {
        for (kind, value) in values(&mut dice) {
            for (coat, dressed) in dressed(&mut dice, &value) {
                for (place, line) in PLACES {
                    // A letter glued to base64 or hex makes other base64 or hex of it.
                    if *place == "glued" && coat != "as it is" {
                        continue;
                    }
                    let line = line.replacen("{}", &dressed, 1);
                    score.add(&Case::line(format!("{kind}, {coat}"), *place, line).knowing(&*value));
                }
            }
        }
        several_lines(score, &mut dice);
        registered_late(score, &mut dice);
    }
    many(score, &mut dice);
    huge(score, &mut dice);
}

fn several_lines(score: &mut Score, dice: &mut Dice) {
    let lines: Vec<String> = (0..5).map(|_| dice.chars("w", 22)).collect();
    let value = lines.join("\n");
    let marked: Vec<String> = lines.iter().map(|line| secret(line)).collect();
    let mut case = |place: &str, text: String| {
        score.add(&Case::text("several lines", place, &text).knowing(&*value));
    };
    case("as it is", marked.join("\n"));
    case(
        "each after text",
        marked
            .iter()
            .map(|line| format!("got {line} ok"))
            .collect::<Vec<_>>()
            .join("\n"),
    );
    case(
        "indented",
        marked
            .iter()
            .map(|line| format!("      {line}"))
            .collect::<Vec<_>>()
            .join("\n"),
    );
    case("one of them", format!("got {} ok", marked[3]));
    case("spaces", format!("got {} ok", marked.join(&either(" "))));
    case("many spaces", format!("got {} ok", marked.join(&either("     "))));
    case("a tab", format!("got {} ok", marked.join(&either("\t"))));
    case("\\n", format!("got {} ok", marked.join(&either("\\n"))));
    case("\\\\n", format!("got {} ok", marked.join(&either("\\\\n"))));
    case("\\r\\n", format!("got {} ok", marked.join(&either("\\r\\n"))));
    case("%0A", format!("got {} ok", marked.join(&either("%0A"))));
    case(
        "base64",
        format!("got {} ok", coats::base64_within("k:", &value, "", false)),
    );
    case("hex", format!("got {} ok", secret(&coats::hex(&value, false))));
    let with_returns = lines.join("\r\n");
    score.add(
        &Case::text(
            "several lines",
            "registered with returns",
            &format!("got {} ok", marked[1]),
        )
        .knowing(with_returns),
    );
    // Spaces in the value, a line's break in the log, and the other way round.
    let words: Vec<String> = (0..4).map(|_| dice.chars("w", 9)).collect();
    let marked: Vec<String> = words.iter().map(|word| secret(word)).collect();
    score.add(
        &Case::line(
            "several words",
            "two spaces",
            format!("got {} ok", marked.join(&either("  "))),
        )
        .knowing(words.join(" ")),
    );
    score.add(
        &Case::line(
            "several words",
            "a tab",
            format!("got {} ok", marked.join(&either("\t"))),
        )
        .knowing(words.join(" ")),
    );
}

fn registered_late(score: &mut Score, dice: &mut Dice) {
    for (kind, value) in values(dice) {
        let line = format!("got {} ok", secret(&value));
        let mut case = Case::new(
            format!("{kind}, registered late"),
            "the line after",
            vec!["nothing yet".to_owned(), line.clone(), "nothing more".to_owned(), line],
        );
        case.known = vec![(1, value.clone())];
        score.add(&case);
        let surrounded = format!("  {value}\n");
        score.add(
            &Case::line(
                format!("{kind}, registered with white space"),
                "after text",
                format!("got {} ok", secret(&value)),
            )
            .knowing(surrounded),
        );
    }
}

fn many(score: &mut Score, dice: &mut Dice) {
    let values: Vec<String> = (0..300)
        .map(|_| {
            let length = 8 + dice.below(40);
            dice.chars("w", length)
        })
        .collect();
    let mut case = Case::new(
        "300 values",
        "each on a line",
        values
            .iter()
            .map(|value| format!("entry {} of many", secret(value)))
            .collect(),
    );
    case.known = values.iter().map(|value| (0, value.clone())).collect();
    score.add(&case);
    case.what = "values, one after the other".to_owned();
    // Each registration builds the automaton anew, so that a few show what all would.
    case.known = values
        .iter()
        .take(30)
        .enumerate()
        .map(|(number, value)| (number, value.clone()))
        .collect();
    case.lines.truncate(30);
    score.add(&case);
    case.lines = vec![
        values
            .iter()
            .map(|value| secret(value))
            .collect::<Vec<_>>()
            .join(" and "),
    ];
    case.known = values.iter().map(|value| (0, value.clone())).collect();
    case.place = "on one line".to_owned();
    score.add(&case);
}

fn huge(score: &mut Score, dice: &mut Dice) {
    let value = dice.chars("w", 64 << 10);
    for (place, line) in [
        ("as it is", format!("got {} ok", secret(&value))),
        ("hex", format!("got {} ok", secret(&coats::hex(&value, false)))),
        (
            "base64",
            format!("got {} ok", coats::base64_within("a", &value, "b", false)),
        ),
    ] {
        score.add(&Case::line("64 KiB", place, line).knowing(&*value));
    }
    let lines: Vec<String> = (0..1000).map(|_| dice.chars("w", 64)).collect();
    let marked: Vec<String> = lines.iter().map(|line| secret(line)).collect();
    score.add(&Case::text("64 KiB of lines", "as it is", &marked.join("\n")).knowing(lines.join("\n")));
}

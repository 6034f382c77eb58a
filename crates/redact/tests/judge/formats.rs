//! Every format, alone in places whose words say nothing of a secret; and what only its name gives away.

use crate::dice::{CLOSE, CLOSE_EITHER, Dice, OPEN, OPEN_EITHER};
use crate::verdict::{Case, Score};

/// Where a value may stand in a log although nobody meant to print a secret; `{}` is the value.
const PLACES: &[(&str, &str)] = &[
    ("after text", "using {} for deploy"),
    ("alone", "{}"),
    ("neutral name", "DEPLOY_TARGET={}"),
    ("neutral export", "export RELEASE_CHANNEL=\"{}\""),
    ("json", r#"{"id":17,"value":"{}","ok":true}"#),
    ("json pretty", r#"  "target": "{}","#),
    ("yaml", "  default: {}"),
    ("yaml list", "  - {}"),
    ("yaml quoted", "  default: '{}'"),
    ("curl data", "+ curl -fsSL -X POST -d '{}' https://ci.example.com/hook"),
    ("trace", "Error: upstream refused {}"),
    ("trace frame", "    at connect (/app/src/client.js:42:13) with {}"),
    ("python error", "ValueError: could not parse '{}'"),
    ("docker step", "#12 0.345 using {}"),
    ("compose", "api-1  | loaded {} from disk"),
    (
        "timestamped",
        "2026-11-23T14:58:05.123Z INFO worker started with {} (attempt 1)",
    ),
    ("npm error", "npm error code E401 for {}"),
    ("pip error", "ERROR: Could not install from {}"),
    ("full stop", "Could not connect with {}."),
    ("comma", "tried {}, then gave up"),
    ("semicolon", "first {}; second none"),
    ("exclamation", "do not use {}!"),
    ("backticks", "found `{}` in the bundle"),
    ("parenthesised", "skipped one entry ({})"),
    ("brackets", "entries: [{}]"),
    ("angle brackets", "from <{}>"),
    ("array", "[ 'alpha', '{}', 'beta' ]"),
    ("json array", r#"["alpha","{}","beta"]"#),
    ("argument", "$ ./deploy.sh {} --verbose"),
    ("arrow", "current -> {}"),
    ("table", "| web | {} | eu-west-1 |"),
    ("tab", "web\t{}\tready"),
    ("log field", "level=info msg=started target={} took=31ms"),
    ("escaped json", r#"payload: "{\"value\":\"{}\",\"ok\":true}""#),
    ("diff", "+  target = {}"),
    ("grep", "src/config.ts:14:  target: \"{}\","),
];

/// Places for a value whose name tells; `{name}` is the name.
const NAMED_PLACES: &[(&str, &str)] = &[
    ("env", "{name}={}"),
    ("export", "export {name}=\"{}\""),
    ("declare", "declare -x {name}=\"{}\""),
    ("single quotes", "{name}='{}'"),
    ("yaml", "      {name}: {}"),
    ("yaml quoted", "      {name}: \"{}\""),
    ("json", r#"  "{name}": "{}","#),
    ("json line", r#"{"level":"debug","{name}":"{}","pid":7}"#),
    ("python dict", "{'{name}': '{}', 'debug': True}"),
    ("js object", "  {name}: '{}',"),
    ("docker run", "+ docker run -d -e {name}={} -p 8080:80 web:latest"),
    ("build-arg", "+ docker build --build-arg {name}={} -t web ."),
    ("docker step", "#9 0.312 {name}={}"),
    ("dockerfile", "#7 [3/6] ENV {name}={}"),
    ("trace of the shell", "+ {name}={}"),
    ("before a command", "$ {name}={} npm run build"),
    ("timestamped", "2026-11-23T14:58:05.123Z {name}={}"),
    ("properties", "{name} = {}"),
    ("terraform", "{name} = \"{}\""),
    ("ruby", "\"{name}\"=>\"{}\""),
    ("php", "'{name}' => '{}',"),
    ("compose", "      - {name}={}"),
];

/// The rows of a table of formats.
pub(crate) fn rows(table: &'static str) -> impl Iterator<Item = [&'static str; 3]> {
    table
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .map(|line| {
            let mut parts = line.splitn(3, '|').map(str::trim);
            std::array::from_fn(|_| parts.next().expect("a row has three parts"))
        })
}

pub(crate) const FORMATS: &str = include_str!("formats.txt");
const SECOND: &str = include_str!("formats_second.txt");
const NAMED_SECOND: &str = include_str!("named_second.txt");
pub(crate) const NAMED: &str = include_str!("named.txt");

const INSTANCES: usize = 5;

pub(crate) fn run(score: &mut Score) {
    table(score, &mut Dice::new(1), FORMATS);
}

/// Formats of somebody who had not seen the redactor.
pub(crate) fn run_second(score: &mut Score) {
    table(score, &mut Dice::new(7), SECOND);
}

/// Every format of a table in every place.
pub(crate) fn table(score: &mut Score, dice: &mut Dice, formats: &'static str) {
    for [id, words, template] in rows(formats) {
        for _ in 0..INSTANCES {
            for (place, line) in PLACES {
                let drawn = dice.draw(template);
                let mut case = Case::line(id, *place, line.replacen("{}", &drawn, 1));
                case.names = words.split(',').map(|word| word.trim().to_lowercase()).collect();
                score.add(&case);
            }
            score.add(&Case::line(id, "query", query(&dice.draw(template))));
        }
    }
}

pub(crate) fn run_named(score: &mut Score) {
    names(score, &mut Dice::new(2), NAMED);
    names(score, &mut Dice::new(8), NAMED_SECOND);
}

/// Every value of a table beside its name.
pub(crate) fn names(score: &mut Score, dice: &mut Dice, named: &'static str) {
    for [id, name, template] in rows(named) {
        for _ in 0..3 {
            for (place, line) in NAMED_PLACES {
                // A name with a dot or a dash is no variable of a shell.
                if name.contains(['.', '-']) && line.contains("{name}=") && *place != "properties" {
                    continue;
                }
                let drawn = dice.draw(template);
                let line = line.replace("{name}", name).replacen("{}", &drawn, 1);
                score.add(&Case::line(id, *place, line));
            }
        }
    }
}

/// The value in the query of an address, percent-encoded where an address needs it.
fn query(value: &str) -> String {
    let mut encoded = String::new();
    for char in value.chars() {
        if char.is_ascii_alphanumeric()
            || "-_.~".contains(char)
            || [OPEN, CLOSE, OPEN_EITHER, CLOSE_EITHER].contains(&char)
        {
            encoded.push(char);
        } else {
            for byte in char.encode_utf8(&mut [0; 4]).bytes() {
                encoded.push_str(&format!("%{byte:02X}"));
            }
        }
    }
    format!("GET https://api.example.com/v1/items?ref={encoded}&page=2 200 in 31ms")
}

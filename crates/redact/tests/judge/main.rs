//! The redactor judged on cases drawn from documentation: which secrets survive, what else is lost, what is changed
//! without need.
//!
//! Its author has read what vendors, tools and scanners publish of their formats, not how the redactor works, so that the
//! figures say what an unseen log would meet. `--nocapture` prints them as a table; `JUDGE_FAILURES=file` writes a line for
//! each kind of failure.

mod adversarial;
mod benign;
mod coats;
mod dice;
mod formats;
mod known;
mod multi_line;
mod verdict;

use std::io::Write as _;

use crate::benign::Benign;
use crate::verdict::Score;

/// What a category must reach.
struct Goal {
    name: &'static str,
    run: fn(&mut Score),
    /// The share of cases in which nothing survives that is aimed at.
    recall: f64,
    /// What was reached when this was written: less is a step back, and fails. To be raised up to the goal.
    held: f64,
}

const GOALS: &[Goal] = &[
    Goal {
        name: "formats",
        run: formats::run,
        recall: 0.995,
        held: 0.995,
    },
    Goal {
        name: "formats, second",
        run: formats::run_second,
        recall: 0.995,
        held: 0.995,
    },
    Goal {
        name: "formats known by name",
        run: formats::run_named,
        recall: 0.995,
        held: 0.995,
    },
    Goal {
        name: "multi-line",
        run: multi_line::run,
        recall: 1.0,
        held: 1.0,
    },
    Goal {
        name: "adversarial",
        run: adversarial::run,
        recall: 0.99,
        held: 0.99,
    },
    Goal {
        name: "adversarial, second",
        run: adversarial::run_second,
        recall: 0.99,
        held: 0.99,
    },
    Goal {
        name: "adversarial, third",
        run: adversarial::run_third,
        recall: 0.99,
        held: 0.99,
    },
    Goal {
        name: "adversarial, fourth",
        run: adversarial::run_fourth,
        recall: 0.99,
        held: 0.99,
    },
    Goal {
        name: "adversarial, fifth",
        run: adversarial::run_fifth,
        recall: 0.99,
        held: 0.99,
    },
    Goal {
        name: "adversarial, sixth",
        run: adversarial::run_sixth,
        recall: 0.99,
        held: 0.99,
    },
    Goal {
        name: "adversarial, seventh",
        run: adversarial::run_seventh,
        recall: 0.99,
        held: 0.99,
    },
    Goal {
        name: "adversarial, eighth",
        run: adversarial::run_eighth,
        recall: 0.99,
        held: 0.99,
    },
    Goal {
        name: "adversarial, ninth",
        run: adversarial::run_ninth,
        recall: 0.99,
        held: 0.99,
    },
    Goal {
        name: "adversarial, tenth",
        run: adversarial::run_tenth,
        recall: 0.99,
        held: 0.99,
    },
    Goal {
        name: "adversarial, eleventh",
        run: adversarial::run_eleventh,
        recall: 0.99,
        held: 0.99,
    },
    Goal {
        name: "adversarial, twelfth",
        run: adversarial::run_twelfth,
        recall: 0.99,
        held: 0.99,
    },
    Goal {
        name: "adversarial, thirteenth",
        run: adversarial::run_thirteenth,
        recall: 0.99,
        held: 0.99,
    },
    Goal {
        name: "adversarial, fourteenth",
        run: adversarial::run_fourteenth,
        recall: 0.99,
        held: 0.99,
    },
    Goal {
        name: "adversarial, fifteenth",
        run: adversarial::run_fifteenth,
        recall: 0.99,
        held: 0.99,
    },
    Goal {
        name: "adversarial, sixteenth",
        run: adversarial::run_sixteenth,
        recall: 0.99,
        held: 0.99,
    },
    Goal {
        name: "adversarial, seventeenth",
        run: adversarial::run_seventeenth,
        recall: 0.99,
        held: 0.99,
    },
    Goal {
        name: "adversarial, eighteenth",
        run: adversarial::run_eighteenth,
        recall: 0.99,
        held: 0.99,
    },
    Goal {
        name: "adversarial, nineteenth",
        run: adversarial::run_nineteenth,
        recall: 0.99,
        held: 0.99,
    },
    Goal {
        name: "adversarial, twentieth",
        run: adversarial::run_twentieth,
        recall: 0.99,
        held: 0.99,
    },
    Goal {
        name: "adversarial, twenty-first",
        run: adversarial::run_twenty_first,
        recall: 0.99,
        held: 0.99,
    },
    Goal {
        name: "adversarial, twenty-second",
        run: adversarial::run_twenty_second,
        recall: 0.99,
        held: 0.98,
    },
    Goal {
        name: "adversarial, twenty-third",
        run: adversarial::run_twenty_third,
        recall: 0.99,
        held: 0.99,
    },
    Goal {
        name: "known values",
        run: known::run,
        recall: 0.99,
        held: 0.99,
    },
];

/// How much of the other text of lines with a secret may go with it.
const LOST: f64 = 0.02;

/// How often the name of a rule says whose credential it hid, where a case asks for that.
const NAMED: f64 = 0.995;

/// How many rules there are of each group.
fn rules_by_group() -> Vec<String> {
    let mut groups = std::collections::BTreeMap::new();
    for rule in verdict::shared().rules() {
        *groups.entry(rule.group).or_insert(0_usize) += 1;
    }
    let total: usize = groups.values().sum();
    let mut rows = vec!["| group | rules |".to_owned(), "| --- | --- |".to_owned()];
    rows.extend(groups.iter().map(|(group, rules)| format!("| {group} | {rules} |")));
    rows.push(format!("| all | {total} |"));
    rows
}

#[test]
fn cases_drawn_from_documentation_are_judged_no_worse_than_before() {
    let mut report = Vec::new();
    let mut rows = vec![
        "| category | cases | goal | recall | other text lost | named |".to_owned(),
        "| --- | --- | --- | --- | --- | --- |".to_owned(),
    ];
    let mut missed = Vec::new();
    for goal in GOALS {
        let mut score = Score::new(goal.name);
        (goal.run)(&mut score);
        rows.push(score.row(goal.recall));
        report.extend(score.report());
        if score.recall() < goal.held {
            missed.push(format!("{}: recall {:.4}", goal.name, score.recall()));
        }
        if score.named_share().is_some_and(|named| named < NAMED) {
            missed.push(format!("{}: named {:?}", goal.name, score.named_share()));
        }
        if score.lost_share() > LOST {
            missed.push(format!(
                "{}: {:.4} of the other text lost",
                goal.name,
                score.lost_share()
            ));
        }
    }
    let mut benign = Benign::default();
    benign::from_lists(&mut benign);
    benign::from_recordings(&mut benign);
    rows.push(format!(
        "| benign lines | {} | 0 changed | {} changed | – | – |",
        benign.lines,
        benign.changes()
    ));
    if benign.changes() > 0 {
        missed.push(format!("{} benign lines changed", benign.changes()));
    }
    report.splice(0..0, benign.report());
    rows.push(String::new());
    rows.extend(rules_by_group());
    println!("{}", rows.join("\n"));
    if let Some(path) = std::env::var_os("JUDGE_FAILURES") {
        let mut file = std::fs::File::create(path).expect("a file that can be written");
        writeln!(file, "{}\n\n{}", rows.join("\n"), report.join("\n")).expect("a file that can be written");
    }
    assert!(
        missed.is_empty(),
        "{missed:#?}\n{}",
        report.iter().take(60).cloned().collect::<Vec<_>>().join("\n")
    );
}

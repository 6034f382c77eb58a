//! Random sequences of calls, held against a plain list.

use std::collections::BTreeMap;
use std::fmt::Debug;

use log_model::{Counts, LogEntry, LogEvent, Recorded, Seq, Span, Timestamp};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, TestRunner};

use super::Subject;
use super::fixtures::*;
use crate::{Appended, Batch, Change, Ended, Ending, Error, State, Writer};

/// How many sequences one test tries.
const CASES: usize = 24;

/// How many simpler sequences are tried once one has failed.
const SIMPLER: usize = 300;

/// When everything in here happens, by the caller.
const AT: Timestamp = Timestamp::from_millis(1_771_754_400_000);

#[derive(Debug, Clone, Copy)]
enum Call {
    Open {
        hers: bool,
    },
    Join {
        slot: usize,
    },
    Renew {
        slot: usize,
        old: bool,
    },
    Append {
        slot: usize,
        old: bool,
        turn: Turn,
        lines: u64,
    },
    Leave {
        slot: usize,
        old: bool,
    },
    End {
        well: bool,
    },
    /// A moment passes, and everybody who has said nothing in it counts as lapsed.
    Lapse,
    /// Nobody counts as lapsed.
    Judge,
    Confirm {
        slot: usize,
    },
    Read {
        first: u64,
        count: u64,
    },
    Mask {
        place: u64,
    },
    Archived {
        through: u64,
    },
    Forget {
        through: u64,
    },
    Erase,
}

#[derive(Debug, Clone, Copy)]
enum Turn {
    Next,
    Again,
    Early,
}

fn call() -> impl Strategy<Value = Call> {
    let old = || prop::bool::weighted(0.15);
    let place = || 1..60_u64;
    prop_oneof![
        2 => prop::bool::weighted(0.8).prop_map(|hers| Call::Open { hers }),
        4 => (0..2_usize).prop_map(|slot| Call::Join { slot }),
        2 => (0..2_usize, old()).prop_map(|(slot, old)| Call::Renew { slot, old }),
        12 => (0..2_usize, old(), prop_oneof![6 => Just(Turn::Next), 2 => Just(Turn::Again), 1 => Just(Turn::Early)], 1..6_u64)
            .prop_map(|(slot, old, turn, lines)| Call::Append { slot, old, turn, lines }),
        3 => (0..2_usize, old()).prop_map(|(slot, old)| Call::Leave { slot, old }),
        1 => any::<bool>().prop_map(|well| Call::End { well }),
        1 => Just(Call::Lapse),
        1 => Just(Call::Judge),
        1 => (0..2_usize).prop_map(|slot| Call::Confirm { slot }),
        4 => (place(), 1..30_u64).prop_map(|(first, count)| Call::Read { first, count }),
        3 => place().prop_map(|place| Call::Mask { place }),
        2 => place().prop_map(|through| Call::Archived { through }),
        3 => place().prop_map(|through| Call::Forget { through }),
        1 => Just(Call::Erase),
    ]
}

/// Whatever is called in whatever order, the store answers as a plain list would, and holds the same.
pub async fn any_sequence_of_calls_does_what_a_plain_list_would(subject: &dyn Subject) {
    let mut runner = TestRunner::new(Config::default());
    let sequences = prop::collection::vec(call(), 1..80);
    for _ in 0..CASES {
        let mut tree = sequences.new_tree(&mut runner).expect("the strategy rejects nothing");
        let Err(mut why) = run(subject, tree.current()).await else {
            continue;
        };
        // Find a shorter one that fails as well: the smallest is the one to read.
        let mut smallest = tree.current();
        let mut simpler = tree.simplify();
        for _ in 0..SIMPLER {
            if !simpler {
                break;
            }
            simpler = match run(subject, tree.current()).await {
                Err(again) => {
                    (why, smallest) = (again, tree.current());
                    tree.simplify()
                }
                Ok(()) => tree.complicate(),
            };
        }
        panic!("{why}\nafter {smallest:#?}");
    }
}

async fn run(subject: &dyn Subject, calls: Vec<Call>) -> Result<(), String> {
    let store = subject.store();
    let mut model = Model {
        job: new_job(),
        ..Model::default()
    };
    // Most sequences begin as most jobs do; the others learn that nobody opened it.
    if !calls.len().is_multiple_of(8) {
        model.call(subject, &store, Call::Open { hers: true }).await?;
    }
    for (index, call) in calls.into_iter().enumerate() {
        let told = |why| format!("call {index}, {call:?}: {why}");
        model.call(subject, &store, call).await.map_err(told)?;
        model.check(&store).await.map_err(told)?;
    }
    model.check_follower(&store).await
}

/// What a store must hold, kept as plainly as possible.
struct Model {
    job: log_model::JobId,
    life: Life,
    /// Every entry there ever was; its place is its index and one.
    entries: Vec<Recorded>,
    held_from: u64,
    archived: u64,
    revision: u32,
    counts: Counts,
    ending: Option<Ending>,
    slots: BTreeMap<usize, Slot>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Life {
    Unknown,
    Running,
    Silent,
    Ended,
    /// Ended and wholly forgotten.
    Shrunk,
    Erased,
}

struct Slot {
    holder: Writer,
    old: Option<Writer>,
    writes: bool,
    last: Option<(Batch, Appended)>,
}

impl Default for Model {
    fn default() -> Self {
        Self {
            job: new_job(),
            life: Life::Unknown,
            entries: Vec::new(),
            held_from: 1,
            archived: 0,
            revision: 0,
            counts: Counts::default(),
            ending: None,
            slots: BTreeMap::new(),
        }
    }
}

impl Model {
    async fn call(&mut self, subject: &dyn Subject, store: &Store, call: Call) -> Result<(), String> {
        let job = self.job.clone();
        match call {
            Call::Open { hers } => {
                let owner = if hers { ana() } else { ben() };
                let expected = match self.life {
                    // Only she ever opens it first, so that whose it is need not be remembered.
                    Life::Unknown if !hers => return Ok(()),
                    _ if !hers => Err("OtherOwner".to_owned()),
                    Life::Erased => Err("Erased".to_owned()),
                    Life::Unknown => {
                        self.life = Life::Running;
                        Ok(0)
                    }
                    _ => Ok(self.head()),
                };
                // Which of two reasons a stranger hears is left open.
                if !hers && self.life == Life::Erased {
                    return Ok(());
                }
                same(
                    store.open(&job, &owner, AT).await.map(|record| record.head.get()),
                    expected,
                )
            }
            Call::Join { slot } => self.join(store, slot).await,
            Call::Renew { slot, old } => {
                let (Some(writer), writes) = (self.writer(slot, old), self.writes(slot)) else {
                    return Ok(());
                };
                let expected = self
                    .alive()
                    .and_then(|()| if old { Err("Fenced".to_owned()) } else { Ok(()) });
                if expected.is_ok() {
                    // Whether one that left may come back without joining is left open.
                    if !writes {
                        return Ok(());
                    }
                    self.life = Life::Running;
                }
                same(store.renew(&job, &writer).await, expected)
            }
            Call::Append { slot, old, turn, lines } => self.append(store, slot, old, turn, lines).await,
            Call::Leave { slot, old } => {
                let Some(writer) = self.writer(slot, old) else {
                    return Ok(());
                };
                let expected = match self.life {
                    Life::Unknown => Err("NoSuchJob".to_owned()),
                    Life::Ended | Life::Shrunk | Life::Erased => Ok(()),
                    Life::Running | Life::Silent if old => Err("Fenced".to_owned()),
                    Life::Running | Life::Silent => Ok(()),
                };
                let leaves = expected.is_ok() && self.alive().is_ok() && self.writes(slot);
                same(store.leave(&job, &writer, AT).await, expected)?;
                if leaves {
                    self.slots.entry(slot).and_modify(|slot| slot.writes = false);
                    self.life = Life::Running;
                    if let (Some(ending), false) = (self.ending, self.anybody_writes()) {
                        self.end(ending);
                    }
                }
                Ok(())
            }
            Call::End { well } => {
                // Whether a lapsed writer is waited for until somebody judges it is left open.
                if self.life == Life::Silent {
                    return Ok(());
                }
                let ending = if well { succeeded() } else { failed() };
                let expected = match self.life {
                    Life::Unknown => Err("NoSuchJob".to_owned()),
                    Life::Erased => Err("Erased".to_owned()),
                    Life::Ended | Life::Shrunk if self.ending.is_some_and(|first| first.outcome == ending.outcome) => {
                        Ok(Ended::At(seq(self.head())))
                    }
                    Life::Ended | Life::Shrunk => Err("Ended".to_owned()),
                    Life::Running | Life::Silent => {
                        let ending = *self.ending.get_or_insert(ending);
                        if self.anybody_writes() {
                            Ok(Ended::WhenLastWriterLeaves)
                        } else {
                            self.end(ending);
                            Ok(Ended::At(seq(self.head())))
                        }
                    }
                };
                same(store.end(&job, ending, AT).await, expected)
            }
            Call::Lapse => {
                subject.pass(MOMENT).await;
                if self.alive().is_ok() && self.anybody_writes() {
                    match self.ending {
                        Some(ending) => self.end(ending),
                        None => self.life = Life::Silent,
                    }
                }
                self.judged(store.mark_silent(&job, &STRICT, AT).await)
            }
            Call::Judge => {
                if self.life == Life::Silent {
                    self.life = Life::Running;
                }
                self.judged(store.mark_silent(&job, &PATIENT, AT).await)
            }
            Call::Confirm { slot } => {
                let Some(Slot { holder, .. }) = self.slots.get(&slot) else {
                    return Ok(());
                };
                if self.alive().is_err() {
                    return Ok(());
                }
                let ahead = store.confirm(&job, &holder.id, holder.next).await;
                same(ahead, Ok(false))?;
                same(store.confirm(&job, &holder.id, holder.next - 1).await, Ok(true))
            }
            Call::Read { first, count } => {
                let span = span(first, first + count - 1);
                same(store.read(&job, span).await, self.readable().map(|()| self.page(span)))
            }
            Call::Mask { place } => {
                let entry = LogEntry {
                    seq: seq(place),
                    recorded: masked_line(&"*".repeat(place as usize), 1),
                };
                let held = self.held_from <= place && place <= self.head();
                let last = self.life == Life::Ended && place == self.head();
                match self.readable() {
                    Err(error) => same(store.mask(&job, &entry).await, Err(error)),
                    // Nobody masks the end.
                    Ok(()) if last => Ok(()),
                    Ok(()) if !held => {
                        self.revision += u32::from((1..=self.head()).contains(&place));
                        same(store.mask(&job, &entry).await, Ok(self.revision))
                    }
                    Ok(()) => {
                        self.revision += 1;
                        self.entries[place as usize - 1] = entry.recorded.clone();
                        same(store.mask(&job, &entry).await, Ok(self.revision))
                    }
                }
            }
            Call::Archived { through } => {
                if self.life == Life::Erased {
                    return Ok(());
                }
                self.archived = self.archived.max(through.min(self.head()));
                same(store.archived(&job, seq(through)).await, self.known())
            }
            Call::Forget { through } => {
                let through = through.min(self.archived);
                if self.life != Life::Erased {
                    self.held_from = self.held_from.max(through + 1);
                    if self.life == Life::Ended && self.held_from > self.head() {
                        self.life = Life::Shrunk;
                    }
                }
                same(store.forget(&job, seq(through), LONG).await, self.known())
            }
            Call::Erase => {
                if self.known().is_ok() && self.life != Life::Erased {
                    self.life = Life::Erased;
                    self.revision += 1;
                }
                let expected = self.known().map(|()| self.revision);
                same(store.erase(&job, "ana", "a test", AT).await, expected)
            }
        }
    }

    async fn join(&mut self, store: &Store, slot: usize) -> Result<(), String> {
        let id = slot_id(slot);
        match (store.join(&self.job, &id).await, self.alive()) {
            (Ok(writer), Ok(())) => {
                let known = self.slots.remove(&slot);
                let next = known.as_ref().map_or(1, |known| known.holder.next);
                if (writer.next, &writer.id) != (next, &id) {
                    return Err(format!("expected batch {next} to be next, got {writer:?}"));
                }
                if known.as_ref().is_some_and(|known| known.holder.fence >= writer.fence) {
                    return Err(format!("the fence did not rise: {writer:?}"));
                }
                let (old, last) = known.map_or((None, None), |known| (Some(known.holder), known.last));
                self.slots.insert(
                    slot,
                    Slot {
                        holder: writer,
                        old,
                        writes: true,
                        last,
                    },
                );
                self.life = Life::Running;
                Ok(())
            }
            (answer, expected) => same(answer.map(|_| ()), expected),
        }
    }

    async fn append(&mut self, store: &Store, slot: usize, old: bool, turn: Turn, lines: u64) -> Result<(), String> {
        let (Some(writer), writes) = (self.writer(slot, old), self.writes(slot)) else {
            return Ok(());
        };
        let next = self.slots[&slot].holder.next;
        let text = |n| line(&format!("slot {slot} batch {next} line {n}"));
        let fresh = Batch {
            number: next,
            ..batch(&writer, (0..lines).map(text).collect())
        };
        let (sent, repeated) = match turn {
            Turn::Next => (fresh, None),
            Turn::Early => (
                Batch {
                    number: next + 1,
                    ..fresh
                },
                None,
            ),
            Turn::Again => match &self.slots[&slot].last {
                Some((last, answer)) => (
                    Batch {
                        fence: writer.fence,
                        ..last.clone()
                    },
                    Some(*answer),
                ),
                None => return Ok(()),
            },
        };
        let expected = match self.life {
            Life::Unknown => Err("NoSuchJob".to_owned()),
            Life::Erased => Err("Erased".to_owned()),
            Life::Shrunk => Err("Ended".to_owned()),
            // Both are true, and which one is said is left open.
            Life::Ended if old => return Ok(()),
            _ if old => Err("Fenced".to_owned()),
            Life::Ended => repeated.ok_or("Ended".to_owned()),
            Life::Running | Life::Silent => match (turn, repeated) {
                (_, Some(answer)) => Ok(answer),
                (Turn::Early, _) => Err(format!("Behind {next}")),
                // Whether one that left may come back without joining is left open.
                _ if !writes => return Ok(()),
                _ => Ok(Appended {
                    first: seq(self.head() + 1),
                    last: seq(self.head() + lines),
                }),
            },
        };
        same(store.append(&self.job, &sent).await, expected.clone())?;
        if let (Ok(answer), None) = (expected, repeated) {
            for recorded in &sent.events {
                self.counts.add(&recorded.event);
            }
            self.entries.extend(sent.events.iter().cloned());
            self.life = Life::Running;
            self.slots.entry(slot).and_modify(|slot| {
                slot.holder.next += 1;
                slot.last = Some((sent, answer));
            });
        }
        Ok(())
    }

    fn end(&mut self, ending: Ending) {
        let event = LogEvent::Ended {
            outcome: ending.outcome,
            exit_code: ending.exit_code,
            counts: self.counts,
        };
        self.entries.push(Recorded {
            ts: AT,
            phase: None,
            event,
        });
        self.ending = Some(ending);
        self.life = Life::Ended;
        self.slots.values_mut().for_each(|slot| slot.writes = false);
    }

    fn head(&self) -> u64 {
        self.entries.len() as u64
    }

    fn writer(&self, slot: usize, old: bool) -> Option<Writer> {
        let slot = self.slots.get(&slot)?;
        if old {
            slot.old.clone()
        } else {
            Some(slot.holder.clone())
        }
    }

    fn writes(&self, slot: usize) -> bool {
        self.slots.get(&slot).is_some_and(|slot| slot.writes)
    }

    fn anybody_writes(&self) -> bool {
        self.slots.values().any(|slot| slot.writes)
    }

    fn known(&self) -> Result<(), String> {
        if self.life == Life::Unknown {
            Err("NoSuchJob".to_owned())
        } else {
            Ok(())
        }
    }

    fn readable(&self) -> Result<(), String> {
        if self.life == Life::Erased {
            Err("Erased".to_owned())
        } else {
            self.known()
        }
    }

    fn alive(&self) -> Result<(), String> {
        match self.life {
            Life::Ended | Life::Shrunk => Err("Ended".to_owned()),
            _ => self.readable(),
        }
    }

    fn state(&self) -> &'static str {
        match self.life {
            Life::Unknown | Life::Running => "running",
            Life::Silent => "silent",
            Life::Ended | Life::Shrunk => "ended",
            Life::Erased => "erased",
        }
    }

    fn judged(&self, answer: crate::Result<State>) -> Result<(), String> {
        same(answer.map(State::as_str), self.known().map(|()| self.state()))
    }

    fn page(&self, span: Span) -> Vec<LogEntry> {
        let held = (1..)
            .zip(&self.entries)
            .filter(|(place, _)| *place >= self.held_from && span.contains(seq(*place)));
        held.map(|(place, recorded)| LogEntry {
            seq: seq(place),
            recorded: recorded.clone(),
        })
        .collect()
    }

    /// The record and every entry, after each call.
    async fn check(&self, store: &Store) -> Result<(), String> {
        let all = span(1, self.head() + 5);
        same(
            store.read(&self.job, all).await,
            self.readable().map(|()| self.page(all)),
        )?;
        let Some(record) = store.job(&self.job).await.map_err(|error| error.to_string())? else {
            return if self.life == Life::Unknown {
                Ok(())
            } else {
                Err("the record is gone".to_owned())
            };
        };
        equal("owner", record.owner.clone(), ana())?;
        equal("state", record.state.as_str(), self.state())?;
        equal("head", record.head.get(), self.head())?;
        equal("revision", record.revision, self.revision)?;
        if self.life == Life::Erased {
            return equal("held", record.held(), None);
        }
        equal("held_from", record.held_from.get(), self.held_from)?;
        equal("ending", record.ending, self.ending)?;
        if self.life == Life::Shrunk {
            return equal("writers", record.writers.len(), 0);
        }
        equal("archived", record.archived.get(), self.archived)?;
        equal("counts", record.counts, self.counts)?;
        equal("writers", record.writers.len(), self.slots.len())?;
        for (slot, known) in &self.slots {
            let writer = record.writers.get(&slot_id(*slot)).ok_or("a writer is missing")?;
            equal("fence", writer.fence, known.holder.fence)?;
            equal("next", writer.next, known.holder.next)?;
            equal("lease", writer.lease_until.is_some(), known.writes)?;
        }
        Ok(())
    }

    /// A follower from the very beginning hears what is held, and ends if the job has.
    async fn check_follower(&self, store: &Store) -> Result<(), String> {
        let Ok(()) = self.readable() else { return Ok(()) };
        let expected = self.page(span(1, self.head() + 5));
        let mut following = store.follow(&self.job, Seq::ZERO);
        let mut heard = Vec::new();
        while heard.len() < expected.len() {
            match hear(&mut following).await {
                Some(Ok(Change::Entries(entries))) => heard.extend(entries),
                Some(Ok(Change::State(_))) => {}
                other => return Err(format!("a follower heard {other:?}")),
            }
        }
        equal("what a follower heard", heard, expected)?;
        if self.alive().is_err()
            && let Some(more) = hear(&mut following).await
        {
            return Err(format!("a follower heard {more:?} after the end"));
        }
        Ok(())
    }
}

fn slot_id(slot: usize) -> log_model::WriterId {
    super::fixtures::slot(["one", "two"][slot])
}

fn same<T: Debug + PartialEq>(answer: crate::Result<T>, expected: Result<T, String>) -> Result<(), String> {
    let answer = answer.map_err(|error| match error {
        Error::NoSuchJob => "NoSuchJob".to_owned(),
        Error::OtherOwner => "OtherOwner".to_owned(),
        Error::Ended => "Ended".to_owned(),
        Error::Erased => "Erased".to_owned(),
        Error::Fenced => "Fenced".to_owned(),
        Error::Behind { expected } => format!("Behind {expected}"),
        other => format!("{other:?}"),
    });
    equal("the answer", answer, expected)
}

fn equal<T: Debug + PartialEq>(what: &str, is: T, should: T) -> Result<(), String> {
    if is == should {
        Ok(())
    } else {
        Err(format!("{what} is {is:?} and should be {should:?}"))
    }
}

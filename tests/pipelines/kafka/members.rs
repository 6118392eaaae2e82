//! Processes of one pipeline, and one that was taken for dead.

use std::time::{Duration, Instant};

use wasm_sink_tests::kafka::{Kafka, fresh};
use wasm_sink_tests::postgres::Postgres;
use wasm_sink_tests::{Case, Process, Signal};

use super::{LIMIT, OFTEN, Out, await_that, end, expect_nothing_new, generate, pipeline};

/// Beyond the session timeout, sometimes.
const LONGEST_STOP: u64 = 3_000;
const LONGEST_DEATH: u64 = 1_000;

pub fn variable(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name} is a number, and not `{text}`")),
    )
}

/// Chance as the environment gives it, or of any seed, which is said.
pub fn chance() -> fastrand::Rng {
    let seed = variable("WASM_SINK_SEED").unwrap_or_else(|| fastrand::u64(..));
    println!("WASM_SINK_SEED={seed}");
    fastrand::Rng::with_seed(seed)
}

/// Some processes, each with a folder of its own.
pub struct Members {
    members: Vec<Member>,
    chance: fastrand::Rng,
}

struct Member {
    case: Case,
    state: State,
}

enum State {
    Runs(Process),
    StoppedUntil(Process, Instant),
    DeadUntil(Instant),
}

impl Members {
    pub fn start(cases: impl IntoIterator<Item = Case>, chance: fastrand::Rng) -> Self {
        let members = cases.into_iter().map(|case| Member {
            state: State::Runs(case.run().start()),
            case,
        });
        Self {
            members: members.collect(),
            chance,
        }
    }

    /// Kills and stops members for so long; those that were killed are started again.
    pub fn torment(&mut self, length: Duration) {
        let started = Instant::now();
        let (mut kills, mut stops) = (0, 0);
        while started.elapsed() < length {
            std::thread::sleep(Duration::from_millis(self.chance.u64(50..600)));
            let now = Instant::now();
            self.members
                .iter_mut()
                .for_each(|member| member.recover(now));
            let chosen = self.chance.usize(..self.members.len());
            let kills_it = self.chance.bool();
            let later = match kills_it {
                true => self.chance.u64(..LONGEST_DEATH),
                false => self.chance.u64(100..LONGEST_STOP),
            };
            let until = now + Duration::from_millis(later);
            self.members[chosen].change(|state| match state {
                // It may be stopped when it is killed.
                State::Runs(process) | State::StoppedUntil(process, _) if kills_it => {
                    process.kill();
                    kills += 1;
                    State::DeadUntil(until)
                }
                State::Runs(process) => {
                    process.signal(Signal::STOP);
                    stops += 1;
                    State::StoppedUntil(process, until)
                }
                other => other,
            });
        }
        println!("{kills} were killed, {stops} stopped");
    }

    /// Has all of them run.
    pub fn settle(&mut self) {
        let later = Instant::now() + LIMIT;
        self.members
            .iter_mut()
            .for_each(|member| member.recover(later));
    }

    /// Ends all of them, in order.
    pub fn end(mut self) {
        self.settle();
        for member in self.members {
            if let State::Runs(process) = member.state {
                end(process).expect_code(0);
            }
        }
    }
}

impl Member {
    fn change(&mut self, change: impl FnOnce(State) -> State) {
        let nothing = State::DeadUntil(Instant::now());
        self.state = change(std::mem::replace(&mut self.state, nothing));
    }

    /// Starts it or lets it go on, where its time has come. None ends by itself.
    fn recover(&mut self, now: Instant) {
        let case = &self.case;
        let state = std::mem::replace(&mut self.state, State::DeadUntil(now));
        self.state = match state {
            State::Runs(mut process) => {
                if !process.is_running() {
                    panic!("it ended: {}", process.wait(LIMIT).said());
                }
                State::Runs(process)
            }
            State::StoppedUntil(process, until) if until <= now => {
                process.signal(Signal::CONT);
                State::Runs(process)
            }
            State::DeadUntil(until) if until <= now => State::Runs(case.run().start()),
            waiting => waiting,
        };
    }
}

/// How many members a group has.
#[track_caller]
pub fn await_members(kafka: &Kafka, group: &str, count: usize) {
    await_that(&format!("{count} members"), || {
        let group = kafka.group(group);
        let members = group["members"].as_array().map_or(0, Vec::len);
        let is_stable = group["state"] == "STABLE";
        (is_stable && members == count, group)
    });
}

/// One stops right before its commit, for so long that others have its partitions and deliver all that was in
/// it. When it goes on the commit must not pass, and it takes its share again.
fn wake_one_late(name: &str, step: &str, out: Out<'_>) {
    const RECORDS: usize = 8_000;
    let (kafka, topic) = (Kafka::shared(), fresh(name));
    kafka.create(&topic, 4);
    kafka.generate(&topic, RECORDS, 4);
    let text = pipeline(
        &topic,
        "",
        out,
        &format!("[epoch]\nmax_rows = 500\nmax_ms = 200\n{RETRY}"),
    );
    let order = format!("{step}:3");
    let first = super::case(kafka, &text, out);
    let mut stalled = first.run().env("WASM_SINK_STALL_AT", order).start();
    assert!(stalled.await_stop(LIMIT), "{step} is not taken");
    let second = super::case(kafka, &text, out);
    let other = second.run().start();
    out.await_records(RECORDS as u64);
    out.expect_each_once(RECORDS as u64);
    await_members(kafka, &topic, 1);

    stalled.signal(Signal::CONT);
    await_members(kafka, &topic, 2);
    out.expect_each_once(RECORDS as u64);
    let more = 2 * RECORDS;
    generate(kafka, &topic, RECORDS, RECORDS, 4);
    out.await_records(more as u64);
    end(stalled).expect_code(0);
    end(other).expect_code(0);
    out.expect_each_once(more as u64);
    expect_nothing_new(kafka, &topic, "", out);
}

const RETRY: &str = "[retry]\nmax_ms = 500\n";

#[test]
fn who_was_taken_for_dead_commits_nothing_to_delta() {
    for step in ["staged", "attempting", "attempted"] {
        let folder = tempfile::tempdir().unwrap();
        wake_one_late("late", step, Out::Lake(folder.path()));
    }
}

#[test]
fn who_was_taken_for_dead_commits_nothing_to_postgres() {
    let server = Postgres::start();
    wake_one_late("late", "attempting", Out::Database(&server));
}

/// A member that is told to end gives its partitions back at once: nobody waits until it is taken for dead.
#[test]
fn who_ends_leaves_the_group() {
    let (kafka, topic) = (Kafka::shared(), fresh("leaves"));
    let folder = tempfile::tempdir().unwrap();
    let out = Out::Lake(folder.path());
    kafka.create(&topic, 4);
    let text = pipeline(&topic, "", out, OFTEN);
    // The group waits for 45 s.
    let cases = [(); 2].map(|()| Case::new(&text, super::Ends::new(kafka, out)));
    let [first, second] = cases.each_ref().map(|case| case.run().start());
    await_members(kafka, &topic, 2);
    end(first).expect_code(0);
    kafka.generate(&topic, 1_000, 4);
    let since = Instant::now();
    out.await_records(1_000);
    assert!(
        since.elapsed() < Duration::from_secs(20),
        "{:?}",
        since.elapsed()
    );
    end(second).expect_code(0);
    out.expect_each_once(1_000);
}

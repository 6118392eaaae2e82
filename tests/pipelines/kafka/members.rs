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

/// One stops for so long that another has its partitions. When it goes on, what it was about to commit must not
/// pass, whatever the other one has done by then, and it takes its share again.
pub struct Late<'a> {
    out: Out<'a>,
    topic: String,
    first: Process,
    second: Process,
    _cases: [Case; 2],
}

impl<'a> Late<'a> {
    const RECORDS: usize = 8_000;

    /// Each with the rows that it has in an epoch, and where it stops.
    pub fn start(name: &str, out: Out<'a>, first: (usize, &str), second: (usize, &str)) -> Self {
        let (kafka, topic) = (Kafka::shared(), fresh(name));
        kafka.create(&topic, 4);
        kafka.generate(&topic, Self::RECORDS, 4);
        let start = |(rows, order)| {
            let more =
                format!("[epoch]\nmax_rows = {rows}\nmax_ms = 1_000\n[retry]\nmax_ms = 500\n");
            let case = super::case(kafka, &pipeline(&topic, "", out, &more), out);
            let process = case.run().env("WASM_SINK_STALL_AT", order).start();
            (case, process)
        };
        let (case, mut first) = start(first);
        assert!(first.await_stop(LIMIT));
        let (other, second) = start(second);
        Self {
            out,
            topic,
            first,
            second,
            _cases: [case, other],
        }
    }

    /// Both are there again, and deliver what comes.
    fn go_on(self) {
        let (kafka, all) = (Kafka::shared(), Self::RECORDS);
        await_members(kafka, &self.topic, 2);
        self.out.expect_each_once(all as u64);
        generate(kafka, &self.topic, all, all, 4);
        self.out.await_records(2 * all as u64);
        end(self.first).expect_code(0);
        end(self.second).expect_code(0);
        self.out.expect_each_once(2 * all as u64);
        expect_nothing_new(kafka, &self.topic, "", self.out);
    }

    /// The other one has delivered everything.
    pub fn wake_after_everything(self) {
        let all = Self::RECORDS as u64;
        self.out.await_records(all);
        await_members(Kafka::shared(), &self.topic, 1);
        self.first.signal(Signal::CONT);
        self.go_on();
    }

    /// The other one has delivered a part of what the first is about to commit, and stops itself. False where it
    /// came to nothing of the kind: on a busy machine the first stops a moment late, and its commit is made, or
    /// its transaction holds what the other one needs.
    pub fn wakes_in_between(mut self) -> bool {
        let all = Self::RECORDS as u64;
        if !stops(&mut self.second, Duration::from_secs(15)) {
            return false;
        }
        let rows = self.out.settled().rows;
        assert!(rows > 0 && rows < all, "{rows} rows");
        self.first.signal(Signal::CONT);
        self.out.await_records(all);
        self.out.expect_each_once(all);
        self.second.signal(Signal::CONT);
        self.go_on();
        true
    }
}

/// Whether a process stops itself in time.
fn stops(process: &mut Process, limit: Duration) -> bool {
    let stat = format!("/proc/{}/stat", process.id());
    let started = Instant::now();
    while started.elapsed() < limit && process.is_running() {
        let text = std::fs::read_to_string(&stat).unwrap_or_default();
        if text
            .rsplit_once(") ")
            .is_some_and(|(_, rest)| rest.starts_with('T'))
        {
            return true;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    false
}

pub const NEVER: &str = "never";
pub const FIRST: (usize, &str) = (100_000, "attempting:1");
pub const SECOND: (usize, &str) = (500, "attempted:2");
pub const TRIES: usize = 4;

#[test]
fn who_was_taken_for_dead_commits_nothing_to_delta() {
    for order in ["staged:3", "attempted:3"] {
        let folder = tempfile::tempdir().unwrap();
        let out = Out::Lake(folder.path());
        Late::start("late", out, (500, order), (500, NEVER)).wake_after_everything();
    }
    let mut tries = (0..TRIES).map(|_| {
        let folder = tempfile::tempdir().unwrap();
        let out = Out::Lake(folder.path());
        Late::start("late", out, FIRST, SECOND).wakes_in_between()
    });
    assert!(tries.any(|is_tried| is_tried));
}

#[test]
fn who_was_taken_for_dead_commits_nothing_to_postgres() {
    let mut tries = (0..TRIES).map(|_| {
        let server = Postgres::start();
        let out = Out::Database(&server);
        Late::start("late", out, FIRST, SECOND).wakes_in_between()
    });
    assert!(tries.any(|is_tried| is_tried));
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
    let first = cases[0].run().start();
    kafka.generate(&topic, 100, 4);
    out.await_records(100);
    let second = cases[1].run().start();
    await_members(kafka, &topic, 2);
    end(first).expect_code(0);
    generate(kafka, &topic, 100, 900, 4);
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

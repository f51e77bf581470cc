//! Random well-formed programs, as source: sequences, forks with joins, loops, fan-outs, commands,
//! error and time-out ways, deferred nodes, questions, waits. However outcomes are timed, and whether
//! steps are barriers or not, the states and paths are the same; failures that stop the run and are
//! run again change nothing either. Seeds: `FLOW_SEEDS`, or one alone with `FLOW_SEED`.

use std::fmt::Write as _;
use std::sync::Arc;

use flow_bytecode::ErrorClass;
use flow_machine::{Dispatch, EventKind, Input, Program, Start, Status};
use serde_json::{Value as Json, json};

use crate::host::*;
use crate::log;
use crate::random::{Random, mix};
use crate::source;

/// What is written so far.
struct Writer {
    random: Random,
    decls: String,
    edges: String,
    fields: String,
    events: String,
    count: usize,
}

/// A part of a program: where it begins and where it ends.
struct Part(String, String);

impl Writer {
    fn name(&mut self, kind: &str) -> String {
        self.count += 1;
        format!("{kind}{}", self.count)
    }

    fn edge(&mut self, from: &str, to: &str) {
        let _ = writeln!(self.edges, "  {from} -> {to}");
    }

    fn decl(&mut self, text: &str) {
        let _ = writeln!(self.decls, "  {text}");
    }

    /// A task that does some of what tasks do.
    fn task(&mut self) -> Part {
        let kind = ["t", "t", "t", "retried", "poison", "skipped"][self.random.next(6) as usize];
        let name = self.name(kind);
        let update = [
            "v <- r",
            "v <- r\n n <- v.len()",
            "hint <- r\n n <- 1",
            "v <- \"${n} ${hint.len()}\"",
            "n <- n + hint.len()",
        ][self.random.next(5) as usize];
        let clause = match kind {
            "retried" => "attempts 3 backoff 1s..3s",
            "skipped" => "on error -> skip",
            _ => "",
        };
        self.decl(&format!("task {name} {{ call w() as r\n {update}\n {clause} }}"));
        Part(name.clone(), name)
    }

    fn part(&mut self, depth: u64) -> Part {
        if depth == 0 {
            return self.task();
        }
        match self.random.next(14) {
            0..=2 => self.sequence(depth),
            3..=5 => self.fork(depth),
            6 => self.choice(depth),
            7 => self.repetition(depth),
            8 => self.fan_out(),
            9 => self.command(depth),
            10 => self.error_way(),
            11 => self.question(),
            12 => self.pause(),
            _ => self.deferral(depth),
        }
    }

    fn sequence(&mut self, depth: u64) -> Part {
        let (a, b) = (self.part(depth - 1), self.part(depth - 1));
        self.edge(&a.1, &b.0);
        Part(a.0, b.1)
    }

    fn fork(&mut self, depth: u64) -> Part {
        let (before, behind) = (self.task(), self.task());
        let parts: Vec<Part> = (0..2 + self.random.next(2))
            .map(|_| self.part(depth - 1))
            .collect();
        let policy = ["all of", "any of", "majority of", "1 of"][self.random.next(4) as usize];
        let mut exits: Vec<String> = parts.iter().map(|part| part.1.clone()).collect();
        for part in &parts {
            self.edge(&before.1, &part.0);
        }
        if policy != "all of" && self.random.next(2) == 0 && exits.len() > 2 {
            let bad = self.name("bad");
            self.decl(&format!("task {bad} {{ call w() as r\n v <- r }}"));
            self.edge(&before.1, &bad);
            exits.push(bad);
        }
        let _ = writeln!(self.edges, "  {policy} [{}] -> {}", exits.join(", "), behind.0);
        Part(before.0, behind.1)
    }

    /// Two ways of which a route or a command takes one.
    fn two_ways(&mut self, depth: u64) -> (Part, Part, Part, String) {
        let (a, b, behind) = (self.part(depth - 1), self.part(depth - 1), self.task());
        self.edge(&a.1, &behind.0);
        self.edge(&b.1, &behind.0);
        let arms = format!("{{ when n % 2 == 0 -> {}\n otherwise -> {} }}", a.0, b.0);
        (a, b, behind, arms)
    }

    fn choice(&mut self, depth: u64) -> Part {
        let (before, route) = (self.task(), self.name("r"));
        let (.., behind, arms) = self.two_ways(depth);
        self.decl(&format!("route {route} {arms}"));
        self.edge(&before.1, &route);
        Part(before.0, behind.1)
    }

    fn command(&mut self, depth: u64) -> Part {
        let name = self.name("g");
        let (.., behind, arms) = self.two_ways(depth);
        self.decl(&format!("task {name} {{ call w() as r\n v <- r\n goto {arms} }}"));
        Part(name, behind.1)
    }

    fn repetition(&mut self, depth: u64) -> Part {
        let (body, behind) = (self.part(depth - 1), self.task());
        let (count, tail, route) = (self.name("c"), self.name("k"), self.name("l"));
        let _ = writeln!(self.fields, "  {count}: int by add");
        self.decl(&format!("transform {tail} {{ {count} <- 1 }}"));
        self.decl(&format!(
            "route {route} {{ when {count} % 2 == 1 -> {}\n otherwise -> {} }}",
            body.0, behind.0
        ));
        self.edge(&body.1, &tail);
        self.edge(&tail, &route);
        Part(body.0, behind.1)
    }

    fn fan_out(&mut self) -> Part {
        let (send, item, behind) = (self.name("s"), self.name("i"), self.task());
        self.decl(&format!(
            "send {send} {{ each x in range(0, n % 4) -> {item}(x) at most 2 }}"
        ));
        self.decl(&format!(
            "task {item}(x: int) {{ call w(x) as r\n v <- r\n on error -> skip }}"
        ));
        self.edge(&item, &behind.0);
        Part(send, behind.1)
    }

    /// A node that fails or times out, and what its ways lead to.
    fn error_way(&mut self) -> Part {
        let (late, name) = if self.random.next(2) == 0 {
            ("timeout 1s", self.name("late"))
        } else {
            ("on error", self.name("bad"))
        };
        let (handler, behind) = (self.name("h"), self.task());
        self.decl(&format!(
            "task {name} {{ call w() as r\n v <- r\n {late} -> {handler} }}"
        ));
        self.decl(&format!("transform {handler} {{ v <- \"{handler}\" }}"));
        self.edge(&name, &behind.0);
        self.edge(&handler, &behind.0);
        Part(name, behind.1)
    }

    fn question(&mut self) -> Part {
        let name = self.name("q");
        let gate = ["", "when n % 2 == 0"][self.random.next(2) as usize];
        self.decl(&format!(
            "interrupt {name} {gate} {{ ask \"${{n}}?\"\n answer as x: string\n v <- x }}"
        ));
        Part(name.clone(), name)
    }

    fn pause(&mut self) -> Part {
        let name = self.name("p");
        if self.random.next(2) == 0 {
            let seconds = 1_000_003 + 7919 * self.count;
            self.decl(&format!("wait {name} {{ for {seconds}s\n v <- \"{name}\" }}"));
        } else {
            let _ = write!(self.events, "ping_{name} ");
            self.decl(&format!(
                "wait {name} {{ for event ping_{name}\n v <- \"{name}\" }}"
            ));
        }
        Part(name.clone(), name)
    }

    fn deferral(&mut self, depth: u64) -> Part {
        let (before, name, part) = (self.task(), self.name("d"), self.part(depth - 1));
        self.decl(&format!(
            "defer transform {name} {{ v <- \"{name} ${{v.len()}}\" }}"
        ));
        self.edge(&before.1, &name);
        self.edge(&name, "end");
        self.edge(&before.1, &part.0);
        Part(before.0, part.1)
    }
}

fn text(seed: u64) -> String {
    let mut writer = Writer {
        random: Random::new(seed),
        decls: String::new(),
        edges: String::new(),
        fields: String::new(),
        events: String::new(),
        count: 0,
    };
    let part = writer.fork(3);
    let events = match writer.events.trim() {
        "" => String::new(),
        events => format!("  events {{ {} }}\n", events.replace(' ', ", ")),
    };
    format!(
        "worker w(x: int = 0) -> string via webhook {{ tags [w] }}\nflow test() {{\n{events}  state {{\n  \
         v: [string] by append\n  n: int by add\n  hint: [string] by append ephemeral\n{}  }}\n  start -> {}\n{}  {} -> end\n{}}}\n",
        writer.fields, part.0, writer.edges, part.1, writer.decls
    )
}

fn script(seed: u64, timing: u64) -> Script {
    Box::new(move |d: &Dispatch| {
        let delay = (mix(timing, &d.attempt) % 5) as i64 * SECOND / 2;
        let kind = d.node.trim_end_matches(|letter: char| letter.is_ascii_digit());
        match kind {
            "late" => (100 * SECOND, reply(json!("late"))),
            "bad" => (delay, fails(ErrorClass::Http4xx)),
            "poison" if d.number == 1 && mix(seed, &d.key).is_multiple_of(3) => {
                (delay, fails(ErrorClass::Http4xx))
            }
            "retried" if d.number < 3 && mix(seed, &d.attempt).is_multiple_of(2) => {
                (delay, fails(ErrorClass::Http5xx))
            }
            "skipped" | "i" if mix(seed, &d.key).is_multiple_of(3) => (delay, fails(ErrorClass::Http4xx)),
            _ => (delay, reply(json!(d.key))),
        }
    })
}

/// The waits that are open, by what was planned and has not settled.
fn open_waits(host: &Host) -> Vec<String> {
    let mut open: Vec<String> = Vec::new();
    for event in &host.events {
        let named = event.node.as_deref().map(str::to_owned);
        let Some(node) = named.filter(|node| node.starts_with('p') && !node.starts_with("poison")) else {
            continue;
        };
        match event.kind {
            EventKind::Planned { .. } => open.push(node),
            EventKind::Settled { .. } => {
                let at = open.iter().position(|known| *known == node).unwrap();
                open.remove(at);
            }
            _ => {}
        }
    }
    open.sort();
    open
}

/// Runs a program to its end. What comes from outside comes when nothing else moves.
fn run(program: &Arc<Program>, seed: u64, timing: u64, barrier: bool) -> Host {
    let how = Start {
        barrier,
        ..start(json!({}))
    };
    let mut host = Host::new(program, how, script(seed, timing)).run();
    for round in 0..200 {
        match host.status() {
            Status::Failed if host.machine.error().unwrap().class == Some(ErrorClass::Http4xx) => {
                host.apply(Input::Retry { node: None }).unwrap();
            }
            Status::Interrupted => {
                let mut asked: Vec<String> = host
                    .machine
                    .interrupts()
                    .into_iter()
                    .map(|open| open.name)
                    .collect();
                asked.sort();
                if round == 0 && seed.is_multiple_of(2) {
                    let updates = json!({ "n": 3, "v": "injected" }).as_object().cloned().unwrap();
                    host.apply(Input::Inject { updates }).unwrap();
                } else if let Some(name) = asked.first() {
                    host.answer(name, json!(format!("answer {round}"))).unwrap();
                } else {
                    let name = format!("ping_{}", open_waits(&host)[0]);
                    host.apply(Input::Event {
                        name,
                        data: Json::Null,
                    })
                    .unwrap();
                }
            }
            _ => break,
        }
    }
    host
}

fn told(host: &Host) -> Vec<Json> {
    let told = |point: &flow_machine::Checkpoint| {
        json!([point.id, point.parent, point.step, point.path, point.changed])
    };
    host.checkpoints.iter().map(told).collect()
}

#[test]
fn barriers_and_timing_change_nothing() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let (first, last) = match number("FLOW_SEED") {
        Some(seed) => (seed, seed),
        None => (1, number("FLOW_SEEDS").unwrap_or(40)),
    };
    let (mut done, mut failed, mut ahead) = (0, 0, 0);
    for seed in first..=last {
        let text = text(seed);
        let program = source::file(&text);
        let reference = run(&program, seed, 1, true);
        let hint = |timing: u64| format!("FLOW_SEED={seed}, timing {timing}\n{text}");
        if reference.code() == "F2301" {
            // A join that can pass no more ends the run for good, at a moment that timing decides.
            let other = run(&program, seed, 2, false);
            assert_eq!(other.code(), "F2301", "{}", hint(2));
            continue;
        }
        assert!(
            matches!(reference.status(), Status::Done | Status::Limit),
            "{:?} {:?} {}",
            reference.status(),
            reference.machine.error(),
            hint(1)
        );
        log::check(&reference, &hint(1));
        done += u32::from(reference.status() == Status::Done);
        let failures = |event: &&flow_machine::Event| {
            matches!(
                &event.kind,
                EventKind::Finished {
                    status: Status::Failed,
                    ..
                }
            )
        };
        failed += reference.events.iter().filter(failures).count();
        for timing in 1..5 {
            let other = run(&program, seed, timing, timing == 4);
            log::check(&other, &hint(timing));
            assert_eq!(other.path(), reference.path(), "{}", hint(timing));
            assert_eq!(
                other.machine.state(),
                reference.machine.state(),
                "{}",
                hint(timing)
            );
            assert_eq!(other.status(), reference.status(), "{}", hint(timing));
            assert_eq!(told(&other), told(&reference), "{}", hint(timing));
            ahead += u32::from(other.now < reference.now);
        }
        if seed.is_multiple_of(8) {
            run(&program, seed, 2, false).check_replay(&program);
        }
    }
    if last - first > 30 {
        assert!(
            done > 20 && failed > 5 && ahead > 5,
            "{done} done, {failed} failed, {ahead} ahead"
        );
    }
}

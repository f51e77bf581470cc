//! Random small programs with random replies, failures and delays: whatever the timing, the state,
//! the path and the checkpoints are the same, and every cut of the log gives the run again.

use std::sync::Arc;

use flow_bytecode::{ErrorClass, Limits, Policy, Reducer};
use flow_machine::{Dispatch, Program, Status};
use serde_json::json;

use crate::builder::*;
use crate::host::*;

const NODES: [&str; 7] = ["a", "b", "c", "d", "e", "g", "h"];
const ROUTES: [&str; 3] = ["r0", "r1", "r2"];
const PAIRS: [&[&str]; 5] = [
    &["a", "b"],
    &["b", "d"],
    &["c", "e"],
    &["a", "c", "d"],
    &["e", "g"],
];

/// A generator of numbers that is the same everywhere.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x2545_f491_4f6c_dd1d) | 1)
    }

    /// A position in something of this length.
    pub(crate) fn below(&mut self, length: usize) -> usize {
        self.next(length as u64) as usize
    }

    pub(crate) fn next(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % below
    }

    fn pick(&mut self, from: &[&'static str]) -> &'static str {
        from[self.next(from.len() as u64) as usize]
    }
}

/// A number that depends on nothing but the call.
pub(crate) fn mix(seed: u64, text: &str) -> u64 {
    text.bytes()
        .fold(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        })
        >> 9
}

pub(crate) fn program(seed: u64) -> Arc<Program> {
    let mut random = Random::new(seed);
    let mut b = Builder::new();
    for name in ["v", "hint"] {
        let append = Reducer::Append { item_first: false };
        b.field(name, T::Strs, append, Some(E::List(vec![])));
    }
    b.ephemeral();
    b.field("n", T::Int, Reducer::Add, Some(E::Int(0)));
    NODES.iter().for_each(|name| add_task(&mut b, &mut random, name));
    add_send(&mut b, &mut random);
    ROUTES
        .iter()
        .for_each(|name| add_route(&mut b, &mut random, name));
    add_arrows(&mut b, &mut random);
    b.limits(Limits {
        steps: Some(12),
        parallel: (random.next(2) == 0).then_some(3),
        ..Limits::default()
    });
    b.build()
}

fn add_task(b: &mut Builder, random: &mut Random, name: &'static str) {
    let field = if random.next(3) == 0 { "hint" } else { "v" };
    let mut stmts = vec![S::Send(field, E::Reg(0))];
    if random.next(2) == 0 {
        stmts.push(S::Send("n", add(E::Int(1), len(f("v")))));
    }
    b.task(name, &stmts);
    b.retry(2, SECOND, 3 * SECOND);
    let way = if random.next(3) == 0 {
        To::Node(NODES[random.next(7) as usize])
    } else {
        To::Skip
    };
    b.on_error(way, &[]);
}

fn add_send(b: &mut Builder, random: &mut Random) {
    let items = (0..random.next(4) as i64).map(E::Int).collect();
    b.send("s", vec![(E::List(items), "w", vec![("x", E::Reg(0))], Some(2))]);
    b.task_with(
        "w",
        &[("x", T::Int)],
        &[("x", E::Reg(0))],
        T::Json,
        &[S::Send("v", E::Reg(1))],
    );
    b.on_error(To::Skip, &[]);
}

fn add_route(b: &mut Builder, random: &mut Random, name: &'static str) {
    let most = random.next(12) as i64;
    let small = to(random.pick(&NODES));
    let large = if random.next(2) == 0 {
        To::End
    } else {
        to(random.pick(&["s", "a", "e", "h"]))
    };
    let what = if random.next(2) == 0 {
        len(f("v"))
    } else {
        add(len(f("hint")), f("n"))
    };
    b.route(
        name,
        vec![(lt(what, E::Int(most)), small), (E::Bool(true), large)],
    );
}

fn add_arrows(b: &mut Builder, random: &mut Random) {
    b.edge(["start -> a", "start -> b", "start -> s"][random.next(3) as usize])
        .edge("start -> c")
        .edge("start -> d");
    let arrows = [
        "a -> e", "b -> r0", "c -> r1", "d -> g", "e -> r2", "g -> h", "h -> end", "w -> h", "w -> e",
        "a -> s", "b -> e",
    ];
    for arrow in arrows {
        if random.next(3) > 0 {
            b.edge(arrow);
        }
    }
    for _ in 0..=random.next(2) {
        let policy = [Policy::All, Policy::Any, Policy::AtLeast(1), Policy::Each][random.next(4) as usize];
        b.join_else(
            policy,
            PAIRS[random.next(5) as usize],
            random.pick(&NODES),
            Some(To::End),
        );
    }
}

fn run(program: &Arc<Program>, seed: u64, timing: u64, barrier: bool) -> Host {
    let script = Box::new(move |d: &Dispatch| {
        let delay = (mix(timing, &d.attempt) % 5) as i64 * SECOND / 2;
        let fails_now = mix(seed, &d.attempt).is_multiple_of(5);
        (
            delay,
            if fails_now {
                fails(ErrorClass::Http5xx)
            } else {
                reply(json!(d.key))
            },
        )
    });
    let how = flow_machine::Start {
        barrier,
        ..start(json!({}))
    };
    Host::new(program, how, script).run()
}

#[test]
fn timing_changes_nothing() {
    let seeds = std::env::var("FLOW_SEEDS")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(60);
    let (mut done, mut long) = (0, 0);
    for seed in 1..=seeds {
        let program = program(seed);
        let first = run(&program, seed, 1, true);
        assert!(
            matches!(first.status(), Status::Done | Status::Limit),
            "seed {seed}: {:?}",
            first.machine.error()
        );
        done += u32::from(first.status() == Status::Done);
        long += u32::from(first.machine.path().len() > 6);
        for timing in 2..6 {
            let other = run(&program, seed, timing, timing < 3);
            assert_eq!(
                other.machine.path(),
                first.machine.path(),
                "seed {seed}, timing {timing}"
            );
            assert_eq!(
                other.machine.state(),
                first.machine.state(),
                "seed {seed}, timing {timing}"
            );
            assert_eq!(other.checkpoints.len(), first.checkpoints.len());
            for (other, first) in other.checkpoints.iter().zip(&first.checkpoints) {
                assert_eq!(
                    other.frontier.joins, first.frontier.joins,
                    "seed {seed}, timing {timing}, step {}",
                    first.step
                );
                assert_eq!(other, first, "seed {seed}, timing {timing}");
            }
            assert_eq!(other.status(), first.status(), "seed {seed}, timing {timing}");
        }
        if seed % 10 == 0 {
            first.check_replay(&program);
        }
    }
    assert!(
        seeds < 60 || done > 10 && long > 10,
        "the programs are worth running: {done}, {long}"
    );
}

//! Damaged and hostile images: whatever is done to the bytes, decode and verify refuse them or the machine survives
//! them, within its limits and within the log's own order. Hostile expressions alone are in `../code/hostile.rs`.
//!
//! The normal run tries a few hundred; `FLOW_HOSTILE_SECONDS=600 cargo test -p flow-machine --test runs hostile` tries
//! until the time is up, and `FLOW_HOSTILE_SEED=n` repeats one.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use flow_bytecode::{Image, decode, encode, seal, verify};
use flow_machine::{Effect, Input, LimitChange, Machine, Program, Start};
use serde_json::{Value as Json, json};

use crate::host::start;
use crate::random::{Random, mix, program};

/// Images that the normal run tries. Debug builds are slow, and a minute is a lot.
const TRIES: u64 = 500;

/// Steps that a hostile program may take, and moves of its host. Arrows that double what is open are few in so few.
const STEPS: u64 = 8;
const MOVES: usize = 40;

/// No try may take longer, on a machine that has other things to do.
const SLOWEST: Duration = Duration::from_mins(1);

const TABLE_AT: usize = 40;
const SECTIONS_AT: usize = TABLE_AT + 4;
const ENTRY_BYTES: usize = 12;

#[derive(Debug, Default)]
struct Tally {
    tried: u64,
    decoded: u64,
    verified: u64,
    started: u64,
}

#[test]
fn no_image_harms_the_machine() {
    let mut tally = Tally::default();
    if let Some(seed) = setting("FLOW_HOSTILE_SEED") {
        return try_seed(seed, &mut tally);
    }
    let until = setting("FLOW_HOSTILE_SECONDS").map(|seconds| Instant::now() + Duration::from_secs(seconds));
    for seed in 0.. {
        if until.map_or(seed >= TRIES, |until| Instant::now() >= until) {
            break;
        }
        try_seed(seed, &mut tally);
    }
    println!("{tally:?}");
    assert!(tally.decoded > tally.tried / 8, "enough is decoded: {tally:?}");
    assert!(tally.started > tally.tried / 20, "enough of it runs: {tally:?}");
}

/// What comes from a file is not trusted: a cut or changed image is an error, never a crash.
#[test]
fn damage_is_found_by_the_hash() {
    let bytes = encode(program(1).image());
    for end in 0..bytes.len() {
        assert!(decode(&bytes[..end]).is_err(), "cut at {end}");
    }
    let mut random = Random::new(7);
    for _ in 0..2000 {
        let mut damaged = bytes.clone();
        let at = random.below(bytes.len());
        damaged[at] ^= 1 << random.below(8);
        assert!(decode(&damaged).is_err(), "byte {at}");
    }
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn try_seed(seed: u64, tally: &mut Tally) {
    let began = Instant::now();
    let result = catch_unwind(AssertUnwindSafe(|| try_one(seed, tally)));
    if result.is_err() || began.elapsed() > SLOWEST {
        eprintln!(
            "after {:.1?}; again with: FLOW_HOSTILE_SEED={seed} cargo test -p flow-machine --test runs hostile",
            began.elapsed()
        );
    }
    if let Err(panic) = result {
        resume_unwind(panic);
    }
    assert!(began.elapsed() <= SLOWEST, "seed {seed} takes too long");
}

fn try_one(seed: u64, tally: &mut Tally) {
    let mut random = Random::new(mix(seed, "hostile"));
    let mut sections = sections_of(&encode(program(seed % 50).image()));
    for _ in 0..=random.below(2) {
        mutate(&mut sections, seed, &mut random);
    }
    tally.tried += 1;
    let Ok(image) = decode(&whole(&sections)) else {
        return;
    };
    tally.decoded += 1;
    assert_eq!(
        decode(&encode(&image)).as_ref(),
        Ok(&image),
        "what is decoded is what is written"
    );
    let flows: Vec<String> = image.flows.iter().map(|flow| name_of(&image, flow)).collect();
    let Ok(image) = verify(image) else { return };
    tally.verified += 1;
    let program = Arc::new(Program::new(image));
    for flow in flows {
        let start = Start {
            flow,
            limits: LimitChange {
                steps: Some(STEPS),
                ..LimitChange::default()
            },
            barrier: random.below(2) == 0,
            ..start(json!({}))
        };
        if let Ok(machine) = Machine::start(program.clone(), start, 0) {
            tally.started += 1;
            drive(machine, &mut random);
        }
    }
}

fn name_of(image: &Image, flow: &flow_bytecode::Flow) -> String {
    image.strings.get(flow.name.index()).cloned().unwrap_or_default()
}

/// Replies, answers and lets time pass, for a while; then the log must give the same run again.
fn drive(mut machine: Machine, random: &mut Random) {
    let mut log = Vec::new();
    let mut now = 0;
    for _ in 0..MOVES {
        let out = machine.take();
        assert!(out.events.len() < 100_000, "a few steps make a few events");
        log.extend(out.events);
        let calls = out.effects.into_iter().filter_map(|effect| match effect {
            Effect::Dispatch(dispatch) => Some(dispatch),
            _ => None,
        });
        let mut inputs: Vec<Input> = calls
            .map(|dispatch| Input::Settled {
                outcome: crate::host::reply(some_json(random, &dispatch.node)),
                attempt: dispatch.attempt,
            })
            .collect();
        inputs.extend(machine.interrupts().into_iter().map(|open| Input::Answer {
            interrupt: open.name,
            value: some_json(random, "answer"),
        }));
        if let Some(due) = machine.next_due().filter(|due| *due < i64::MAX) {
            now = due.max(now);
            inputs.push(Input::Tick);
        }
        if machine.is_finished() || inputs.is_empty() {
            break;
        }
        for input in inputs {
            // Refusals are fine: the run is unchanged.
            let _ = machine.apply(input, now);
        }
    }
    log.extend(machine.take().events);
    let again = Machine::replay(machine.program().clone(), log);
    assert!(again.is_ok(), "the log gives the run again: {:?}", again.err());
}

fn some_json(random: &mut Random, word: &str) -> Json {
    match random.below(6) {
        0 => Json::Null,
        1 => json!(random.below(5)),
        2 => json!(true),
        3 => json!([word, word]),
        4 => json!({ "a": word }),
        _ => json!(word),
    }
}

fn mutate(sections: &mut [Vec<u8>], seed: u64, random: &mut Random) {
    // Texts and debug information are the least interesting.
    let at = 1 + random.below(sections.len() - 2);
    match random.below(8) {
        0 => {
            let other = sections_of(&encode(program((seed + 1) % 50).image()));
            sections[at].clone_from(&other[at]);
        }
        1 => {
            let end = random.below(sections[at].len() + 1);
            sections[at].truncate(end);
        }
        2 => {
            let section = &mut sections[at];
            let from = random.below(section.len().max(1));
            let to = (from + random.below(12)).min(section.len());
            let part: Vec<u8> = section.get(from..to).unwrap_or_default().to_vec();
            let place = random.below(section.len() + 1);
            section.splice(place..place, part);
        }
        _ => {
            for _ in 0..=random.below(2) {
                let section = &mut sections[at];
                if section.is_empty() {
                    return;
                }
                let place = random.below(section.len());
                section[place] = match random.below(4) {
                    0 => section[place] ^ (1 << random.below(8)),
                    1 => section[place].wrapping_add(1),
                    2 => section[place].wrapping_sub(1),
                    _ => random.below(16) as u8,
                };
            }
        }
    }
}

/// The sections of an image that is in order.
fn sections_of(bytes: &[u8]) -> Vec<Vec<u8>> {
    let number = |at: usize| {
        let field = bytes[at..at + 4].try_into().unwrap();
        u32::from_le_bytes(field) as usize
    };
    (0..number(TABLE_AT))
        .map(|kind| {
            let entry = SECTIONS_AT + kind * ENTRY_BYTES;
            let from = number(entry + 4);
            bytes[from..from + number(entry + 8)].to_vec()
        })
        .collect()
}

/// A file of these sections, with a table and a hash that fit.
fn whole(sections: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = encode(&Image::default())[..TABLE_AT].to_vec();
    bytes.extend((sections.len() as u32).to_le_bytes());
    let mut offset = SECTIONS_AT + sections.len() * ENTRY_BYTES;
    for (kind, section) in (0_u32..).zip(sections) {
        for number in [kind, offset as u32, section.len() as u32] {
            bytes.extend(number.to_le_bytes());
        }
        offset += section.len();
    }
    bytes.extend(sections.iter().flatten());
    seal(&mut bytes);
    bytes
}

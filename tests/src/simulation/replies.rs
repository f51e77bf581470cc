//! What workers and people say, from the seed alone: the same whoever asks, and whenever.

use super::plan::mix;

/// What an agent's worker says to a turn.
pub(super) enum Turn {
    /// The end of the conversation: `said` makes the reply of it.
    Says(i64),
    /// The tools to use, by their arguments.
    Asks(Vec<(String, i64)>),
}

/// What a worker does with a call: a reply, or a failure.
pub(super) fn reply(seed: u64, key: &str, n: i64, attempt: u32) -> Option<i64> {
    let number = mix(seed, &format!("{key}/{n}/{attempt}"));
    (!number.is_multiple_of(4)).then_some((number / 4 % 10) as i64)
}

/// What an agent's worker does with a turn; none: it fails. The third is the last.
pub(super) fn turn(seed: u64, key: &str, n: i64, turn: u32, attempt: u32) -> Option<Turn> {
    let number = mix(seed, &format!("{key}/{n}/{turn}/{attempt}"));
    let rest = number / 6;
    match number % 6 {
        0 => None,
        1..=3 if turn < 3 => {
            let uses = 1 + rest % 2;
            let one = |at: u64| (format!("{key}.{turn}.{at}"), (rest / 2 % 7) as i64);
            Some(Turn::Asks((0..uses).map(one).collect()))
        }
        _ => Some(Turn::Says((rest % 10) as i64)),
    }
}

/// The last reply of an agent, which has heard the results of its tools; those without failed.
pub(super) fn said(base: i64, results: &[Option<i64>]) -> i64 {
    let heard: i64 = results.iter().map(|result| result.unwrap_or(1)).sum();
    (base + heard) % 10
}

/// What a question is answered.
pub(super) fn answer(seed: u64, node: &str) -> i64 {
    (mix(seed, node) % 5) as i64
}

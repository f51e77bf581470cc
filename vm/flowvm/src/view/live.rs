//! The live view on a terminal: lines for what has settled, and below them what is under way, with its time.
//! The only file that names indicatif.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use flow_machine::{Checkpoint, Event, EventKind, Machine, Settlement, Time};

use super::{paint, style};
use crate::clock::short;
use crate::host::Observer;

/// Calls that are shown at once, at most.
const SHOWN: usize = 12;

/// What is known from events, for lines about them.
#[derive(Default)]
pub(super) struct Tracker {
    /// When an activation was planned, by node and index.
    planned: HashMap<(Arc<str>, u32), Time>,
}

impl Tracker {
    /// Takes note of events without a word about them.
    pub(super) fn remember(&mut self, events: &[Event]) {
        for event in events {
            self.line(event);
        }
    }

    /// What to say about an event, if anything.
    pub(super) fn line(&mut self, event: &Event) -> Option<String> {
        let node = event.node.clone().unwrap_or_default();
        match &event.kind {
            EventKind::Planned { index, .. } => {
                self.planned.insert((node, *index), event.at);
                None
            }
            EventKind::Settled { index, how } => {
                let began = self.planned.remove(&(node.clone(), *index)).unwrap_or(event.at);
                let name = if *index == 0 {
                    node.to_string()
                } else {
                    // Counted as answers count them: the second is #2.
                    format!("{node}#{}", index + 1)
                };
                let (mark, word) = match how {
                    Settlement::Done => (paint(style::GOOD, "✓"), ""),
                    Settlement::Failed => (paint(style::BAD, "✗"), " failed"),
                    Settlement::Skipped => (paint(style::DIM, "-"), " skipped"),
                    Settlement::Cancelled => (paint(style::DIM, "-"), " withdrawn"),
                    Settlement::TimedOut => (paint(style::WAITING, "!"), " timed out"),
                    Settlement::LeftByError => (paint(style::WAITING, "!"), " left by its error way"),
                };
                let time = paint(style::DIM, &short(event.at - began));
                Some(format!("{:>4} {mark} {name}{word} {time}", event.step))
            }
            EventKind::Failed {
                attempt,
                message,
                retry_at: Some(at),
                ..
            } => {
                let wait = short(at - event.at);
                let first = message.lines().next().unwrap_or_default();
                Some(format!(
                    "     {} {attempt}: {first}; again in {wait}",
                    paint(style::WAITING, "↻")
                ))
            }
            EventKind::Interrupted { interrupt, .. } => Some(format!(
                "{:>4} {} {interrupt} waits for an answer",
                event.step,
                paint(style::WAITING, "?")
            )),
            EventKind::TimerSet { due } if !node.is_empty() => Some(format!(
                "{:>4} {} {node} waits, at most {}",
                event.step,
                paint(style::WAITING, "…"),
                short(due - event.at)
            )),
            EventKind::Paused { before } => {
                let side = if *before { "before" } else { "behind" };
                Some(format!(
                    "     {} breakpoint {side} {node}",
                    paint(style::WAITING, "‖")
                ))
            }
            EventKind::Emitted { name, data } => {
                Some(format!("     {} {name} {data}", paint(style::DIM, "»")))
            }
            _ => None,
        }
    }
}

/// Draws on standard error.
pub(super) struct Live {
    tracker: Tracker,
    area: MultiProgress,
    bars: HashMap<String, ProgressBar>,
}

impl Live {
    pub(super) fn new() -> Self {
        Self {
            tracker: Tracker::default(),
            area: MultiProgress::new(),
            bars: HashMap::new(),
        }
    }

    fn show(&mut self, attempt: &str, text: String) {
        if let Some(bar) = self.bars.get(attempt) {
            bar.set_message(text);
            return;
        }
        if self.bars.len() >= SHOWN {
            return;
        }
        let bar = self.area.add(ProgressBar::new_spinner());
        if let Ok(style) = ProgressStyle::with_template("     {spinner:.cyan} {msg} {elapsed:.dim}") {
            bar.set_style(style);
        }
        bar.set_message(text);
        bar.enable_steady_tick(Duration::from_millis(100));
        self.bars.insert(attempt.to_owned(), bar);
    }

    fn hide(&mut self, attempt: &str) {
        if let Some(bar) = self.bars.remove(attempt) {
            bar.finish_and_clear();
        }
    }
}

impl Observer for Live {
    fn past(&mut self, events: &[Event], _: &[Checkpoint]) {
        self.tracker.remember(events);
    }

    fn committed(&mut self, events: &[Event], _: &[Checkpoint], machine: &Machine) {
        for event in events {
            if let Some(line) = self.tracker.line(event) {
                // A terminal that is gone needs no lines.
                let _ = self.area.println(line);
            }
            match &event.kind {
                EventKind::Dispatched {
                    attempt,
                    worker,
                    number,
                    ..
                } => {
                    let node = event.node.as_deref().unwrap_or_default();
                    let again = if *number > 1 {
                        format!(", attempt {number}")
                    } else {
                        String::new()
                    };
                    self.show(attempt, format!("{node} calls {worker}{again}"));
                }
                EventKind::Succeeded { attempt }
                | EventKind::Failed { attempt, .. }
                | EventKind::Late { attempt } => {
                    self.hide(attempt);
                }
                _ => {}
            }
        }
        // What was withdrawn has no event of its own.
        let flying: Vec<String> = machine
            .in_flight()
            .into_iter()
            .map(|dispatch| dispatch.attempt)
            .collect();
        let gone: Vec<String> = self
            .bars
            .keys()
            .filter(|attempt| !flying.contains(attempt))
            .cloned()
            .collect();
        for attempt in &gone {
            self.hide(attempt);
        }
    }

    fn waiting(&mut self, attempt: &str, why: &str) {
        self.show(attempt, format!("{attempt}: {why}"));
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        // Nothing is to be left on the terminal.
        let _ = self.area.clear();
    }
}

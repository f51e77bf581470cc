//! The report for people: a line for each test, findings with their place in the source, the sum at the end.

use std::path::Path;

use flow_diagnostics::render::{Human, HumanOptions};

use super::{Played, Report, Suite, Sum, coverage};
use crate::clock::short;
use crate::error::Error;
use crate::testing::coverage::Coverage;
use crate::view::progress::Progress;
use crate::view::{complain, note, out, paint, steps_text, style};

pub(super) struct People {
    progress: Progress,
    /// Files so far.
    files: usize,
}

impl People {
    pub(super) fn new(count: usize) -> Self {
        Self {
            progress: Progress::new(count),
            files: 0,
        }
    }
}

impl Report for People {
    fn suite(&mut self, suite: &Suite) {
        let before = if self.files > 0 { "\n" } else { "" };
        self.files += 1;
        let name = paint(style::STRONG, &suite.name);
        self.progress.say(|| out(&format!("{before}{name}")));
    }

    fn test(&mut self, played: &Played<'_>) {
        let (suite, verdict) = (played.suite, &played.verdict);
        let name = suite.test(played.at);
        let mut more = verdict.observed.as_ref().map_or(String::new(), |observed| {
            format!("{}, {}", steps_text(observed.steps), short(observed.elapsed))
        });
        if verdict.crashes > 0 {
            more = format!("{more}, {} crashes", verdict.crashes);
        }
        let more = paint(style::DIM, &more);
        let (style, word) = if verdict.passed() {
            (style::GOOD, "ok    ")
        } else {
            (style::BAD, "FAILED")
        };
        // Colours are taken out again where they are not wanted.
        let options = HumanOptions {
            color: true,
            ..HumanOptions::default()
        };
        let findings = Human::new(&suite.sources, options).print_all(&verdict.findings);
        self.progress.say(|| {
            out(&format!("  {} {name}  {more}", paint(style, word)));
            if !findings.is_empty() {
                out(findings.trim_end());
                out("");
            }
        });
        self.progress.step(name);
    }

    fn coverage(&mut self, suite: &Suite, coverage: &Coverage) {
        self.progress.say(|| {
            out("");
            coverage::say(suite, coverage);
        });
    }

    fn broken(&mut self, _: &Path, error: &Error) {
        if !error.said {
            self.progress.say(|| complain(error));
        }
    }

    fn end(&mut self, sum: Sum) {
        self.progress.finish();
        if sum.broken > 0 {
            let files = if sum.broken == 1 { "file" } else { "files" };
            note(&format!("{} {files} could not be tested", sum.broken));
        }
        if self.files > 0 {
            out("");
        }
        let style = if sum.failed + sum.broken > 0 {
            style::BAD
        } else {
            style::GOOD
        };
        out(&paint(style, &sum.text()));
    }
}

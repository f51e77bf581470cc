//! The report as `JUnit` XML, which build servers read. It is written at the end, because sums stand in its head.

use std::fmt::Write as _;
use std::path::Path;

use flow_diagnostics::render::{Human, HumanOptions};

use super::{Played, Report, Suite, Sum};
use crate::error::Error;
use crate::testing::coverage::Coverage;
use crate::view::{complain, note, out};

#[derive(Default)]
pub(super) struct Junit {
    suites: Vec<Written>,
}

/// A file with the XML of its tests.
struct Written {
    name: String,
    tests: usize,
    failures: usize,
    errors: usize,
    seconds: f64,
    cases: String,
}

impl Junit {
    fn add(&mut self, name: &str) {
        self.suites.push(Written {
            name: name.to_owned(),
            tests: 0,
            failures: 0,
            errors: 0,
            seconds: 0.0,
            cases: String::new(),
        });
    }
}

impl Report for Junit {
    fn suite(&mut self, suite: &Suite) {
        self.add(&suite.name);
    }

    fn test(&mut self, played: &Played<'_>) {
        let suite = played.suite;
        let printer = Human::new(&suite.sources, HumanOptions::default());
        let Some(written) = self.suites.last_mut() else {
            return;
        };
        let seconds = played.took.as_secs_f64();
        written.tests += 1;
        written.seconds += seconds;
        // Writing to a string cannot fail.
        let _ = write!(
            written.cases,
            "    <testcase name=\"{}\" classname=\"{}\" file=\"{}\" line=\"{}\" time=\"{seconds:.3}\"",
            escaped(suite.test(played.at)),
            escaped(suite.flow(played.at)),
            escaped(&suite.name),
            suite.line(played.at)
        );
        if played.verdict.passed() {
            written.cases.push_str("/>\n");
            return;
        }
        written.failures += 1;
        written.cases.push_str(">\n");
        for finding in &played.verdict.findings {
            let _ = writeln!(
                written.cases,
                "      <failure type=\"{}\" message=\"{}\">{}</failure>",
                finding.code,
                escaped(&finding.message),
                escaped(printer.print(finding).trim_end())
            );
        }
        written.cases.push_str("    </testcase>\n");
    }

    /// The format has no place for it.
    fn coverage(&mut self, _: &Suite, _: &Coverage) {}

    fn broken(&mut self, file: &Path, error: &Error) {
        if !error.said {
            complain(error);
        }
        self.add(&file.display().to_string());
        let Some(written) = self.suites.last_mut() else {
            return;
        };
        (written.tests, written.errors) = (1, 1);
        let (code, message) = (error.code, escaped(&error.message));
        let _ = writeln!(
            written.cases,
            "    <testcase name=\"loads\"><error type=\"{code}\" message=\"{message}\"/></testcase>"
        );
    }

    fn end(&mut self, sum: Sum) {
        let count = |of: fn(&Written) -> usize| self.suites.iter().map(of).sum::<usize>();
        let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        let _ = writeln!(
            xml,
            "<testsuites tests=\"{}\" failures=\"{}\" errors=\"{}\">",
            count(|one| one.tests),
            count(|one| one.failures),
            count(|one| one.errors)
        );
        for one in &self.suites {
            let _ = writeln!(
                xml,
                "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" time=\"{:.3}\">\n{}  </testsuite>",
                escaped(&one.name),
                one.tests,
                one.failures,
                one.errors,
                one.seconds,
                one.cases
            );
        }
        xml.push_str("</testsuites>");
        out(&xml);
        note(&sum.text());
    }
}

/// Text within XML. What XML cannot say at all is left out.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(letter),
            control if control.is_control() => {}
            other => out.push(other),
        }
    }
    out
}

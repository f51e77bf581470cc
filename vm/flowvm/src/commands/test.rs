//! `flowvm test`: plays the tests of files, and says which of them pass. How a test is played is in `testing`; the
//! forms of the report are in `human`, `json` and `junit`.

mod coverage;
mod human;
mod json;
mod junit;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use flow_diagnostics::SourceMap;
use flow_machine::Program;

use crate::args::{Common, Mode, Test, TestFormat};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::program;
use crate::testing::coverage::Coverage;
use crate::testing::{self, Options, Verdict};
use crate::view::{complain, note};

/// A file with its tests.
struct Suite {
    /// As people know it.
    name: String,
    program: Arc<Program>,
    sources: SourceMap,
    /// The tests that were asked for.
    tests: Vec<usize>,
}

/// A test that was played.
struct Played<'s> {
    suite: &'s Suite,
    at: usize,
    verdict: Verdict,
    /// How long it really took.
    took: Duration,
}

/// What came of all of it.
#[derive(Clone, Copy, Default)]
struct Sum {
    passed: usize,
    failed: usize,
    /// Files whose tests could not be played.
    broken: usize,
}

/// Somebody who is told what happens.
trait Report {
    /// A file begins.
    fn suite(&mut self, suite: &Suite);
    /// A test was played.
    fn test(&mut self, played: &Played<'_>);
    /// What the tests of a file have used.
    fn coverage(&mut self, suite: &Suite, coverage: &Coverage);
    /// A file could not be loaded; people have been told why.
    fn broken(&mut self, file: &Path, error: &Error);
    /// All is done.
    fn end(&mut self, sum: Sum);
}

pub(super) fn perform(args: &Test, common: &Common) -> Result<u8> {
    let found = files(&args.files)?;
    let mut suites = Vec::new();
    let mut broken = Vec::new();
    for (file, named) in found {
        match suite(&file, args.filter.as_deref()) {
            Ok(suite) if suite.tests.is_empty() && !named => {}
            Ok(suite) => suites.push(suite),
            Err(error) => broken.push((file, error)),
        }
    }
    if args.list {
        list(&suites, common);
        return Ok(failures(&broken));
    }
    let count = suites.iter().map(|suite| suite.tests.len()).sum();
    let mut report: Box<dyn Report> = match args.format {
        _ if common.json => Box::new(json::Lines),
        TestFormat::Json => Box::new(json::Lines),
        TestFormat::Junit => Box::new(junit::Junit::default()),
        TestFormat::Human => Box::new(human::People::new(count)),
    };
    let options = Options {
        seed: args.seed,
        synthetic: args.mode == Mode::Synthetic,
        crash_everywhere: args.crash_everywhere,
    };
    let mut sum = Sum::default();
    for (file, error) in broken {
        report.broken(&file, &error);
        sum.broken += 1;
    }
    for suite in &suites {
        report.suite(suite);
        let mut used = Coverage::new(suite.program.image());
        sum = play(suite, options, &mut *report, &mut used, sum);
        if args.coverage {
            report.coverage(suite, &used);
        }
    }
    report.end(sum);
    if count == 0 && sum.broken == 0 {
        note(match args.filter {
            Some(_) => "no test has such a name; --list shows all",
            None => "there is no test here; `test \"…\" for FLOW { … }` is one",
        });
    }
    Ok(u8::from(sum.failed + sum.broken > 0))
}

fn play(suite: &Suite, options: Options, report: &mut dyn Report, used: &mut Coverage, mut sum: Sum) -> Sum {
    let image = suite.program.image();
    for at in suite.tests.iter().copied() {
        let began = Instant::now();
        let verdict = testing::play(&suite.program, at, &suite.sources, options);
        used.add(image, image.tests[at].flow, &verdict.events);
        if verdict.passed() {
            sum.passed += 1;
        } else {
            sum.failed += 1;
        }
        report.test(&Played {
            suite,
            at,
            verdict,
            took: began.elapsed(),
        });
    }
    sum
}

/// The files that are meant, and whether they were named. A folder stands for the project in it, and so does the
/// working directory where nothing is named: its entry, and the files that the entry imports.
fn files(named: &[PathBuf]) -> Result<Vec<(PathBuf, bool)>> {
    if named.is_empty() {
        return project(Path::new(".")).map_err(|error| Error { usage: true, ..error });
    }
    let mut all = Vec::new();
    for path in named {
        if path.is_dir() {
            all.extend(project(path)?);
        } else {
            all.push((path.clone(), true));
        }
    }
    Ok(all)
}

fn project(folder: &Path) -> Result<Vec<(PathBuf, bool)>> {
    let entry = program::entry(folder, &Config::find(folder)?)?;
    let entry = super::near(&entry);
    let mut all = vec![(entry.clone(), true)];
    // What is wrong with the entry is said when its own tests are loaded.
    if let Ok(modules) = crate::compile::modules(&entry) {
        let home = entry.parent().unwrap_or(Path::new(""));
        all.extend(modules.into_iter().map(|module| (home.join(module), false)));
    }
    Ok(all)
}

fn suite(file: &Path, filter: Option<&str>) -> Result<Suite> {
    let loaded = program::load(file)?;
    let image = loaded.program.image();
    let wanted = |at: &usize| {
        let test = &image.tests[*at];
        let flow = image.str(image.flows[test.flow.index()].name);
        filter.is_none_or(|filter| image.str(test.name).contains(filter) || flow == filter)
    };
    let tests = (0..image.tests.len()).filter(wanted).collect();
    let folder = file.parent().unwrap_or(Path::new(""));
    Ok(Suite {
        name: file.display().to_string(),
        sources: testing::sources(&loaded.program, folder),
        program: loaded.program,
        tests,
    })
}

fn list(suites: &[Suite], common: &Common) {
    for suite in suites {
        for at in &suite.tests {
            let at = *at;
            if common.json {
                crate::view::out(&json::described(suite, at).to_string());
            } else {
                crate::view::out(&format!("{}:{}: {}", suite.name, suite.line(at), suite.test(at)));
            }
        }
    }
}

/// The exit code where only files were looked at.
fn failures(broken: &[(PathBuf, Error)]) -> u8 {
    for (_, error) in broken.iter().filter(|(_, error)| !error.said) {
        complain(error);
    }
    u8::from(!broken.is_empty())
}

impl Suite {
    /// The name of a test.
    fn test(&self, at: usize) -> &str {
        let image = self.program.image();
        image.str(image.tests[at].name)
    }

    /// The flow of a test.
    fn flow(&self, at: usize) -> &str {
        let image = self.program.image();
        image.str(image.flows[image.tests[at].flow.index()].name)
    }

    /// The line in which a test begins.
    fn line(&self, at: usize) -> u32 {
        let span = testing::span(self.program.image().tests[at].span);
        self.sources.start(span).line
    }
}

impl Sum {
    /// `3 passed, 1 failed`
    fn text(self) -> String {
        format!("{} passed, {} failed", self.passed, self.failed)
    }
}

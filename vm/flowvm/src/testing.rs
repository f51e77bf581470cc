//! Tests of programs: each is played on the real machine in virtual time, with a world of its own and no network.
//!
//! - **Player** (`player`): drives one run through its time. **World** (`world`): the workers and the store around it.
//! - **Script** (`script`): the expressions of a test. **Observed** ([`Observed`]): what a run leaves behind.
//! - **Judge** (`judge`): expectations against that; findings are diagnostics. **Show** (`show`): values for people.
//! - **Coverage** ([`coverage`]): what of the flows was used, from the logs.
//!
//! What is printed, and in which form, is in `commands::test`.

pub mod coverage;
mod errands;
mod judge;
mod observed;
mod player;
mod script;
mod show;
mod world;

use std::path::Path;
use std::sync::Arc;

use flow_bytecode::SourceSpan;
use flow_diagnostics::{Diagnostic, FileId, SourceMap, Span};
use flow_machine::{Event, Program};

pub use observed::Observed;

use judge::Judge;
use player::{Player, Trouble};

/// How tests are played.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Seed of the jitter of retries, and of made-up replies.
    pub seed: u64,
    /// Whether calls that are not mocked get replies made from their types.
    pub synthetic: bool,
    /// Whether each test is repeated with a crash at every point.
    pub crash_everywhere: bool,
}

/// What came of a test.
#[derive(Debug)]
pub struct Verdict {
    /// What is wrong; nothing if it passed.
    pub findings: Vec<Diagnostic>,
    /// What the run left behind; nothing if it did not start.
    pub observed: Option<Observed>,
    /// The log.
    pub events: Vec<Event>,
    /// How many crashes were survived.
    pub crashes: u64,
}

impl Verdict {
    /// Whether everything is as expected.
    pub fn passed(&self) -> bool {
        self.findings.is_empty()
    }
}

/// The source files in an image, for printing findings. `folder` is where its entry lies.
pub fn sources(program: &Program, folder: &Path) -> SourceMap {
    let mut map = SourceMap::new();
    for file in &program.image().debug.files {
        let is_file = Path::new(&file.path)
            .extension()
            .is_some_and(|extension| extension == "flow");
        let path = if is_file {
            folder.join(&file.path).display().to_string()
        } else {
            file.path.clone()
        };
        map.add(path, file.text.as_str());
    }
    map
}

/// A place in the source of an image, as findings name it.
pub fn span(place: SourceSpan) -> Span {
    Span::new(FileId(place.file), place.start, place.end)
}

/// Plays one test of a program.
pub fn play(program: &Arc<Program>, test: usize, sources: &SourceMap, options: Options) -> Verdict {
    let judge = Judge {
        program,
        sources,
        test: &program.image().tests[test],
    };
    let played = played(program, &judge, options, None);
    let mut verdict = match played {
        Err(trouble) => Verdict {
            findings: judge.trouble(trouble, None).into_iter().collect(),
            observed: None,
            events: Vec::new(),
            crashes: 0,
        },
        Ok((player, trouble)) => judged(&judge, &player, trouble),
    };
    if options.crash_everywhere && verdict.passed() {
        crash_everywhere(program, &judge, options, &mut verdict);
    }
    verdict
}

type Played<'p> = Result<(Player<'p>, Option<Trouble>), Trouble>;

fn played<'p>(
    program: &'p Arc<Program>,
    judge: &Judge<'p>,
    options: Options,
    crash_at: Option<u64>,
) -> Played<'p> {
    let mut player = Player::new(program, judge.test, options, crash_at)?;
    let trouble = player.play().err();
    Ok((player, trouble))
}

fn judged(judge: &Judge<'_>, player: &Player<'_>, trouble: Option<Trouble>) -> Verdict {
    let observed = Observed::of(player);
    let findings = match trouble {
        Some(trouble) => judge.trouble(trouble, Some(&observed)).into_iter().collect(),
        None => judge.findings(&observed),
    };
    Verdict {
        findings,
        observed: Some(observed),
        events: player.events.clone(),
        crashes: 0,
    }
}

/// Repeats a test that passed with a crash at each point, until one makes a difference.
fn crash_everywhere(program: &Arc<Program>, judge: &Judge<'_>, options: Options, verdict: &mut Verdict) {
    let Some(undisturbed) = verdict.observed.clone() else {
        return;
    };
    for point in 1.. {
        let (player, trouble) = match played(program, judge, options, Some(point)) {
            Ok(played) => played,
            Err(trouble) => {
                verdict.findings.extend(judge.trouble(trouble, None));
                return;
            }
        };
        let Some(place) = player.crashed else {
            if player.points < point {
                return;
            }
            continue;
        };
        verdict.crashes += 1;
        if let Some(trouble) = trouble {
            let observed = Observed::of(&player);
            verdict.findings.extend(judge.trouble(trouble, Some(&observed)));
            return;
        }
        let observed = Observed::of(&player);
        if observed != undisturbed || player.events != verdict.events {
            let crashed = (&observed, player.events.as_slice());
            let undisturbed = (&undisturbed, verdict.events.as_slice());
            let finding = judge::crash_differs(judge, (point, place), undisturbed, crashed);
            verdict.findings.push(finding);
            return;
        }
    }
}

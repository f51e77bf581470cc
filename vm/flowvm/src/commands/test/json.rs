//! The report for programs: a JSON object a line for each test, and one with the sum at the end.

use std::path::Path;

use flow_diagnostics::render::json_value;
use serde_json::{Value as Json, json};

use super::{Played, Report, Suite, Sum, coverage};
use crate::error::Error;
use crate::testing::coverage::Coverage;
use crate::view::{complain, out, status_word};

pub(super) struct Lines;

/// Which test it is.
pub(super) fn described(suite: &Suite, at: usize) -> Json {
    json!({
        "test": suite.test(at),
        "file": suite.name,
        "line": suite.line(at),
        "flow": suite.flow(at),
    })
}

impl Report for Lines {
    fn suite(&mut self, _: &Suite) {}

    fn test(&mut self, played: &Played<'_>) {
        let (suite, verdict) = (played.suite, &played.verdict);
        let mut line = described(suite, played.at);
        let findings = verdict.findings.iter();
        line["passed"] = json!(verdict.passed());
        if let Some(observed) = &verdict.observed {
            line["status"] = json!(status_word(observed.status));
            line["elapsed_ms"] = json!(observed.elapsed / 1_000_000);
            line["steps"] = json!(observed.steps);
            line["path"] = json!(observed.path);
            line["result"] = observed.result.clone();
            line["calls"] = json!(observed.calls);
        }
        if verdict.crashes > 0 {
            line["crashes"] = json!(verdict.crashes);
        }
        line["findings"] = findings.map(|one| json_value(&suite.sources, one)).collect();
        out(&line.to_string());
    }

    fn coverage(&mut self, suite: &Suite, coverage: &Coverage) {
        out(&coverage::json(suite, coverage).to_string());
    }

    fn broken(&mut self, file: &Path, error: &Error) {
        if !error.said {
            complain(error);
        }
        let line = json!({"file": file.display().to_string(), "error": error.to_string()});
        out(&line.to_string());
    }

    fn end(&mut self, sum: Sum) {
        let line = json!({"passed": sum.passed, "failed": sum.failed, "files_failed": sum.broken});
        out(&line.to_string());
    }
}

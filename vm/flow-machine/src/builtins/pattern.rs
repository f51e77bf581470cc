//! Regular expressions, kept compiled. Matching takes time linear in the text.

use std::collections::BTreeMap;
use std::sync::Arc;

use regex::{Regex, RegexBuilder};

use crate::fault::{Fault, FaultKind};
use crate::interp::Fuel;
use crate::limits::{REGEX_BYTES, REGEX_CACHE_ENTRIES};

/// Fuel for compiling a pattern, for each of its bytes.
const COMPILE_FUEL_PER_BYTE: u64 = 100;

/// Compiled patterns, by their text.
#[derive(Debug, Default)]
pub(crate) struct Patterns {
    compiled: BTreeMap<Arc<str>, Regex>,
}

impl Patterns {
    /// The pattern, compiled.
    pub(super) fn get(&mut self, pattern: &Arc<str>, fuel: &mut Fuel) -> Result<&Regex, Fault> {
        if !self.compiled.contains_key(pattern) {
            fuel.spend(COMPILE_FUEL_PER_BYTE * (1 + pattern.len() as u64))?;
            let regex = RegexBuilder::new(pattern)
                .size_limit(REGEX_BYTES)
                .build()
                .map_err(|error| unusable(pattern, &error))?;
            if self.compiled.len() >= REGEX_CACHE_ENTRIES {
                self.compiled.clear();
            }
            self.compiled.insert(pattern.clone(), regex);
        }
        self.compiled
            .get(pattern)
            .ok_or_else(|| Fault::new(FaultKind::BadText, "the pattern is gone"))
    }
}

fn unusable(pattern: &str, error: &regex::Error) -> Fault {
    // The library draws the place over several lines; its last line says what is wrong.
    let text = error.to_string();
    let reason = text
        .lines()
        .last()
        .unwrap_or_default()
        .trim_start_matches("error: ");
    Fault::new(
        FaultKind::BadText,
        format!("`{pattern}` is not a usable regular expression: {reason}"),
    )
}

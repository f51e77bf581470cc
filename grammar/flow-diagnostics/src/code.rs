//! What a code is. Which codes there are stands in `codes/`, one file per family.

use std::fmt;

use serde::Serialize;

use crate::codes;

/// The name of a kind of finding, such as `F0501`. Only the tables in [`codes`] make new ones.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Code(&'static str);

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing; nothing is wrong.
    Advice,
    /// Probably not what was meant; the program can run.
    Warning,
    /// The program cannot be built, or the run failed.
    Error,
}

/// What is known about a code.
#[derive(Clone, Copy, Debug)]
pub struct CodeInfo {
    /// The code.
    pub code: Code,
    /// What it is about, in a few words.
    pub title: &'static str,
    /// How bad it is unless a finding says otherwise.
    pub severity: Severity,
    /// The page that `flowc explain` prints: what it means, an example that triggers it, the cure. Markdown.
    pub page: &'static str,
}

impl Code {
    /// Only for the tables of codes.
    pub(crate) const fn new(code: &'static str) -> Self {
        Self(code)
    }

    /// The code as it is written.
    pub fn as_str(self) -> &'static str {
        self.0
    }

    /// The code with this name, in whatever case, if there is one.
    pub fn lookup(name: &str) -> Option<&'static CodeInfo> {
        Self::all().find(|info| info.code.0.eq_ignore_ascii_case(name))
    }

    /// What is known about this code.
    ///
    /// # Panics
    ///
    /// Never for a code from the tables, and there are no others.
    pub fn info(self) -> &'static CodeInfo {
        match Self::lookup(self.0) {
            Some(info) => info,
            None => unreachable!("{} is in no table", self.0),
        }
    }

    /// All codes, in order of families.
    pub fn all() -> impl Iterator<Item = &'static CodeInfo> {
        codes::FAMILIES.iter().flat_map(|family| family.codes)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Severity {
    /// The word for it: `error`, `warning` or `advice`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Advice => "advice",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

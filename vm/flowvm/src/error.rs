//! Failures of the environment: what is wrong around a program, never in it. Faults of a run live in the
//! machine, diagnostics of a source in the compiler.

use std::fmt;

use flow_diagnostics::Code;
use flow_machine::Refusal;

pub use flow_diagnostics::codes::environment as code;

/// Something outside the program is wrong: a file, the store, the configuration, the way it was called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// The code of its page.
    pub code: Code,
    /// What is wrong, and where.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// Whether everything about it has been printed already.
    pub said: bool,
    /// Whether the command itself was wrong (exit 2) rather than the world (exit 1).
    pub usage: bool,
}

/// What most functions of this crate return.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error without advice.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            help: None,
            said: false,
            usage: false,
        }
    }

    /// Wrong usage of the command line.
    pub fn usage(message: impl Into<String>) -> Self {
        Self {
            usage: true,
            ..Self::new(code::USAGE, message)
        }
    }

    /// What the machine did not take.
    pub fn refused(refusal: Refusal) -> Self {
        let known = Code::lookup(refusal.code).map_or(code::RUN_REFUSES, |info| info.code);
        Self::new(known, refusal.message)
    }

    /// The same error with a word on what to do.
    #[must_use]
    pub fn help(self, help: impl Into<String>) -> Self {
        Self {
            help: Some(help.into()),
            ..self
        }
    }
}

impl Error {
    /// The same error with a word on what to do, unless it has one.
    #[must_use]
    pub fn or_help(self, help: impl Into<String>) -> Self {
        if self.help.is_some() {
            self
        } else {
            self.help(help)
        }
    }
}

impl Error {
    /// Several as one, so that all of them are told at once; nothing if there is none.
    pub fn all(errors: Vec<Self>) -> Result<()> {
        let mut errors = errors.into_iter();
        let Some(mut all) = errors.next() else {
            return Ok(());
        };
        for error in errors {
            all.message = format!("{}\n  {}", all.message, error.message);
            all.help = match (all.help, error.help) {
                (Some(help), Some(more)) if help != more => Some(format!("{help}\n  {more}")),
                (help, more) => help.or(more),
            };
        }
        Err(all)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}] {}", self.code, self.message)
    }
}

impl std::error::Error for Error {}

//! Failures of the environment: what is wrong around a program, never in it. Faults of a run live in the
//! machine, diagnostics of a source in the compiler.

use std::fmt;

/// Something outside the program is wrong: a file, the store, the configuration, the way it was called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// The code of its page.
    pub code: &'static str,
    /// What is wrong, and where.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// Whether the command itself was wrong (exit 2) rather than the world (exit 1).
    pub usage: bool,
}

/// What most functions of this crate return.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error without advice.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            help: None,
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

    /// The same error with a word on what to do.
    #[must_use]
    pub fn help(self, help: impl Into<String>) -> Self {
        Self {
            help: Some(help.into()),
            ..self
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}] {}", self.code, self.message)
    }
}

impl std::error::Error for Error {}

/// The codes of this crate; each has a page.
pub mod code {
    /// The store cannot be opened or written.
    pub const STORE_UNUSABLE: &str = "F3001";
    /// The store is damaged.
    pub const STORE_DAMAGED: &str = "F3002";
    /// The store was written by a newer flowvm.
    pub const STORE_NEWER: &str = "F3003";
    /// There is no such run.
    pub const NO_RUN: &str = "F3004";
    /// There is a run of this id already.
    pub const RUN_EXISTS: &str = "F3005";
    /// Another process drives the run.
    pub const RUN_BUSY: &str = "F3006";
    /// The run was taken over by another process.
    pub const RUN_LOST: &str = "F3007";
    /// The run cannot do that now.
    pub const RUN_REFUSES: &str = "F3008";
    /// A file cannot be read.
    pub const FILE_UNREADABLE: &str = "F3010";
    /// A bytecode file is damaged.
    pub const IMAGE_DAMAGED: &str = "F3011";
    /// The program offers no such thing.
    pub const NOT_OFFERED: &str = "F3012";
    /// `flow.toml` cannot be read.
    pub const CONFIG_UNREADABLE: &str = "F3020";
    /// An unknown key in `flow.toml`.
    pub const CONFIG_KEY: &str = "F3021";
    /// A value in `flow.toml` that does not fit.
    pub const CONFIG_VALUE: &str = "F3022";
    /// Input that is not JSON, or does not fit.
    pub const INPUT: &str = "F3030";
    /// A mock file that cannot be used.
    pub const MOCKS: &str = "F3031";
    /// A worker without an address.
    pub const WORKER_UNBOUND: &str = "F3040";
    /// A protocol that this flowvm does not speak.
    pub const PROTOCOL: &str = "F3041";
    /// A secret that is not there.
    pub const SECRET: &str = "F3042";
    /// A child process, a pipe or a terminal failed.
    pub const SYSTEM: &str = "F3050";
    /// Wrong usage of the command line.
    pub const USAGE: &str = "F3060";
}

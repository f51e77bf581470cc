//! What stops an expression: typed, with the place in the source.

use std::fmt;
use std::ops::{Deref, DerefMut};

use flow_bytecode::{ErrorClass, SourceSpan};

/// A failure of an expression, of a check at the border, or of a reducer. One pointer wide: every
/// instruction gives a value or one of these, and nearly always a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault(Box<FaultReport>);

/// What a [`Fault`] points to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultReport {
    /// Which rule was broken.
    pub kind: FaultKind,
    /// What happened, for people. One sentence, no full stop.
    pub message: String,
    /// The expression that failed, where the image says so.
    pub span: Option<SourceSpan>,
    /// Where in a checked value (`$.items[2].score`).
    pub path: Option<String>,
}

/// The kinds of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FaultKind {
    /// A position that the list does not have.
    OutOfRange,
    /// Division or remainder by zero.
    DivisionByZero,
    /// An integer, duration or time beyond 64 bits.
    Overflow,
    /// A float that would be infinite or not a number.
    NotFinite,
    /// `as T`, or a value from outside, that does not have the type.
    Misfit,
    /// A value that breaks the condition of its type.
    Refinement,
    /// `ensure`.
    Ensure,
    /// An explicit failure, or a match that nothing fits.
    Fail,
    /// A mean of nothing and the like.
    Empty,
    /// A pattern, or text to be parsed, that is not well-formed.
    BadText,
    /// More instructions than allowed.
    OutOfFuel,
    /// A value larger or deeper than allowed, or calls nested too deeply.
    TooLarge,
    /// A reducer that cannot take the update, or two that exclude each other.
    Reducer,
    /// Code that does what the compiler never emits: wrong operand types and the like.
    BadCode,
}

impl FaultKind {
    /// The code of its page.
    pub fn code(self) -> &'static str {
        match self {
            FaultKind::OutOfRange => "F2101",
            FaultKind::DivisionByZero => "F2102",
            FaultKind::Overflow => "F2103",
            FaultKind::NotFinite => "F2104",
            FaultKind::Misfit => "F2105",
            FaultKind::Refinement => "F2106",
            FaultKind::Ensure => "F2107",
            FaultKind::Fail => "F2108",
            FaultKind::Empty => "F2109",
            FaultKind::BadText => "F2110",
            FaultKind::OutOfFuel => "F2111",
            FaultKind::TooLarge => "F2112",
            FaultKind::Reducer => "F2113",
            FaultKind::BadCode => "F2114",
        }
    }
}

impl Fault {
    /// A failure whose place is not known yet; the interpreter adds it.
    #[cold]
    pub fn new(kind: FaultKind, message: impl Into<String>) -> Fault {
        Fault(Box::new(FaultReport {
            kind,
            message: message.into(),
            span: None,
            path: None,
        }))
    }

    /// The class by which retries and `on error` see it. An `ensure` makes a reply invalid.
    pub fn class(&self) -> ErrorClass {
        match self.kind {
            FaultKind::Ensure => ErrorClass::InvalidReply,
            _ => ErrorClass::Fault,
        }
    }

    /// This fault, at a place if it has none yet.
    #[must_use]
    pub fn at(mut self, span: Option<SourceSpan>) -> Fault {
        self.span = self.span.or(span);
        self
    }
}

impl Deref for Fault {
    type Target = FaultReport;

    fn deref(&self) -> &FaultReport {
        &self.0
    }
}

impl DerefMut for Fault {
    fn deref_mut(&mut self) -> &mut FaultReport {
        &mut self.0
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.path {
            Some(path) => write!(f, "{path}: {}", self.message),
            None => write!(f, "{}", self.message),
        }
    }
}

impl std::error::Error for Fault {}

//! Every code that there is, one file per family.
//!
//! To add a code: add a line to its family's file and a page `codes/FNNNN.md` beside `src`. Codes are never
//! given a new meaning; one that is no longer used leaves a gap.

use crate::code::CodeInfo;

/// Writes a family's constants and its table from lines `NAME = "F0101", Error, "title";`.
macro_rules! codes {
    ($( $name:ident = $code:literal, $severity:ident, $title:literal; )*) => {
        $(
            #[doc = concat!($code, ": ", $title, ".")]
            pub const $name: $crate::Code = $crate::Code::new($code);
        )*

        pub(super) const TABLE: &[$crate::CodeInfo] = &[
            $( $crate::CodeInfo {
                code: $name,
                title: $title,
                severity: $crate::Severity::$severity,
                page: include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/codes/", $code, ".md")),
            }, )*
        ];
    };
}

pub mod environment;
pub mod faults;
pub mod graph;
pub mod lints;
pub mod names;
pub mod routes;
pub mod secrets;
pub mod state;
pub mod syntax;
pub mod testing;
pub mod types;
pub mod workers;

/// A family of codes: those that begin with the same digits.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    /// How its codes begin.
    pub prefix: &'static str,
    /// What they are about.
    pub title: &'static str,
    /// Its codes, in order.
    pub codes: &'static [CodeInfo],
}

/// All families, in order.
pub const FAMILIES: &[Family] = &[
    Family {
        prefix: "F01",
        title: "Syntax",
        codes: syntax::TABLE,
    },
    Family {
        prefix: "F02",
        title: "Names and modules",
        codes: names::TABLE,
    },
    Family {
        prefix: "F03",
        title: "Types and expressions",
        codes: types::TABLE,
    },
    Family {
        prefix: "F04",
        title: "State and reducers",
        codes: state::TABLE,
    },
    Family {
        prefix: "F05",
        title: "Graph",
        codes: graph::TABLE,
    },
    Family {
        prefix: "F06",
        title: "Routes",
        codes: routes::TABLE,
    },
    Family {
        prefix: "F07",
        title: "Workers",
        codes: workers::TABLE,
    },
    Family {
        prefix: "F08",
        title: "Secrets",
        codes: secrets::TABLE,
    },
    Family {
        prefix: "F09",
        title: "Lints",
        codes: lints::TABLE,
    },
    Family {
        prefix: "F2",
        title: "Faults of a run",
        codes: faults::TABLE,
    },
    Family {
        prefix: "F26",
        title: "Tests",
        codes: testing::TABLE,
    },
    Family {
        prefix: "F3",
        title: "Environment",
        codes: environment::TABLE,
    },
];

//! The Flow compiler: from syntax trees to proven programs and bytecode. Pure: files come through a
//! loader that the caller provides.
//!
//! - **HIR**: a program with names resolved and expressions typed (`hir`, `types`).
//! - **Drawing**: a flow as vertices and edges with labels, for Mermaid, Graphviz and JSON (`graph`).
//! - **Start value**: what a field holds before its first update (`start`).
//! - **Passes**: what is proven about flows, and the graph that it is proven on (`passes`).
//! - **Layout**: how a file is written (`format`); needs a syntax tree and nothing else.
//! - **Reference**: what a file offers, as Markdown and HTML (`doc`).
//! - **Import**: workflows of other systems as source (`import`).
//! - **Schema**: what types look like from outside, as JSON Schema (`schema`).
//! - **Emit**: what programs look like between the stages, as text (`emit`).
//! - **Image**: what the machine runs, made from a program without errors (`codegen`).

mod lower;
mod names;
mod project;
mod roots;

pub mod codegen;
pub mod doc;
pub mod emit;
pub mod format;
pub mod graph;
pub mod hir;
pub mod import;
pub mod passes;
pub mod schema;
pub mod start;
pub mod types;

pub use flow_grammar::{NotUtf8, decode};
pub use project::{LoadError, Loader, NoFiles};

use flow_diagnostics::{Diagnostic, SourceMap};

/// A program that has been checked, and everything that was found.
#[derive(Debug)]
pub struct Checked {
    /// The files that it consists of.
    pub sources: SourceMap,
    /// What is to be said about it, as people read: by file and place.
    pub diagnostics: Vec<Diagnostic>,
    /// The program; complete only if there are no errors.
    pub program: hir::Program,
}

impl Checked {
    /// Whether anything was found that keeps the program from being built.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(Diagnostic::is_error)
    }

    /// The image of the program, unless there are errors: then the diagnostics.
    pub fn build(&self) -> Result<flow_bytecode::Image, &[Diagnostic]> {
        if self.has_errors() {
            return Err(&self.diagnostics);
        }
        Ok(codegen::generate(&self.program, &self.sources))
    }
}

/// Loads and checks the file at `entry` and everything that it imports.
pub fn check(loader: &dyn Loader, entry: &str) -> Checked {
    check_entry(loader, &project::Entry::Path(entry))
}

/// Checks a text that stands alone, or in an editor: its imports come from `loader` ([`NoFiles`] where there are
/// none). `path` is how it is called, and what its imports are relative to.
pub fn check_text(loader: &dyn Loader, path: &str, text: &str) -> Checked {
    check_entry(loader, &project::Entry::Text(path, text))
}

fn check_entry(loader: &dyn Loader, entry: &project::Entry<'_>) -> Checked {
    let project = project::Project::load(loader, entry);
    let mut diagnostics = project.diagnostics.clone();
    let program = lower::lower(&project, loader, &mut diagnostics);
    let proven = roots::of(&project, &diagnostics, passes::run(&program));
    diagnostics.extend(proven);
    roots::prune(&project, &mut diagnostics);
    Diagnostic::sort(&mut diagnostics);
    diagnostics.dedup();
    Checked {
        sources: project.sources,
        diagnostics,
        program,
    }
}

//! Workflows of other systems as `.flow` source: `nullboiler`, Amazon States Language, lists of batches; one file each.
//! What has no equivalent becomes a note, and a comment at the top. The source that comes out is formatted and checks.
//!
//! - `document`: JSON with the place of every value, and what may be asked of it.
//! - `names`: names of others as names of ours.
//! - `writing`: pieces of source.

mod asl;
mod batch;
mod document;
mod names;
mod nullboiler;
mod writing;

use flow_diagnostics::{Diagnostic, FileId};

use crate::format::format;

/// What a workflow is imported from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A workflow of nullboiler: `nodes`, `edges`, `state_schema`.
    Nullboiler,
    /// Amazon States Language.
    Asl,
    /// A list of batches with `tasks` and `depends_on`.
    Batch,
}

/// A workflow that was imported.
#[derive(Clone, Debug)]
pub struct Imported {
    /// The source, formatted.
    pub source: String,
    /// What could not be said as it was said there.
    pub notes: Vec<Note>,
}

/// Something that has no equivalent, or another one than one would think.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Where it is in the document: `nodes.fix.store_updates`.
    pub place: String,
    /// What there is to know.
    pub text: String,
}

/// Imports a document.
///
/// # Errors
/// What is wrong with the document, at its place: it is no JSON, has unknown keys, or values of another form.
pub fn import(kind: Kind, file: FileId, text: &str) -> Result<Imported, Vec<Diagnostic>> {
    let document = document::Document::read(file, text).map_err(|wrong| vec![wrong])?;
    let mut trouble = document::Trouble::default();
    let mut notes = Vec::new();
    let source = match kind {
        Kind::Nullboiler => nullboiler::source(&document.root, &mut trouble, &mut notes),
        Kind::Asl => asl::source(&document.root, &mut trouble, &mut notes),
        Kind::Batch => batch::source(&document.root, &mut trouble),
    };
    if !trouble.found.is_empty() {
        return Err(trouble.found);
    }
    let (about, body) = source.split_once('\n').unwrap_or((&source, ""));
    let to_do: String = notes
        .iter()
        .map(|note| writing::comment("// TODO", &format!("{}: {}", note.place, note.text)))
        .collect();
    let between = if to_do.is_empty() { "" } else { "\n" };
    let source = format(file, &format!("{about}\n{between}{to_do}\n{body}"))?;
    Ok(Imported { source, notes })
}

/// The report: a note a line.
pub fn report(notes: &[Note]) -> String {
    let lines = notes
        .iter()
        .map(|note| format!("{}: {}\n", note.place, note.text));
    lines.collect()
}

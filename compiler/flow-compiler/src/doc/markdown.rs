//! A reference as Markdown. Drawings are Mermaid, which many readers of Markdown show.

use std::fmt::Write;

use super::{Block, Cell, Reference};
use crate::graph::mermaid;

/// Writes the page.
pub fn markdown(reference: &Reference) -> String {
    let mut out = format!("# {}\n", plain(&reference.title));
    for block in &reference.blocks {
        out.push('\n');
        let _ = match block {
            Block::Heading(level, text) => {
                writeln!(out, "{} {}", "#".repeat(usize::from(*level)), plain(text))
            }
            Block::Text(text) => writeln!(out, "{}", text.trim_end()),
            Block::Source(text) => {
                let fence = ticks(text, 3);
                writeln!(out, "{fence}flow\n{}\n{fence}", text.trim_end())
            }
            Block::Drawing(model) => writeln!(out, "```mermaid\n{}```", mermaid(model)),
            Block::Table(heads, rows) => {
                table(&mut out, heads, rows);
                Ok(())
            }
        };
    }
    out
}

fn table(out: &mut String, heads: &[&str], rows: &[Vec<Cell>]) {
    let _ = writeln!(out, "| {} |", heads.join(" | "));
    let _ = writeln!(out, "|{}", "---|".repeat(heads.len()));
    for row in rows {
        let cells: Vec<_> = row.iter().map(cell).collect();
        let _ = writeln!(out, "| {} |", cells.join(" | "));
    }
}

/// A cell stands on one line, and a bar in it would end it.
fn cell(cell: &Cell) -> String {
    match cell {
        Cell::Source(text) if text.is_empty() => String::new(),
        Cell::Source(text) => {
            let text = one_line(text);
            let fence = ticks(&text, 1);
            let pad = if text.starts_with('`') || text.ends_with('`') {
                " "
            } else {
                ""
            };
            format!("{fence}{pad}{text}{pad}{fence}")
        }
        Cell::Text(text) => one_line(text),
    }
}

/// As many ticks as it takes to hold those in a text, and at least so many.
fn ticks(text: &str, least: usize) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    "`".repeat(least.max(longest + 1))
}

fn one_line(text: &str) -> String {
    text.split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .replace('|', "\\|")
}

/// Words in which nothing is marked up.
fn plain(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if "\\`*_[]<>#".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

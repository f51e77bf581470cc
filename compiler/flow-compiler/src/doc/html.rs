//! A reference as one HTML page that needs nothing else. Drawings are SVG; colours follow the reader's scheme.

use std::fmt::Write;

use super::{Block, Cell, Reference};
use crate::graph::svg;

const STYLE: &str = "\
:root { color-scheme: light dark }
body { font: 16px/1.55 system-ui, 'Segoe UI', Roboto, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
pre, code { font-family: ui-monospace, 'DejaVu Sans Mono', monospace; font-size: .9em }
pre { padding: .8rem 1rem; border: 1px solid #8884; border-radius: 6px; overflow-x: auto }
table { border-collapse: collapse; margin: 1rem 0; width: 100% }
th, td { text-align: left; vertical-align: top; padding: .35rem .7rem; border-bottom: 1px solid #8884 }
h2 { margin-top: 2.5rem; border-bottom: 1px solid #8884 }
.drawing { overflow-x: auto }
.drawing svg { max-width: 100%; height: auto }
";

/// Writes the page.
pub fn html(reference: &Reference) -> String {
    let title = escape(&reference.title);
    let mut out = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n\
         <style>\n{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n"
    );
    for block in &reference.blocks {
        let _ = match block {
            Block::Heading(level, text) => {
                let text = escape(text);
                writeln!(
                    out,
                    "<h{level} id=\"{}\">{text}</h{level}>",
                    text.replace(' ', "-")
                )
            }
            Block::Text(text) => {
                paragraphs(&mut out, text);
                Ok(())
            }
            Block::Source(text) => writeln!(out, "<pre><code>{}</code></pre>", escape(text.trim_end())),
            Block::Drawing(model) => writeln!(out, "<div class=\"drawing\">\n{}</div>", svg(model)),
            Block::Table(heads, rows) => {
                table(&mut out, heads, rows);
                Ok(())
            }
        };
    }
    out + "</body>\n</html>\n"
}

/// A comment: paragraphs, fenced source, lists, and code between back-ticks. Everything else stands as it is.
fn paragraphs(out: &mut String, text: &str) {
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        if line.trim_start().starts_with("```") {
            let inside: Vec<_> = lines
                .by_ref()
                .take_while(|line| !line.trim_start().starts_with("```"))
                .collect();
            let _ = writeln!(out, "<pre><code>{}</code></pre>", escape(&inside.join("\n")));
        } else if let Some(item) = line.strip_prefix("- ") {
            let _ = writeln!(out, "<ul><li>{}</li></ul>", spans(item));
        } else if !line.trim().is_empty() {
            let mut paragraph = line.to_owned();
            let goes_on = |line: &&str| {
                !line.trim().is_empty() && !line.starts_with("- ") && !line.trim_start().starts_with("```")
            };
            while let Some(next) = lines.next_if(goes_on) {
                paragraph.push(' ');
                paragraph.push_str(next);
            }
            let _ = writeln!(out, "<p>{}</p>", spans(&paragraph));
        }
    }
}

/// Text with code between back-ticks.
fn spans(text: &str) -> String {
    let parts: Vec<&str> = text.split('`').collect();
    let mut out = String::new();
    for (at, part) in parts.iter().enumerate() {
        let part = escape(part);
        if at % 2 == 0 {
            out.push_str(&part);
        } else if at + 1 < parts.len() {
            out.extend(["<code>", &part, "</code>"]);
        } else {
            out.extend(["`", &part]);
        }
    }
    out
}

fn table(out: &mut String, heads: &[&str], rows: &[Vec<Cell>]) {
    out.push_str("<table>\n<tr>");
    for head in heads {
        let _ = write!(out, "<th>{}</th>", escape(head));
    }
    out.push_str("</tr>\n");
    for row in rows {
        out.push_str("<tr>");
        for cell in row {
            let _ = match cell {
                Cell::Source(text) if text.is_empty() => write!(out, "<td></td>"),
                Cell::Source(text) => write!(out, "<td><code>{}</code></td>", escape(text)),
                Cell::Text(text) => write!(out, "<td>{}</td>", spans(text)),
            };
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</table>\n");
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
    out
}

//! Lays documents out: decides for every group whether it fits, and writes the lines.

use super::doc::{Doc, DocId, Docs, FORCED, width};

/// The text of a document, with a line break at its end unless it is empty.
pub(super) fn print(docs: &Docs<'_>, root: DocId, width: u32, size: usize) -> String {
    let mut printer = Printer {
        docs,
        width,
        out: String::with_capacity(size + size / 8),
        column: 0,
        fresh: None,
        suffix: None,
        stack: vec![Task {
            indent: 0,
            flat: false,
            id: root,
        }],
    };
    while let Some(task) = printer.stack.pop() {
        printer.step(task);
    }
    printer.finish()
}

/// A document that is still to be printed.
#[derive(Clone, Copy)]
struct Task {
    indent: u32,
    flat: bool,
    id: DocId,
}

struct Printer<'d, 'a> {
    docs: &'d Docs<'a>,
    width: u32,
    out: String,
    /// How many columns stand on the line, its indentation included.
    column: u32,
    /// The indentation of a line on which nothing stands yet.
    fresh: Option<u32>,
    /// The comment that waits for the end of the line, and the blanks before it.
    suffix: Option<(&'a str, u32)>,
    /// What is still to be printed, the next on top.
    stack: Vec<Task>,
}

impl Printer<'_, '_> {
    fn step(&mut self, task: Task) {
        let Task { indent, flat, id } = task;
        match self.docs.get(id) {
            Doc::Text(text) => self.text(text),
            Doc::Pad(blanks) if !flat => self.blanks(*blanks),
            Doc::Comma if !flat => self.text(","),
            Doc::Line | Doc::Fill { .. } if flat => self.text(" "),
            Doc::Separator if flat => self.text(", "),
            Doc::Pad(_) | Doc::Comma => {}
            Doc::Soft if flat => {}
            Doc::Fill { flat, lead, hang } => self.fill(indent + hang, *flat, *lead),
            Doc::Line | Doc::Soft | Doc::Separator | Doc::Hard => self.line(indent),
            Doc::Blank => {
                self.line(indent);
                self.out.push('\n');
            }
            Doc::Concat(parts) => {
                self.stack.extend(parts.iter().rev().map(|part| Task {
                    indent,
                    flat,
                    id: *part,
                }));
            }
            Doc::Indent(inner) => self.stack.push(Task {
                indent: indent + 2,
                flat,
                id: *inner,
            }),
            Doc::Group(inner) => {
                let flat = flat || self.fits(self.docs.flat(*inner));
                self.stack.push(Task {
                    indent,
                    flat,
                    id: *inner,
                });
            }
            Doc::Hug {
                head,
                last,
                tail,
                other,
            } => self.hug(task, [*head, *last, *tail], *other),
            Doc::Value { value, short, stays } => self.value(task, *value, *short, *stays),
            Doc::Comment(text) => self.text(text),
            Doc::Suffix(text, pad) => {
                if self.suffix.is_some() {
                    self.line(indent);
                }
                self.suffix = Some((text, *pad));
            }
            Doc::Block(text, strip) => self.block(text, *strip, indent + 2),
            Doc::Verbatim(text) => self.verbatim(text),
        }
    }

    fn fill(&mut self, indent: u32, flat: u32, lead: u32) {
        let fits = |column: u32, columns: u32| column.saturating_add(columns) <= self.width;
        let here = self.column + 1;
        if fits(here, flat) || !fits(indent, flat) && fits(here, lead) {
            self.text(" ");
        } else {
            self.line(indent);
        }
    }

    /// Where a value begins. A value that this breaks cannot be flat the next time it is formatted, so that every
    /// way of breaking it must be the one for a value that cannot be flat.
    fn value(&mut self, task: Task, value: DocId, short: u32, stays: bool) {
        let columns = self.docs.flat(value);
        let flat = task.flat || self.fits(columns.saturating_add(1));
        let next = task.indent + 2;
        let below = !flat && columns <= short && self.fits_from(next, columns);
        let indent = if flat || stays && !below {
            self.text(" ");
            task.indent
        } else {
            self.line(next);
            next
        };
        self.stack.push(Task {
            indent,
            flat: flat || below,
            id: value,
        });
    }

    fn hug(&mut self, task: Task, parts: [DocId; 3], other: DocId) {
        let [head, last, tail] = parts;
        let all = parts
            .iter()
            .fold(0u32, |sum, part| sum.saturating_add(self.docs.flat(*part)));
        let flat = task.flat || self.fits(all);
        let start = self.docs.measure(last);
        let head_width = self.docs.flat(head);
        let hugs = start.breaks
            && head_width != FORCED
            && self.column.saturating_add(head_width).saturating_add(start.lead) <= self.width;
        if flat || hugs {
            self.stack.push(Task {
                flat,
                id: tail,
                ..task
            });
            self.stack.push(Task {
                flat,
                id: last,
                ..task
            });
            self.stack.push(Task {
                flat: true,
                id: head,
                ..task
            });
        } else {
            self.stack.push(Task { id: other, ..task });
        }
    }

    /// Whether so many columns, and what stands behind them up to the next possible line break, fit on the line.
    fn fits(&self, columns: u32) -> bool {
        self.fits_from(self.column, columns)
    }

    /// The same on a line of which so much is used already.
    fn fits_from(&self, used: u32, columns: u32) -> bool {
        if columns == FORCED {
            return false;
        }
        let mut used = used.saturating_add(columns);
        for task in self.stack.iter().rev() {
            if used > self.width {
                return false;
            }
            let measure = self.docs.measure(task.id);
            if task.flat {
                used = used.saturating_add(measure.flat);
            } else {
                used = used.saturating_add(measure.lead);
                if measure.breaks {
                    break;
                }
            }
        }
        used <= self.width
    }

    fn text(&mut self, text: &str) {
        if let Some(indent) = self.fresh.take() {
            self.blanks(indent);
        }
        self.out.push_str(text);
        self.column += width(text);
    }

    fn blanks(&mut self, count: u32) {
        self.out.extend(std::iter::repeat_n(' ', count as usize));
        self.column += count;
    }

    fn line(&mut self, indent: u32) {
        while self.out.ends_with(' ') {
            self.out.pop();
        }
        if let Some((comment, pad)) = self.suffix.take() {
            self.blanks(pad + 2);
            self.out.push_str(comment);
        }
        self.out.push('\n');
        self.column = 0;
        self.fresh = Some(indent);
    }

    /// A block string: the indentation that it does not count is replaced by `indent`.
    fn block(&mut self, text: &str, strip: u32, indent: u32) {
        for (number, line) in text.split('\n').enumerate() {
            if number == 0 {
                self.text(line);
                continue;
            }
            self.out.push('\n');
            self.column = 0;
            let line = line.get(strip as usize..).unwrap_or_default();
            if !line.is_empty() {
                self.blanks(indent);
                self.out.push_str(line);
                self.column += width(line);
            }
        }
    }

    fn verbatim(&mut self, text: &str) {
        let last = text.rsplit('\n').next().unwrap_or_default();
        self.text("");
        self.out.push_str(text);
        self.column = width(last);
    }

    fn finish(mut self) -> String {
        if !self.out.is_empty() || self.suffix.is_some() {
            self.line(0);
        }
        self.out
    }
}

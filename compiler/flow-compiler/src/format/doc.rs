//! Documents: text, and the places where it may go on in the next line. They stand in an arena and are measured
//! when they are made, so that laying out looks at each of them about once. How is in `print`.

use super::Formatter;

/// The width of what can never stand on one line.
pub(super) const FORCED: u32 = u32::MAX;

/// A handle of a document in [`Docs`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DocId(u32);

/// A document. It is laid out *flat*, on one line, or *broken*.
#[derive(Debug)]
pub(super) enum Doc<'a> {
    /// Text without line breaks.
    Text(&'a str),
    /// Blanks where it is broken, nothing where it is flat: what aligns columns.
    Pad(u32),
    /// A comma where it is broken: behind the last entry.
    Comma,
    /// A blank, or a line break.
    Line,
    /// Nothing, or a line break.
    Soft,
    /// A comma and a blank, or a line break.
    Separator,
    /// A line break.
    Hard,
    /// A line break and a blank line.
    Blank,
    /// A blank, or a line break where what comes next, `flat` columns wide, fits on the next line only, or where
    /// not even its first `lead` columns fit. The next line begins `hang` columns further to the right.
    Fill { flat: u32, lead: u32, hang: u32 },
    /// One behind the other.
    Concat(Box<[DocId]>),
    /// Line breaks inside it lead two columns further to the right.
    Indent(DocId),
    /// Flat if it fits, else broken.
    Group(DocId),
    /// Flat if it fits; else `head` flat, `last` broken, `tail`, if the line up to the first break of `last` fits;
    /// else `other`, which is the same content.
    Hug {
        head: DocId,
        last: DocId,
        tail: DocId,
        other: DocId,
    },
    /// A blank and a value flat if that fits; else the value flat on the next line, two columns further to the
    /// right, if it fits there and is at most `short` wide; else broken, on this line where it `stays`, else on the
    /// next.
    Value { value: DocId, short: u32, stays: bool },
    /// A comment that has its line for itself.
    Comment(&'a str),
    /// A comment at the end of the line, behind so many more blanks.
    Suffix(&'a str, u32),
    /// A block string. So many columns of its indentation are replaced by that of the document.
    Block(&'a str, u32),
    /// Several lines of source as they are.
    Verbatim(&'a str),
}

/// What is known of a document before it is laid out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Measure {
    /// Its width when flat; [`FORCED`] if it cannot be.
    pub(super) flat: u32,
    /// How many columns stand before its first possible line break when it is broken.
    pub(super) lead: u32,
    /// Whether it has a possible line break.
    pub(super) breaks: bool,
}

/// The arena.
pub(super) struct Docs<'a> {
    docs: Vec<Doc<'a>>,
    measures: Vec<Measure>,
}

impl<'a> Docs<'a> {
    /// Nothing.
    pub(super) const NIL: DocId = DocId(0);

    pub(super) fn with_capacity(capacity: usize) -> Self {
        let mut docs = Self {
            docs: Vec::with_capacity(capacity),
            measures: Vec::with_capacity(capacity),
        };
        docs.add(Doc::Text(""));
        docs
    }

    pub(super) fn get(&self, id: DocId) -> &Doc<'a> {
        &self.docs[id.0 as usize]
    }

    pub(super) fn measure(&self, id: DocId) -> Measure {
        self.measures[id.0 as usize]
    }

    /// The width of a document on one line, or [`FORCED`].
    pub(super) fn flat(&self, id: DocId) -> u32 {
        self.measure(id).flat
    }

    pub(super) fn add(&mut self, doc: Doc<'a>) -> DocId {
        let measure = self.measure_of(&doc);
        self.docs.push(doc);
        self.measures.push(measure);
        DocId(self.docs.len() as u32 - 1)
    }

    /// Text without line breaks.
    pub(super) fn text(&mut self, text: &'a str) -> DocId {
        if text.is_empty() {
            Self::NIL
        } else {
            self.add(Doc::Text(text))
        }
    }

    /// Text that may have line breaks, and is kept as it is.
    pub(super) fn verbatim(&mut self, text: &'a str) -> DocId {
        if text.contains('\n') {
            self.add(Doc::Verbatim(text))
        } else {
            self.text(text)
        }
    }

    pub(super) fn concat(&mut self, parts: &[DocId]) -> DocId {
        let mut some = parts.iter().filter(|id| **id != Self::NIL);
        match (some.next(), some.next()) {
            (None, _) => Self::NIL,
            (Some(only), None) => *only,
            _ => {
                let parts = parts.iter().copied().filter(|id| *id != Self::NIL).collect();
                self.add(Doc::Concat(parts))
            }
        }
    }

    /// A blank or a line break before `next` and `more` columns.
    pub(super) fn fill(&mut self, next: DocId, more: u32, hang: u32) -> DocId {
        let Measure { flat, lead, .. } = self.measure(next);
        self.add(Doc::Fill {
            flat: flat.saturating_add(more),
            lead: lead.saturating_add(more),
            hang,
        })
    }

    pub(super) fn group(&mut self, id: DocId) -> DocId {
        if self.measure(id).breaks {
            self.add(Doc::Group(id))
        } else {
            id
        }
    }

    pub(super) fn indent(&mut self, id: DocId) -> DocId {
        if self.measure(id).breaks {
            self.add(Doc::Indent(id))
        } else {
            id
        }
    }

    fn measure_of(&self, doc: &Doc<'a>) -> Measure {
        let fixed = |flat, lead, breaks| Measure { flat, lead, breaks };
        match doc {
            Doc::Text(text) => fixed(width(text), width(text), false),
            Doc::Pad(blanks) => fixed(0, *blanks, false),
            Doc::Comma => fixed(0, 1, false),
            Doc::Line | Doc::Fill { .. } => fixed(1, 0, true),
            Doc::Soft => fixed(0, 0, true),
            Doc::Separator => fixed(2, 0, true),
            Doc::Hard | Doc::Blank | Doc::Suffix(..) => fixed(FORCED, 0, true),
            Doc::Comment(text) => fixed(FORCED, width(text), true),
            Doc::Block(text, _) | Doc::Verbatim(text) => {
                fixed(FORCED, width(text.lines().next().unwrap_or_default()), true)
            }
            Doc::Indent(id) | Doc::Group(id) => self.measure(*id),
            Doc::Value { value, .. } => fixed(self.measure(*value).flat.saturating_add(1), 0, true),
            Doc::Concat(parts) => self.measure_all(parts),
            Doc::Hug { head, last, tail, .. } => {
                let all = self.measure_all(&[*head, *last, *tail]);
                let head = self.measure(*head).flat;
                if head == FORCED {
                    all
                } else {
                    Measure {
                        lead: head.saturating_add(self.measure(*last).lead),
                        ..all
                    }
                }
            }
        }
    }

    fn measure_all(&self, parts: &[DocId]) -> Measure {
        let mut all = Measure {
            flat: 0,
            lead: 0,
            breaks: false,
        };
        for part in parts {
            let part = self.measure(*part);
            all.flat = all.flat.saturating_add(part.flat);
            if !all.breaks {
                all.lead = all.lead.saturating_add(part.lead);
                all.breaks = part.breaks;
            }
        }
        all
    }
}

/// The width of a text in columns: its characters.
pub(super) fn width(text: &str) -> u32 {
    if text.is_ascii() {
        text.len() as u32
    } else {
        text.chars().count() as u32
    }
}

/// What can stand in [`cat!`]: text, a document, or perhaps a document.
pub(super) trait Part<'a> {
    /// The document for it.
    fn put(self, formatter: &mut Formatter<'a>) -> DocId;
}

impl<'a> Part<'a> for &'a str {
    fn put(self, formatter: &mut Formatter<'a>) -> DocId {
        formatter.docs.text(self)
    }
}

impl<'a> Part<'a> for DocId {
    fn put(self, _: &mut Formatter<'a>) -> DocId {
        self
    }
}

impl<'a> Part<'a> for Option<DocId> {
    fn put(self, _: &mut Formatter<'a>) -> DocId {
        self.unwrap_or(Docs::NIL)
    }
}

impl<'a> Part<'a> for Doc<'a> {
    fn put(self, formatter: &mut Formatter<'a>) -> DocId {
        formatter.docs.add(self)
    }
}

/// Puts texts and documents one behind the other: `cat!(formatter; "limit ", name, " ", value)`.
macro_rules! cat {
    ($formatter:expr; $($part:expr),* $(,)?) => {{
        let parts = [$($crate::format::doc::Part::put($part, &mut *$formatter)),*];
        $formatter.docs.concat(&parts)
    }};
}
pub(super) use cat;

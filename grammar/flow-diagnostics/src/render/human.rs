//! For people: snippets with arrows, printed by miette. The only file that names miette.
//!
//! miette walks a text from its first byte for every label, drops all snippets when one label is bad, and counts
//! columns in bytes. So it is given a source of our own, which knows its lines, clamps what lies outside, and
//! hands out only the lines that are shown.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::fmt;

use miette::{
    GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents, SourceCode,
    SourceSpan, SpanContents,
};

use crate::{Diagnostic, FileId, Label, Severity, SourceFile, SourceMap, Span};

/// How diagnostics are printed for people.
#[derive(Clone, Copy, Debug)]
pub struct HumanOptions {
    /// Whether to use colours and styles.
    pub color: bool,
    /// Whether to draw with characters beyond ASCII.
    pub unicode: bool,
    /// The width of the terminal, to which messages are wrapped.
    pub width: usize,
}

/// Prints diagnostics for people.
pub struct Human<'m> {
    map: &'m SourceMap,
    handler: GraphicalReportHandler,
    texts: Vec<OnceCell<Cow<'m, str>>>,
}

/// How many bytes of a line are shown at most on either side of a label.
const MAX_CONTEXT_BYTES: usize = 240;

/// How many lines a label covers at most; of longer ones the first is shown.
const MAX_LABEL_LINES: u32 = 8;

impl Default for HumanOptions {
    fn default() -> Self {
        Self {
            color: false,
            unicode: true,
            width: 100,
        }
    }
}

impl<'m> Human<'m> {
    /// A printer for diagnostics whose files are in `map`.
    pub fn new(map: &'m SourceMap, options: HumanOptions) -> Self {
        let theme = match (options.unicode, options.color) {
            (true, true) => GraphicalTheme::unicode(),
            (true, false) => GraphicalTheme::unicode_nocolor(),
            (false, _) => GraphicalTheme::none(),
        };
        let handler = GraphicalReportHandler::new_themed(theme)
            .with_links(false)
            .with_context_lines(1)
            .with_width(options.width);
        let texts = map.files().map(|_| OnceCell::new()).collect();
        Self { map, handler, texts }
    }

    /// One diagnostic with its snippets, its help, and an empty line behind it.
    pub fn print(&self, diagnostic: &Diagnostic) -> String {
        let report = self.report(diagnostic);
        let mut out = String::new();
        if self.handler.render_report(&mut out, &report).is_err() {
            out.clear();
        }
        if out.is_empty() {
            out = format!(
                "{}: {} [{}]\n",
                diagnostic.severity, diagnostic.message, diagnostic.code
            );
        }
        out
    }

    /// All diagnostics, one behind the other.
    pub fn print_all(&self, diagnostics: &[Diagnostic]) -> String {
        diagnostics
            .iter()
            .map(|diagnostic| self.print(diagnostic))
            .collect()
    }

    /// What miette prints: the labels of the primary file, those of other files as advice nested in it.
    fn report(&self, diagnostic: &Diagnostic) -> Report<'_> {
        let home = diagnostic.span().map(|span| span.file);
        let mut files: BTreeMap<FileId, Vec<&Label>> = BTreeMap::new();
        for label in &diagnostic.labels {
            files.entry(label.span.file).or_default().push(label);
        }
        let own = home.and_then(|file| files.remove(&file)).unwrap_or_default();
        let others = files
            .into_iter()
            .map(|(file, labels)| Report {
                code: None,
                severity: Severity::Advice,
                message: format!("see also {}", self.map.path(file)),
                help: None,
                source: self.source(file),
                labels: self.labels(&labels),
                others: Vec::new(),
            })
            .collect();
        Report {
            code: Some(diagnostic.code.as_str()),
            severity: diagnostic.severity,
            message: diagnostic.message.clone(),
            help: diagnostic.help.clone(),
            source: home.and_then(|file| self.source(file)),
            labels: self.labels(&own),
            others,
        }
    }

    fn source(&self, file: FileId) -> Option<Source<'_>> {
        let source = self.map.get(file)?;
        let text = self
            .texts
            .get(file.0 as usize)?
            .get_or_init(|| printable(&source.text));
        Some(Source { file: source, text })
    }

    /// The labels, inside the text, of a bounded size, and one per range.
    fn labels(&self, labels: &[&Label]) -> Vec<LabeledSpan> {
        let mut seen: Vec<(Span, String, bool)> = Vec::new();
        for label in labels {
            let span = self.clamp(label.span);
            match seen.iter_mut().find(|(other, ..)| *other == span) {
                Some((_, message, primary)) => {
                    if !label.message.is_empty() && !message.is_empty() {
                        message.push_str("; ");
                    }
                    message.push_str(&label.message);
                    *primary |= label.primary;
                }
                None => seen.push((span, label.message.clone(), label.primary)),
            }
        }
        seen.into_iter()
            .map(|(span, message, primary)| {
                let message = (!message.is_empty()).then_some(message);
                let range = (span.start as usize, span.len());
                if primary {
                    LabeledSpan::new_primary_with_span(message, range)
                } else {
                    LabeledSpan::new_with_span(message, range)
                }
            })
            .collect()
    }

    fn clamp(&self, span: Span) -> Span {
        let Some(file) = self.map.get(span.file) else {
            return span;
        };
        let floor = |offset: u32| {
            let mut at = (offset as usize).min(file.text.len());
            while !file.text.is_char_boundary(at) {
                at -= 1;
            }
            at as u32
        };
        let mut start = floor(span.start);
        let mut end = floor(span.end).max(start);
        if start == end && end as usize == file.text.len() {
            // miette draws nothing behind the last character; point at it instead.
            start = floor(start.saturating_sub(1));
            end = end.max(start);
        }
        let first = file.lines.line_of(start);
        let long = (end - start) as usize > MAX_CONTEXT_BYTES && file.lines.line_of(end) == first;
        if file.lines.line_of(end) - first >= MAX_LABEL_LINES {
            let line = file.lines.line_range(first);
            let text = file.text[start as usize..line.end as usize].trim_end();
            end = start + text.len() as u32;
        }
        if long || (end - start) as usize > MAX_CONTEXT_BYTES * MAX_LABEL_LINES as usize {
            end = floor(start + MAX_CONTEXT_BYTES as u32);
        }
        Span { start, end, ..span }
    }
}

/// The text with control characters and lone `\r` replaced, byte for byte, so that it can be shown.
fn printable(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let lone_return = |at: usize| bytes[at] == b'\r' && bytes.get(at + 1) != Some(&b'\n');
    let bad =
        |at: usize| (bytes[at] < 0x20 && !matches!(bytes[at], b'\n' | b'\r' | b'\t')) || bytes[at] == 0x7f;
    if !(0..bytes.len()).any(|at| bad(at) || lone_return(at)) {
        return Cow::Borrowed(text);
    }
    let shown = (0..bytes.len()).map(|at| match bytes[at] {
        _ if bad(at) => b'?',
        b'\r' if lone_return(at) => b'\n',
        byte => byte,
    });
    String::from_utf8(shown.collect()).map_or(Cow::Borrowed(text), Cow::Owned)
}

/// A file as miette reads it.
struct Source<'a> {
    file: &'a SourceFile,
    text: &'a str,
}

impl SourceCode for Source<'_> {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        lines_before: usize,
        lines_after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let lines = &self.file.lines;
        let start = span.offset().min(self.text.len());
        let end = (start + span.len()).min(self.text.len());
        let position = lines.position(self.text, start as u32);
        let (first, last) = (lines.line_of(start as u32), lines.line_of(end as u32));
        let (from, to, line, column) = if lines_before == 0 && lines_after == 0 {
            (start, end, first, position.column as usize - 1)
        } else {
            let top = first.saturating_sub(lines_before as u32);
            let bottom = (last + lines_after as u32).min(lines.count() - 1);
            let (from, to) = (
                lines.line_range(top).start as usize,
                lines.line_range(bottom).end as usize,
            );
            if start - from > MAX_CONTEXT_BYTES * 4 || to - end > MAX_CONTEXT_BYTES * 4 {
                let (from, to) = self.window(start, end, first, last);
                (
                    from,
                    to,
                    first,
                    usize::from(from > lines.line_range(first).start as usize),
                )
            } else {
                (from, to, top, 0)
            }
        };
        let count = (lines.line_of(to as u32) - line) as usize;
        let window = SourceSpan::from((from, to - from));
        let data = &self.text.as_bytes()[from..to];
        Ok(Box::new(MietteSpanContents::new_named(
            self.file.path.clone(),
            data,
            window,
            line as usize,
            column,
            count,
        )))
    }
}

impl Source<'_> {
    /// Where lines are very long: only the lines of the span, and of them only what is near it.
    fn window(&self, start: usize, end: usize, first: u32, last: u32) -> (usize, usize) {
        let lines = &self.file.lines;
        let mut from = (lines.line_range(first).start as usize).max(start.saturating_sub(MAX_CONTEXT_BYTES));
        let mut to = (lines.line_range(last).end as usize).min(end + MAX_CONTEXT_BYTES);
        while !self.text.is_char_boundary(from) {
            from -= 1;
        }
        while !self.text.is_char_boundary(to) {
            to += 1;
        }
        (from, to)
    }
}

/// A diagnostic as miette reads it.
struct Report<'a> {
    code: Option<&'static str>,
    severity: Severity,
    message: String,
    help: Option<String>,
    source: Option<Source<'a>>,
    labels: Vec<LabeledSpan>,
    others: Vec<Report<'a>>,
}

impl fmt::Debug for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Report")
            .field("message", &self.message)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Report<'_> {}

impl miette::Diagnostic for Report<'_> {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.code.map(|code| Box::new(code) as Box<dyn fmt::Display>)
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
            Severity::Advice => miette::Severity::Advice,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help
            .as_ref()
            .map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source.as_ref().map(|source| source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        (!self.labels.is_empty())
            .then(|| Box::new(self.labels.iter().cloned()) as Box<dyn Iterator<Item = _>>)
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn miette::Diagnostic> + 'a>> {
        let others = self.others.iter().map(|other| other as &dyn miette::Diagnostic);
        (!self.others.is_empty()).then(|| Box::new(others) as Box<dyn Iterator<Item = _>>)
    }
}

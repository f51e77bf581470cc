//! The files of a compilation, and lines and columns of places in them. Reads nothing from disk.

use std::sync::Arc;

use crate::span::{FileId, Span};

/// All files that a compilation looks at. Cloning is cheap for the texts (they are shared).
#[derive(Clone, Debug, Default)]
pub struct SourceMap {
    files: Vec<SourceFile>,
}

/// One file: the path as people know it, its text, and where its lines begin.
#[derive(Clone, Debug)]
pub struct SourceFile {
    /// The path, as it was named or found; shown as it is.
    pub path: String,
    /// The text, with the byte order mark and line ends that it has on disk.
    pub text: Arc<str>,
    /// Where the lines begin.
    pub lines: LineIndex,
}

/// A place as people count: line and column from 1, the column in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
}

/// Where the lines of a text begin. A line ends at `\n`, at `\r\n` and at a `\r` that stands alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineIndex {
    starts: Vec<u32>,
    len: u32,
}

impl SourceMap {
    /// A map without files.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a file and gives it a number. The same path may be added twice; the two are different files.
    pub fn add(&mut self, path: impl Into<String>, text: impl Into<Arc<str>>) -> FileId {
        let id = FileId(self.files.len() as u32);
        let text = text.into();
        let lines = LineIndex::new(&text);
        self.files.push(SourceFile {
            path: path.into(),
            text,
            lines,
        });
        id
    }

    /// The file, or `None` where the number is from another map.
    pub fn get(&self, file: FileId) -> Option<&SourceFile> {
        self.files.get(file.0 as usize)
    }

    /// The path of a file; empty for a file of another map.
    pub fn path(&self, file: FileId) -> &str {
        self.get(file).map_or("", |f| f.path.as_str())
    }

    /// The text of a file; empty for a file of another map.
    pub fn text(&self, file: FileId) -> &str {
        self.get(file).map_or("", |f| &*f.text)
    }

    /// The source text under a span, clamped to the file and to whole characters.
    pub fn slice(&self, span: Span) -> &str {
        let text = self.text(span.file);
        let start = floor_char(text, span.start as usize);
        let end = floor_char(text, span.end as usize).max(start);
        &text[start..end]
    }

    /// Line and column of the span's start.
    pub fn start(&self, span: Span) -> Position {
        self.position(span.file, span.start)
    }

    /// Line and column of the span's end.
    pub fn end(&self, span: Span) -> Position {
        self.position(span.file, span.end)
    }

    /// Line and column of a byte offset; past the end, those of the end.
    pub fn position(&self, file: FileId, offset: u32) -> Position {
        self.get(file).map_or(Position { line: 1, column: 1 }, |f| {
            f.lines.position(&f.text, offset)
        })
    }

    /// The first file with this path.
    pub fn find(&self, path: &str) -> Option<FileId> {
        self.files
            .iter()
            .position(|f| f.path == path)
            .map(|i| FileId(i as u32))
    }

    /// All files with their numbers, in the order in which they were added.
    pub fn files(&self) -> impl Iterator<Item = (FileId, &SourceFile)> {
        self.files.iter().enumerate().map(|(i, f)| (FileId(i as u32), f))
    }
}

impl LineIndex {
    /// Finds the lines of a text. A byte order mark belongs to no line.
    pub fn new(text: &str) -> Self {
        let bytes = text.as_bytes();
        let mut starts = vec![if text.starts_with('\u{feff}') { 3 } else { 0 }];
        for (i, byte) in bytes.iter().enumerate() {
            match byte {
                b'\n' => starts.push(i as u32 + 1),
                b'\r' if bytes.get(i + 1) != Some(&b'\n') => starts.push(i as u32 + 1),
                _ => {}
            }
        }
        Self {
            starts,
            len: bytes.len() as u32,
        }
    }

    /// How many lines there are; at least one.
    pub fn count(&self) -> u32 {
        self.starts.len() as u32
    }

    /// The line (from 0) in which a byte offset lies.
    pub fn line_of(&self, offset: u32) -> u32 {
        self.starts.partition_point(|&s| s <= offset).saturating_sub(1) as u32
    }

    /// The byte offsets of a line (from 0), its line end included; the last line's for lines past the end.
    pub fn line_range(&self, line: u32) -> std::ops::Range<u32> {
        let line = line.min(self.count() - 1) as usize;
        let end = self.starts.get(line + 1).copied().unwrap_or(self.len);
        self.starts[line].min(end)..end
    }

    /// Line and column of a byte offset in the text that this index was made of.
    pub fn position(&self, text: &str, offset: u32) -> Position {
        let offset = floor_char(text, offset as usize) as u32;
        let line = self.line_of(offset);
        let start = self.starts[line as usize].min(offset);
        let column = text[start as usize..offset as usize].chars().count() as u32 + 1;
        Position {
            line: line + 1,
            column,
        }
    }
}

/// The nearest character border at or before `offset`, at most the end of the text.
fn floor_char(text: &str, offset: usize) -> usize {
    let mut at = offset.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_and_lines_know_every_line_end() {
        let mut map = SourceMap::new();
        let file = map.add("a.flow", "äb\r\nc\rd\n");
        let at = |offset| {
            let p = map.position(file, offset);
            (p.line, p.column)
        };
        assert_eq!(at(0), (1, 1));
        assert_eq!(at(1), (1, 1), "the middle of a character is the character");
        assert_eq!(at(2), (1, 2));
        assert_eq!(at(5), (2, 1));
        assert_eq!(at(7), (3, 1));
        assert_eq!(at(99), (4, 1));
    }

    #[test]
    fn a_byte_order_mark_belongs_to_no_column() {
        let mut map = SourceMap::new();
        let file = map.add("a.flow", "\u{feff}ab");
        assert_eq!(map.position(file, 3), Position { line: 1, column: 1 });
        assert_eq!(map.position(file, 4), Position { line: 1, column: 2 });
        assert_eq!(map.position(file, 0), Position { line: 1, column: 1 });
    }
}

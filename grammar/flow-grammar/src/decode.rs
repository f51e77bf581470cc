//! From the bytes of a file to its text.

use std::fmt;

use flow_diagnostics::codes::syntax;
use flow_diagnostics::{Diagnostic, FileId, Span};

/// The bytes of a file are no UTF-8 text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotUtf8 {
    /// The first byte that belongs to no character.
    pub offset: usize,
    /// The byte.
    pub byte: u8,
    /// The text with U+FFFD in place of what is wrong, for a source map; up to `offset` it equals the file.
    pub text: String,
}

/// The text of a file.
///
/// # Errors
///
/// Where the bytes are no UTF-8. Whoever reads the file puts [`NotUtf8::text`] into the source map and reports
/// [`NotUtf8::diagnostic`].
pub fn decode(bytes: Vec<u8>) -> Result<String, NotUtf8> {
    String::from_utf8(bytes).map_err(|error| {
        let offset = error.utf8_error().valid_up_to();
        let bytes = error.as_bytes();
        NotUtf8 {
            offset,
            byte: bytes.get(offset).copied().unwrap_or(0),
            text: String::from_utf8_lossy(bytes).into_owned(),
        }
    })
}

impl NotUtf8 {
    /// What to report, for the file whose text in the source map is [`NotUtf8::text`].
    pub fn diagnostic(&self, file: FileId) -> Diagnostic {
        let start = self.offset as u32;
        let utf16 = self.offset == 0 && matches!(self.byte, 0xfe | 0xff);
        let help = if utf16 {
            "this looks like UTF-16; save the file as UTF-8"
        } else {
            "save the file as UTF-8"
        };
        Diagnostic::new(syntax::INVALID_UTF8, "this file is not UTF-8 text")
            .primary(
                Span::new(file, start, start + 3),
                format!("the byte 0x{:02X} begins no character", self.byte),
            )
            .help(help)
    }
}

impl fmt::Display for NotUtf8 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "byte {} (0x{:02X}) is not UTF-8", self.offset, self.byte)
    }
}

impl std::error::Error for NotUtf8 {}

//! Bytes as hexadecimal digits, and back: names of programs, tokens, signatures, programs in exports.

use std::fmt::Write;

/// Lower-case digits, two a byte.
pub fn encode(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

/// The bytes that digits stand for; none where they are no digits, or one is left over.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_digits_and_bytes_again() {
        assert_eq!(decode(&encode(&[0, 15, 255])), Some(vec![0, 15, 255]));
        assert_eq!([decode("0"), decode("zz"), decode("é")], [None, None, None]);
    }
}

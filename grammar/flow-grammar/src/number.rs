//! What a number and the letters behind it mean: `42`, `3.14`, `1h30m`, `4mb`.

use crate::ast::LitKind;

/// What is wrong with a number.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum BadNumber {
    /// It does not fit into 64 bits, or a float would be infinite.
    TooLarge(&'static str),
    /// The letters behind it mean nothing; what may have been meant.
    Unit { unit: String, meant: Option<String> },
    /// Units of a duration out of order or twice.
    UnitOrder,
    /// Digits, dots and underscores that make no number.
    Malformed,
}

const DURATIONS: &[(&str, i128)] = &[
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
];

const SIZES: &[(&str, i128)] = &[("kb", 1 << 10), ("mb", 1 << 20), ("gb", 1 << 30), ("tb", 1 << 40)];

/// Units that people write, and the one that Flow knows.
const HABITS: &[(&str, &str)] = &[
    ("millis", "ms"),
    ("msec", "ms"),
    ("msecs", "ms"),
    ("milliseconds", "ms"),
    ("sec", "s"),
    ("secs", "s"),
    ("second", "s"),
    ("seconds", "s"),
    ("min", "m"),
    ("mins", "m"),
    ("minute", "m"),
    ("minutes", "m"),
    ("hr", "h"),
    ("hrs", "h"),
    ("hour", "h"),
    ("hours", "h"),
    ("day", "d"),
    ("days", "d"),
    ("k", "kb"),
    ("kib", "kb"),
    ("mib", "mb"),
    ("gib", "gb"),
    ("g", "gb"),
];

/// The value of a number as it is written.
pub(crate) fn parse_number(text: &str) -> Result<LitKind, BadNumber> {
    let (digits, rest) = split_digits(text);
    if rest.is_empty() {
        return whole(digits);
    }
    if let Some(float) = float(text)? {
        return Ok(float);
    }
    let (_, unit) = split_unit(text);
    if SIZES.iter().any(|(name, _)| *name == unit) {
        let size = scaled(text.strip_suffix(unit).unwrap_or(text), find(SIZES, unit)?)?;
        return i64::try_from(size)
            .map(LitKind::Size)
            .map_err(|_| BadNumber::TooLarge("a size"));
    }
    duration(text)
}

fn whole(digits: &str) -> Result<LitKind, BadNumber> {
    let plain = plain_digits(digits)?;
    plain
        .parse()
        .map(LitKind::Int)
        .map_err(|_| BadNumber::TooLarge("an `int`"))
}

/// `3.14`, `1e-3`; `None` if the text has letters that make no exponent.
fn float(text: &str) -> Result<Option<LitKind>, BadNumber> {
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    };
    if !mantissa
        .bytes()
        .all(|b| b.is_ascii_digit() || b == b'.' || b == b'_')
    {
        return Ok(None);
    }
    if let Some(exponent) = exponent {
        let digits = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Ok(None);
        }
    }
    let mut parts = mantissa.split('.');
    let whole = plain_digits(parts.next().unwrap_or(""))?;
    let fraction = parts.next().map_or(Ok(String::new()), plain_digits)?;
    if parts.next().is_some() {
        return Err(BadNumber::Malformed);
    }
    let value: f64 = format!("{whole}.{fraction}e{}", exponent.unwrap_or("0"))
        .parse()
        .map_err(|_| BadNumber::Malformed)?;
    if value.is_finite() {
        Ok(Some(LitKind::Float(value)))
    } else {
        Err(BadNumber::TooLarge("a `float`"))
    }
}

fn duration(text: &str) -> Result<LitKind, BadNumber> {
    let mut rest = text;
    let mut total: i128 = 0;
    let mut smallest = i128::MAX;
    while !rest.is_empty() {
        let (number, behind) = split_unit(rest);
        let len = behind
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(behind.len());
        let unit = &behind[..len];
        let scale = find(DURATIONS, unit)?;
        if scale >= smallest {
            return Err(BadNumber::UnitOrder);
        }
        smallest = scale;
        total += scaled(number, scale)?;
        rest = &behind[len..];
    }
    i64::try_from(total)
        .map(LitKind::Duration)
        .map_err(|_| BadNumber::TooLarge("a `duration`"))
}

/// The unit's scale, or what may have been meant.
fn find(units: &[(&str, i128)], unit: &str) -> Result<i128, BadNumber> {
    if let Some((_, scale)) = units.iter().find(|(name, _)| *name == unit) {
        return Ok(*scale);
    }
    let lower = unit.to_lowercase();
    let known = DURATIONS
        .iter()
        .chain(SIZES)
        .map(|(name, _)| *name)
        .find(|name| *name == lower);
    let meant = known.or_else(|| {
        HABITS
            .iter()
            .find(|(habit, _)| *habit == lower)
            .map(|(_, unit)| *unit)
    });
    Err(BadNumber::Unit {
        unit: unit.to_owned(),
        meant: meant.map(str::to_owned),
    })
}

/// A number with an optional fraction, times a scale, exactly.
fn scaled(number: &str, scale: i128) -> Result<i128, BadNumber> {
    let mut parts = number.split('.');
    let whole: i128 = plain_digits(parts.next().unwrap_or(""))?
        .parse::<u64>()
        .map_err(|_| BadNumber::TooLarge("a number"))?
        .into();
    let mut total = whole * scale;
    if let Some(fraction) = parts.next() {
        let mut scale = scale;
        for digit in plain_digits(fraction)?.bytes() {
            scale /= 10;
            total += i128::from(digit - b'0') * scale;
        }
    }
    if parts.next().is_some() {
        Err(BadNumber::Malformed)
    } else {
        Ok(total)
    }
}

/// Digits without underscores, which stand between digits only.
fn plain_digits(digits: &str) -> Result<String, BadNumber> {
    let ends_well = !digits.starts_with('_') && !digits.ends_with('_') && !digits.contains("__");
    if digits.is_empty() || !ends_well || !digits.bytes().all(|b| b.is_ascii_digit() || b == b'_') {
        return Err(BadNumber::Malformed);
    }
    Ok(digits.replace('_', ""))
}

fn split_digits(text: &str) -> (&str, &str) {
    text.split_at(
        text.find(|c: char| !(c.is_ascii_digit() || c == '_'))
            .unwrap_or(text.len()),
    )
}

fn split_unit(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_their_units() {
        let hour = 3_600_000_000_000;
        let cases = [
            ("42", Ok(LitKind::Int(42))),
            ("1_000", Ok(LitKind::Int(1000))),
            ("9223372036854775807", Ok(LitKind::Int(i64::MAX))),
            ("9223372036854775808", Err(BadNumber::TooLarge("an `int`"))),
            ("3.25", Ok(LitKind::Float(3.25))),
            ("1e-3", Ok(LitKind::Float(0.001))),
            ("1.5e3", Ok(LitKind::Float(1500.0))),
            ("1e999", Err(BadNumber::TooLarge("a `float`"))),
            ("250ms", Ok(LitKind::Duration(250_000_000))),
            ("1h30m", Ok(LitKind::Duration(hour * 3 / 2))),
            ("1.5h", Ok(LitKind::Duration(hour * 3 / 2))),
            ("30m1h", Err(BadNumber::UnitOrder)),
            ("4mb", Ok(LitKind::Size(4 << 20))),
            ("1.2.3", Err(BadNumber::Malformed)),
            ("1__0", Err(BadNumber::Malformed)),
            (
                "5min",
                Err(BadNumber::Unit {
                    unit: "min".into(),
                    meant: Some("m".into()),
                }),
            ),
            (
                "4MB",
                Err(BadNumber::Unit {
                    unit: "MB".into(),
                    meant: Some("mb".into()),
                }),
            ),
            (
                "0x1f",
                Err(BadNumber::Unit {
                    unit: "x".into(),
                    meant: None,
                }),
            ),
            ("999999999d", Err(BadNumber::TooLarge("a `duration`"))),
        ];
        for (text, expected) in cases {
            assert_eq!(parse_number(text), expected, "{text}");
        }
    }
}

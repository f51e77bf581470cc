//! Values as text: what `${…}` shows, and the written forms of durations and times.

use std::fmt::Write as _;

use jiff::{Span, SpanRelativeTo, Timestamp};

use super::json::to_json;
use crate::value::Value;

/// What interpolation shows: text as it is, durations as in source (`1h30m`), times as RFC 3339,
/// lists and objects as JSON.
pub fn text(value: &Value) -> String {
    match value {
        Value::Str(text) => text.to_string(),
        Value::Duration(nanos) => duration_text(*nanos),
        Value::Time(nanos) => rfc3339(*nanos),
        other => to_json(other).to_string(),
    }
}

/// A duration as it is written in source: `1h30m`, `250ms`, `0s`.
pub fn duration_text(nanos: i64) -> String {
    let mut rest = nanos.unsigned_abs();
    let mut out = String::from(if nanos < 0 { "-" } else { "" });
    for (unit, size) in [
        ("d", 86_400_000_000_000),
        ("h", 3_600_000_000_000),
        ("m", 60_000_000_000),
        ("s", 1_000_000_000),
    ] {
        if rest >= size {
            let _ = write!(out, "{}{unit}", rest / size);
            rest %= size;
        }
    }
    if rest > 0 {
        let _ = write!(out, "{}{}ms", rest / 1_000_000, fraction(rest % 1_000_000, 6));
    }
    if nanos == 0 { "0s".into() } else { out }
}

/// A duration in ISO 8601: `PT5M`, `P7D`, `PT0.25S`.
pub fn iso_duration(nanos: i64) -> String {
    let whole = nanos.unsigned_abs();
    let (seconds, below) = (whole / 1_000_000_000, whole % 1_000_000_000);
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    let part = |count: u64, unit: char| {
        if count > 0 {
            format!("{count}{unit}")
        } else {
            String::new()
        }
    };
    let date = part(days, 'D');
    let mut time = part(hours, 'H') + &part(minutes, 'M');
    if seconds % 60 > 0 || below > 0 || (date.is_empty() && time.is_empty()) {
        let _ = write!(time, "{}{}S", seconds % 60, fraction(below, 9));
    }
    let sign = if nanos < 0 { "-" } else { "" };
    let between = if time.is_empty() { "" } else { "T" };
    format!("{sign}P{date}{between}{time}")
}

/// An instant in RFC 3339, UTC.
pub fn rfc3339(nanos: i64) -> String {
    match Timestamp::from_nanosecond(i128::from(nanos)) {
        Ok(instant) => instant.to_string(),
        Err(_) => format!("@{nanos}ns"),
    }
}

/// Nanoseconds of a written duration: ISO 8601, or as in source. Days have 24 hours; months and
/// years have no length.
pub(crate) fn parse_duration(text: &str) -> Option<i64> {
    let span: Span = text.trim().parse().ok()?;
    let duration = span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?;
    i64::try_from(duration.as_nanos()).ok()
}

/// Nanoseconds since the epoch of an instant in RFC 3339.
pub(crate) fn parse_time(text: &str) -> Option<i64> {
    let instant: Timestamp = text.trim().parse().ok()?;
    i64::try_from(instant.as_nanosecond()).ok()
}

/// `.25` for 250 of three digits; nothing for 0.
fn fraction(value: u64, digits: usize) -> String {
    if value == 0 {
        return String::new();
    }
    format!(".{value:0digits$}").trim_end_matches('0').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CASES: &[(i64, &str, &str)] = &[
        (0, "0s", "PT0S"),
        (250_000_000, "250ms", "PT0.25S"),
        (300_000_000_000, "5m", "PT5M"),
        (5_400_000_000_000, "1h30m", "PT1H30M"),
        (604_800_000_000_000, "7d", "P7D"),
        (90_061_000_000_001, "1d1h1m1s0.000001ms", "P1DT1H1M1.000000001S"),
        (-1_500_000_000, "-1s500ms", "-PT1.5S"),
    ];

    #[test]
    fn durations_are_written_in_both_ways_and_read_back() {
        for (nanos, source, iso) in CASES {
            assert_eq!(duration_text(*nanos), *source);
            assert_eq!(iso_duration(*nanos), *iso);
            assert_eq!(parse_duration(iso), Some(*nanos), "{iso}");
        }
        assert_eq!(parse_duration("P1M"), None);
        assert_eq!(parse_duration("soon"), None);
    }

    #[test]
    fn times_are_read_with_any_offset_and_written_in_utc() {
        let nanos = parse_time("2026-11-24T23:02:57+02:00").unwrap();
        assert_eq!(rfc3339(nanos), "2026-11-24T21:02:57Z");
        assert_eq!(parse_time("2026-11-24"), None);
        assert_eq!(
            parse_time("9999-01-01T00:00:00Z"),
            None,
            "beyond 64 bits of nanoseconds"
        );
        for nanos in [i64::MIN, -1, 0, i64::MAX] {
            assert_eq!(parse_time(&rfc3339(nanos)), Some(nanos));
        }
    }
}

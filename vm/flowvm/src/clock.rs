//! The wall clock, for the machine that has none, and times as people and JSON write them.

use std::time::{SystemTime, UNIX_EPOCH};

use flow_machine::Time;

/// Now.
pub fn now() -> Time {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_nanos() as Time)
}

/// RFC 3339, UTC.
pub fn rfc3339(time: Time) -> String {
    jiff::Timestamp::from_nanosecond(i128::from(time))
        .map_or_else(|_| time.to_string(), |time| time.to_string())
}

/// A duration in few characters: `12ms`, `3.4s`, `5m 12s`, `2h 5m`, `3d 4h`.
pub fn short(nanos: i64) -> String {
    let millis = nanos.max(0) / 1_000_000;
    let seconds = millis / 1000;
    match seconds {
        0 => format!("{millis}ms"),
        1..60 => format!("{}.{}s", seconds, millis % 1000 / 100),
        60..3600 => format!("{}m {}s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{}h {}m", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{}d {}h", seconds / 86_400, seconds % 86_400 / 3600),
    }
}

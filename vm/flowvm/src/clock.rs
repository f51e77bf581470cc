//! The wall clock, for the machine that has none, and times as people and JSON write them.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use flow_machine::Time;

/// Now. Goes on as the machine's own clock does where the wall clock is set back, and follows it where it is ahead
/// (L-31): a timer of ten seconds takes ten seconds.
pub fn now() -> Time {
    CLOCK.get_or_init(Clock::start).read(wall())
}

/// What was recorded has been: time does not begin before it, as it would where the wall clock was set back between
/// two processes. What lies further ahead than a day is somebody's mistake, and not followed.
pub fn catch_up(recorded: Time) {
    let clock = CLOCK.get_or_init(Clock::start);
    let wall = wall();
    if recorded > wall && recorded - wall < A_DAY {
        clock.read(recorded);
    }
}

static CLOCK: OnceLock<Clock> = OnceLock::new();
const A_DAY: Time = 86_400_000_000_000;

/// The most that the wall clock was ever ahead of the clock that is never set.
struct Clock {
    start: Instant,
    ahead: AtomicI64,
}

impl Clock {
    fn start() -> Self {
        Self {
            start: Instant::now(),
            ahead: AtomicI64::new(0),
        }
    }

    fn read(&self, wall: Time) -> Time {
        self.at(wall, self.start.elapsed().as_nanos() as Time)
    }

    fn at(&self, wall: Time, elapsed: Time) -> Time {
        let ahead = wall - elapsed;
        elapsed + self.ahead.fetch_max(ahead, Ordering::Relaxed).max(ahead)
    }
}

fn wall() -> Time {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_nanos() as Time)
}

/// How long that is for the machine, which counts to 292 years: what is longer never ends.
pub fn nanos(duration: Duration) -> Time {
    Time::try_from(duration.as_nanos()).unwrap_or(Time::MAX)
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

#[cfg(test)]
mod tests {
    use super::*;

    /// L-31: an hour back is no hour more for who waits.
    #[test]
    fn time_goes_on_where_the_clock_is_set_back() {
        const HOUR: Time = 3_600_000_000_000;
        let clock = Clock::start();
        let began = clock.at(10 * HOUR, 0);
        assert_eq!(began, 10 * HOUR);
        assert_eq!(clock.at(9 * HOUR + 5, 5), 10 * HOUR + 5, "set back");
        assert_eq!(clock.at(10 * HOUR + 20, 6), 10 * HOUR + 20, "set forward");
        assert_eq!(clock.at(9 * HOUR, 7), 10 * HOUR + 21);
    }
}

//! Time and memory of what is measured, as the system counts them.

use std::time::{Duration, Instant};

/// How long something keeps the processor busy.
pub fn time(work: impl FnOnce()) -> Duration {
    let (began, on_processor) = (Instant::now(), processor_time());
    work();
    match (on_processor, processor_time()) {
        (Some(before), Some(after)) => after.saturating_sub(before),
        _ => began.elapsed(),
    }
}

/// The processor time of this thread, where the system tells it.
fn processor_time() -> Option<Duration> {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanos = stat.split_whitespace().next()?.parse().ok()?;
    Some(Duration::from_nanos(nanos))
}

/// What the process holds in memory; 0 where there is no `/proc`.
pub fn resident_bytes() -> u64 {
    const PAGE_BYTES: u64 = 4096;
    let pages = std::fs::read_to_string("/proc/self/statm").ok();
    let resident = pages.and_then(|text| text.split_whitespace().nth(1)?.parse::<u64>().ok());
    resident.unwrap_or(0) * PAGE_BYTES
}

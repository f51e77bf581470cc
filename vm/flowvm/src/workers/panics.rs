//! Work that panics is work with an outcome: whoever waits for it hears of it at once, and not when its time is over.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

/// What the work comes to; none if it panicked. The panic itself has been said on standard error by then.
pub(crate) async fn caught<T>(work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    // What is left of work that has panicked is dropped and never looked at.
    poll_fn(|context| {
        let polled = catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context)));
        polled.map_or(Poll::Ready(None), |polled| polled.map(Some))
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workers::network_tests::block_on;

    #[test]
    fn work_that_panics_ends_there() {
        let dies_later = async {
            tokio::task::yield_now().await;
            assert!(std::hint::black_box(false), "on purpose");
        };
        assert_eq!(block_on(caught(dies_later)), None);
        assert_eq!(block_on(caught(async { 7 })), Some(7));
    }
}

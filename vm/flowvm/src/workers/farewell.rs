//! What is still to be said when a call is over: an acknowledgement, the end of a session, a word that nobody waits
//! any more. Calls do not wait for it; a process that ends waits a little.

use std::future::Future;
use std::sync::LazyLock;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::timeout;

/// How many are under way.
static OPEN: LazyLock<watch::Sender<usize>> = LazyLock::new(|| watch::Sender::new(0));

/// Lets something be said. Outside a runtime, where nothing can be said any more, nothing is.
pub(super) fn say(farewell: impl Future<Output = ()> + Send + 'static) {
    if let Ok(runtime) = Handle::try_current() {
        let open = begin();
        runtime.spawn(async move {
            farewell.await;
            drop(open);
        });
    }
}

/// Something to be said that runs by itself: it is under way until this is dropped.
pub(super) fn begin() -> Open {
    OPEN.send_modify(|open| *open += 1);
    Open
}

/// Waits until all has been said, if that does not take too long.
pub(crate) async fn all_said(most: Duration) {
    let mut open = OPEN.subscribe();
    // What takes longer is left to those on the other side, who have timeouts of their own.
    let _ = timeout(most, open.wait_for(|open| *open == 0)).await;
}

/// Counts as long as it lives.
pub(super) struct Open;

impl Drop for Open {
    fn drop(&mut self) {
        OPEN.send_modify(|open| *open -= 1);
    }
}

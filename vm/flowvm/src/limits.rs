//! Every bound of the hosts and workers, with its unit in its name. Bounds of values and runs are the
//! machine's.

use std::time::Duration;

/// How long a lease lasts without a heartbeat, nanoseconds.
pub const LEASE_NS: i64 = 30_000_000_000;
/// How often a lease is renewed.
pub const HEARTBEAT: Duration = Duration::from_secs(10);
/// How often the driver of a run looks for letters of other processes.
pub const INBOX_POLL: Duration = Duration::from_millis(200);
/// How long a command waits for the driver of a run to take its letter.
pub const LETTER_WAIT: Duration = Duration::from_secs(15);
/// Largest reply of a worker.
pub const REPLY_BYTES: usize = 16 << 20;
/// How much of a child's standard error is kept, from the end.
pub const STDERR_BYTES: usize = 64 << 10;
/// How much of what came back goes into a message.
pub const MESSAGE_BYTES: usize = 2048;
/// How long the pipes of a child are read after its group was ended: what still holds them open has left
/// the group.
pub const PIPE_GRACE: Duration = Duration::from_secs(1);
/// How long a connection may take to come about.
pub const CONNECT_WAIT: Duration = Duration::from_secs(30);
/// How often an idle connection to a broker says that it is there.
pub const KEEP_ALIVE: Duration = Duration::from_secs(20);
/// How long whoever hands in an outcome waits for it to be written.
pub const DURABLE_WAIT: Duration = Duration::from_secs(20);
/// How long a process that ends waits for what calls still have to say to their workers.
pub const FAREWELL_WAIT: Duration = Duration::from_secs(2);
/// Most redirects that are followed.
pub const REDIRECTS: usize = 5;
/// Shortest secret that is looked for in texts; masking shorter ones would garble them.
pub const MASKED_BYTES: usize = 4;
/// Calls in flight per process, unless `[limits] parallel` says otherwise.
pub const PARALLEL: usize = 64;
/// How long an address that takes no call is not asked again at most, nanoseconds: its breaker may be reset meanwhile.
pub const HOLD_NS: i64 = 1_000_000_000;
/// Outcomes that are taken into one commit, at most.
pub const BATCH: usize = 256;
/// The first checkpoint with which a whole state is kept.
pub const SNAPSHOT_FROM: u64 = 64;
/// A run that sleeps longer is not kept in memory by `work`, nanoseconds.
pub const SLEEP_NS: i64 = 1_000_000_000;
/// Runs that `work` drives at once, unless it is told otherwise.
pub const RUNS_AT_ONCE: usize = 256;
/// How often `work` looks for runs whose time has come.
pub const WORK_POLL: Duration = Duration::from_millis(100);
/// How long `work` leaves a run alone that it could not drive.
pub const BROKEN_REST: Duration = Duration::from_mins(1);

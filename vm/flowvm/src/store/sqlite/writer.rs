//! The one thread that writes: whatever has come meanwhile is done in one transaction, and each caller hears
//! what became of its part when that is durable. So many runs share one flush of the disk. What is written stands
//! with those who ask for it.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::oneshot;

use super::sql_error;
use crate::error::{Error, Result, code};

/// Most jobs of one transaction.
const BATCH: usize = 512;

/// A handle on the thread. The last one to go waits until all is written.
#[derive(Debug)]
pub(super) struct Writer {
    jobs: Option<Sender<Box<dyn Job>>>,
    thread: Option<JoinHandle<()>>,
}

/// Something to be written.
trait Job: Send {
    /// Does it, within the transaction.
    fn work(&mut self, db: &Connection) -> Result<()>;
    /// Tells who waits; called once it is durable, or is known not to be.
    fn done(self: Box<Self>, committed: Result<()>);
}

impl Writer {
    /// Starts the thread with a connection of its own.
    pub(super) fn start(db: Connection, path: PathBuf) -> Result<Self> {
        let (jobs, incoming) = channel();
        let thread = std::thread::Builder::new()
            .name("store".into())
            .spawn(move || serve(db, &path, &incoming))
            .map_err(|error| Error::new(code::SYSTEM, format!("cannot start the store's thread: {error}")))?;
        Ok(Self {
            jobs: Some(jobs),
            thread: Some(thread),
        })
    }

    /// Writes, and waits until it is durable.
    pub(super) fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (sender, receiver) = std::sync::mpsc::sync_channel(1);
        self.submit(work, move |result| drop(sender.send(result)));
        receiver.recv().unwrap_or_else(|_| Err(gone()))
    }

    /// Writes, and tells when it is durable.
    pub(super) fn write_later<T, W>(&self, work: W) -> impl Future<Output = Result<T>> + use<T, W>
    where
        T: Send + 'static,
        W: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        let (sender, receiver) = oneshot::channel();
        self.submit(work, move |result| drop(sender.send(result)));
        async move { receiver.await.unwrap_or_else(|_| Err(gone())) }
    }

    fn submit<T, W, D>(&self, work: W, done: D)
    where
        T: Send + 'static,
        W: FnOnce(&Connection) -> Result<T> + Send + 'static,
        D: FnOnce(Result<T>) + Send + 'static,
    {
        let job = Typed {
            work: Some(work),
            result: None,
            done,
        };
        if let Some(jobs) = &self.jobs {
            // A thread that is gone drops the job, and with it the sender: the caller hears of it.
            let _ = jobs.send(Box::new(job));
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was told to whoever waited.
            let _ = thread.join();
        }
    }
}

fn serve(mut db: Connection, path: &std::path::Path, incoming: &Receiver<Box<dyn Job>>) {
    while let Ok(first) = incoming.recv() {
        let mut jobs = vec![first];
        while jobs.len() < BATCH
            && let Ok(next) = incoming.try_recv()
        {
            jobs.push(next);
        }
        let committed = transact(&mut db, &mut jobs).map_err(|error| sql_error(path, &error));
        for job in jobs {
            job.done(committed.clone());
        }
    }
}

/// All jobs in one transaction. One that fails is undone alone.
fn transact(db: &mut Connection, jobs: &mut [Box<dyn Job>]) -> rusqlite::Result<()> {
    let tx = Transaction::new(db, TransactionBehavior::Immediate)?;
    if let [only] = jobs {
        return match only.work(&tx) {
            Ok(()) => tx.commit(),
            Err(_) => tx.rollback(),
        };
    }
    for job in jobs {
        tx.execute_batch("SAVEPOINT job")?;
        tx.execute_batch(match job.work(&tx) {
            Ok(()) => "RELEASE job",
            Err(_) => "ROLLBACK TO job; RELEASE job",
        })?;
    }
    tx.commit()
}

struct Typed<T, W, D> {
    work: Option<W>,
    result: Option<Result<T>>,
    done: D,
}

impl<T, W, D> Job for Typed<T, W, D>
where
    T: Send,
    W: FnOnce(&Connection) -> Result<T> + Send,
    D: FnOnce(Result<T>) + Send,
{
    fn work(&mut self, db: &Connection) -> Result<()> {
        let Some(work) = self.work.take() else {
            return Ok(());
        };
        let result = work(db);
        let done = result.as_ref().map(drop).map_err(Clone::clone);
        self.result = Some(result);
        done
    }

    fn done(self: Box<Self>, committed: Result<()>) {
        let result = match (self.result, committed) {
            (Some(Err(own)), _) => Err(own),
            (_, Err(shared)) => Err(shared),
            (Some(done), Ok(())) => done,
            (None, Ok(())) => Err(gone()),
        };
        (self.done)(result);
    }
}

fn gone() -> Error {
    Error::new(code::SYSTEM, "the thread that writes the store has ended")
        .help("nothing that was recorded is lost: `flowvm resume` the run; this is a bug of flowvm")
}

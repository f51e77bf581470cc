//! Workers: their signature, the record of their options, and retry policies.

use flow_bytecode as image;
use flow_bytecode::RetryPolicy;

use super::Generator;
use super::code::{Code, Frame};
use crate::hir::Worker;
use crate::hir::flow::Retry;

/// Delays where `attempts` says nothing: from half a second, doubled, up to half a minute.
const BACKOFF_NANOS: (i64, i64) = (500_000_000, 30_000_000_000);
/// Growth of delays where nothing else is written.
const BACKOFF_FACTOR: f64 = 2.0;

impl<'p> Generator<'p> {
    pub(super) fn workers(&mut self) {
        for worker in &self.program.workers {
            let made = self.worker(worker);
            self.image.workers.push(made);
        }
    }

    pub(super) fn retry(retry: &Retry) -> RetryPolicy {
        let (backoff_min, backoff_max) = retry.backoff.unwrap_or(BACKOFF_NANOS);
        RetryPolicy {
            attempts: retry.attempts.max(1),
            backoff_min,
            backoff_max,
            factor: retry.factor.unwrap_or(BACKOFF_FACTOR),
            on: retry.on.clone(),
        }
    }

    fn worker(&mut self, worker: &'p Worker) -> image::Worker {
        image::Worker {
            name: self.text(&worker.name.text),
            protocol: worker.protocol,
            params: self.params(&worker.params),
            reply: self.ty(worker.reply),
            options: self.options_chunk(worker),
            tags: worker.tags.iter().map(|tag| self.text(&tag.text)).collect(),
            timeout: worker.timeout,
            retry: worker.retry.as_ref().map(Self::retry),
            once: worker.once,
            readonly: worker.readonly,
            doc: self.doc(worker.doc.as_ref()),
        }
    }

    fn options_chunk(&mut self, worker: &'p Worker) -> image::ChunkId {
        let frame = Frame::of(worker.locals.iter().map(|local| local.id));
        let mut code = Code::new(self, &frame);
        code.return_options(&worker.options, worker.name.span);
        let chunk = code.into_chunk(&format!("{}.options", worker.name.text));
        self.add_chunk(chunk)
    }
}

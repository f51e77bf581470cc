//! A run that goes on with another program. Whether it can, the machine says.

use std::sync::Arc;

use flow_machine::{Machine, Program};

use super::{head, open_interrupts};
use crate::clock::now;
use crate::error::{Error, Result, code};
use crate::hex;
use crate::limits::LEASE_NS;
use crate::store::{Commit, Owner, RunRow, Store};

/// Moves a run to another program that gives the same log, and leaves it driven by nobody.
pub fn migrate<S: Store>(mut store: S, row: &RunRow, program: &Arc<Program>, image: &[u8]) -> Result<()> {
    let at = now();
    let epoch = store.acquire(&row.id, &Owner::current(), at)?;
    let moved = (|| {
        let events = store.events(&row.id, 0)?;
        let expected = events.len() as u64;
        let mut machine = Machine::migrate(program.clone(), events, at)
            .map_err(|error| Error::new(code::RUN_REFUSES, error.to_string()))?;
        let out = machine.take();
        let (interrupts, head) = (open_interrupts(&machine), head(&machine));
        store.commit(&Commit {
            run: &row.id,
            epoch,
            expected,
            events: &out.events,
            checkpoints: &out.checkpoints,
            snapshot: None,
            head: &head,
            interrupts: Some(&interrupts),
            letters: &[],
            lease_until: at + LEASE_NS,
            program: Some((&hex::encode(program.hash()), image)),
        })
    })();
    store.release(&row.id, epoch)?;
    moved
}

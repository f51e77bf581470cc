//! `flowvm work`: drives every run of the store that can move, many in one process. A run that only waits for time or
//! for somebody costs a row, no memory; it is taken again when its time has come.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use serde_json::json;
use tokio::sync::{mpsc, watch};
use tokio::task::LocalSet;
use tokio::time::{Instant, sleep};

use flow_machine::{Program, Status};

use super::{Place, load, runtime, stop_signal};
use crate::args::{Common, Work};
use crate::clock::now;
use crate::error::{Error, Result, code};
use crate::host::{Host, Unobserved};
use crate::limits::{BROKEN_REST, FAREWELL_WAIT, RUNS_AT_ONCE, WORK_POLL};
use crate::store::SqliteStore;
use crate::view::{complain, note, out, status_word};
use crate::workers;

/// Programs that are loaded, by hash.
type Programs = Rc<RefCell<BTreeMap<String, Arc<Program>>>>;

/// How a run came back: its id, and its status if it could be driven.
type Back = (String, Result<Status>);

pub(super) fn perform(args: &Work, common: &Common) -> Result<u8> {
    let place = Place::here(common)?;
    let store = if args.until_idle {
        place.open()?
    } else {
        SqliteStore::open_or_create(&place.path, place.durability)?
    };
    let most = args.parallel.unwrap_or(RUNS_AT_ONCE);
    runtime()?.block_on(LocalSet::new().run_until(async {
        let stop = stop_signal()?;
        let worked = Foreman {
            store,
            most,
            active: BTreeSet::new(),
            broken: BTreeMap::new(),
            programs: Programs::default(),
            json: common.json,
        }
        .work(stop, args.until_idle)
        .await;
        workers::farewell::all_said(FAREWELL_WAIT).await;
        worked
    }))
}

struct Foreman {
    store: SqliteStore,
    most: usize,
    active: BTreeSet<String>,
    /// Runs that could not be driven, and when they are tried again (L-42: one does not stop the others).
    broken: BTreeMap<String, Instant>,
    programs: Programs,
    json: bool,
}

impl Foreman {
    async fn work(&mut self, mut stop: watch::Receiver<bool>, until_idle: bool) -> Result<u8> {
        let (sender, mut back) = mpsc::unbounded_channel();
        loop {
            let found = self.take(&sender, &stop)?;
            if until_idle && self.active.is_empty() && found == 0 && self.store.next_due()?.is_none() {
                return Ok(u8::from(!self.broken.is_empty()));
            }
            tokio::select! {
                biased;
                Ok(_) = stop.wait_for(|stop| *stop) => break,
                Some(one) = back.recv() => self.returned(one),
                () = sleep(WORK_POLL) => {}
            }
            while let Ok(one) = back.try_recv() {
                self.returned(one);
            }
        }
        // They hear of the end, too, and give their runs back.
        drop(sender);
        while let Some(one) = back.recv().await {
            self.returned(one);
        }
        Ok(130)
    }

    /// Takes what can move, as far as there is room. How many there were.
    fn take(&mut self, sender: &mpsc::UnboundedSender<Back>, stop: &watch::Receiver<bool>) -> Result<usize> {
        if self.active.len() >= self.most {
            return Ok(self.active.len());
        }
        let moment = Instant::now();
        self.broken.retain(|_, until| *until > moment);
        let mut found = 0;
        for id in self.store.to_move(now(), self.most + self.broken.len())? {
            if self.active.len() >= self.most {
                break;
            }
            if self.broken.contains_key(&id) || !self.active.insert(id.clone()) {
                continue;
            }
            found += 1;
            let (store, programs) = (self.store.another()?, self.programs.clone());
            let (sender, stop) = (sender.clone(), stop.clone());
            tokio::task::spawn_local(async move {
                let result = drive(store, &id, &programs, stop).await;
                // The foreman listens until all are back.
                let _ = sender.send((id, result));
            });
        }
        Ok(found)
    }

    fn returned(&mut self, (id, result): Back) {
        self.active.remove(&id);
        match result {
            Ok(status) if self.json => {
                out(&json!({"run": id, "status": status_word(status)}).to_string());
            }
            Ok(Status::Running) => {}
            Ok(status) => note(&format!("{} {id}", status_word(status))),
            // Another process was faster; that is as good.
            Err(error) if error.code == code::RUN_BUSY || error.code == code::RUN_LOST => {}
            Err(error) => {
                complain(&Error {
                    message: format!("run `{id}`: {}", error.message),
                    ..error
                });
                self.broken.insert(id, Instant::now() + BROKEN_REST);
            }
        }
    }
}

async fn drive(
    store: SqliteStore,
    id: &str,
    programs: &Programs,
    stop: watch::Receiver<bool>,
) -> Result<Status> {
    let cached = |hash: &str, bytes: &[u8]| {
        if let Some(program) = programs.borrow().get(hash) {
            return Ok(program.clone());
        }
        let program = load(hash, bytes)?;
        programs.borrow_mut().insert(hash.to_owned(), program.clone());
        Ok(program)
    };
    let mut host = Host::open(store, id, &cached)?;
    host.let_go();
    let driven = host.drive(&mut Unobserved, stop).await;
    let machine = host.close();
    driven?;
    Ok(machine?.status())
}

//! Workers that were registered in the store, beside those of `flow.toml`. They are kept with the keys of that file, and
//! read like it. What `flow.toml` says of a name holds; what was registered with tags serves beside its pool.

use std::sync::Arc;

use serde_json::{Map, Value as Json};

use super::reader::{Reader, Table};
use super::{Binding, Config, Pool, binding};
use crate::error::{Error, Result, code};

/// A worker that was registered.
#[derive(Clone, Debug, PartialEq)]
pub struct Registered {
    /// What it is called; without tags, the worker of the sources that it serves.
    pub name: String,
    /// The protocol that it speaks; it is needed with tags.
    pub protocol: Option<String>,
    /// What it can do.
    pub tags: Vec<String>,
    /// The keys of `[workers.NAME]`.
    pub binding: Map<String, Json>,
}

impl Registered {
    /// Where it is, and how much it bears.
    pub fn read(&self) -> Result<Binding> {
        let unfit = |error: &dyn std::fmt::Display| {
            Error::new(
                code::CONFIG_VALUE,
                format!("worker `{}` is no binding: {error}", self.name),
            )
        };
        let table = Table::try_from(&self.binding).map_err(|error| unfit(&error))?;
        binding(&mut Reader::new(table, format!("worker `{}`", self.name)), &[])
    }
}

impl Config {
    /// With these workers, too.
    pub fn with(&self, registered: &[Registered]) -> Result<Self> {
        let mut config = self.clone();
        for worker in registered {
            let binding = Arc::new(worker.read()?);
            match &worker.protocol {
                Some(protocol) if !worker.tags.is_empty() => config.pool.push(Pool {
                    name: Some(worker.name.clone()),
                    protocol: protocol.clone(),
                    tags: worker.tags.clone(),
                    binding,
                }),
                _ => drop(config.workers.entry(worker.name.clone()).or_insert(binding)),
            }
        }
        Ok(config)
    }
}

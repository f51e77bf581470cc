//! Runs of small programs on the machine: one file per matter.

mod builder;
mod failing;
mod host;
mod random;
mod scheduling;
mod waiting;

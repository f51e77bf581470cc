//! Runs of small programs on the machine: one file per matter.

mod builder;
mod host;
mod scheduling;

//! The real `flowc`, run as a person runs it. What is asserted is what a user can see: exit codes, output, files.

#![expect(clippy::unwrap_used, reason = "a test that cannot run its command has failed")]

mod examples;
mod harness;
mod hostile;
mod output;

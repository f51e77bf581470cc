//! The real `flowvm`, run as a person runs it: examples, crashes, damage, workers that misbehave. What is asserted
//! is what a user can see: exit codes, output, files.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot run its command has failed"
)]

mod chaos;
mod clauses;
mod clock;
mod control;
mod crash;
mod damage;
mod disk;
mod examples;
mod harness;
mod inner;
mod langgraph;
mod many;
mod order;
mod protocols;
mod testing;
mod travel;
mod workers;

//! What the tests of the whole workspace share: the files of the repository, the fenced blocks of its pages,
//! and the simulation.
//! No test lives here.

pub mod markdown;
pub mod simulation;
pub mod tree;

//! What the tests of the whole workspace share: the files of the repository, and the fenced blocks of its pages.
//! No test lives here.

pub mod markdown;
pub mod tree;

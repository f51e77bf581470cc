//! `flowvm completions` and `flowvm man`: the command line in the words of shells and of `man`.

use std::io::Write;

use crate::args::{Cli, Completions};
use crate::error::{Error, Result, code};

pub(super) fn completions(args: &Completions) -> u8 {
    print(&Cli::completions(args.shell));
    0
}

pub(super) fn man() -> Result<u8> {
    let page = Cli::man()
        .map_err(|error| Error::new(code::SYSTEM, format!("the man page cannot be written: {error}")))?;
    print(&page);
    Ok(0)
}

/// Writes to standard output. A reader that has gone away is no failure.
fn print(bytes: &[u8]) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(bytes).and_then(|()| out.flush());
}

//! `flowc build`: bytecode.

use std::path::PathBuf;

use flow_bytecode::{encode, verify};
use flow_diagnostics::{Diagnostic, codes::environment as codes};

use super::graph::hex;
use super::{Outcome, sound};
use crate::args::{Build, Color};
use crate::files::{self, Trouble};

/// How many digits of the hash are shown.
const SHOWN_DIGITS: usize = 16;

pub(super) fn build(args: &Build, color: Color) -> Result<Outcome, Trouble> {
    let output = output(args)?;
    let Some(checked) = sound(&args.file, color)? else {
        return Ok(Outcome::Failed);
    };
    let Ok(image) = checked.build() else {
        return Ok(Outcome::Failed);
    };
    let bytes = encode(&image);
    let verified = verify(image).map_err(|error| {
        // What comes out of the compiler is sound, or the compiler is not.
        let message = format!("the compiler made bytecode that does not verify: {error}");
        Trouble::World(
            Diagnostic::error(codes::IMAGE_DAMAGED, message)
                .help("this is a fault of flowc; please report it"),
        )
    })?;
    files::write(&output, &bytes)?;
    let hash = hex(verified.hash());
    let name = output.display();
    eprintln!(
        "wrote {name}: {} bytes, program {}",
        bytes.len(),
        &hash[..SHOWN_DIGITS]
    );
    eprintln!("run it with: flowvm run {name}");
    Ok(Outcome::Done)
}

fn output(args: &Build) -> Result<PathBuf, Trouble> {
    match &args.output {
        Some(path) => Ok(path.clone()),
        None if files::is_stdin(&args.file) => Err(Trouble::Usage(
            "say where to write the bytecode: -o OUT.flowb".to_owned(),
        )),
        None => Ok(args.file.with_extension("flowb")),
    }
}

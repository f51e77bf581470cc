//! `flowc disasm`: bytecode as text.

use super::{Outcome, sound};
use crate::args::{Color, Disasm};
use crate::files::{self, Trouble};

pub(super) fn disasm(args: &Disasm, color: Color) -> Result<Outcome, Trouble> {
    let is_bytecode = args
        .file
        .extension()
        .is_some_and(|extension| extension == "flowb");
    if is_bytecode {
        let image = files::image(&args.file)?;
        files::print(&flow_bytecode::disasm(image.image()));
        return Ok(Outcome::Done);
    }
    let Some(checked) = sound(&args.file, color)? else {
        return Ok(Outcome::Failed);
    };
    let Ok(image) = checked.build() else {
        return Ok(Outcome::Failed);
    };
    files::print(&flow_bytecode::disasm(&image));
    Ok(Outcome::Done)
}

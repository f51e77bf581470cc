//! `flowc schema`: JSON Schema of what a file declares. How types become schemas is in `flow_compiler::schema`.

use flow_compiler::schema;

use super::{Outcome, sound};
use crate::args::{Color, Schema};
use crate::files::{self, Trouble};

pub(super) fn schema(args: &Schema, color: Color) -> Result<Outcome, Trouble> {
    let Some(checked) = sound(&args.file, color)? else {
        return Ok(Outcome::Failed);
    };
    let schema = match &args.name {
        None => schema::of_program(&checked.program),
        Some(name) => schema::of_name(&checked.program, name).ok_or_else(|| {
            let known = schema::names(&checked.program).join(", ");
            let known = if known.is_empty() {
                "it declares nothing".to_owned()
            } else {
                format!("there are {known}")
            };
            Trouble::Usage(format!(
                "`{}` has no type, flow or worker `{name}`; {known}",
                args.file.display()
            ))
        })?,
    };
    files::print(&format!("{schema:#}\n"));
    Ok(Outcome::Done)
}

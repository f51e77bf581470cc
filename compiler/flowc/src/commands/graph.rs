//! `flowc graph`: a drawing of a flow.

use flow_bytecode::verify;
use flow_compiler::Checked;
use flow_compiler::graph::{GraphModel, dot, json, mermaid, svg};
use flow_compiler::hir::flow::Flow;

use super::{Outcome, sound};
use crate::args::{Color, Drawing, Graph};
use crate::files::{self, Trouble};

pub(super) fn graph(args: &Graph, color: Color) -> Result<Outcome, Trouble> {
    let Some(checked) = sound(&args.file, color)? else {
        return Ok(Outcome::Failed);
    };
    let flow = chosen(&checked, args.flow.as_deref())?;
    let mut model = GraphModel::new(&checked.program, flow, args.depth);
    model.program = hash(&checked);
    let text = match args.format {
        Drawing::Mermaid => mermaid(&model),
        Drawing::Dot => dot(&model),
        Drawing::Svg => svg(&model),
        Drawing::Json => format!("{:#}\n", json(&model)),
    };
    match &args.output {
        Some(path) if !files::is_stdin(path) => files::write(path, text.as_bytes())?,
        _ => files::print(&text),
    }
    Ok(Outcome::Done)
}

/// The flow of this name, or the first.
fn chosen<'c>(checked: &'c Checked, name: Option<&str>) -> Result<&'c Flow, Trouble> {
    let flows = &checked.program.flows;
    let names = || {
        flows
            .iter()
            .map(|flow| format!("`{}`", flow.name.text))
            .collect::<Vec<_>>()
            .join(", ")
    };
    match name {
        Some(name) => flows
            .iter()
            .find(|flow| flow.name.text == name)
            .ok_or_else(|| Trouble::Usage(format!("there is no flow `{name}`; there are {}", names()))),
        None => flows
            .first()
            .ok_or_else(|| Trouble::Usage("the file has no flow".to_owned())),
    }
}

/// The content hash of the program, as the machine names it.
fn hash(checked: &Checked) -> Option<String> {
    let image = checked.build().ok()?;
    let verified = verify(image).ok()?;
    Some(hex(verified.hash()))
}

/// Bytes as lower-case hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits
        .filter_map(|digit| char::from_digit(u32::from(digit), 16))
        .collect()
}

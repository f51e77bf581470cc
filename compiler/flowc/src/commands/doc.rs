//! `flowc doc`: a reference of what a file offers. What stands in it is the compiler's business (`flow_compiler::doc`).

use flow_compiler::doc::{html, markdown, reference};

use super::{Outcome, sound};
use crate::args::{Color, Doc, Page};
use crate::files::{self, Trouble};

pub(super) fn doc(args: &Doc, color: Color) -> Result<Outcome, Trouble> {
    let Some(checked) = sound(&args.file, color)? else {
        return Ok(Outcome::Failed);
    };
    let name = args
        .file
        .file_name()
        .map_or("-".into(), |name| name.to_string_lossy());
    let reference = reference(&checked, &name);
    let is_html =
        |path: &std::path::PathBuf| path.extension().is_some_and(|end| end == "html" || end == "htm");
    let page = match args.format {
        Some(page) => page,
        None if args.output.as_ref().is_some_and(is_html) => Page::Html,
        None => Page::Markdown,
    };
    let text = match page {
        Page::Markdown => markdown(&reference),
        Page::Html => html(&reference),
    };
    match &args.output {
        Some(path) if !files::is_stdin(path) => files::write(path, text.as_bytes())?,
        _ => files::print(&text),
    }
    Ok(Outcome::Done)
}

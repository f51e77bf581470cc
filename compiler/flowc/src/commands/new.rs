//! `flowc new`: a project that checks, tests and runs as it is. The files are in `templates`.

use std::path::Path;

use super::Outcome;
use crate::args::New;
use crate::files::{self, Trouble};

/// What a project begins with: names, and texts in which `NAME` stands for that of the folder. `flow.toml` is
/// written last: where it stands, the project is whole.
const FILES: &[(&str, &str)] = &[
    ("main.flow", include_str!("../../templates/hello/main.flow")),
    ("README.md", include_str!("../../templates/hello/README.md")),
    (".gitignore", "/.flow\n*.flowb\n"),
    ("flow.toml", include_str!("../../templates/hello/flow.toml")),
];

pub(super) fn new(args: &New) -> Result<Outcome, Trouble> {
    let folder = &args.folder;
    if folder.join("flow.toml").exists() {
        eprintln!("{} is a project already; nothing was changed", folder.display());
        return Ok(Outcome::Done);
    }
    if let Some((name, _)) = FILES.iter().find(|(name, _)| folder.join(name).exists()) {
        let message = format!(
            "{} has a file {name} already; choose another folder",
            folder.display()
        );
        return Err(Trouble::Usage(message));
    }
    files::create_folder(folder)?;
    for (name, text) in FILES {
        files::write(
            &folder.join(name),
            text.replace("NAME", &name_of(folder)).as_bytes(),
        )?;
    }
    let at = folder.display();
    eprintln!("created {at}: flow.toml, main.flow and a README");
    eprintln!("try: flowc check {at}/main.flow");
    eprintln!("     flowvm run {at}/main.flow --input '{{\"names\": [\"Ada\"]}}'");
    Ok(Outcome::Done)
}

/// The name of the folder, as far as it can stand in a TOML string.
fn name_of(folder: &Path) -> String {
    let absolute = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    let name = absolute
        .file_name()
        .map_or_else(|| "flow".to_owned(), |name| name.to_string_lossy().into_owned());
    name.chars()
        .map(|c| {
            if c.is_control() || matches!(c, '"' | '\\') {
                '-'
            } else {
                c
            }
        })
        .collect()
}

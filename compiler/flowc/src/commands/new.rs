//! `flowc new`: a project that checks, tests and runs as it is. The files are in `templates`.

use std::path::Path;

use super::Outcome;
use crate::args::New;
use crate::files::{self, Trouble};

/// Something to begin with. Texts say `NAME` for the name of the folder.
struct Template {
    name: &'static str,
    about: &'static str,
    flow: &'static str,
    /// An input to try it with.
    input: &'static str,
}

macro_rules! templates {
    ($($name:literal, $about:literal, $input:literal;)*) => {
        &[$(Template {
            name: $name,
            about: $about,
            flow: include_str!(concat!("../../templates/", $name, "/main.flow")),
            input: $input,
        }),*]
    };
}

const TEMPLATES: &[Template] = templates! {
    "hello", "a loop over a list; needs no worker", r#"{"names": ["Ada"]}"#;
    "agent", "a model that calls tools, one of which asks first (ReAct)", r#"{"wish": "A flight to Lisbon"}"#;
    "approval", "a draft that a person approves, sends back or drops", r#"{"request": "A greeting"}"#;
    "fan-out", "many calls at once, gathered and ranked", r#"{"documents": ["one", "two"]}"#;
    "pipeline", "fetch, check, publish; undone when it fails (saga)", r#"{"day": "2026-05-01"}"#;
    "poller", "asks again and again until a job is done", r#"{"job": "7"}"#;
};

/// What all projects have beside their flow.
const README: &str = include_str!("../../templates/README.md");
const PROJECT: &str = include_str!("../../templates/flow.toml");
const IGNORED: &str = "/.flow\n*.flowb\n";

pub(super) fn new(args: &New) -> Result<Outcome, Trouble> {
    if args.list {
        for template in TEMPLATES {
            files::print(&format!("{:9} {}\n", template.name, template.about));
        }
        return Ok(Outcome::Done);
    }
    let Some(folder) = &args.folder else {
        return Err(Trouble::Usage("name the folder".to_owned()));
    };
    let template = chosen(&args.template)?;
    if folder.join("flow.toml").exists() && !args.force {
        eprintln!(
            "{} is a project already; nothing was changed (--force replaces its files)",
            folder.display()
        );
        return Ok(Outcome::Done);
    }
    let files = files_of(template, folder);
    if !args.force {
        refuse_others(folder, &files)?;
    }
    files::create_folder(folder)?;
    for (name, text) in &files {
        files::write(&folder.join(name), text.as_bytes())?;
    }
    let at = folder.display();
    eprintln!("created {at}: flow.toml, main.flow and a README");
    eprintln!("try: flowc check {at}/main.flow");
    eprintln!("     flowvm test {at}/main.flow");
    eprintln!(
        "     flowvm run {at}/main.flow --mode synthetic --input '{}'",
        template.input
    );
    Ok(Outcome::Done)
}

fn chosen(name: &str) -> Result<&'static Template, Trouble> {
    TEMPLATES
        .iter()
        .find(|template| template.name == name)
        .ok_or_else(|| {
            let known: Vec<_> = TEMPLATES.iter().map(|template| template.name).collect();
            Trouble::Usage(format!(
                "there is no template `{name}`; there are {}",
                known.join(", ")
            ))
        })
}

/// The files of a project. `flow.toml` is written last: where it stands, the project is whole.
fn files_of(template: &Template, folder: &Path) -> [(&'static str, String); 4] {
    let filled = |text: &str| {
        text.replace("NAME", &name_of(folder))
            .replace("ABOUT", template.about)
            .replace("INPUT", template.input)
    };
    [
        ("main.flow", template.flow.to_owned()),
        ("README.md", filled(README)),
        (".gitignore", IGNORED.to_owned()),
        ("flow.toml", filled(PROJECT)),
    ]
}

/// Files that are there and are not ours are left alone; those that are, were left by a run that was cut short.
fn refuse_others(folder: &Path, files: &[(&str, String)]) -> Result<(), Trouble> {
    for (name, text) in files {
        let path = folder.join(name);
        if path.exists() && std::fs::read(&path).ok().as_deref() != Some(text.as_bytes()) {
            let message = format!(
                "{} is there already; choose another folder, or say --force to replace it",
                path.display()
            );
            return Err(Trouble::Usage(message));
        }
    }
    Ok(())
}

/// The name of the folder, as far as it can stand in a TOML string.
fn name_of(folder: &Path) -> String {
    let absolute = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    let name = absolute
        .file_name()
        .map_or_else(|| "flow".to_owned(), |name| name.to_string_lossy().into_owned());
    let shown = |c: char| {
        if c.is_control() || matches!(c, '"' | '\\') {
            '-'
        } else {
            c
        }
    };
    name.chars().map(shown).collect()
}

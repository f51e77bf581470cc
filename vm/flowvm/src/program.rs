//! Programs: from a file on disk or from the store to something that the machine can run.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use flow_bytecode::{Flow, VerifiedImage, decode, encode, verify};
use flow_machine::Program;

use crate::config::Config;
use crate::error::{Error, Result, code};

/// A program that was loaded from a file.
pub struct Loaded {
    /// Ready to run.
    pub program: Arc<Program>,
    /// Its bytes, for the store.
    pub image: Vec<u8>,
    /// The project that it belongs to.
    pub config: Config,
}

/// Loads source or bytecode. A folder stands for the entry that its `flow.toml` names.
pub fn load(path: &Path) -> Result<Loaded> {
    let config = Config::find(folder_of(path))?;
    let path = entry(path, &config)?;
    let verified = if path.extension().is_some_and(|extension| extension == "flowb") {
        let bytes = std::fs::read(&path).map_err(|error| unreadable(&path, &error))?;
        from_bytes(&bytes, &format!("`{}`", path.display()))?
    } else {
        crate::compile::compile(&path)?
    };
    let image = encode(verified.image());
    Ok(Loaded {
        program: Arc::new(Program::new(verified)),
        image,
        config,
    })
}

/// Decodes and verifies bytecode; `name` says in messages what it is.
pub fn from_bytes(bytes: &[u8], name: &str) -> Result<VerifiedImage> {
    let damaged = |what: String| {
        Error::new(
            code::IMAGE_DAMAGED,
            format!("{name} is not a program that can run: {what}"),
        )
        .help("build it again: flowc build FILE -o OUT.flowb")
    };
    let image = decode(bytes).map_err(|error| damaged(error.to_string()))?;
    verify(image).map_err(|error| damaged(error.to_string()))
}

/// The flow with this name; without a name, the first.
pub fn flow<'a>(program: &'a Program, name: Option<&str>) -> Result<&'a Flow> {
    let image = program.image();
    let found = match name {
        None => image.flows.first(),
        Some(name) => image.flows.iter().find(|flow| image.str(flow.name) == name),
    };
    found.ok_or_else(|| {
        let names: Vec<&str> = image.flows.iter().map(|flow| image.str(flow.name)).collect();
        let message = match name {
            Some(name) => format!("the program has no flow `{name}`"),
            None => "the program has no flow".to_owned(),
        };
        let error = Error::new(code::NOT_OFFERED, message);
        if names.is_empty() {
            error
        } else {
            error.help(format!("it has: {}", names.join(", ")))
        }
    })
}

/// An error for a file that cannot be read.
pub fn unreadable(path: &Path, error: &std::io::Error) -> Error {
    Error::new(
        code::FILE_UNREADABLE,
        format!("cannot read `{}`: {error}", path.display()),
    )
    .help("check the path, which counts from the working directory, and its permissions")
}

fn folder_of(path: &Path) -> &Path {
    if path.is_dir() {
        path
    } else {
        path.parent()
            .filter(|folder| !folder.as_os_str().is_empty())
            .unwrap_or(Path::new("."))
    }
}

/// The file that is meant: of a folder, the entry that its `flow.toml` names.
pub(crate) fn entry(path: &Path, config: &Config) -> Result<PathBuf> {
    if !path.is_dir() {
        return Ok(path.to_owned());
    }
    config
        .entry
        .as_ref()
        .filter(|_| config.found)
        .map(|entry| config.root.join(entry))
        .ok_or_else(|| {
            let message = format!(
                "`{}` is a folder, and no flow.toml there names an entry",
                path.display()
            );
            Error::new(code::FILE_UNREADABLE, message)
                .help("name a file, or write `[project] entry = \"main.flow\"`")
        })
}

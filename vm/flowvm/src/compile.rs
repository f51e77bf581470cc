//! Source to image, so that `flowvm run x.flow` just works. What is wrong with the source is found by the
//! compiler; this file hands files in and prints what was found.

use std::path::Path;

use flow_bytecode::{VerifiedImage, verify};
use flow_compiler::{LoadError, check, decode};
use flow_diagnostics::Diagnostic;
use flow_diagnostics::render::{Human, HumanOptions};

use crate::error::{Error, Result, code};
use crate::program::unreadable;
use crate::view::note;

/// Compiles the project whose entry is this file. Errors of the source are printed.
pub fn compile(path: &Path) -> Result<VerifiedImage> {
    std::fs::metadata(path).map_err(|error| unreadable(path, &error))?;
    let checked = check(&read, &path.to_string_lossy());
    let image = checked.build().map_err(|found| {
        let errors: Vec<Diagnostic> = found.iter().filter(|one| one.is_error()).cloned().collect();
        // Colours are taken out again where they are not wanted.
        let options = HumanOptions {
            color: true,
            ..HumanOptions::default()
        };
        note(
            Human::new(&checked.sources, options)
                .print_all(&errors)
                .trim_end(),
        );
        let message = format!(
            "`{}` has {}: nothing was run",
            path.display(),
            count(errors.len())
        );
        note(&message);
        Error {
            said: true,
            ..Error::new(code::NOT_OFFERED, message)
        }
    })?;
    verify(image).map_err(|error| {
        Error::new(
            code::IMAGE_DAMAGED,
            format!("`{}` was compiled to what cannot run: {error}", path.display()),
        )
        .help("this is a bug of the compiler")
    })
}

/// The files that an entry imports, as seen from its folder.
pub(crate) fn modules(path: &Path) -> Result<Vec<String>> {
    std::fs::metadata(path).map_err(|error| unreadable(path, &error))?;
    let checked = check(&read, &path.to_string_lossy());
    let home = path.parent().unwrap_or(Path::new(""));
    let files = checked
        .sources
        .files()
        .skip(1)
        .map(|(_, file)| Path::new(&file.path));
    let files = files.filter(|file| file.extension().is_some_and(|extension| extension == "flow"));
    Ok(files
        .map(|file| file.strip_prefix(home).unwrap_or(file).display().to_string())
        .collect())
}

fn read(path: &str) -> std::result::Result<String, LoadError> {
    let bytes = std::fs::read(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => LoadError::NotFound,
        _ => LoadError::Other(error.to_string()),
    })?;
    decode(bytes).map_err(LoadError::NotText)
}

fn count(errors: usize) -> String {
    match errors {
        1 => "1 error".to_owned(),
        more => format!("{more} errors"),
    }
}

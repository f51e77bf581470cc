//! Files: sources from a disk or standard input, the entry that `flow.toml` names, and output. What
//! texts mean is the compiler's business.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use flow_bytecode::{VerifiedImage, decode, verify};
use flow_compiler::{Checked, LoadError, Loader, check, check_text, decode as decode_text};
use flow_diagnostics::{Diagnostic, codes::environment as codes};

/// How standard input is called in diagnostics.
const STDIN: &str = "<stdin>";
/// The project file.
const PROJECT: &str = "flow.toml";
/// The largest source or image that is read, in bytes.
const MOST_BYTES: u64 = 256 << 20;

/// Something around the program is wrong.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The world: a file, the configuration.
    World(Diagnostic),
    /// The way the command was called.
    Usage(String),
}

/// Reads what the compiler asks for from the disk.
pub(crate) struct Disk;

impl Loader for Disk {
    fn load(&self, path: &str) -> Result<String, LoadError> {
        let bytes = read(Path::new(path))?;
        decode_text(bytes).map_err(LoadError::NotText)
    }
}

/// Checks the program whose entry is this file, or standard input.
pub(crate) fn checked(path: &Path) -> Result<Checked, Trouble> {
    if is_stdin(path) {
        let (name, text) = text(path)?;
        return Ok(check_text(&Disk, &name, &text));
    }
    let name = name_of(path)?;
    match Disk.load(name) {
        // What is no text is shown by the compiler, at its place.
        Ok(_) | Err(LoadError::NotText(_)) => Ok(check(&Disk, name)),
        Err(why) => Err(unreadable(name, &why.to_string())),
    }
}

/// The text of a source file, or of standard input, and how it is called.
pub(crate) fn text(path: &Path) -> Result<(String, String), Trouble> {
    if is_stdin(path) {
        let mut bytes = Vec::new();
        let read = std::io::stdin().lock().take(MOST_BYTES).read_to_end(&mut bytes);
        read.map_err(|error| unreadable(STDIN, &error.to_string()))?;
        let text =
            decode_text(bytes).map_err(|wrong| unreadable(STDIN, &LoadError::NotText(wrong).to_string()))?;
        return Ok((STDIN.to_owned(), text));
    }
    let name = name_of(path)?;
    let text = Disk
        .load(name)
        .map_err(|why| unreadable(name, &why.to_string()))?;
    Ok((name.to_owned(), text))
}

/// The path as text, as diagnostics and the compiler need it.
fn name_of(path: &Path) -> Result<&str, Trouble> {
    path.to_str()
        .ok_or_else(|| unreadable(&path.to_string_lossy(), "its path is not UTF-8"))
}

/// Reads bytecode, which must be sound.
pub(crate) fn image(path: &Path) -> Result<VerifiedImage, Trouble> {
    let name = path.display().to_string();
    let bytes = read(path).map_err(|why| unreadable(&name, &why.to_string()))?;
    let damaged = |why: String| {
        let message = format!("`{name}` is no bytecode that can be used: {why}");
        let help = "build it again with `flowc build`";
        Trouble::World(Diagnostic::error(codes::IMAGE_DAMAGED, message).help(help))
    };
    let image = decode(&bytes).map_err(|error| damaged(error.to_string()))?;
    verify(image).map_err(|error| damaged(error.to_string()))
}

/// The files to check where none were named: the entry of the project around the working directory.
pub(crate) fn project_entry() -> Result<PathBuf, Trouble> {
    let here = std::env::current_dir().map_err(|error| unreadable(".", &error.to_string()))?;
    let Some(folder) = here.ancestors().find(|folder| folder.join(PROJECT).is_file()) else {
        let message = format!("no file was named, and there is no {PROJECT} here or above");
        return Err(Trouble::Usage(message));
    };
    entry_of(folder, &here)
}

/// The folder of the project around the working directory; where there is none, the working directory.
pub(crate) fn project_folder() -> Result<PathBuf, Trouble> {
    let here = std::env::current_dir().map_err(|error| unreadable(".", &error.to_string()))?;
    let folder = here.ancestors().find(|folder| folder.join(PROJECT).is_file());
    Ok(match folder {
        Some(folder) if folder != here => folder.to_owned(),
        _ => PathBuf::from("."),
    })
}

/// The `.flow` files below a folder, by path. Hidden folders and what builds leave behind are passed over, and so
/// are links to folders, which could lead in circles.
pub(crate) fn sources_below(folder: &Path) -> Result<Vec<PathBuf>, Trouble> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let failed = |error: std::io::Error| unreadable(&folder.display().to_string(), &error.to_string());
        for entry in std::fs::read_dir(&folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let path = entry.path();
            let name = entry.file_name();
            let hidden = name.as_encoded_bytes().starts_with(b".");
            if entry.file_type().map_err(failed)?.is_dir() {
                if !hidden && name != "target" && name != "node_modules" {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|extension| extension == "flow") && path.is_file() {
                found.push(path.strip_prefix(".").unwrap_or(&path).to_owned());
            }
        }
    }
    found.sort();
    Ok(found)
}

/// The entry of the project in this folder.
fn entry_of(folder: &Path, here: &Path) -> Result<PathBuf, Trouble> {
    let path = folder.join(PROJECT);
    let name = shown(&path, here);
    let wrong = |why: &str| {
        let message = format!("`{}`: {why}", name.display());
        let help = "name the file to begin with: `entry = \"main.flow\"` under `[project]`";
        Trouble::World(Diagnostic::error(codes::CONFIG_UNREADABLE, message).help(help))
    };
    let bytes = read(&path).map_err(|why| wrong(&why.to_string()))?;
    let text = String::from_utf8(bytes).map_err(|_| wrong("it is not UTF-8 text"))?;
    let table: toml::Table = text
        .parse()
        .map_err(|error: toml::de::Error| wrong(error.message()))?;
    let entry = table
        .get("project")
        .and_then(|project| project.get("entry"))
        .and_then(toml::Value::as_str);
    let entry = entry.ok_or_else(|| wrong("it names no entry"))?;
    Ok(shown(&folder.join(entry), here))
}

/// Whether the path stands for standard input.
pub(crate) fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Writes a file whole, or not at all.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), Trouble> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}.tmp", std::process::id()));
    let beside = PathBuf::from(beside);
    let written = std::fs::write(&beside, bytes).and_then(|()| std::fs::rename(&beside, path));
    written.map_err(|error| {
        // The half-written file is of no use to anybody; if it cannot go, it stays.
        let _ = std::fs::remove_file(&beside);
        let message = format!("`{}` cannot be written: {error}", path.display());
        Trouble::World(Diagnostic::error(codes::SYSTEM, message))
    })
}

/// Makes a folder, and those around it.
pub(crate) fn create_folder(path: &Path) -> Result<(), Trouble> {
    std::fs::create_dir_all(path).map_err(|error| {
        let message = format!("the folder `{}` cannot be made: {error}", path.display());
        Trouble::World(Diagnostic::error(codes::SYSTEM, message))
    })
}

/// Writes a file that is there already whole, or not at all. It keeps its permissions, and a link stays a link.
pub(crate) fn rewrite(path: &Path, bytes: &[u8]) -> Result<(), Trouble> {
    let failed = |why: &str| {
        let message = format!("`{}` cannot be written: {why}", path.display());
        Trouble::World(Diagnostic::error(codes::SYSTEM, message))
    };
    let target = path.canonicalize().map_err(|error| failed(&error.to_string()))?;
    let meta = std::fs::metadata(&target).map_err(|error| failed(&error.to_string()))?;
    if meta.permissions().readonly() {
        return Err(failed("it is read-only"));
    }
    write(&target, bytes)?;
    std::fs::set_permissions(&target, meta.permissions()).map_err(|error| failed(&error.to_string()))
}

/// Writes to standard output. A reader that has gone away is no failure.
pub(crate) fn print(text: &str) {
    print_bytes(text.as_bytes());
}

/// Writes to standard output, as [`print`] does.
pub(crate) fn print_bytes(bytes: &[u8]) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(bytes).and_then(|()| out.flush());
}

fn read(path: &Path) -> Result<Vec<u8>, LoadError> {
    let other = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => LoadError::NotFound,
        _ => LoadError::Other(error.to_string()),
    };
    let meta = std::fs::metadata(path).map_err(other)?;
    if meta.is_dir() {
        return Err(LoadError::Other("it is a folder".to_owned()));
    }
    if meta.len() > MOST_BYTES {
        return Err(LoadError::Other(format!(
            "it is larger than {} MiB",
            MOST_BYTES >> 20
        )));
    }
    std::fs::read(path).map_err(other)
}

fn unreadable(name: &str, why: &str) -> Trouble {
    Trouble::World(Diagnostic::error(
        codes::FILE_UNREADABLE,
        format!("`{name}` cannot be read: {why}"),
    ))
}

/// The path as people here would write it.
fn shown(path: &Path, here: &Path) -> PathBuf {
    path.strip_prefix(here)
        .map_or_else(|_| path.to_owned(), Path::to_owned)
}

//! The files of the repository, found and not listed.

use std::fs;
use std::path::{Path, PathBuf};

/// A file of the repository.
#[derive(Clone, Debug)]
pub struct File {
    /// Its path from the root, with `/` between the parts.
    pub path: String,
    /// Where it is.
    pub full: PathBuf,
}

impl File {
    /// Its text; bytes that are no text are replaced.
    ///
    /// # Panics
    ///
    /// If it cannot be read.
    pub fn text(&self) -> String {
        match fs::read(&self.full) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) => panic!("{}: {error}", self.path),
        }
    }

    /// The name without its folder.
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }
}

/// The folder of the workspace.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// All files whose names end in one of these, in order; what is built or downloaded is left out.
pub fn files(endings: &[&str]) -> Vec<File> {
    let mut found = Vec::new();
    walk(&root(), "", &mut found);
    found.retain(|file| endings.iter().any(|ending| file.path.ends_with(ending)));
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

/// Folders that hold nothing written by hand.
const SKIPPED: &[&str] = &["target", ".git", ".flow", "corpus", "artifacts"];

fn walk(folder: &Path, prefix: &str, found: &mut Vec<File>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if prefix.is_empty() {
            name.clone()
        } else {
            format!("{prefix}/{name}")
        };
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && !SKIPPED.contains(&name.as_str()) => {
                walk(&entry.path(), &path, found);
            }
            Ok(kind) if kind.is_file() => found.push(File {
                path,
                full: entry.path(),
            }),
            _ => {}
        }
    }
}

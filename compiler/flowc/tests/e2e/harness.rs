//! Runs the binary in a folder of its own, and reads what it prints.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A folder with sources in it.
pub(crate) struct Desk {
    folder: TempDir,
}

/// What a command came to.
pub(crate) struct Ran {
    /// The exit code; none if a signal ended it.
    pub(crate) code: Option<i32>,
    /// Standard output.
    pub(crate) stdout: String,
    /// Standard error.
    pub(crate) stderr: String,
}

impl Desk {
    /// A folder with this as `main.flow`.
    pub(crate) fn with(text: impl AsRef<[u8]>) -> Self {
        let desk = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        desk.write("main.flow", text);
        desk
    }

    /// Writes a file.
    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::write(self.path(name), text).unwrap();
    }

    /// Where a file is.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs `flowc` in the folder.
    pub(crate) fn flowc(&self, arguments: &[&str]) -> Ran {
        flowc_in(self.folder.path(), arguments)
    }

    /// The codes that `flowc check --format json` gives for `main.flow`, in order, and the exit code.
    #[track_caller]
    pub(crate) fn codes(&self) -> (Vec<String>, i32) {
        let ran = self.flowc(&["check", "main.flow", "--format", "json"]);
        assert!(!ran.stderr.contains("panicked at"), "a panic: {ran}");
        let codes = ran
            .json_lines()
            .iter()
            .map(|d| d["code"].as_str().unwrap().to_string())
            .collect();
        (
            codes,
            ran.code.unwrap_or_else(|| panic!("ended by a signal: {ran}")),
        )
    }
}

impl Ran {
    /// Fails unless the command ended with this code, without a panic.
    #[track_caller]
    pub(crate) fn expect(&self, code: i32) -> &Self {
        assert!(!self.stderr.contains("panicked at"), "a panic: {self}");
        assert_eq!(self.code, Some(code), "{self}");
        self
    }

    /// Every line of standard output, as JSON.
    #[track_caller]
    pub(crate) fn json_lines(&self) -> Vec<Value> {
        self.stdout
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {self}")))
            .collect()
    }
}

impl std::fmt::Display for Ran {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "code {:?}\n--- stdout\n{}\n--- stderr\n{}",
            self.code, self.stdout, self.stderr
        )
    }
}

/// Runs `flowc` in a folder.
pub(crate) fn flowc_in(folder: &Path, arguments: &[&str]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flowc"));
    command
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .env("NO_COLOR", "1");
    let output = command.output().unwrap();
    Ran {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// The folder of the workspace.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .unwrap()
        .to_path_buf()
}

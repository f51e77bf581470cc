//! Runs the binary in a folder of its own, and reads what it prints.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Mutex;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// A library of `tests/faults` that is loaded before the system's own, built once for a process; none where there is no
/// C compiler (the store itself could not have been built there).
pub(crate) fn shim(name: &str) -> Option<PathBuf> {
    static BUILT: Mutex<BTreeMap<String, Option<PathBuf>>> = Mutex::new(BTreeMap::new());
    let mut built = BUILT.lock().unwrap();
    let found = built.entry(name.to_owned()).or_insert_with(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let target = folder.join(format!("{name}-{}.so", std::process::id()));
        let done = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .arg(&target)
            .arg(repository().join(format!("vm/flowvm/tests/faults/{name}.c")))
            .arg("-ldl")
            .status();
        done.is_ok_and(|status| status.success()).then_some(target)
    });
    found.clone()
}

/// A folder with a flow in it, and a store beside it.
pub(crate) struct Bench {
    /// Where it is; gone when this is dropped.
    pub(crate) folder: TempDir,
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

impl Bench {
    /// An empty folder.
    pub(crate) fn empty() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// A folder with this text as `main.flow`.
    pub(crate) fn with(flow: &str) -> Self {
        let bench = Self::empty();
        bench.write("main.flow", flow);
        bench
    }

    /// A copy of a folder of the repository.
    pub(crate) fn copy_of(folder: &str) -> Self {
        let bench = Self::empty();
        copy(&repository().join(folder), bench.folder.path());
        bench
    }

    /// Where a file of the folder is.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file.
    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::write(self.path(name), text).unwrap();
    }

    /// Reads a file; nothing where there is none.
    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// Runs `flowvm` in the folder to its end.
    pub(crate) fn flowvm(&self, arguments: &[&str]) -> Ran {
        Ran::new(&self.command(arguments).output().unwrap())
    }

    /// Starts `flowvm` in the folder.
    pub(crate) fn start(&self, arguments: &[&str]) -> Child {
        self.command(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    /// Waits until the log of a run says something.
    pub(crate) fn wait_for_event(&self, run: &str, what: &str) {
        until(what, || self.flowvm(&["events", run]).stdout.contains(what));
    }

    /// `flowvm run … --json`: its last line.
    pub(crate) fn run_json(&self, arguments: &[&str]) -> Value {
        let ran = self.flowvm(&[&["run"], arguments, &["--json"]].concat());
        ran.json()
    }

    /// The command, to be changed before it runs.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .stdin(Stdio::null());
        command.env_remove("FLOW_STORE").env("NO_COLOR", "1");
        command
    }
}

impl Ran {
    /// What a command came to.
    pub(crate) fn new(output: &Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// The last line of standard output, as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        let line = self.stdout.lines().last().unwrap_or_default();
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {self}"))
    }

    /// Every line of standard output, as JSON.
    #[track_caller]
    pub(crate) fn json_lines(&self) -> Vec<Value> {
        self.stdout
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {self}")))
            .collect()
    }

    /// Fails unless the command ended with this code, without a panic.
    #[track_caller]
    pub(crate) fn expect(&self, code: i32) -> &Self {
        assert!(!self.stderr.contains("panicked at"), "a panic: {self}");
        assert_eq!(self.code, Some(code), "{self}");
        self
    }

    /// Fails unless standard error names this.
    #[track_caller]
    pub(crate) fn says(&self, text: &str) -> &Self {
        assert!(self.stderr.contains(text), "nothing about {text:?}: {self}");
        self
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

/// Waits for something that must come within a minute.
pub(crate) fn until(what: &str, holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_mins(1), "never: {what}");
        sleep(Duration::from_millis(10));
    }
}

/// The largest number behind a name in `/proc/PID/status` while the process runs: `VmHWM:` (KiB), `Threads:`.
pub(crate) fn most_of(name: &str, status: &str) -> u64 {
    let mut most = 0;
    while let Ok(text) = fs::read_to_string(status) {
        let Some(said) = text.lines().find_map(|line| line.strip_prefix(name)) else {
            break;
        };
        let number = said.split_whitespace().next().unwrap_or_default();
        most = most.max(number.parse().unwrap_or(0));
        sleep(Duration::from_millis(5));
    }
    most
}

/// The binary under test: `FLOWVM_BIN`, else the one that was built with this test.
pub(crate) fn binary() -> PathBuf {
    match std::env::var_os("FLOWVM_BIN") {
        Some(path) => repository().join(path),
        None => PathBuf::from(env!("CARGO_BIN_EXE_flowvm")),
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

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_name() == ".flow" {
            continue;
        }
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Numbers that look random and are the same for the same seed.
pub(crate) struct Dice(u64);

impl Dice {
    /// From a seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

//! Who drives a run: a process on a host, told apart from later ones with the same number. Leases
//! themselves live in the store.

use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

/// A process that may hold a lease.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// Its number on its host.
    pub pid: u32,
    /// When it was started, in the kernel's ticks; tells it from a later process of the same number.
    pub start: u64,
    /// This boot of this machine and this process namespace.
    pub host: String,
    /// The machine's name, for people.
    pub name: String,
}

impl Owner {
    /// The process that asks.
    pub fn current() -> Self {
        let pid = std::process::id();
        Self {
            pid,
            start: start_of(pid).unwrap_or(0),
            host: host(),
            name: name(),
        }
    }

    /// Whether the process is known to have ended. In doubt, and for other hosts, it has not.
    pub fn is_dead(&self) -> bool {
        if self.host != host() || self.host.is_empty() {
            return false;
        }
        let gone = kill(Pid::from_raw(self.pid as i32), None) == Err(Errno::ESRCH);
        gone || start_of(self.pid).is_some_and(|start| start != self.start)
    }
}

/// Boot and process namespace. Empty where the kernel does not say, and then nobody counts as dead.
fn host() -> String {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let space = std::fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    match boot.trim() {
        "" => String::new(),
        boot => format!("{boot} {}", space.display()),
    }
}

fn name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match name.trim() {
        "" => "this host".to_owned(),
        name => name.to_owned(),
    }
}

/// Field 22 of `/proc/PID/stat`; the command in field 2 may itself contain blanks and brackets.
fn start_of(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_lives() {
        assert!(!Owner::current().is_dead());
    }

    #[test]
    fn a_number_that_was_used_again_is_another_process() {
        let mut owner = Owner::current();
        owner.start += 1;
        assert!(owner.is_dead());
    }

    #[test]
    fn a_process_of_another_host_is_never_known_to_be_dead() {
        let owner = Owner {
            pid: 4_000_000,
            host: "elsewhere".into(),
            ..Owner::current()
        };
        assert!(!owner.is_dead());
    }
}

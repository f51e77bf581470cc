//! A bar of what is done, on a terminal only.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar, or nothing where nobody would see it.
pub(crate) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// A bar of so many parts.
    pub(crate) fn new(parts: usize) -> Self {
        let bar = ProgressBar::new(parts as u64);
        if std::io::stderr().is_terminal() && parts > 1 {
            if let Ok(style) = ProgressStyle::with_template("  {bar:30} {pos}/{len}  {msg}") {
                bar.set_style(style);
            }
        } else {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        Self { bar }
    }

    /// One more part is done.
    pub(crate) fn step(&self, name: &str) {
        self.bar.set_message(name.to_owned());
        self.bar.inc(1);
    }

    /// Writes lines above the bar.
    pub(crate) fn say(&self, write: impl FnOnce()) {
        self.bar.suspend(write);
    }

    /// Takes the bar away.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

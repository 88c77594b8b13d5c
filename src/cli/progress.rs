//! Progress of long work: a bar on a terminal, plain lines otherwise.

use std::io::IsTerminal;

use indicatif::ProgressBar;
use indicatif::ProgressStyle;

/// Progress of one piece of work over a known number of steps.
pub(super) struct Progress {
    bar: Option<ProgressBar>,
    label: String,
}

impl Progress {
    /// Begins; `label` is what is worked on.
    pub(super) fn begin(label: &str, steps: u64) -> Progress {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(steps);
            if let Ok(style) = ProgressStyle::with_template("{msg:40} {bar:30} {pos}/{len} {elapsed}") {
                bar.set_style(style);
            }
            bar.set_message(label.to_owned());
            bar
        });
        Progress { bar, label: label.to_owned() }
    }

    /// Moves to a step.
    pub(super) fn at(&self, step: u64) {
        if let Some(bar) = &self.bar {
            bar.set_position(step);
        }
    }

    /// Names what is being done now.
    pub(super) fn doing(&self, what: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(format!("{} {what}", self.label));
        }
    }

    /// Ends with one line that stays.
    pub(super) fn end(self, outcome: &str) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
        eprintln!("{}: {outcome}", self.label);
    }
}

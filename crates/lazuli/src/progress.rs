//! Progress bars on standard error; plain lines when it is no terminal.

use std::sync::Mutex;

use host_tools::{Progress, Stopwatch};
use indicatif::{ProgressBar, ProgressStyle};

use crate::output;

/// One bar at a time, on a terminal; one line a finished stage elsewhere; nothing when asked to be quiet.
pub struct Bars {
    quiet: bool,
    current: Mutex<Option<Stage>>,
}

struct Stage {
    name: String,
    bar: ProgressBar,
    stopwatch: Stopwatch,
}

impl Bars {
    /// Bars, or silence.
    pub fn new(quiet: bool) -> Self {
        Bars { quiet, current: Mutex::new(None) }
    }

    fn with_stage(&self, act: impl FnOnce(&mut Option<Stage>)) {
        // A thread that panicked while holding the lock leaves a bar that is still good to draw.
        act(&mut self.current.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
    }
}

impl Progress for Bars {
    fn begin(&self, stage: &str, total: Option<u64>) {
        if self.quiet {
            return;
        }
        self.with_stage(|current| {
            let bar = match total {
                Some(total) => ProgressBar::new(total)
                    .with_style(style("{prefix:>12} [{bar:30}] {human_pos}/{human_len} {wide_msg}")),
                None => ProgressBar::new_spinner().with_style(style("{prefix:>12} {spinner} {wide_msg}")),
            };
            bar.set_prefix(stage.to_owned());
            *current = Some(Stage { name: stage.to_owned(), bar, stopwatch: Stopwatch::start() });
        });
    }

    fn advance(&self, steps: u64, what: &str) {
        self.with_stage(|current| {
            if let Some(stage) = current {
                stage.bar.inc(steps);
                stage.bar.set_message(what.to_owned());
            }
        });
    }

    fn finish(&self, summary: &str) {
        self.with_stage(|current| {
            if let Some(stage) = current.take() {
                stage.bar.finish_and_clear();
                let seconds = stage.stopwatch.elapsed().as_secs_f64();
                output::say(&format!("{:>12} {summary} ({seconds:.1} s)", stage.name));
            }
        });
    }
}

fn style(template: &str) -> ProgressStyle {
    // A template that does not parse would be a mistake in this file; the default bar serves then.
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ")
}

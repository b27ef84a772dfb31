//! A running virtual machine: what it says, what it is told, how it ends.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tempfile::TempDir;

use super::console::Transcript;
use super::{arguments, control};
use crate::call::CallError;
use crate::clock::Stopwatch;
use crate::sandbox::Running;

/// A running virtual machine; dropped, it is killed.
#[derive(Debug)]
pub struct Guest {
    running: Running,
    heard: Arc<Heard>,
    listeners: Vec<JoinHandle<()>>,
    second_serial: Option<PathBuf>,
    directory: TempDir,
}

/// Why the guest did not do what was waited for.
#[derive(Debug, thiserror::Error)]
pub enum GuestError {
    /// The machine ended.
    #[error(
        "the virtual machine ended before it said {waited_for:?}; its last lines:\n    {}",
        indented(last_lines)
    )]
    Ended {
        /// What was waited for.
        waited_for: String,
        /// What the console said last, and QEMU's own messages.
        last_lines: String,
    },
    /// The time is over.
    #[error("the virtual machine did not say {waited_for:?} within {} s; its last lines:\n    {}", limit.as_secs(), indented(last_lines))]
    TooSlow {
        /// What was waited for.
        waited_for: String,
        /// How long.
        limit: Duration,
        /// What the console said last.
        last_lines: String,
    },
    /// The machine did not end when its power button was pressed, and was killed.
    #[error("the virtual machine did not shut down within {} s; its last lines:\n    {}", limit.as_secs(), indented(last_lines))]
    DoesNotEnd {
        /// How long.
        limit: Duration,
        /// What the console said last.
        last_lines: String,
    },
    /// The console or the control socket failed.
    #[error("lost contact with the virtual machine")]
    Contact(#[source] io::Error),
    /// QEMU cannot be waited for.
    #[error(transparent)]
    Call(#[from] CallError),
}

const LAST_LINES: usize = 25;
/// How often a file that the guest writes is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How often the power button is pressed.
const PRESS_EVERY: Duration = Duration::from_secs(5);

#[derive(Debug, Default)]
struct Heard {
    said: Mutex<Said>,
    more: Condvar,
}

#[derive(Debug, Default)]
struct Said {
    console: Transcript,
    messages: Transcript,
    console_closed: bool,
}

impl Heard {
    fn lock(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Guest {
    pub(super) fn new(mut running: Running, directory: TempDir, second_serial: Option<PathBuf>) -> Self {
        let heard = Arc::new(Heard::default());
        let mut listeners = Vec::new();
        if let Some(console) = running.stdout.take() {
            listeners.push(listen(console, Arc::clone(&heard), |said| &mut said.console, true));
        }
        if let Some(messages) = running.stderr.take() {
            listeners.push(listen(messages, Arc::clone(&heard), |said| &mut said.messages, false));
        }
        Guest { running, heard, listeners, second_serial, directory }
    }

    /// Everything the console said so far.
    pub fn console(&self) -> Transcript {
        self.heard.lock().console.clone()
    }

    /// QEMU's own messages so far.
    pub fn messages(&self) -> String {
        self.heard.lock().messages.text()
    }

    /// Waits until the console has said a text, now or before.
    pub fn wait_for(&self, text: &str, limit: Duration) -> Result<(), GuestError> {
        self.wait_for_after(0, text, limit).map(drop)
    }

    /// Waits until the console has said a text behind a place, and gives the place behind it; places begin at 0.
    pub fn wait_for_after(&self, place: usize, text: &str, limit: Duration) -> Result<usize, GuestError> {
        let stopwatch = Stopwatch::start();
        let mut said = self.heard.lock();
        let mut searched = place;
        loop {
            if let Some(end) = said.console.find(text, searched) {
                return Ok(end);
            }
            // The text may have begun in what was searched already.
            searched = said.console.length().saturating_sub(text.len()).max(place);
            if said.console_closed {
                return Err(GuestError::Ended { waited_for: text.to_owned(), last_lines: last_lines(&said) });
            }
            let Some(left) = limit.checked_sub(stopwatch.elapsed()) else {
                return Err(GuestError::TooSlow {
                    waited_for: text.to_owned(),
                    limit,
                    last_lines: last_lines(&said),
                });
            };
            said = self.heard.more.wait_timeout(said, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits until the guest has written a text to its second serial port; all it has written there by then.
    pub fn wait_for_second_serial(&mut self, text: &str, limit: Duration) -> Result<String, GuestError> {
        let stopwatch = Stopwatch::start();
        loop {
            let ended = self.running.try_wait()?.is_some();
            let written = self.second_serial()?;
            if written.contains(text) {
                return Ok(written);
            }
            let last_lines = || last_lines(&self.heard.lock());
            if ended {
                return Err(GuestError::Ended { waited_for: text.to_owned(), last_lines: last_lines() });
            }
            if stopwatch.elapsed() >= limit {
                return Err(GuestError::TooSlow {
                    waited_for: text.to_owned(),
                    limit,
                    last_lines: last_lines(),
                });
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// Everything the guest wrote to its second serial port so far; empty if it has none.
    pub fn second_serial(&self) -> Result<String, GuestError> {
        let Some(path) = &self.second_serial else { return Ok(String::new()) };
        let mut transcript = Transcript::default();
        transcript.add(&std::fs::read(path).map_err(GuestError::Contact)?);
        Ok(transcript.text())
    }

    /// Types on the console.
    pub fn type_text(&mut self, text: &str) -> Result<(), GuestError> {
        let Some(stdin) = &mut self.running.stdin else {
            return Err(GuestError::Contact(io::Error::from(io::ErrorKind::Unsupported)));
        };
        stdin.write_all(text.as_bytes()).map_err(GuestError::Contact)
    }

    /// Waits until the machine ends by itself, and kills it when that takes longer.
    pub fn wait(&mut self, limit: Duration) -> Result<ExitStatus, GuestError> {
        match self.ends_within(limit)? {
            Some(status) => Ok(status),
            None => self.give_up(limit),
        }
    }

    /// Waits, however long it takes, until the machine ends: for a person at the console.
    pub fn wait_for_end(&mut self) -> Result<ExitStatus, GuestError> {
        let status = self.running.wait()?;
        self.hear_the_rest();
        Ok(status)
    }

    /// Presses the power button until the guest has shut down; kills the machine when that takes longer.
    pub fn shut_down(&mut self, limit: Duration) -> Result<ExitStatus, GuestError> {
        let stopwatch = Stopwatch::start();
        let control = self.directory.path().join(arguments::CONTROL);
        while stopwatch.elapsed() < limit {
            // Again and again, for a guest hears its button only once its drivers are there. A machine that ends at this very
            // moment refuses; that it ended is seen next.
            let pressed = control::press_power_button(&control);
            if let Some(status) = self.ends_within(PRESS_EVERY.min(limit))? {
                return Ok(status);
            }
            pressed.map_err(GuestError::Contact)?;
        }
        self.give_up(limit)
    }

    /// Presses the reset button: the guest starts again without having been told, if the machine's restarts start it again.
    pub fn reset(&self) -> Result<(), GuestError> {
        control::press_reset_button(&self.directory.path().join(arguments::CONTROL))
            .map_err(GuestError::Contact)
    }

    /// Ends the machine at once, as if its plug was pulled.
    pub fn kill(&mut self) -> Result<ExitStatus, GuestError> {
        self.running.kill();
        self.wait_for_end()
    }

    /// Where the machine keeps its own files while it runs.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    fn ends_within(&mut self, limit: Duration) -> Result<Option<ExitStatus>, GuestError> {
        let stopwatch = Stopwatch::start();
        loop {
            if let Some(status) = self.running.try_wait()? {
                self.hear_the_rest();
                return Ok(Some(status));
            }
            if stopwatch.elapsed() >= limit {
                return Ok(None);
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }

    fn give_up(&mut self, limit: Duration) -> Result<ExitStatus, GuestError> {
        self.kill()?;
        Err(GuestError::DoesNotEnd { limit, last_lines: last_lines(&self.heard.lock()) })
    }

    fn hear_the_rest(&mut self) {
        for listener in self.listeners.drain(..) {
            // A listener ends at the pipe's end; one that panicked has said so already.
            let _panicked = listener.join();
        }
    }
}

fn listen(
    mut pipe: File,
    heard: Arc<Heard>,
    transcript: fn(&mut Said) -> &mut Transcript,
    is_console: bool,
) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        loop {
            let count = match pipe.read(&mut buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                read => read.unwrap_or(0),
            };
            let mut said = heard.lock();
            transcript(&mut said).add(&buffer[..count]);
            said.console_closed |= is_console && count == 0;
            drop(said);
            heard.more.notify_all();
            if count == 0 {
                return;
            }
        }
    })
}

fn last_lines(said: &Said) -> String {
    let console = said.console.last_lines(LAST_LINES);
    let messages = said.messages.last_lines(LAST_LINES);
    [console, messages].into_iter().filter(|lines| !lines.is_empty()).collect::<Vec<_>>().join("\n")
}

fn indented(lines: &str) -> String {
    lines.replace('\n', "\n    ")
}

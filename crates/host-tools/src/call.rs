//! What to run, in; how it ended and what it said, out: shared by the sandbox and by plain calls to programs of the host.
//! Nothing here runs a program.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

/// Captured output beyond this is an error (stdout) or forgets its oldest bytes (stderr): 64 MiB.
pub const DEFAULT_CAPTURE_LIMIT: usize = 64 << 20;

/// One program run: the program, its arguments, its own environment and streams.
#[derive(Debug)]
pub struct Call {
    pub(crate) program: OsString,
    pub(crate) args: Vec<OsString>,
    pub(crate) env: BTreeMap<OsString, OsString>,
    /// Which variables of this process the program sees when it runs outside a sandbox; `None`: all.
    pub(crate) inherited: Option<Vec<OsString>>,
    pub(crate) directory: Option<PathBuf>,
    pub(crate) stdin: Stdin,
    pub(crate) stdout: Sink,
    pub(crate) stderr: Sink,
    pub(crate) accepted: Accepted,
    pub(crate) time_limit: Option<Duration>,
}

/// Where a program's input comes from.
#[derive(Debug, Default)]
pub enum Stdin {
    /// End of file at once.
    #[default]
    Null,
    /// These bytes, then end of file.
    Bytes(Vec<u8>),
    /// An open file, read from its current offset.
    File(File),
    /// This process's own input: for a program that a person talks to.
    Inherit,
    /// A pipe whose other end is given to the caller (`Running::stdin`, or the writer of `run_with_input`).
    Pipe,
}

/// Where a program's output goes.
#[derive(Debug)]
pub enum Sink {
    /// Into memory, at most so many bytes.
    Capture {
        /// In bytes; stdout beyond it ends the program with an error, stderr beyond it forgets its oldest bytes.
        limit: usize,
    },
    /// Nowhere.
    Null,
    /// To an open file.
    File(File),
    /// To this process's own stream of the same name.
    Inherit,
    /// For stderr: wherever stdout goes, in the order of writing.
    SameAsStdout,
    /// A pipe whose other end is given to the caller (`Running::stdout`); only for `spawn`.
    Pipe,
}

impl Default for Sink {
    fn default() -> Self {
        Sink::Capture { limit: DEFAULT_CAPTURE_LIMIT }
    }
}

#[derive(Debug, Clone)]
pub(crate) enum Accepted {
    Statuses(Vec<i32>),
    Any,
}

/// How a program ended and what was captured of its output.
#[derive(Debug, Clone)]
pub struct Output {
    /// Exit status or signal.
    pub status: ExitStatus,
    /// Captured bytes; empty when stdout went elsewhere.
    pub stdout: Vec<u8>,
    /// Captured bytes, the last ones if there were too many; empty when stderr went elsewhere.
    pub stderr: Vec<u8>,
}

impl Output {
    /// Stdout as text; bytes that are no UTF-8 become U+FFFD.
    pub fn stdout_text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Stderr as text; bytes that are no UTF-8 become U+FFFD.
    pub fn stderr_text(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }
}

/// Which stream a line came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

impl Call {
    /// A call of a program, by path or by name (then looked for in the `PATH` of its environment), without arguments.
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        Call {
            program: program.as_ref().to_owned(),
            args: Vec::new(),
            env: BTreeMap::new(),
            inherited: None,
            directory: None,
            stdin: Stdin::default(),
            stdout: Sink::default(),
            stderr: Sink::default(),
            accepted: Accepted::Statuses(vec![0]),
            time_limit: None,
        }
    }

    /// Adds one argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Sets one environment variable for this call alone.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env.insert(name.as_ref().to_owned(), value.as_ref().to_owned());
        self
    }

    /// Lets the program see only these variables of this process and those of [`Call::env`]; in a sandbox it sees none of this
    /// process's anyway.
    #[must_use]
    pub fn inherit_only<N: AsRef<OsStr>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.inherited = Some(names.into_iter().map(|name| name.as_ref().to_owned()).collect());
        self
    }

    /// Sets the working directory (inside the sandbox, where there is one); the default is `/` in a sandbox, this process's own elsewhere.
    #[must_use]
    pub fn directory(mut self, directory: impl AsRef<Path>) -> Self {
        self.directory = Some(directory.as_ref().to_owned());
        self
    }

    /// Sets where input comes from; the default is nowhere.
    #[must_use]
    pub fn stdin(mut self, stdin: Stdin) -> Self {
        self.stdin = stdin;
        self
    }

    /// Sets where output goes; the default is to be captured.
    #[must_use]
    pub fn stdout(mut self, stdout: Sink) -> Self {
        self.stdout = stdout;
        self
    }

    /// Sets where messages go; the default is to be captured.
    #[must_use]
    pub fn stderr(mut self, stderr: Sink) -> Self {
        self.stderr = stderr;
        self
    }

    /// Names the exit statuses that are success; the default is 0 alone.
    #[must_use]
    pub fn accept_status(mut self, statuses: impl IntoIterator<Item = i32>) -> Self {
        self.accepted = Accepted::Statuses(statuses.into_iter().collect());
        self
    }

    /// Makes every end of the program, even by a signal, an `Output` for the caller to judge.
    #[must_use]
    pub fn accept_any_status(mut self) -> Self {
        self.accepted = Accepted::Any;
        self
    }

    /// Kills the program, and makes that an error, when it runs longer.
    #[must_use]
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.time_limit = Some(limit);
        self
    }

    pub(crate) fn program_name(&self) -> String {
        self.program.to_string_lossy().into_owned()
    }

    /// The output, if the status is one the call accepts.
    pub(crate) fn judge(&self, output: Output) -> Result<Output, CallError> {
        let program = self.program_name();
        match (&self.accepted, output.status.code(), output.status.signal()) {
            (Accepted::Any, _, _) => Ok(output),
            (Accepted::Statuses(accepted), Some(status), _) if accepted.contains(&status) => Ok(output),
            (_, Some(status), _) => Err(CallError::Failed { program, status, said: last_words(&output) }),
            (_, None, signal) => Err(CallError::Killed {
                program,
                signal: signal.unwrap_or_default(),
                said: last_words(&output),
            }),
        }
    }
}

/// Why a call has no good output.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The sandbox's root directory is missing or no directory.
    #[error("cannot use {} as a root directory", root.display())]
    Root {
        /// As given.
        root: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// An argument, variable or path that no program can be given.
    #[error("cannot pass a NUL byte to {program}: {argument:?}")]
    NulByte {
        /// As called.
        program: String,
        /// Where the byte is.
        argument: String,
    },
    /// The kernel refused a part of the sandbox.
    #[error("cannot set up the sandbox for {program}: {step}")]
    SetUp {
        /// As called.
        program: String,
        /// What was being done, in words.
        step: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// The program, or the interpreter it names, is not there.
    #[error("{program} not found in {place}")]
    NotFound {
        /// As called.
        program: String,
        /// The root directory or search path it is missing from.
        place: String,
    },
    /// The program is there and cannot be executed.
    #[error("cannot execute {program}")]
    Execute {
        /// As called.
        program: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// The program ended with a status that the call does not accept.
    #[error("{program} failed with exit status {status}{}", quoted(said))]
    Failed {
        /// As called.
        program: String,
        /// Its exit status.
        status: i32,
        /// The last lines of its stderr, or of its stdout if that is empty.
        said: String,
    },
    /// The program was ended by a signal.
    #[error("{program} was killed by signal {signal}{}", quoted(said))]
    Killed {
        /// As called.
        program: String,
        /// The signal's number.
        signal: i32,
        /// The last lines of its stderr, or of its stdout if that is empty.
        said: String,
    },
    /// The program ran longer than the call allows, and was killed.
    #[error("{program} was killed after {} s without an end{}", limit.as_secs_f32(), quoted(said))]
    TooSlow {
        /// As called.
        program: String,
        /// The time it had.
        limit: Duration,
        /// The last lines of its stderr, or of its stdout if that is empty.
        said: String,
    },
    /// The program wrote more than the call keeps, and was killed.
    #[error("{program} wrote more than {limit} bytes")]
    TooMuchOutput {
        /// As called.
        program: String,
        /// In bytes.
        limit: usize,
    },
    /// What the caller fed to the program could not be made.
    #[error("cannot make the input of {program}")]
    Input {
        /// As called.
        program: String,
        /// Why the caller's writer failed.
        source: io::Error,
    },
    /// A pipe or process of this side failed.
    #[error("lost contact with {program}")]
    Contact {
        /// As called.
        program: String,
        /// What the kernel said.
        source: io::Error,
    },
}

const LAST_LINES: usize = 20;

/// The last lines a program said, for an error message.
pub(crate) fn last_words(output: &Output) -> String {
    let spoken = if output.stderr.trim_ascii().is_empty() { &output.stdout } else { &output.stderr };
    let text = String::from_utf8_lossy(spoken);
    let lines: Vec<&str> = text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    lines[lines.len().saturating_sub(LAST_LINES)..].join("\n")
}

fn quoted(said: &str) -> String {
    if said.is_empty() { String::new() } else { format!(":\n    {}", said.replace('\n', "\n    ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(raw: i32, stdout: &str, stderr: &str) -> Output {
        Output { status: ExitStatus::from_raw(raw), stdout: stdout.into(), stderr: stderr.into() }
    }

    #[test]
    fn a_failure_quotes_the_last_lines_of_stderr() {
        let error = Call::new("mke2fs").judge(ended(1 << 8, "out", "first\n\nsecond \n")).unwrap_err();
        assert_eq!(error.to_string(), "mke2fs failed with exit status 1:\n    first\n    second");
    }

    #[test]
    fn a_silent_stderr_lets_stdout_speak() {
        let error = Call::new("x").judge(ended(9, "only this", " \n")).unwrap_err();
        assert_eq!(error.to_string(), "x was killed by signal 9:\n    only this");
    }

    #[test]
    fn accepted_statuses_are_success_and_others_are_not() {
        let call = Call::new("e2fsck").accept_status([0, 1]);
        assert!(call.judge(ended(1 << 8, "", "")).is_ok());
        assert!(matches!(call.judge(ended(4 << 8, "", "")), Err(CallError::Failed { status: 4, .. })));
    }
}

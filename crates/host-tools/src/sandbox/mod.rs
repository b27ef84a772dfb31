//! A root directory and a call, in; the program's end and output, out.
//!
//! The program sees the given root as `/`, its own `/proc`, a small `/dev`, no network, no other process, no environment but
//! what it is given, and no capability that building an image does not need. Nothing stays mounted, nothing keeps running.

mod child;
mod mount_points;
mod plan;
pub mod recording;
mod running;
mod setup;
mod spawner;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use recording::{Recording, View};
pub use running::{Killer, Running};
pub use spawner::start_spawner;

use crate::call::{Call, CallError, Output, Stdin, Stream};
use crate::pump::{OnLine, Pipes};

/// What a pipe holds.
const PIPE_BYTES: usize = 64 << 10;

/// A root directory and what is added to it and kept from it while programs run there.
#[derive(Debug, Clone)]
pub struct Sandbox {
    root: PathBuf,
    binds: Vec<Bind>,
    empty: Vec<PathBuf>,
    env: BTreeMap<OsString, OsString>,
    network: Network,
    read_only_root: bool,
    sys: bool,
    hostname: String,
}

/// A file or directory of the host, seen inside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bind {
    /// On the host.
    pub source: PathBuf,
    /// Absolute, inside; created for the time of a call if missing.
    pub target: PathBuf,
    /// Whether writing is refused.
    pub read_only: bool,
}

impl Bind {
    /// A file or directory that can be read inside.
    pub fn read_only(source: impl Into<PathBuf>, target: impl Into<PathBuf>) -> Self {
        Bind { source: source.into(), target: target.into(), read_only: true }
    }

    /// A file or directory that can be read and written inside.
    pub fn writable(source: impl Into<PathBuf>, target: impl Into<PathBuf>) -> Self {
        Bind { source: source.into(), target: target.into(), read_only: false }
    }
}

/// Which network the program sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Network {
    /// An own loopback interface and nothing else.
    #[default]
    Off,
    /// The host's: for the user network of a virtual machine.
    Host,
}

impl Sandbox {
    /// A sandbox over a root directory: writable, network off, `/run` and `/tmp` empty and in memory.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        let env = [
            ("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"),
            ("LC_ALL", "C.UTF-8"),
            ("HOME", "/root"),
            ("TZ", "UTC"),
        ];
        Sandbox {
            root: root.into(),
            binds: Vec::new(),
            empty: vec!["/run".into(), "/tmp".into()],
            env: env.into_iter().map(|(name, value)| (name.into(), value.into())).collect(),
            network: Network::Off,
            read_only_root: false,
            sys: false,
            hostname: "localhost".into(),
        }
    }

    /// The directory that programs see as `/`.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Adds a file or directory of the host; a bind over `/run`, `/tmp` or a part of `/dev` wins over the sandbox's own.
    #[must_use]
    pub fn bind(mut self, bind: Bind) -> Self {
        self.binds.push(bind);
        self
    }

    /// Puts an empty directory in memory over one of the root's.
    #[must_use]
    pub fn empty_directory(mut self, path: impl Into<PathBuf>) -> Self {
        self.empty.push(path.into());
        self
    }

    /// Shows the root's own directory where there would be an empty one (`/run`, `/tmp`).
    #[must_use]
    pub fn keep_directory(mut self, path: impl AsRef<Path>) -> Self {
        self.empty.retain(|empty| empty != path.as_ref());
        self
    }

    /// Chooses the network.
    #[must_use]
    pub fn network(mut self, network: Network) -> Self {
        self.network = network;
        self
    }

    /// Sets an environment variable for every call; `PATH`, `LC_ALL`, `HOME` and `TZ` are set from the start, nothing else is.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env.insert(name.as_ref().to_owned(), value.as_ref().to_owned());
        self
    }

    /// Sets SOURCE_DATE_EPOCH, in seconds since 1970-01-01 00:00 UTC.
    #[must_use]
    pub fn source_date_epoch(self, seconds: u64) -> Self {
        self.env("SOURCE_DATE_EPOCH", seconds.to_string())
    }

    /// Refuses writing anywhere but in writable binds and empty directories.
    #[must_use]
    pub fn read_only_root(mut self, read_only: bool) -> Self {
        self.read_only_root = read_only;
        self
    }

    /// Shows the host's `/sys`, read-only.
    #[must_use]
    pub fn sys(mut self, shown: bool) -> Self {
        self.sys = shown;
        self
    }

    /// Sets the host name; the default is `localhost`, whatever the host's is.
    #[must_use]
    pub fn hostname(mut self, hostname: impl Into<String>) -> Self {
        self.hostname = hostname.into();
        self
    }

    /// Runs a program and waits for its end; an end that the call does not accept is an error.
    pub fn run(&self, call: &Call) -> Result<Output, CallError> {
        self.run_and_hear(call, None)
    }

    /// As `run`, and tells each line of captured output as it comes.
    pub fn run_with_lines(
        &self,
        call: &Call,
        mut on_line: impl FnMut(Stream, &str),
    ) -> Result<Output, CallError> {
        self.run_and_hear(call, Some(&mut on_line))
    }

    /// As `run`, with an input that `write` makes while the program reads it.
    pub fn run_with_input(
        &self,
        call: &Call,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<Output, CallError> {
        let mut running = running::start(self, call, Some(&Stdin::Pipe), None)?;
        let program = call.program_name();
        let Some(input) = running.stdin.take() else {
            return Err(CallError::Contact { program, source: io::ErrorKind::BrokenPipe.into() });
        };
        let killer = running.killer();
        let (written, ended) = std::thread::scope(|scope| {
            let pumping = scope.spawn(move || running.finish(call, Pipes::default(), None));
            let mut buffered = io::BufWriter::with_capacity(PIPE_BYTES, input);
            let written = write(&mut buffered).and_then(|()| buffered.flush());
            // Taken apart, for dropping it would try to write the rest once more.
            drop(buffered.into_parts());
            // A program that stopped reading has its own reason, which the end tells better than the broken pipe.
            let broken = matches!(&written, Err(error) if error.kind() == io::ErrorKind::BrokenPipe);
            if written.is_err() && !broken {
                killer.kill();
            }
            (if broken { Ok(()) } else { written }, pumping.join())
        });
        written.map_err(|source| CallError::Input { program: program.clone(), source })?;
        ended.unwrap_or_else(|_| Err(CallError::Contact { program, source: io::ErrorKind::Other.into() }))
    }

    /// Starts a program and returns while it runs.
    pub fn spawn(&self, call: &Call) -> Result<Running, CallError> {
        running::start(self, call, None, None)
    }

    /// As `run`, with all that the program read and wrote in the root, or the reason why that cannot be told in full.
    ///
    /// `view` must be this sandbox's.
    pub fn run_recorded(
        &self,
        call: &Call,
        view: View,
    ) -> Result<(Output, Result<Recording, String>), CallError> {
        let mut running = running::start(self, call, None, Some(view))?;
        let pipes = input_pipe(&mut running, call);
        running.finish_recorded(call, pipes)
    }

    fn run_and_hear(&self, call: &Call, on_line: Option<OnLine<'_>>) -> Result<Output, CallError> {
        let mut running = running::start(self, call, None, None)?;
        let pipes = input_pipe(&mut running, call);
        running.finish(call, pipes, on_line)
    }
}

fn input_pipe(running: &mut Running, call: &Call) -> Pipes {
    let stdin = running.stdin.take().map(|pipe| {
        let bytes = if let Stdin::Bytes(bytes) = &call.stdin { bytes.clone() } else { Vec::new() };
        (pipe, bytes)
    });
    Pipes { stdin, ..Pipes::default() }
}

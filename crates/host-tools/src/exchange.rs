//! Files of the host, in; a sandbox that shows them to one tool, and their paths inside, out.
//!
//! Tools see their files under `/run`, which is in memory, so that the tools tree needs no mount points; the last name is kept,
//! so that messages stay readable.

use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};

use crate::call::{Call, CallError, Output};
use crate::sandbox::{Bind, Sandbox};

/// Why a tool's work is not done.
#[derive(Debug, thiserror::Error)]
pub enum ToolError {
    /// The tool did not run, or failed.
    #[error(transparent)]
    Call(#[from] CallError),
    /// A file the tool reads or writes cannot be used.
    #[error("cannot {doing} {} for {tool}", path.display())]
    File {
        /// The tool.
        tool: &'static str,
        /// What was being done with the file.
        doing: &'static str,
        /// The file on the host.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// The tool was asked something that it cannot be told.
    #[error("cannot tell {tool} {what}")]
    Request {
        /// The tool.
        tool: &'static str,
        /// What is wrong with the request.
        what: String,
    },
    /// The tool ended well and said something else than it should.
    #[error("{tool} gave an answer that cannot be read: {said}")]
    Answer {
        /// The tool.
        tool: &'static str,
        /// The part of its answer.
        said: String,
    },
    /// The tool checked something and found it damaged.
    #[error("{tool} found {} damaged:\n    {}", path.display(), said.trim_end().replace('\n', "\n    "))]
    Damaged {
        /// The tool.
        tool: &'static str,
        /// The checked file on the host.
        path: PathBuf,
        /// What the tool said.
        said: String,
    },
}

/// The files that one call of a tool reads and writes.
pub(crate) struct Exchange {
    tool: &'static str,
    sandbox: Sandbox,
    shown: usize,
}

impl Exchange {
    pub(crate) fn new(tool: &'static str, sandbox: &Sandbox) -> Self {
        Exchange { tool, sandbox: sandbox.clone(), shown: 0 }
    }

    /// Shows a file or directory to read; its path inside.
    pub(crate) fn read(&mut self, path: &Path) -> Result<PathBuf, ToolError> {
        self.show(path, true)
    }

    /// Shows a file to write, made empty if it is missing, or a directory to write in; its path inside.
    pub(crate) fn write(&mut self, path: &Path) -> Result<PathBuf, ToolError> {
        if !path.is_dir() {
            let made = OpenOptions::new().write(true).create(true).truncate(false).open(path);
            drop(made.map_err(|source| self.unusable("write", path, source))?);
        }
        self.show(path, false)
    }

    pub(crate) fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    pub(crate) fn run(&self, call: &Call) -> Result<Output, ToolError> {
        Ok(self.sandbox.run(call)?)
    }

    pub(crate) fn unusable(&self, doing: &'static str, path: &Path, source: io::Error) -> ToolError {
        ToolError::File { tool: self.tool, doing, path: path.to_owned(), source }
    }

    fn show(&mut self, path: &Path, read_only: bool) -> Result<PathBuf, ToolError> {
        let found = path.canonicalize().map_err(|source| self.unusable("find", path, source))?;
        let name = found.file_name().unwrap_or("root".as_ref());
        let inside = Path::new("/run/exchange").join(self.shown.to_string()).join(name);
        self.shown += 1;
        let bind = Bind { source: found.clone(), target: inside.clone(), read_only };
        self.sandbox = self.sandbox.clone().bind(bind);
        Ok(inside)
    }
}

//! The agent as a service: it settles what a reboot left, judges a version on trial, and brings updates by policy, for ever.
//! One thread decides and works; others answer at the socket, from what the first one shows.

mod decide;
mod outside;
mod route;
mod view;
mod worker;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc;

pub use decide::{Due, Facts, Next, next};
pub use outside::{Machine, Outside};
pub use view::{HealthView, Noted, Progress, Shared, View};
pub use worker::{Order, Worker};

use crate::api;
use crate::error::Named;
use crate::notify::Notifier;
use crate::operation::{Agent, Failure, Places};
use crate::pulse::Pulse;

/// Where the service shows itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The socket.
    pub socket: PathBuf,
    /// A file that is there while the running version is not on trial: what watches the agent goes by it.
    pub settled: PathBuf,
}

impl Options {
    /// A socket, and the mark beside it.
    pub fn at(socket: &Path) -> Self {
        Options { socket: socket.to_owned(), settled: socket.with_file_name("agent.settled") }
    }
}

/// Why the service does not run.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// The service manager's socket cannot be used.
    #[error("cannot tell the service manager anything")]
    Notify(#[source] io::Error),
    /// The kernel gives no thread.
    #[error("cannot start a thread")]
    Thread(#[source] io::Error),
    /// The mark cannot be set.
    #[error("cannot write {}", path.display())]
    Mark {
        /// The file.
        path: PathBuf,
        /// What the disk said.
        source: io::Error,
    },
}

impl Named for ServiceError {
    fn name(&self) -> &'static str {
        match self {
            ServiceError::Notify(_) => "service.notify",
            ServiceError::Thread(_) => "service.thread",
            ServiceError::Mark { .. } => "service.mark",
        }
    }
}

/// Serves until the process is ended; comes back only with a failure.
pub fn run(places: Places, options: &Options) -> Result<(), Failure> {
    let notifier = Arc::new(Notifier::from_environment().map_err(ServiceError::Notify)?);
    let heard = Arc::clone(&notifier);
    let agent = Agent { pulse: Pulse::new(move || heard.alive()), ..Agent::new(places) };
    let shared = Arc::new(Shared::new(Arc::clone(&agent.received)));
    let (sender, orders) = mpsc::channel();
    let server = api::Server::bind(&options.socket)?;
    server.start(route::router(Arc::clone(&shared), sender)).map_err(ServiceError::Thread)?;
    let outside = Machine::new(agent.pulse.clone());
    let mut worker = Worker::new(agent, shared, Box::new(outside), orders);
    worker.settle()?;
    notifier.ready();
    loop {
        notifier.alive();
        mark(options, !worker.is_on_trial())?;
        worker.step()?;
        notifier.status(&worker.summary());
        worker.wait();
    }
}

/// Shows whether the running version is on trial.
fn mark(options: &Options, settled: bool) -> Result<(), ServiceError> {
    let path = &options.settled;
    let done = match settled {
        true if path.exists() => Ok(()),
        true => fs::write(path, ""),
        false => match fs::remove_file(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed,
        },
    };
    done.map_err(|source| ServiceError::Mark { path: path.clone(), source })
}

#[cfg(test)]
mod tests;

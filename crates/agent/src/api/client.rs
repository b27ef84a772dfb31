//! The other end of the socket: what the command line asks the service.

use std::io;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use super::message::{read_reply, write_request};
use crate::error::Named;
use crate::operation::{Answer, Failure, Request};

/// Asks the service.
#[derive(Debug, Clone)]
pub struct Client {
    path: PathBuf,
}

/// Why the service gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The service does not run, or may not be asked.
    #[error("cannot ask the service at {}; does lazuli-agent.service run, and are you root?", path.display())]
    Connect {
        /// The socket.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// The service stopped in the middle.
    #[error("the service at {} gave no whole answer: {problem}", path.display())]
    Answer {
        /// The socket.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// The service says that it failed.
    #[error("{}", .0.message)]
    Failed(Failure),
}

impl Named for ApiError {
    fn name(&self) -> &'static str {
        match self {
            ApiError::Connect { .. } => "api.connect",
            ApiError::Answer { .. } => "api.answer",
            // The name of what failed is in the failure itself.
            ApiError::Failed(_) => "api.failed",
        }
    }
}

impl Client {
    /// For this socket.
    pub fn new(path: &Path) -> Client {
        Client { path: path.to_owned() }
    }

    /// Whether something listens.
    pub fn is_there(&self) -> bool {
        UnixStream::connect(&self.path).is_ok()
    }

    /// Has something done, however long it takes.
    pub fn perform(&self, request: &Request) -> Result<Answer, ApiError> {
        let body = serde_json::to_vec(request).map_err(|error| self.unclear(error.to_string()))?;
        self.read(&self.ask("POST", "/v1/operations", &body)?)
    }

    /// What would be done, and nothing of it.
    pub fn plan(&self, request: &Request) -> Result<Answer, ApiError> {
        let body = serde_json::to_vec(request).map_err(|error| self.unclear(error.to_string()))?;
        self.read(&self.ask("POST", "/v1/plans", &body)?)
    }

    /// A value that the service tells.
    pub fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ApiError> {
        self.read(&self.ask("GET", path, b"")?)
    }

    /// A text that the service tells.
    pub fn text(&self, path: &str) -> Result<String, ApiError> {
        String::from_utf8(self.ask("GET", path, b"")?).map_err(|error| self.unclear(error.to_string()))
    }

    fn ask(&self, method: &str, path: &str, body: &[u8]) -> Result<Vec<u8>, ApiError> {
        let connect = |source| ApiError::Connect { path: self.path.clone(), source };
        let mut stream = UnixStream::connect(&self.path).map_err(connect)?;
        write_request(&mut stream, method, path, body).map_err(connect)?;
        let (status, body) = read_reply(&mut stream).map_err(|problem| self.unclear(problem))?;
        if status == 200 { Ok(body) } else { Err(ApiError::Failed(self.read(&body)?)) }
    }

    fn read<T: DeserializeOwned>(&self, body: &[u8]) -> Result<T, ApiError> {
        serde_json::from_slice(body).map_err(|error| self.unclear(error.to_string()))
    }

    fn unclear(&self, problem: String) -> ApiError {
        ApiError::Answer { path: self.path.clone(), problem }
    }
}

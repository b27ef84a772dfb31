//! The agent's socket: HTTP/1.1 over a Unix socket that only root may open.
//!
//! `GET /v1/status` and `GET /v1/metrics` answer in JSON, `GET /metrics` in Prometheus' text; `POST /v1/operations` takes a
//! `Request` and answers when it is done, `POST /v1/plans` tells what it would do. Requests are small and answered one a connection.

mod client;
mod message;
mod server;

pub use client::{ApiError, Client};
pub use message::{Method, Received, Reply};
pub use server::{Server, ServerError};

/// Where the socket is.
pub const SOCKET: &str = "/run/lazuli/agent.sock";

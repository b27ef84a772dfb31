//! The FleetLock protocol, version 1: a machine of a group asks before it restarts, and says when it is well again.

use std::io::Read as _;
use std::time::Duration;

use serde::Deserialize;
use url::Url;

use crate::config::FleetLock;
use crate::download::{self, AuthoritiesError};
use crate::error::Named;

/// What is asked of the lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lock {
    /// Leave to restart; asked again by the machine that has it, it is given again.
    Take,
    /// The machine is well: another one may restart.
    Release,
}

/// Why the lock is not taken, or not given back.
#[derive(Debug, thiserror::Error)]
pub enum FleetLockError {
    /// The configured authorities cannot be read.
    #[error(transparent)]
    Client(#[from] AuthoritiesError),
    /// The server did not answer.
    #[error("the fleet's lock at {url} cannot be reached: {said}")]
    Unreachable {
        /// The address that was asked.
        url: String,
        /// Why.
        said: String,
    },
    /// The server said no.
    #[error("the fleet's lock was refused ({status}, {kind}): {said}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The server's word for the case.
        kind: String,
        /// What it says to people.
        said: String,
    },
}

impl Named for FleetLockError {
    fn name(&self) -> &'static str {
        match self {
            FleetLockError::Client(error) => error.name(),
            FleetLockError::Unreachable { .. } => "fleet-lock.unreachable",
            FleetLockError::Refused { .. } => "fleet-lock.refused",
        }
    }
}

/// Speaks for one machine.
#[derive(Debug, Clone)]
pub struct LockClient {
    agent: ureq::Agent,
    machine: String,
}

impl LockClient {
    /// `machine` tells this machine from others, and does not tell its machine identity; of the options, the authorities count.
    pub fn new(machine: String, options: &download::Options) -> Result<LockClient, FleetLockError> {
        let agent = ureq::config::Config::builder()
            .tls_config(http_fetch::trusted_authorities(options.authorities.as_deref())?)
            .http_status_as_error(false)
            .max_redirects(0)
            .user_agent(download::USER_AGENT)
            .timeout_global(Some(Duration::from_secs(30)))
            .build()
            .new_agent();
        Ok(LockClient { agent, machine })
    }

    /// Takes the lock, or gives it back.
    pub fn ask(&self, lock: Lock, server: &FleetLock) -> Result<(), FleetLockError> {
        let url = address(lock, &server.url);
        let unreachable = |said: String| FleetLockError::Unreachable { url: url.to_string(), said };
        let body =
            serde_json::json!({"client_params": {"id": self.machine, "group": server.group}}).to_string();
        let response = self
            .agent
            .post(url.as_str())
            .header("fleet-lock-protocol", "true")
            .content_type("application/json")
            .send(body.as_bytes())
            .map_err(|error| unreachable(error.to_string()))?;
        let status = response.status();
        if status.is_success() {
            return Ok(());
        }
        let mut answer = Vec::new();
        response
            .into_body()
            .into_reader()
            .take(64 << 10)
            .read_to_end(&mut answer)
            .map_err(|error| unreachable(error.to_string()))?;
        Err(refusal(status.as_u16(), &answer))
    }
}

fn address(lock: Lock, base: &Url) -> Url {
    let mut url = base.clone();
    let word = match lock {
        Lock::Take => "pre-reboot",
        Lock::Release => "steady-state",
    };
    let path = format!("{}/v1/{word}", url.path().trim_end_matches('/'));
    url.set_path(&path);
    url
}

fn refusal(status: u16, answer: &[u8]) -> FleetLockError {
    #[derive(Deserialize)]
    struct Answer {
        kind: String,
        value: String,
    }
    let clean = |text: String| text.chars().filter(|letter| !letter.is_control()).take(200).collect();
    match serde_json::from_slice::<Answer>(answer) {
        Ok(Answer { kind, value }) => {
            FleetLockError::Refused { status, kind: clean(kind), said: clean(value) }
        }
        Err(_) => FleetLockError::Refused {
            status,
            kind: "unknown".to_owned(),
            said: "the server gave no reason".to_owned(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_addresses_lie_below_the_base() {
        for base in ["http://lock.example/a", "http://lock.example/a/"] {
            let base = Url::parse(base).unwrap();
            assert_eq!(address(Lock::Take, &base).as_str(), "http://lock.example/a/v1/pre-reboot");
            assert_eq!(address(Lock::Release, &base).as_str(), "http://lock.example/a/v1/steady-state");
        }
    }

    #[test]
    fn a_refusal_is_told_in_the_server_s_words_without_control_characters() {
        let full = refusal(409, br#"{"kind":"failed_lock_semaphore_full","value":"two\u001b[31m others"}"#);
        let expected = "the fleet's lock was refused (409, failed_lock_semaphore_full): two[31m others";
        assert_eq!(full.to_string(), expected);
        assert_eq!(
            refusal(500, b"<html>").to_string(),
            "the fleet's lock was refused (500, unknown): the server gave no reason"
        );
    }
}

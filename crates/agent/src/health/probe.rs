//! One check in; whether it holds on the running system, out.

use std::fmt;
use std::time::Duration;

use host_tools::call::{Call, Sink};
use host_tools::{program, systemctl};
use url::Url;

use super::Check;

/// What does not hold.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Problem {
    /// The check.
    pub check: String,
    /// Why it does not hold.
    pub reason: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.check, self.reason)
    }
}

/// Asks one check.
pub trait Probe {
    /// Why the check does not hold, if it does not.
    fn probe(&mut self, check: &Check) -> Result<(), String>;
}

/// Asks the running system.
#[derive(Debug, Clone, Copy, Default)]
pub struct System;

impl Probe for System {
    fn probe(&mut self, check: &Check) -> Result<(), String> {
        match check {
            Check::Unit { name } => unit(name),
            Check::Command { arguments, timeout } => command(arguments, *timeout),
            Check::Http { url, status, timeout } => http(url, *status, *timeout),
            Check::System => system(),
        }
    }
}

fn unit(name: &str) -> Result<(), String> {
    let states = systemctl::unit_states(&[name]).map_err(|error| error.to_string())?;
    match states.first() {
        Some(state) if state.active == "active" => Ok(()),
        Some(state) if state.load != "loaded" => Err(format!("it is {}", state.load)),
        Some(state) => Err(format!("it is {} ({})", state.active, state.sub)),
        None => Err("the manager says nothing of it".to_owned()),
    }
}

fn command(arguments: &[String], timeout: Duration) -> Result<(), String> {
    let (path, rest) = arguments.split_first().ok_or("it has no program")?;
    let call = Call::new(path)
        .args(rest)
        .inherit_only(["PATH", "LANG"])
        .directory("/")
        .stdout(Sink::Null)
        .stderr(Sink::Capture { limit: 4096 })
        .time_limit(timeout);
    program::run(&call).map(drop).map_err(|error| error.to_string())
}

fn http(url: &Url, status: u16, timeout: Duration) -> Result<(), String> {
    let agent = ureq::config::Config::builder()
        .tls_config(http_fetch::machine_authorities())
        .http_status_as_error(false)
        .max_redirects(0)
        // The check is of what this machine offers, whatever proxy it uses for the world.
        .proxy(None)
        .timeout_global(Some(timeout))
        .build()
        .new_agent();
    let response = agent.get(url.as_str()).call().map_err(|error| error.to_string())?;
    match response.status().as_u16() {
        found if found == status => Ok(()),
        found => Err(format!("it answered {found}, not {status}")),
    }
}

fn system() -> Result<(), String> {
    let state = systemctl::system_state().map_err(|error| error.to_string())?;
    match state.as_str() {
        "running" => Ok(()),
        "degraded" => {
            let failed = systemctl::failed_units().map_err(|error| error.to_string())?;
            Err(format!("failed: {}", failed.join(", ")))
        }
        other => Err(format!("it is {other}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(arguments: &[&str]) -> Result<(), String> {
        let arguments = arguments.iter().map(|word| (*word).to_owned()).collect();
        System.probe(&Check::Command { arguments, timeout: Duration::from_millis(300) })
    }

    #[test]
    fn a_command_holds_when_it_ends_well_and_in_time() {
        assert_eq!(run(&["/bin/true"]), Ok(()));
        assert_eq!(run(&["/bin/false"]), Err("/bin/false failed with exit status 1".to_owned()));
        assert_eq!(
            run(&["/bin/sleep", "9"]),
            Err("/bin/sleep was killed after 0.3 s without an end".to_owned())
        );
        assert!(run(&["/no/such/program"]).unwrap_err().contains("/no/such/program not found"));
    }

    #[test]
    fn an_address_holds_when_it_answers_with_the_status() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("healthz"), "well").unwrap();
        let server = testkit::http::Server::start(folder.path()).unwrap();
        let ask = |path: &str, status| {
            let url = Url::parse(&server.url(path)).unwrap();
            System.probe(&Check::Http { url, status, timeout: Duration::from_secs(5) })
        };
        assert_eq!(ask("healthz", 200), Ok(()));
        assert_eq!(ask("other", 404), Ok(()));
        assert_eq!(ask("other", 200), Err("it answered 404, not 200".to_owned()));
    }
}

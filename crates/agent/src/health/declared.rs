//! Files of `health.d` in; checks, out, or every mistake with its file and line.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use url::Url;

use crate::config::{ConfigError, Folders, NamedFile, Time, named_files};
use crate::error::Named;

/// One thing that must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Check {
    /// The unit is active.
    Unit {
        /// Its full name, as `containerd.service`.
        name: String,
    },
    /// The command ends with status 0 in time.
    Command {
        /// Path and arguments; no shell reads them.
        arguments: Vec<String>,
        /// After it, the command is killed and has failed.
        timeout: Duration,
    },
    /// The address answers with the status in time.
    Http {
        /// http or https.
        url: Url,
        /// As 200.
        status: u16,
        /// After it, no answer counts.
        timeout: Duration,
    },
    /// No unit of the system failed, and none is being started any more.
    System,
}

/// Why the checks cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the health checks cannot be read")]
pub struct CheckError(#[from] ConfigError);

impl Named for CheckError {
    fn name(&self) -> &'static str {
        "health.checks"
    }
}

/// The checks of both folders; the operator's file takes the place of the image's with the same name.
pub fn load(folders: &Folders) -> Result<Vec<Check>, CheckError> {
    let mut checks = Vec::new();
    for NamedFile { path, text } in named_files(folders, "health.d")? {
        let found = parse(&text).map_err(|problem| ConfigError::Wrong { path, problem })?;
        checks.extend(found);
    }
    Ok(checks)
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
struct File {
    unit: Vec<Unit>,
    command: Vec<Command>,
    http: Vec<Http>,
    system: Option<System>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Unit {
    name: UnitName,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Command {
    arguments: Arguments,
    timeout: Option<Time>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Http {
    url: Web,
    status: Option<Status>,
    timeout: Option<Time>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct System {
    running: Must,
}

#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
struct UnitName(String);

#[derive(Debug, Deserialize)]
#[serde(try_from = "Vec<String>")]
struct Arguments(Vec<String>);

#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
struct Web(Url);

#[derive(Debug, Deserialize)]
#[serde(try_from = "u16")]
struct Status(u16);

#[derive(Debug, Deserialize)]
#[serde(try_from = "bool")]
struct Must;

const TIMEOUT: Duration = Duration::from_secs(30);
/// The service is alive while it waits for a command: not longer than its own watchdog allows.
const LONGEST: Duration = Duration::from_secs(120);

fn parse(text: &str) -> Result<Vec<Check>, String> {
    let file: File = toml::from_str(text).map_err(|error| error.to_string())?;
    let timeout = |time: Option<Time>| time.map_or(TIMEOUT, Duration::from).min(LONGEST);
    let units = file.unit.into_iter().map(|unit| Check::Unit { name: unit.name.0 });
    let commands = file
        .command
        .into_iter()
        .map(|command| Check::Command { arguments: command.arguments.0, timeout: timeout(command.timeout) });
    let addresses = file.http.into_iter().map(|http| Check::Http {
        url: http.url.0,
        status: http.status.map_or(200, |status| status.0),
        timeout: timeout(http.timeout),
    });
    let system = file.system.map(|System { running: Must }| Check::System);
    Ok(units.chain(commands).chain(addresses).chain(system).collect())
}

impl TryFrom<String> for UnitName {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b":-_.\\@".contains(&byte);
        let typed = name.rsplit_once('.').is_some_and(|(stem, kind)| !stem.is_empty() && !kind.is_empty());
        if typed && name.len() < 256 && name.bytes().all(allowed) && !name.starts_with('-') {
            Ok(UnitName(name))
        } else {
            Err(format!("`{name}` is no unit: write its whole name, as `containerd.service`"))
        }
    }
}

impl TryFrom<Vec<String>> for Arguments {
    type Error = String;

    fn try_from(arguments: Vec<String>) -> Result<Self, String> {
        match arguments.first() {
            Some(program) if program.starts_with('/') => Ok(Arguments(arguments)),
            Some(program) => Err(format!("`{program}` is no path: write the program's whole path")),
            None => Err("a command needs a program: write its path first".to_owned()),
        }
    }
}

impl TryFrom<String> for Web {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match Url::parse(&text) {
            Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(Web(url)),
            _ => Err(format!("`{text}` is no address: write one that begins with http:// or https://")),
        }
    }
}

impl TryFrom<u16> for Status {
    type Error = String;

    fn try_from(status: u16) -> Result<Self, String> {
        if (100..600).contains(&status) {
            Ok(Status(status))
        } else {
            Err(format!("{status} is no HTTP status: write 100 to 599"))
        }
    }
}

impl TryFrom<bool> for Must {
    type Error = String;

    fn try_from(value: bool) -> Result<Self, String> {
        if value { Ok(Must) } else { Err("`running = false` says nothing: leave out the table".to_owned()) }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Check::Unit { name } => write!(formatter, "unit {name}"),
            Check::Command { arguments, .. } => write!(formatter, "command {}", arguments.join(" ")),
            Check::Http { url, .. } => write!(formatter, "address {url}"),
            Check::System => write!(formatter, "system"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_declares_any_number_of_checks() {
        let text = r#"
            [[unit]]
            name = "containerd.service"
            [[unit]]
            name = "multi-user.target"
            [[command]]
            arguments = ["/usr/bin/ctr", "version"]
            timeout = "5s"
            [[http]]
            url = "http://127.0.0.1:8080/healthz"
            status = 204
            [system]
            running = true
        "#;
        let checks: Vec<String> = parse(text).unwrap().iter().map(ToString::to_string).collect();
        let expected = [
            "unit containerd.service",
            "unit multi-user.target",
            "command /usr/bin/ctr version",
            "address http://127.0.0.1:8080/healthz",
            "system",
        ];
        assert_eq!(checks, expected);
        assert_eq!(parse("").unwrap(), []);
    }

    #[test]
    fn a_mistake_is_told_with_its_line() {
        for (text, expected) in [
            (
                "[[unit]]\nname = \"containerd\"",
                "`containerd` is no unit: write its whole name, as `containerd.service`",
            ),
            ("[[unit]]\nname = \"--help.service\"", "is no unit"),
            ("[[command]]\narguments = \"true\"", "invalid type: string"),
            ("[[command]]\narguments = [\"true\"]", "`true` is no path: write the program's whole path"),
            ("[[command]]\narguments = []", "a command needs a program"),
            ("[[http]]\nurl = \"file:///etc\"", "`file:///etc` is no address"),
            ("[[http]]\nurl = \"http://a\"\nstatus = 7", "7 is no HTTP status"),
            ("[system]\nrunning = false", "`running = false` says nothing"),
            ("[[units]]\n", "unknown field `units`"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(expected) && error.contains("at line "), "{text}: {error}");
        }
    }
}

//! A disk image and questions, in; the booted machine and what it answers about itself, out.
//!
//! The image is not prepared for this: the questions travel as systemd credentials, a unit made from them runs once the machine
//! is up, and the answers come back on the second serial port.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use host_tools::qemu::{self, Credential, Disk, Guest, GuestError, GuestNetwork, Machine, MachineError};
use host_tools::{Sandbox, Stopwatch};

/// Questions to a booted machine.
#[derive(Debug, Clone, Default)]
pub struct Probe {
    questions: Vec<(String, String)>,
}

impl Probe {
    /// No questions yet; whether the machine came up is always asked.
    pub fn new() -> Self {
        Probe::default()
    }

    /// Adds a question: a name, and a shell script that root of the guest runs.
    #[must_use]
    pub fn ask(mut self, name: impl Into<String>, script: impl Into<String>) -> Self {
        self.questions.push((name.into(), script.into()));
        self
    }
}

/// How an image is booted.
#[derive(Debug, Clone)]
pub struct Boot {
    /// The image; the guest's writes are thrown away.
    pub disk: Disk,
    /// In MiB.
    pub memory: u32,
    /// Processors.
    pub processors: u32,
    /// The guest's network.
    pub network: GuestNetwork,
    /// More credentials than the probe's own.
    pub credentials: Vec<Credential>,
    /// Until the last answer; without hardware help a server takes about a minute.
    pub limit: Duration,
}

impl Boot {
    /// 1 GiB, two processors, no network, five minutes.
    pub fn new(image: impl Into<PathBuf>, format: host_tools::qemu_img::Format) -> Self {
        Boot {
            disk: Disk::new(image, format),
            memory: 1024,
            processors: 2,
            network: GuestNetwork::None,
            credentials: Vec::new(),
            limit: Duration::from_secs(300),
        }
    }
}

/// A machine that is up and has answered.
#[derive(Debug)]
pub struct Booted {
    /// Still running.
    pub guest: Guest,
    /// What `systemctl is-system-running` said: `running`, or `degraded` if a unit failed.
    pub state: String,
    /// By question.
    pub answers: BTreeMap<String, Answer>,
    /// From start to the first answer.
    pub time: Duration,
}

/// What the guest said to one question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Of the script.
    pub status: i32,
    /// Both output streams.
    pub text: String,
}

/// Why there are no answers.
#[derive(Debug, thiserror::Error)]
pub enum BootError {
    /// The machine does not start.
    #[error(transparent)]
    Start(#[from] MachineError),
    /// It does not come so far as to answer.
    #[error(transparent)]
    Guest(#[from] GuestError),
    /// It answers with something else.
    #[error("the probe's answers cannot be read: {what} in\n{said}")]
    Answers {
        /// What is wrong.
        what: String,
        /// All that it said.
        said: String,
    },
    /// No file for the second serial port.
    #[error("cannot make a file for the probe's answers")]
    File(#[from] io::Error),
}

/// Boots an image, waits until it is up, and asks.
pub fn boot(tools: &Sandbox, boot: &Boot, probe: &Probe) -> Result<Booted, BootError> {
    let answers = tempfile::NamedTempFile::new()?;
    let mut credentials = boot.credentials.clone();
    credentials.extend(probe_credentials(probe));
    let machine = Machine {
        memory: boot.memory,
        processors: boot.processors,
        disks: vec![boot.disk.clone()],
        credentials,
        network: boot.network.clone(),
        second_serial: Some(answers.path().to_owned()),
        ..Machine::default()
    };
    let stopwatch = Stopwatch::start();
    let mut guest = qemu::start(tools, &machine)?;
    guest.wait_for_second_serial(&format!("{MARK} begin {STATE}\n"), boot.limit)?;
    let time = stopwatch.elapsed();
    let said = guest.wait_for_second_serial(&format!("{MARK} over\n"), boot.limit.saturating_sub(time))?;
    let mut answers = parse(&said).map_err(|what| BootError::Answers { what, said: said.clone() })?;
    let state = answers
        .remove(STATE)
        .ok_or_else(|| BootError::Answers { what: "no state of the system".into(), said: said.clone() })?;
    for (name, _) in &probe.questions {
        if !answers.contains_key(name) {
            return Err(BootError::Answers { what: format!("no answer to {name}"), said });
        }
    }
    Ok(Booted { guest, state: state.text.trim().to_owned(), answers, time })
}

const MARK: &str = "@@lazuli-probe";
const STATE: &str = "state of the system";
const UNIT: &str = "lazuli-probe.service";

/// The unit, its script, and what pulls it into the boot.
fn probe_credentials(probe: &Probe) -> [Credential; 3] {
    // Not ordered before the target that wants it, and started at once when the target is reached: the script itself waits for
    // the rest of the boot, which a one-shot unit would be a part of.
    let unit = "[Unit]\nDefaultDependencies=no\nAfter=multi-user.target\n\n[Service]\nType=exec\n\
         LoadCredential=script:lazuli.probe\nExecStart=/bin/sh %d/script\nStandardOutput=file:/dev/ttyS1\n\
         StandardError=inherit\n";
    let pull = format!("[Unit]\nWants={UNIT}\n");
    [
        Credential::new(format!("systemd.extra-unit.{UNIT}"), unit),
        Credential::new("systemd.unit-dropin.multi-user.target", pull),
        Credential::new("lazuli.probe", script(probe)),
    ]
}

fn script(probe: &Probe) -> String {
    let mut script = String::from("exec 2>&1\n");
    let state = [(STATE.to_owned(), "systemctl is-system-running --wait".to_owned())];
    for (name, question) in state.iter().chain(&probe.questions) {
        // A subshell, so that a question's `exit` or `cd` is its own; a newline before the end mark, whatever the answer ends with.
        let written = write!(
            script,
            "answer=$(exec 2>&1\n{question}\n)\nstatus=$?\nprintf '%s begin %s\\n%s\\n%s end %s\\n' {MARK} '{}' \"$answer\" {MARK} $status\n",
            name.replace('\'', "'\\''"),
        );
        written.expect("writing to a string cannot fail");
    }
    script + &format!("echo {MARK} over\n")
}

/// Answers by name, from all that the guest wrote.
fn parse(said: &str) -> Result<BTreeMap<String, Answer>, String> {
    let mut answers = BTreeMap::new();
    let mut open: Option<(String, String)> = None;
    for line in said.lines() {
        let mark =
            line.strip_prefix(MARK).map(|rest| rest.trim().split_once(' ').unwrap_or((rest.trim(), "")));
        open = match (mark, open) {
            (Some(("over", _)), None) => return Ok(answers),
            (Some(("begin", name)), None) => Some((name.to_owned(), String::new())),
            (Some(("end", status)), Some((name, text))) => {
                let status = status.parse().map_err(|_| format!("{name} ended with {status:?}"))?;
                answers.insert(name, Answer { status, text });
                None
            }
            (Some((mark, _)), _) => return Err(format!("{mark} at the wrong place")),
            (None, Some((name, text))) => Some((name, text + line + "\n")),
            (None, None) => None,
        };
    }
    Err("no end".into())
}

#[cfg(test)]
mod tests {
    use host_tools::{Call, program};

    use super::*;

    #[test]
    fn the_script_s_answers_are_read_back() {
        let probe = Probe::new()
            .ask("two lines", "echo one; echo two >&2; exit 3")
            .ask("it's quoted", "cd /; pwd")
            .ask("nothing", "true");
        let script = script(&probe).replace("systemctl is-system-running --wait", "echo running");
        let said = program::run(&Call::new("sh").arg("-c").arg(script)).unwrap().stdout_text();
        let answers = parse(&format!("noise\n{said}")).unwrap();
        let answer = |status, text: &str| Answer { status, text: text.into() };
        let expected = [
            ("it's quoted", answer(0, "/\n")),
            ("nothing", answer(0, "\n")),
            (STATE, answer(0, "running\n")),
            ("two lines", answer(3, "one\ntwo\n")),
        ];
        assert_eq!(answers, expected.map(|(name, answer)| (name.to_owned(), answer)).into());
    }

    #[test]
    fn answers_that_are_cut_off_are_no_answers() {
        assert_eq!(parse("@@lazuli-probe begin a\nx\n"), Err("no end".into()));
        assert_eq!(
            parse("@@lazuli-probe begin a\n@@lazuli-probe over\n"),
            Err("over at the wrong place".into())
        );
        assert_eq!(parse("@@lazuli-probe begin a\n@@lazuli-probe end x\n"), Err("a ended with \"x\"".into()));
    }
}

//! `lazuli release …`

mod add;
mod change;
mod init;
mod key;
mod outcome;
mod verify;

use std::path::Path;

use host_tools::Clock;
use release_repository::{Folder, Key, KeyError, RoleName, SigningKey, key as keys};

use crate::cli::{Global, Release, ReleaseKey, ReleaseRole, ReleaseTime};
use crate::failure::{Context as _, ExitCode, Failure};

/// Leads to the command.
pub fn run(global: &Global, command: &Release) -> Result<(), Failure> {
    match command {
        Release::Init(options) => init::run(global, options),
        Release::Add(options) => add::run(global, options),
        Release::Promote(options) => change::promote(global, options),
        Release::Withdraw(options) => change::withdraw(global, options),
        Release::Sign(options) => change::sign(global, options),
        Release::Renew(options) => change::renew(global, options),
        Release::Key(ReleaseKey::New(options)) => key::new(global, options),
        Release::Key(ReleaseKey::Show(options)) => key::show(global, options),
        Release::Key(ReleaseKey::Add(options)) => change::add_key(global, options),
        Release::Key(ReleaseKey::Remove(options)) => change::remove_key(global, options),
        Release::Verify(options) => verify::run(global, options),
        Release::Status(options) => verify::status(global, options),
    }
}

/// The time that is given, or the machine's, in seconds since 1970.
fn time(time: &ReleaseTime) -> Result<u64, Failure> {
    let Some(text) = &time.now else { return Ok(Clock::System.now()) };
    let wrong = || {
        Failure::new(format!("`{text}` is not a time"))
            .hint("write it as in 2026-11-21T18:00:00Z")
            .code(ExitCode::Usage)
    };
    let time: jiff::Timestamp = text.parse().map_err(|_| wrong())?;
    u64::try_from(time.as_second()).map_err(|_| wrong())
}

fn load_key(word: &str) -> Result<Key, Failure> {
    keys::load(word).map_err(|error| key_failure(&error))
}

/// Keys that must sign.
fn signing_keys(words: &[String]) -> Result<Vec<SigningKey>, Failure> {
    let mut loaded = Vec::new();
    for word in words {
        match load_key(word)? {
            Key::Signing(key) => loaded.push(key),
            Key::Public(_) => {
                let message = format!("{word} is a public key, which cannot sign");
                return Err(Failure::new(message).hint("give the private key").code(ExitCode::Usage));
            }
        }
    }
    Ok(loaded)
}

fn key_failure(error: &KeyError) -> Failure {
    Failure::caused("a key cannot be used", error)
}

fn open(path: &Path) -> Result<Folder, Failure> {
    Folder::open(path).context(|| format!("the release repository {} cannot be used", path.display()))
}

fn look(path: &Path) -> Result<Folder, Failure> {
    Folder::to_read(path).context(|| format!("the release repository {} cannot be read", path.display()))
}

fn role(role: ReleaseRole) -> RoleName {
    match role {
        ReleaseRole::Root => RoleName::Root,
        ReleaseRole::Targets => RoleName::Targets,
        ReleaseRole::Snapshot => RoleName::Snapshot,
        ReleaseRole::Timestamp => RoleName::Timestamp,
    }
}

/// Seconds since 1970 as people write them.
fn shown(seconds: u64) -> String {
    let time = i64::try_from(seconds).ok().and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    time.map_or_else(|| seconds.to_string(), |time| time.to_string())
}

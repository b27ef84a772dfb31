//! Folders of TOML in; one complete configuration out, or every problem with its file and line.
//!
//! `agent.toml` of the image, then the one of `/etc`, then drop-ins of both by their names (a drop-in of `/etc` takes the place
//! of the image's with the same name): a later file's keys take the place of an earlier one's.

mod files;
mod fragment;

use std::path::{Path, PathBuf};
use std::time::Duration;

use release::ChannelName;
use url::Url;

use crate::download;
use crate::error::Named;
use crate::reboot::Windows;

pub use files::{NamedFile, named_files};
pub(crate) use fragment::Time;

/// The folders that hold `agent.toml`, `agent.toml.d` and `health.d`, the image's first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folders {
    /// What the image says.
    pub image: PathBuf,
    /// What the operator says.
    pub host: PathBuf,
}

impl Default for Folders {
    fn default() -> Self {
        Folders { image: "/usr/lib/lazuli".into(), host: "/etc/lazuli".into() }
    }
}

/// Everything that the agent can be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Configuration {
    /// Where releases come from; none: only explicit payloads are taken.
    pub release: Option<Releases>,
    /// What happens without being asked.
    pub update: Update,
    /// How long to wait for servers.
    pub download: download::Options,
    /// When a new version is good.
    pub health: Health,
    /// When the machine may be restarted.
    pub reboot: Reboot,
}

/// Where releases come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Releases {
    /// The folder with `metadata/` and `targets/`: http, https or file.
    pub url: Url,
    /// The channel that is followed.
    pub channel: ChannelName,
    /// Whether the machine goes back when the channel does.
    pub follow_downgrades: bool,
}

/// What happens without being asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Update {
    /// How far an update goes by itself.
    pub automatic: Automatic,
    /// Between two checks.
    pub interval: Duration,
    /// Each check comes up to this much later, by a number of the machine's own: machines do not ask all at once.
    pub splay: Duration,
}

/// How far an update goes by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Automatic {
    /// Nothing is done.
    Off,
    /// The channel is looked at.
    Check,
    /// A new version is written to the free slot.
    Stage,
    /// The machine restarts into it when it may.
    Reboot,
}

/// When a new version is good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// From the agent's start on; what is not good by then is given up.
    pub deadline: Duration,
    /// How long all checks must hold without a break.
    pub settle: Duration,
}

/// When the machine may be restarted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reboot {
    /// At these times; none: at any.
    pub windows: Option<Windows>,
    /// With this lock of the fleet.
    pub fleet_lock: Option<FleetLock>,
}

/// A server that lets a few machines of a group restart at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FleetLock {
    /// What `/v1/pre-reboot` and `/v1/steady-state` are below.
    pub url: Url,
    /// The machine's group: letters, digits, dots and hyphens.
    pub group: String,
}

/// `lazuli-agent-deadline.timer` gives five minutes more, for the boot.
const LONGEST_DEADLINE: Duration = Duration::from_secs(15 * 60);

impl Default for Configuration {
    fn default() -> Self {
        Configuration {
            release: None,
            update: Update {
                automatic: Automatic::Stage,
                interval: Duration::from_secs(6 * 3600),
                splay: Duration::from_secs(3600),
            },
            download: download::Options::default(),
            health: Health { deadline: Duration::from_secs(600), settle: Duration::from_secs(30) },
            reboot: Reboot { windows: None, fleet_lock: None },
        }
    }
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file or folder cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the disk said.
        source: std::io::Error,
    },
    /// A file says something that cannot be meant.
    #[error("{} is wrong:\n{}", path.display(), problem.trim_end())]
    Wrong {
        /// The file.
        path: PathBuf,
        /// Line, column and what to write instead.
        problem: String,
    },
    /// All files together lack something, or contradict each other.
    #[error("the configuration in {} and {} is not complete: {problem}", image.display(), host.display())]
    Incomplete {
        /// The image's folder.
        image: PathBuf,
        /// The operator's folder.
        host: PathBuf,
        /// What is missing, and what to write.
        problem: String,
    },
}

impl Named for ConfigError {
    fn name(&self) -> &'static str {
        match self {
            ConfigError::Read { .. } => "config.read",
            ConfigError::Wrong { .. } => "config.wrong",
            ConfigError::Incomplete { .. } => "config.incomplete",
        }
    }
}

/// Reads all files of the folders.
pub fn load(folders: &Folders) -> Result<Configuration, ConfigError> {
    let mut merged = fragment::Fragment::default();
    for NamedFile { path, text } in files::configuration_files(folders)? {
        merged.add(parse(&path, &text)?);
    }
    complete(merged).map_err(|problem| ConfigError::Incomplete {
        image: folders.image.clone(),
        host: folders.host.clone(),
        problem,
    })
}

fn parse(path: &Path, text: &str) -> Result<fragment::Fragment, ConfigError> {
    toml::from_str(text)
        .map_err(|error| ConfigError::Wrong { path: path.to_owned(), problem: error.to_string() })
}

/// Fills in defaults and refuses what contradicts itself.
fn complete(merged: fragment::Fragment) -> Result<Configuration, String> {
    let mut configuration = Configuration::default();
    let fragment::Fragment { release, update, download, health, reboot, fleet_lock } = merged;
    configuration.release = match (release.url, release.channel) {
        (None, _) => None,
        (Some(_), None) => {
            return Err("`release.url` needs `release.channel`, as in `channel = \"stable\"`".to_owned());
        }
        (Some(url), Some(channel)) => Some(Releases {
            url: url.0,
            channel,
            follow_downgrades: release.follow_downgrades.unwrap_or(false),
        }),
    };
    take(&mut configuration.update.automatic, update.automatic);
    take(&mut configuration.update.interval, update.interval.map(Duration::from));
    take(&mut configuration.update.splay, update.splay.map(Duration::from));
    take(&mut configuration.download.connect_timeout, download.connect_timeout.map(Duration::from));
    take(&mut configuration.download.stall_timeout, download.stall_timeout.map(Duration::from));
    take(&mut configuration.download.attempts, download.attempts.map(u32::from));
    configuration.download.authorities = download.authorities;
    take(&mut configuration.health.deadline, health.deadline.map(Duration::from));
    take(&mut configuration.health.settle, health.settle.map(Duration::from));
    let Health { deadline, settle } = configuration.health;
    if settle >= deadline {
        return Err(format!(
            "`health.settle` ({} s) must be shorter than `health.deadline` ({} s)",
            settle.as_secs(),
            deadline.as_secs()
        ));
    }
    if deadline > LONGEST_DEADLINE {
        return Err(format!(
            "`health.deadline` ({} s) must be at most {} s: a version on trial that is not good by then is restarted by the system",
            deadline.as_secs(),
            LONGEST_DEADLINE.as_secs()
        ));
    }
    configuration.reboot.windows = match (reboot.windows, reboot.time_zone) {
        (None, None) => None,
        (None, Some(_)) => return Err("`reboot.time-zone` needs `reboot.windows`".to_owned()),
        (Some(windows), zone) => Windows::new(windows, zone.unwrap_or_default()),
    };
    configuration.reboot.fleet_lock = match (fleet_lock.url, fleet_lock.group) {
        (None, None) => None,
        (None, Some(_)) => return Err("`fleet-lock.group` needs `fleet-lock.url`".to_owned()),
        (Some(url), group) => {
            Some(FleetLock { url: url.0, group: group.map_or("default".to_owned(), String::from) })
        }
    };
    Ok(configuration)
}

fn take<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loaded(files: &[(&str, &str)]) -> Result<Configuration, String> {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let folders = Folders { image: folder.path().join("usr"), host: folder.path().join("etc") };
        load(&folders).map_err(|error| error.to_string().replace(folder.path().to_str().unwrap(), ""))
    }

    #[test]
    fn nothing_said_means_staging_from_nowhere() {
        let configuration = loaded(&[]).unwrap();
        assert_eq!(configuration, Configuration::default());
        assert_eq!(configuration.update.automatic, Automatic::Stage);
    }

    #[test]
    fn later_files_win_key_by_key_and_a_drop_in_hides_its_namesake() {
        let configuration = loaded(&[
            (
                "usr/agent.toml",
                "[release]\nurl = \"https://a.example/r\"\nchannel = \"stable\"\n[update]\ninterval = \"1h\"",
            ),
            ("etc/agent.toml", "[release]\nchannel = \"beta\""),
            ("usr/agent.toml.d/10-a.toml", "[update]\nautomatic = \"reboot\"\nsplay = \"5m\""),
            ("usr/agent.toml.d/20-b.toml", "[update]\nautomatic = \"off\""),
            ("etc/agent.toml.d/20-b.toml", "[health]\ndeadline = \"12m\""),
            ("etc/agent.toml.d/note.txt", "no TOML"),
        ])
        .unwrap();
        let release = configuration.release.unwrap();
        assert_eq!((release.url.as_str(), release.channel.as_str()), ("https://a.example/r", "beta"));
        assert_eq!(configuration.update.automatic, Automatic::Reboot);
        assert_eq!(
            (configuration.update.interval.as_secs(), configuration.update.splay.as_secs()),
            (3600, 300)
        );
        assert_eq!(configuration.health.deadline.as_secs(), 720);
    }

    #[test]
    fn a_mistake_is_told_with_file_and_line() {
        for (text, expected) in [
            ("[update]\nintervall = \"1h\"", "unknown field `intervall`"),
            (
                "[update]\ninterval = \"1 hour\"",
                "`1 hour` is no time: write a number and s, m, h or d, as in `90s` or `6h`",
            ),
            (
                "[update]\nautomatic = \"yes\"",
                "unknown variant `yes`, expected one of `off`, `check`, `stage`, `reboot`",
            ),
            (
                "[release]\nurl = \"ftp://a.example\"",
                "`ftp://a.example` is no address of a release repository: write one that begins with https://, http:// or file://",
            ),
            ("[release]\nurl = \"a.example\"", "`a.example` is no address"),
            (
                "[release]\nurl = \"https://anna:secret@a.example\"",
                "an address must not have a name or password in it",
            ),
            (
                "[reboot]\nwindows = [\"Sat 26:00 1h\"]",
                "`Sat 26:00 1h` is no window: write days, a time and a length, as in `Sat,Sun 02:00 3h` or `23:30 90m`",
            ),
            (
                "[reboot]\nwindows = [\"02:00 1h\"]\ntime-zone = \"Mars/Olympus\"",
                "`Mars/Olympus` is no time zone that this machine knows",
            ),
            (
                "[fleet-lock]\nurl = \"http://lock.example\"\ngroup = \"a b\"",
                "`a b` is no group: write letters, digits, dots and hyphens",
            ),
        ] {
            let error = loaded(&[("etc/agent.toml", text)]).unwrap_err();
            assert!(error.starts_with("/etc/agent.toml is wrong:\nTOML parse error at line "), "{error}");
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn what_lacks_its_other_half_is_told() {
        for (text, expected) in [
            (
                "[release]\nurl = \"https://a.example\"",
                "`release.url` needs `release.channel`, as in `channel = \"stable\"`",
            ),
            (
                "[health]\ndeadline = \"20s\"",
                "`health.settle` (30 s) must be shorter than `health.deadline` (20 s)",
            ),
            ("[fleet-lock]\ngroup = \"a\"", "`fleet-lock.group` needs `fleet-lock.url`"),
        ] {
            let error = loaded(&[("usr/agent.toml", text)]).unwrap_err();
            assert_eq!(error, format!("the configuration in /usr and /etc is not complete: {expected}"));
        }
    }
}

//! What an operator or the service asks for, in; done, with what was done, or a failure with a stable name, out.
//! One request is one operation of one host; two never run at the same time.

mod answer;
mod failure;
mod identity;
mod release;
mod status;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use ::release::Version;
use host_tools::Clock;
use serde::{Deserialize, Serialize};

pub use answer::{Answer, Checked, Restart};
pub use failure::Failure;
pub use identity::{Identity, IdentityError};
pub use status::Status;

use crate::config::{self, Configuration};
use crate::error::Named;
use crate::execute::{Watch, execute};
use crate::health;
use crate::host::{Host, Paths};
use crate::plan::{Permissions, Plan, Wish, plan};
use crate::pulse::Pulse;
use crate::situation::Situation;
use crate::source::{FolderSource, NoSource, Source};
use crate::trust;

/// Where everything is that the agent reads and writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    /// The host's own parts.
    pub host: Paths,
    /// The folders of configuration and health checks.
    pub configuration: config::Folders,
    /// The root of trust and its memory.
    pub trust: trust::Places,
    /// The machine's identity.
    pub machine_id: PathBuf,
    /// The folder of the writable layer of `/etc`, in which a file named `reset` empties it at the next boot.
    pub etc: PathBuf,
}

impl Default for Places {
    fn default() -> Self {
        let host = Paths::default();
        Places {
            trust: trust::Places { root: "/usr/lib/lazuli/root.json".into(), folder: host.state.join("tuf") },
            host,
            configuration: config::Folders::default(),
            machine_id: "/etc/machine-id".into(),
            etc: "/var/lib/lazuli/etc".into(),
        }
    }
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "operation", rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
pub enum Request {
    /// Look at the channel.
    Check,
    /// Write a version into the free slot.
    Stage {
        /// Which one; none: the one that the channel offers.
        #[serde(default)]
        version: Option<Version>,
        /// A folder that holds it, in place of the release repository.
        #[serde(default)]
        payload: Option<PathBuf>,
        /// The folder is taken though nobody signed it and this host knows whom to trust.
        #[serde(default)]
        unsigned: bool,
        /// Also before this machine's turn has come.
        #[serde(default)]
        now: bool,
        /// Also if it is older than the running one.
        #[serde(default)]
        allow_downgrade: bool,
        /// Also if it failed here.
        #[serde(default)]
        allow_quarantined: bool,
    },
    /// Let the next boot try the staged version.
    Apply {
        /// Restart the machine at once.
        #[serde(default)]
        reboot: bool,
    },
    /// Take back what was staged or applied and did not run yet.
    Cancel,
    /// The running version stays, whatever its health checks say.
    Commit,
    /// Go back to the version in the other slot.
    Rollback {
        /// Why, for the record.
        reason: String,
        /// Restart the machine at once.
        #[serde(default)]
        reboot: bool,
    },
    /// Stage only this version from now on.
    Pin {
        /// Which one.
        version: Version,
    },
    /// Stage what the channel offers again.
    Unpin,
    /// A version that failed here may be tried again.
    Forgive {
        /// Which one.
        version: Version,
    },
    /// Make `/etc` at the next boot what the image says.
    ResetEtc {
        /// Restart the machine at once.
        #[serde(default)]
        reboot: bool,
    },
}

/// The agent of one host.
#[derive(Debug, Clone)]
pub struct Agent {
    /// Where everything is.
    pub places: Places,
    /// The time.
    pub clock: Clock,
    /// Hears that work goes on.
    pub pulse: Pulse,
    /// Bytes that came from servers.
    pub received: Arc<AtomicU64>,
    /// Whether plans are made and not followed.
    pub only_plans: bool,
}

impl Agent {
    /// An agent by this machine's clock, quiet about its work.
    pub fn new(places: Places) -> Agent {
        Agent {
            places,
            clock: Clock::System,
            pulse: Pulse::default(),
            received: Arc::default(),
            only_plans: false,
        }
    }

    /// The configuration; `Failure` tells every mistake in it.
    pub fn configuration(&self) -> Result<Configuration, Failure> {
        Ok(config::load(&self.places.configuration)?)
    }

    /// What runs, what lies where and what is remembered.
    pub fn survey(&self) -> Result<Situation, Failure> {
        Ok(Host::open(&self.places.host)?.survey()?)
    }

    /// The health checks of this host.
    pub fn checks(&self) -> Result<Vec<health::Check>, Failure> {
        Ok(health::load(&self.places.configuration)?)
    }

    /// Does what is asked for.
    pub fn perform(
        &self,
        request: &Request,
        configuration: &Configuration,
        watch: &mut dyn Watch,
    ) -> Result<Answer, Failure> {
        match request {
            Request::Check => self.check(configuration, false).map(|checked| Answer::checked(&checked)),
            Request::Stage {
                payload: Some(folder), unsigned, allow_downgrade, allow_quarantined, ..
            } => {
                let permissions =
                    Permissions { downgrade: *allow_downgrade, quarantined: *allow_quarantined };
                self.stage_folder(folder, *unsigned, permissions, watch)
            }
            Request::Stage { .. } => self.stage_release(request, configuration, watch),
            Request::Apply { reboot } => {
                // What cannot be read would have the new version rejected after the reboot.
                self.checks()?;
                self.wish(&Wish::Apply, "the staged version is tried at the next boot", watch)
                    .map(|answer| answer.restart(Restart::after(*reboot)))
            }
            Request::Cancel => self.wish(&Wish::Cancel, "what was staged is taken back", watch),
            Request::Commit => self.wish(&Wish::Commit, "the running version stays", watch),
            Request::Rollback { reason, reboot } => {
                let wish = Wish::Rollback { reason: reason.clone() };
                let answer = self.wish(&wish, "the other version is tried at the next boot", watch);
                answer.map(|answer| answer.restart(Restart::after(*reboot)))
            }
            Request::Pin { version } => {
                let said = format!("only {version} is staged from now on");
                self.wish(&Wish::Pin(Some(version.clone())), &said, watch)
            }
            Request::Unpin => self.wish(&Wish::Pin(None), "any version may be staged again", watch),
            Request::Forgive { version } => {
                let said = format!("{version} may be tried again");
                self.wish(&Wish::Forgive(version.clone()), &said, watch)
            }
            Request::ResetEtc { reboot } => {
                if !self.only_plans {
                    self.reset_etc()?;
                }
                let said = "at the next boot /etc is what the image says".to_owned();
                let steps = vec![format!("write {}", self.places.etc.join("reset").display())];
                Ok(Answer::new(said, steps).restart(Restart::after(*reboot)))
            }
        }
    }

    /// What would be done, and nothing of it.
    pub fn plan(
        &self,
        request: &Request,
        configuration: &Configuration,
        watch: &mut dyn Watch,
    ) -> Result<Answer, Failure> {
        let answer = Agent { only_plans: true, ..self.clone() }.perform(request, configuration, watch)?;
        let message = match answer.steps.is_empty() {
            true => "there is nothing to do".to_owned(),
            false => "this would be done; nothing was".to_owned(),
        };
        let restart = if answer.restart == Restart::Now { Restart::Later } else { answer.restart };
        Ok(Answer { message, restart, ..answer })
    }

    /// Does what a wish needs that fetches nothing; `said` is for the one who asked.
    pub fn wish(&self, wish: &Wish, said: &str, watch: &mut dyn Watch) -> Result<Answer, Failure> {
        let host = Host::open(&self.places.host)?;
        let plan = plan(&host.survey()?, wish)?;
        self.execute(&host, &plan, &mut NoSource, watch)?;
        Ok(Answer::new(said.to_owned(), steps(&plan)))
    }

    /// Finishes or undoes what a power cut left, until nothing is left to do; the situation after it.
    pub fn settle(&self, watch: &mut dyn Watch) -> Result<Situation, Failure> {
        /// One round unites names, the next acts on them; more would mean that a step does not do what it says.
        const ROUNDS: usize = 4;
        let host = Host::open(&self.places.host)?;
        let mut situation = host.survey()?;
        for _ in 0..ROUNDS {
            let plan = plan(&situation, &Wish::Settle)?;
            if plan.is_empty() {
                break;
            }
            self.execute(&host, &plan, &mut NoSource, watch)?;
            situation = host.survey()?;
        }
        Ok(situation)
    }

    fn stage_folder(
        &self,
        folder: &Path,
        unsigned: bool,
        permissions: Permissions,
        watch: &mut dyn Watch,
    ) -> Result<Answer, Failure> {
        if !unsigned && self.places.trust.root.exists() {
            return Err(RequestError::UnsignedPayload { folder: folder.to_owned() }.into());
        }
        let mut source = FolderSource::open(folder)?;
        let wish = Wish::Stage(Box::new(source.manifest().clone()), permissions);
        self.stage(&wish, &mut source, watch)
    }

    fn stage(&self, wish: &Wish, source: &mut dyn Source, watch: &mut dyn Watch) -> Result<Answer, Failure> {
        let host = Host::open(&self.places.host)?;
        let plan = plan(&host.survey()?, wish)?;
        let version = match wish {
            Wish::Stage(manifest, _) => manifest.version.to_string(),
            _ => String::new(),
        };
        if plan.is_empty() {
            return Ok(Answer::new(format!("{version} is staged already"), Vec::new()));
        }
        self.execute(&host, &plan, source, watch)?;
        Ok(Answer::new(format!("{version} is staged"), steps(&plan)))
    }

    fn execute(
        &self,
        host: &Host,
        plan: &Plan,
        source: &mut dyn Source,
        watch: &mut dyn Watch,
    ) -> Result<(), Failure> {
        if self.only_plans {
            return Ok(());
        }
        Ok(execute(plan, host, source, watch, self.clock.now())?)
    }

    fn reset_etc(&self) -> Result<(), RequestError> {
        let path = self.places.etc.join("reset");
        let failed = |source| RequestError::ResetEtc { path: path.clone(), source };
        File::create(&path).and_then(|file| file.sync_all()).map_err(failed)?;
        File::open(&self.places.etc).and_then(|folder| folder.sync_all()).map_err(failed)
    }

    /// Whether `/etc` is to be reset at the next boot.
    pub fn resets_etc(&self) -> bool {
        fs::exists(self.places.etc.join("reset")).unwrap_or(false)
    }
}

fn steps(plan: &Plan) -> Vec<String> {
    plan.steps.iter().map(ToString::to_string).collect()
}

/// Why a request is not followed that no plan was made for.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// A folder is not signed, and this host takes signed releases.
    #[error(
        "{} is not signed, and this host takes signed releases; allow it with `--unsigned`, or serve it by a release repository", folder.display()
    )]
    UnsignedPayload {
        /// The folder.
        folder: PathBuf,
    },
    /// No release repository is configured.
    #[error(
        "no release repository is configured: set `release.url` and `release.channel` in /etc/lazuli/agent.toml, or name a payload folder"
    )]
    NoRepository,
    /// The channel offers nothing that may be staged.
    #[error("nothing to stage: {why}")]
    NothingToStage {
        /// Why not.
        why: String,
    },
    /// Another version has to be passed first.
    #[error("{wanted} can be reached only over {first}: stage that first")]
    Behind {
        /// What was asked for.
        wanted: Version,
        /// What comes before.
        first: Version,
    },
    /// The order to reset `/etc` cannot be left.
    #[error("cannot write {}", path.display())]
    ResetEtc {
        /// The file.
        path: PathBuf,
        /// What the disk said.
        source: io::Error,
    },
}

impl Named for RequestError {
    fn name(&self) -> &'static str {
        match self {
            RequestError::UnsignedPayload { .. } => "payload.unsigned",
            RequestError::NoRepository => "release.not-configured",
            RequestError::NothingToStage { .. } => "update.nothing-to-stage",
            RequestError::Behind { .. } => "update.barrier",
            RequestError::ResetEtc { .. } => "etc.reset",
        }
    }
}

//! The channel's word for this machine, and the staging of what a release repository holds.

use std::collections::BTreeSet;
use std::sync::Arc;

use ::release::channel::{Choice, Machine, WhyNot};
use ::release::{Channel, Version};

use super::{Agent, Answer, Checked, Failure, Identity, Request, RequestError};
use crate::config::{Configuration, Releases};
use crate::download::Client;
use crate::execute::Watch;
use crate::plan::{Permissions, Wish};
use crate::situation::{Outcome, Situation};
use crate::trust::{self, Repository};

/// What an operator allows when the channel is asked.
#[derive(Debug, Clone, Copy)]
struct Asked<'a> {
    version: Option<&'a Version>,
    now: bool,
    allow_quarantined: bool,
}

impl Agent {
    /// What the channel says to this machine; `now`: as if its turn had come.
    pub fn check(&self, configuration: &Configuration, now: bool) -> Result<Checked, Failure> {
        let releases = releases(configuration)?;
        let situation = self.survey()?;
        let repository = self.repository(configuration, releases)?;
        let asked = Asked { version: None, now, allow_quarantined: false };
        self.choose(&repository, releases, &situation, asked)
    }

    pub(super) fn stage_release(
        &self,
        request: &Request,
        configuration: &Configuration,
        watch: &mut dyn Watch,
    ) -> Result<Answer, Failure> {
        let Request::Stage { version, now, allow_downgrade, allow_quarantined, .. } = request else {
            return Err(RequestError::NothingToStage { why: "nothing was asked for".to_owned() }.into());
        };
        let releases = releases(configuration)?;
        let situation = self.survey()?;
        let repository = self.repository(configuration, releases)?;
        // Who names a version wants it now.
        let asked = Asked {
            version: version.as_ref(),
            now: *now || version.is_some(),
            allow_quarantined: *allow_quarantined,
        };
        let wanted = match self.choose(&repository, releases, &situation, asked)? {
            Checked::Take { version } => version,
            Checked::Current { version: current } => {
                let said =
                    if current == situation.running.version { "runs already" } else { "waits for a reboot" };
                let mut answer = Answer::new(format!("{current} {said}"), Vec::new());
                answer.checked = Some(Checked::Current { version: current });
                return Ok(answer);
            }
            other => return Err(RequestError::NothingToStage { why: other.to_string() }.into()),
        };
        if let Some(named) = version
            && *named != wanted
        {
            return Err(RequestError::Behind { wanted: named.clone(), first: wanted }.into());
        }
        let image = &situation.running.image;
        let architecture = situation.running.architecture;
        let manifest = repository.manifest(image, &wanted, architecture)?;
        let mut source = repository.source(image, &wanted, architecture);
        // The channel goes back only where the configuration or a pin lets it; an operator who names a version says so.
        let downgrade = *allow_downgrade || version.is_none();
        let permissions = Permissions { downgrade, quarantined: *allow_quarantined };
        self.stage(&Wish::Stage(Box::new(manifest), permissions), &mut source, watch)
    }

    fn repository(&self, configuration: &Configuration, releases: &Releases) -> Result<Repository, Failure> {
        let client = Client::new(configuration.download.clone())?
            .with_pulse(self.pulse.clone())
            .counting(Arc::clone(&self.received));
        Ok(trust::open(&client, &releases.url, &self.places.trust, self.clock.now())?)
    }

    fn choose(
        &self,
        repository: &Repository,
        releases: &Releases,
        situation: &Situation,
        asked: Asked<'_>,
    ) -> Result<Checked, Failure> {
        let running = &situation.running;
        let channel = repository.channel(&running.image, running.architecture, &releases.channel)?;
        let seed = Identity::read(&self.places.machine_id)?.for_purpose("waves");
        Ok(choose(&channel, releases, situation, &seed, asked, self.clock.now()))
    }
}

fn releases(configuration: &Configuration) -> Result<&Releases, RequestError> {
    configuration.release.as_ref().ok_or(RequestError::NoRepository)
}

fn choose(
    channel: &Channel,
    releases: &Releases,
    situation: &Situation,
    seed: &str,
    asked: Asked<'_>,
    now: u64,
) -> Checked {
    // What is staged and not applied is chosen again, or is not offered any more.
    let awaiting = match situation.outcome() {
        Outcome::Awaiting { version } => Some(version),
        _ => None,
    };
    let version = awaiting.as_ref().unwrap_or(&situation.running.version);
    let quarantined: BTreeSet<Version> = match asked.allow_quarantined {
        true => BTreeSet::new(),
        false => situation.state.quarantine.keys().cloned().collect(),
    };
    let machine = Machine {
        image: &situation.running.image,
        architecture: situation.running.architecture,
        version,
        seed: seed.as_bytes(),
        pin: asked.version.or(situation.state.pinned.as_ref()),
        quarantined: &quarantined,
        allow_downgrade: releases.follow_downgrades,
        ignore_waves: asked.now,
    };
    match channel.choose(&machine, now) {
        Choice::Current => Checked::Current { version: version.clone() },
        Choice::Take(promotion) => Checked::Take { version: promotion.version.clone() },
        Choice::Wait { promotion, until } => Checked::Wait { version: promotion.version.clone(), until },
        Choice::Stay(WhyNot::PinAbsent(version)) if asked.version.is_some() => {
            Checked::Stay { reason: format!("{version} is not offered by the channel") }
        }
        Choice::Stay(WhyNot::PinBehindBarrier { pin, barrier }) if asked.version.is_some() => {
            let reason = format!("{pin} lies before the barrier {barrier}, which this machine has passed");
            Checked::Stay { reason }
        }
        Choice::Stay(why) => Checked::Stay { reason: why.to_string() },
    }
}

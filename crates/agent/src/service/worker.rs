//! The thread that decides and works: one step at a time, each begun from what the disk says.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

use host_tools::Stopwatch;

use super::decide::{Due, Facts, Next, next};
use super::outside::Outside;
use super::view::{HealthView, Noted, Reporter, Shared};
use crate::config::{self, Automatic, Configuration, Folders};
use crate::fill::Filled;
use crate::health::{self, Gate, Problem, Verdict};
use crate::journal::{note, warn};
use crate::operation::{Agent, Answer, Checked, Failure, Identity, Request, Restart, Status};
use crate::plan::Wish;
use crate::reboot::{self, Lock, Permission};
use crate::situation::Outcome;

/// An operation that somebody waits for.
#[derive(Debug)]
pub struct Order {
    /// What is asked for.
    pub request: Request,
    /// Whether only the plan is wanted.
    pub only_plan: bool,
    /// Where the answer goes.
    pub reply: Sender<Result<Answer, Failure>>,
}

/// Decides and works.
pub struct Worker {
    agent: Agent,
    shared: Arc<Shared>,
    outside: Box<dyn Outside>,
    orders: Receiver<Order>,
    configuration: Configuration,
    status: Option<Status>,
    offered: Option<Checked>,
    due: Due,
    /// Attempts in a row that failed.
    failed: u32,
    locked: bool,
    gate: Option<(Gate, Stopwatch)>,
    pause: Duration,
}

/// Between two looks at the health of a version on trial.
const PROBE_EVERY: Duration = Duration::from_secs(5);
/// The longest wait for an order before the next sign of life.
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// Before what failed is tried again, in seconds; doubled each time.
const FIRST_RETRY: u64 = 60;
/// The longest of these, in seconds.
const LONGEST_RETRY: u64 = 4 * 3600;
/// Before a restart that was put off is asked for again, in seconds.
const RESTART_RETRY: u64 = 60;

impl Worker {
    /// A worker that has not looked at its host yet.
    pub fn new(
        agent: Agent,
        shared: Arc<Shared>,
        outside: Box<dyn Outside>,
        orders: Receiver<Order>,
    ) -> Worker {
        Worker {
            agent,
            shared,
            outside,
            orders,
            configuration: Configuration::default(),
            status: None,
            offered: None,
            due: Due::default(),
            failed: 0,
            locked: false,
            gate: None,
            pause: Duration::ZERO,
        }
    }

    /// Finishes what the last run left; to be called once, first.
    pub fn settle(&mut self) -> Result<(), Failure> {
        self.reload();
        // A machine that restarted holds the lock, and cannot know it.
        self.locked = self.configuration.reboot.fleet_lock.is_some();
        let situation = {
            let mut watch = reporter(&self.shared, &self.agent);
            self.agent.settle(&mut watch)
        };
        self.shared.view().progress = None;
        let status = Status::of(&situation?, self.agent.resets_etc());
        match &status.condition {
            Outcome::RolledBack { version } => {
                warn(&format!("{version} did not come up here; {} runs", status.version))
            }
            Outcome::Trial { left, .. } => {
                note(&format!("{} is on trial, with {left} more boots", status.version))
            }
            Outcome::Awaiting { version } => note(&format!("{version} waits for a reboot")),
            Outcome::Settled => note(&format!("{} runs", status.version)),
        }
        let start = self.agent.clock.now();
        // Machines that were started together do not ask together.
        self.due = Due { check: start.saturating_add(self.splay()), ..Due::default() };
        self.show(status);
        Ok(())
    }

    /// Whether the running version has to prove itself.
    pub fn is_on_trial(&self) -> bool {
        self.status.as_ref().is_some_and(|status| matches!(status.condition, Outcome::Trial { .. }))
    }

    /// What it does, in a line.
    pub fn summary(&self) -> String {
        let Some(status) = &self.status else { return "starting".to_owned() };
        let state = match &status.condition {
            Outcome::Settled => match &status.staged {
                Some(staged) if staged.complete => format!("{} is staged", staged.version),
                _ => "settled".to_owned(),
            },
            Outcome::Trial { .. } => "on trial".to_owned(),
            Outcome::Awaiting { version } => format!("{version} waits for a reboot"),
            Outcome::RolledBack { version } => format!("{version} was rolled back"),
        };
        format!("{} {}: {state}", status.image, status.version)
    }

    /// Does what is to be done now, if anything; the failure is one that ends the service.
    pub fn step(&mut self) -> Result<Next, Failure> {
        self.reload();
        let next = self.decide();
        match next {
            Next::Probe => self.probe(),
            Next::Unlock => self.unlock(),
            Next::Check => self.check(),
            Next::Stage => self.stage(),
            Next::Restart => self.restart_by_policy(),
            Next::Sleep { .. } => {}
        }
        self.pause = match self.decide() {
            Next::Probe => PROBE_EVERY,
            Next::Sleep { until } => Duration::from_secs(until.saturating_sub(self.agent.clock.now())),
            _ => Duration::ZERO,
        };
        Ok(next)
    }

    /// Waits for orders until the next step is due, or for a sign of life.
    pub fn wait(&mut self) {
        match self.orders.recv_timeout(self.pause.min(LONGEST_WAIT)) {
            Ok(order) => self.follow(order),
            Err(RecvTimeoutError::Timeout) => {}
            // Nobody can ask any more; updates go on.
            Err(RecvTimeoutError::Disconnected) => std::thread::sleep(self.pause.min(LONGEST_WAIT)),
        }
    }

    fn decide(&self) -> Next {
        let settled = Outcome::Settled;
        let status = self.status.as_ref();
        let staged = status.and_then(|status| status.staged.as_ref()).filter(|staged| staged.complete);
        let automatic = match &self.configuration.release {
            Some(_) => self.configuration.update.automatic,
            // What was staged from a folder is applied by who staged it.
            None => Automatic::Off,
        };
        next(&Facts {
            now: self.agent.clock.now(),
            automatic,
            condition: status.map_or(&settled, |status| &status.condition),
            staged: staged.map(|staged| &staged.version),
            offered: self.offered.as_ref(),
            locked: self.locked && self.configuration.reboot.fleet_lock.is_some(),
            due: &self.due,
        })
    }

    /// Reads the configuration again; what the operator wrote wrongly leaves the image's.
    fn reload(&mut self) {
        let folders = &self.agent.places.configuration;
        let (configuration, failure) = match config::load(folders) {
            Ok(configuration) => (configuration, None),
            Err(error) => {
                let alone = Folders { image: folders.image.clone(), host: folders.image.clone() };
                (config::load(&alone).unwrap_or_default(), Some(Failure::from(error)))
            }
        };
        let mut view = self.shared.view();
        if failure != view.configuration {
            if let Some(failure) = &failure {
                warn(&format!("the image's configuration alone counts: {}", failure.in_one_line()));
            }
            view.configuration = failure;
        }
        view.automatic = Some(configuration.update.automatic);
        view.channel = configuration.release.as_ref().map(|release| release.channel.to_string());
        drop(view);
        self.configuration = configuration;
    }

    fn probe(&mut self) {
        let checks = self.agent.checks();
        let mut problems = match &checks {
            Ok(checks) => health::problems(checks, &mut *self.outside),
            Err(failure) => {
                vec![Problem { check: "health checks".to_owned(), reason: failure.in_one_line() }]
            }
        };
        if let Some(failure) = &self.shared.view().configuration {
            problems.push(Problem { check: "configuration".to_owned(), reason: failure.in_one_line() });
        }
        let settings = &self.configuration.health;
        let (gate, since) = self.gate.get_or_insert_with(|| (Gate::new(settings), Stopwatch::start()));
        let elapsed = since.elapsed();
        let before = gate.problems().to_vec();
        let verdict = gate.observe(elapsed, problems);
        let problems = gate.problems().to_vec();
        if problems != before {
            problems.iter().for_each(|problem| note(&format!("not healthy yet: {problem}")));
        }
        self.shared.view().health = Some(HealthView { seconds: elapsed.as_secs(), problems });
        match verdict {
            Verdict::Wait => return,
            Verdict::Good => {
                if self.wish(&Wish::Commit, "the version on trial proved itself and stays") {
                    self.shared.count().commits += 1;
                }
            }
            Verdict::Bad { reason } => {
                warn(&reason);
                if self.wish(&Wish::Reject { reason }, "the version on trial is left") {
                    self.shared.count().rejections += 1;
                    self.restart();
                }
            }
        }
        self.shared.count().last_gate_seconds = elapsed.as_secs_f64();
        // Where there is nothing to go back to, the checks get another time.
        self.gate = None;
    }

    fn check(&mut self) {
        let checked = self.agent.check(&self.configuration, false);
        let now = self.agent.clock.now();
        self.shared.count().checks += 1;
        match checked {
            Ok(checked) => {
                self.shared.count().last_check = now;
                if self.offered.as_ref() != Some(&checked) {
                    note(&checked.to_string());
                }
                let interval = self.configuration.update.interval.as_secs().max(60);
                self.due.check = now.saturating_add(interval);
                // A turn that comes before the next look is not missed.
                if let Checked::Wait { until: Some(until), .. } = &checked {
                    self.due.check = self.due.check.min((*until).max(now + 60));
                }
                if self.offered.as_ref() != Some(&checked) {
                    self.due.stage = 0;
                }
                self.offered = Some(checked);
                self.failed = 0;
            }
            Err(failure) => {
                self.due.check = now.saturating_add(self.retry());
                self.fail(failure);
            }
        }
        let mut view = self.shared.view();
        view.offered.clone_from(&self.offered);
        view.next_check = Some(self.due.check);
    }

    fn stage(&mut self) {
        let request = Request::Stage {
            version: None,
            payload: None,
            unsigned: false,
            now: false,
            allow_downgrade: false,
            allow_quarantined: false,
        };
        match self.perform(&request) {
            Ok(answer) => {
                note(&answer.message);
                self.failed = 0;
            }
            Err(failure) => {
                self.due.stage = self.agent.clock.now().saturating_add(self.retry());
                self.fail(failure);
            }
        }
    }

    fn restart_by_policy(&mut self) {
        let now = self.agent.clock.now();
        let policy = self.configuration.reboot.clone();
        let machine = match Identity::read(&self.agent.places.machine_id) {
            Ok(identity) => identity.for_purpose("fleet-lock"),
            Err(error) => return self.put_off(now + RESTART_RETRY, error.into()),
        };
        let permission = {
            let (outside, options) = (&mut self.outside, &self.configuration.download);
            reboot::permission(&policy, now, &mut |server| {
                outside.lock(Lock::Take, server, &machine, options)
            })
        };
        if self.shared.view().restart.replace(permission.clone()) != Some(permission.clone()) {
            match &permission {
                Permission::Granted => note("the machine may restart"),
                Permission::Closed { opens } => note(&format!("the restart waits for the window at {opens}")),
                Permission::Held { reason } => note(&format!("the restart is held: {reason}")),
            }
        }
        match permission {
            Permission::Granted => {
                self.locked = policy.fleet_lock.is_some();
                let awaiting = self.status.as_ref().map(|status| &status.condition);
                if !matches!(awaiting, Some(Outcome::Awaiting { .. }))
                    && let Err(failure) = self.perform(&Request::Apply { reboot: false })
                {
                    let until = now.saturating_add(self.retry());
                    return self.put_off(until, failure);
                }
                self.restart();
            }
            Permission::Closed { opens } => {
                self.due.restart = opens;
                self.shared.count().held_restarts += 1;
            }
            Permission::Held { .. } => {
                self.due.restart = now + RESTART_RETRY;
                self.shared.count().held_restarts += 1;
            }
        }
    }

    fn put_off(&mut self, until: u64, failure: Failure) {
        self.due.restart = until;
        self.due.unlock = 0;
        self.fail(failure);
    }

    fn unlock(&mut self) {
        let now = self.agent.clock.now();
        let Some(server) = self.configuration.reboot.fleet_lock.clone() else { return };
        let released = match Identity::read(&self.agent.places.machine_id) {
            Ok(identity) => {
                let machine = identity.for_purpose("fleet-lock");
                let options = &self.configuration.download;
                self.outside.lock(Lock::Release, &server, &machine, options).map_err(Failure::from)
            }
            Err(error) => Err(Failure::from(error)),
        };
        match released {
            Ok(()) => self.locked = false,
            Err(failure) => {
                self.due.unlock = now + RESTART_RETRY;
                self.fail(failure);
            }
        }
    }

    fn follow(&mut self, order: Order) {
        self.reload();
        if order.only_plan {
            let planned = {
                let mut watch = reporter(&self.shared, &self.agent);
                self.agent.plan(&order.request, &self.configuration, &mut watch)
            };
            // Who asked may be gone.
            let _unheard = order.reply.send(planned);
            return;
        }
        note(&format!("asked for {}", serde_json::to_string(&order.request).unwrap_or_default()));
        let done = self.perform(&order.request);
        if let Err(failure) = &done {
            self.fail(failure.clone());
        }
        if let Ok(Answer { checked: Some(checked), .. }) = &done {
            self.offered = Some(checked.clone());
            self.shared.view().offered = Some(checked.clone());
        }
        let restart = matches!(done, Ok(Answer { restart: Restart::Now, .. }));
        // Who asked may be gone; what was asked for is done.
        let _unheard = order.reply.send(done);
        if restart {
            self.restart();
        }
    }

    /// Does an operation, shows its progress, counts it, and looks at the host again.
    fn perform(&mut self, request: &Request) -> Result<Answer, Failure> {
        let stopwatch = Stopwatch::start();
        let received = self.shared.metrics().received_bytes;
        let (done, filled) = {
            let mut watch = reporter(&self.shared, &self.agent);
            let done = self.agent.perform(request, &self.configuration, &mut watch);
            (done, watch.filled)
        };
        self.shared.view().progress = None;
        if matches!(request, Request::Stage { .. }) && done.is_ok() {
            let seconds = stopwatch.elapsed().as_secs_f64();
            let mut metrics = self.shared.count();
            metrics.stages += 1;
            metrics.last_stage_seconds = seconds;
            metrics.kept_bytes += filled.kept;
            metrics.copied_bytes += filled.copied;
            metrics.fetched_bytes += filled.fetched;
            drop(metrics);
            let Filled { kept, copied, fetched } = filled;
            let received = self.shared.metrics().received_bytes - received;
            note(&format!(
                "of the root file system {kept} bytes were in their places, {copied} copied, {fetched} fetched; {received} bytes came in {seconds:.0} s"
            ));
        }
        self.survey();
        done
    }

    /// Whether the wish was followed.
    fn wish(&mut self, wish: &Wish, said: &str) -> bool {
        let done = {
            let mut watch = reporter(&self.shared, &self.agent);
            self.agent.wish(wish, said, &mut watch)
        };
        self.shared.view().progress = None;
        let followed = done.is_ok();
        match done {
            Ok(answer) => note(&answer.message),
            Err(failure) => self.fail(failure),
        }
        self.survey();
        followed
    }

    fn survey(&mut self) {
        match self.agent.survey() {
            Ok(situation) => {
                let status = Status::of(&situation, self.agent.resets_etc());
                self.show(status);
            }
            Err(failure) => self.fail(failure),
        }
    }

    fn show(&mut self, status: Status) {
        let mut view = self.shared.view();
        view.status = Some(status.clone());
        view.next_check = self.configuration.release.as_ref().map(|_| self.due.check);
        drop(view);
        self.status = Some(status);
    }

    fn restart(&mut self) {
        warn("the machine restarts");
        let failure = self.outside.restart();
        self.due.restart = self.agent.clock.now() + RESTART_RETRY;
        self.fail(failure);
    }

    fn fail(&mut self, failure: Failure) {
        warn(&format!("{}: {}", failure.name, failure.in_one_line()));
        self.shared.count().fail(&failure.name);
        self.shared.view().failure = Some(Noted { at: self.agent.clock.now(), failure });
    }

    /// Seconds until what failed is tried again.
    fn retry(&mut self) -> u64 {
        let wait = FIRST_RETRY.saturating_mul(1 << self.failed.min(16)).min(LONGEST_RETRY);
        self.failed += 1;
        wait
    }

    fn splay(&self) -> u64 {
        let most = self.configuration.update.splay.as_secs();
        Identity::read(&self.agent.places.machine_id).map_or(0, |identity| identity.number("splay", most))
    }
}

#[cfg(test)]
impl Worker {
    /// As if the channel had said so, and were not asked again soon.
    pub(super) fn offer(&mut self, checked: Checked) {
        self.offered = Some(checked);
        self.due.check = u64::MAX;
    }

    /// Everything may be tried now, but a look at the channel.
    pub(super) fn forget_waits(&mut self) {
        self.due = Due { check: u64::MAX, ..Due::default() };
    }
}

fn reporter<'a>(shared: &'a Shared, agent: &'a Agent) -> Reporter<'a> {
    Reporter { shared, pulse: &agent.pulse, filled: Filled::default() }
}

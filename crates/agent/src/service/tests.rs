//! The service on a host of files, in a world that answers as told.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};

use host_tools::Clock;

use super::{Next, Order, Outside, Shared, Worker};
use crate::config::{FleetLock, Folders};
use crate::download::Options;
use crate::health::{Check, Probe};
use crate::host::Paths;
use crate::operation::{Agent, Answer, Checked, Failure, Places, Request, Restart};
use crate::reboot::{FleetLockError, Lock};
use crate::situation::Outcome;
use crate::trust;
use crate::world::{Payload, World};

/// What the world answers, and what was done to it.
#[derive(Debug, Default)]
struct Told {
    unhealthy: bool,
    lock_refused: bool,
    restarts: u32,
    locks: Vec<Lock>,
}

struct Fake(Arc<Mutex<Told>>);

impl Probe for Fake {
    fn probe(&mut self, _: &Check) -> Result<(), String> {
        if self.0.lock().unwrap().unhealthy { Err("it is failed (dead)".to_owned()) } else { Ok(()) }
    }
}

impl Outside for Fake {
    fn restart(&mut self) -> Failure {
        self.0.lock().unwrap().restarts += 1;
        Failure::new("restart.refused", "this machine is made of files")
    }

    fn lock(&mut self, lock: Lock, _: &FleetLock, machine: &str, _: &Options) -> Result<(), FleetLockError> {
        assert_eq!(machine.len(), 32);
        let mut told = self.0.lock().unwrap();
        told.locks.push(lock);
        match (lock, told.lock_refused) {
            (Lock::Take, true) => {
                let (kind, said) = ("full".to_owned(), "another one restarts".to_owned());
                Err(FleetLockError::Refused { status: 409, kind, said })
            }
            _ => Ok(()),
        }
    }
}

/// A host of files.
struct Files {
    folder: tempfile::TempDir,
    told: Arc<Mutex<Told>>,
    versions: BTreeMap<&'static str, Payload>,
}

const NOW: u64 = 1_800_000_000;

impl Files {
    /// One that runs version 1.
    fn new() -> Files {
        let folder = tempfile::tempdir().unwrap();
        let versions: BTreeMap<_, _> =
            ["1", "2"].map(|version| (version, Payload::new(version))).into_iter().collect();
        let kept = World::new(&versions["1"]).kept();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("disk"), &kept.disk).unwrap();
        fs::create_dir_all(path("esp/EFI/Linux")).unwrap();
        for (name, file) in &kept.names {
            fs::write(path("esp/EFI/Linux").join(name), &kept.files[*file]).unwrap();
        }
        for name in ["image/health.d", "etc", "state"] {
            fs::create_dir_all(path(name)).unwrap();
        }
        fs::write(path("machine-id"), "0123456789abcdef0123456789abcdef\n").unwrap();
        fs::write(path("image/health.d/a.toml"), "[[unit]]\nname = \"a.service\"\n").unwrap();
        let files = Files { folder, told: Arc::default(), versions };
        files.boot("1");
        files
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    /// The next start runs this version.
    fn boot(&self, version: &str) {
        let root_hash = self.versions[version].manifest.verity.root_hash;
        fs::write(self.path("command-line"), format!("quiet roothash={root_hash}")).unwrap();
        let release = format!("IMAGE_ID=host\nIMAGE_VERSION={version}\n");
        fs::write(self.path("os-release"), release).unwrap();
        // The loader counts the boots of an entry that has some left.
        let (from, to) = (self.entry(version, "+3"), self.entry(version, "+2-1"));
        if from.exists() {
            fs::rename(from, to).unwrap();
        }
    }

    fn entry(&self, version: &str, counter: &str) -> std::path::PathBuf {
        self.path(&format!("esp/EFI/Linux/host_{version}{counter}.efi"))
    }

    fn configure(&self, text: &str) {
        fs::write(self.path("etc/agent.toml"), text).unwrap();
    }

    /// A payload folder of a version.
    fn payload(&self, version: &str) -> std::path::PathBuf {
        let folder = self.path(&format!("payload-{version}"));
        let payload = &self.versions[version];
        fs::create_dir_all(&folder).unwrap();
        for (name, bytes) in [
            ("manifest.json", payload.manifest.to_json().as_bytes()),
            ("root.erofs", &payload.root),
            ("root.verity", &payload.verity),
            ("linux.efi", &payload.kernel),
        ] {
            fs::write(folder.join(name), bytes).unwrap();
        }
        folder
    }

    fn agent(&self) -> Agent {
        let host = Paths {
            command_line: self.path("command-line"),
            os_release: self.path("os-release"),
            disk: Some(self.path("disk")),
            esp: Some(self.path("esp")),
            state: self.path("state"),
            lock: self.path("lock"),
            ..Paths::default()
        };
        let places = Places {
            host,
            configuration: Folders { image: self.path("image"), host: self.path("etc") },
            trust: trust::Places { root: self.path("image/root.json"), folder: self.path("state/tuf") },
            machine_id: self.path("machine-id"),
            etc: self.path("etc"),
        };
        Agent { clock: Clock::Fixed(NOW), ..Agent::new(places) }
    }

    /// A service that was just started.
    fn service(&self) -> Service {
        let (orders, receiver) = channel();
        let shared = Arc::new(Shared::default());
        let outside = Box::new(Fake(Arc::clone(&self.told)));
        let mut worker = Worker::new(self.agent(), Arc::clone(&shared), outside, receiver);
        worker.settle().unwrap();
        Service { worker, shared, orders }
    }

    fn told(&self) -> std::sync::MutexGuard<'_, Told> {
        self.told.lock().unwrap()
    }
}

struct Service {
    worker: Worker,
    shared: Arc<Shared>,
    orders: Sender<Order>,
}

impl Service {
    fn step(&mut self) -> Next {
        self.worker.step().unwrap()
    }

    fn condition(&self) -> Outcome {
        self.shared.view().status.as_ref().unwrap().condition.clone()
    }

    fn ask(&mut self, request: Request) -> Result<Restart, String> {
        self.order(request, false).map(|answer| answer.restart)
    }

    fn order(&mut self, request: Request, only_plan: bool) -> Result<Answer, String> {
        let (reply, answer) = channel();
        self.orders.send(Order { request, only_plan, reply }).unwrap();
        self.worker.wait();
        answer.recv().unwrap().map_err(|failure| failure.name)
    }

    fn stage(&mut self, folder: &Path) {
        let request = Request::Stage {
            version: None,
            payload: Some(folder.to_owned()),
            unsigned: false,
            now: false,
            allow_downgrade: false,
            allow_quarantined: false,
        };
        assert_eq!(self.ask(request), Ok(Restart::No));
    }

    /// The channel offers a version.
    fn offer(&mut self, version: &str) {
        self.worker.offer(Checked::Take { version: release::Version::parse(version).unwrap() });
    }
}

/// Version 2 was staged, applied and started.
fn on_trial() -> Files {
    let files = Files::new();
    let mut service = files.service();
    service.stage(&files.payload("2"));
    assert_eq!(service.ask(Request::Apply { reboot: false }), Ok(Restart::Later));
    assert_eq!(files.told().restarts, 0);
    files.boot("2");
    files
}

const QUICK: &str = "[health]\nsettle = \"0s\"\ndeadline = \"5m\"\n";
const REPOSITORY: &str = "[release]\nurl = \"file:///no/such/folder\"\nchannel = \"stable\"\n";

#[test]
fn a_healthy_version_stays() {
    let files = on_trial();
    files.configure(QUICK);
    let mut service = files.service();
    assert!(matches!(service.condition(), Outcome::Trial { left: 2, fallback: Some(_) }));
    assert_eq!(service.step(), Next::Probe);
    assert_eq!(service.condition(), Outcome::Settled);
    assert!(files.entry("2", "").exists());
    assert_eq!((files.told().restarts, service.shared.metrics().commits), (0, 1));
}

#[test]
fn an_unhealthy_version_is_left_and_named_with_its_reason() {
    let files = on_trial();
    files.configure("[health]\nsettle = \"0s\"\ndeadline = \"1s\"\n");
    files.told().unhealthy = true;
    let mut service = files.service();
    assert_eq!(service.step(), Next::Probe);
    assert_eq!(files.told().restarts, 0, "the deadline has not come");
    std::thread::sleep(std::time::Duration::from_millis(1100));
    assert_eq!(service.step(), Next::Probe);
    assert_eq!((files.told().restarts, service.shared.metrics().rejections), (1, 1));

    files.boot("1");
    let service = files.service();
    let status = service.shared.view().status.clone().unwrap();
    let why = &status.quarantine[&release::Version::parse("2").unwrap()];
    assert_eq!(why.reason, "not healthy after 1 s: unit a.service: it is failed (dead)");
    assert_eq!(status.version.as_str(), "1");
}

#[test]
fn checks_that_cannot_be_read_keep_a_version_from_being_applied_and_from_staying() {
    let files = Files::new();
    fs::create_dir_all(files.path("etc/health.d")).unwrap();
    fs::write(files.path("etc/health.d/b.toml"), "[[units]]\n").unwrap();
    let mut service = files.service();
    service.stage(&files.payload("2"));
    assert_eq!(service.ask(Request::Apply { reboot: false }), Err("health.checks".to_owned()));

    let files = on_trial();
    files.configure(QUICK);
    fs::create_dir_all(files.path("etc/health.d")).unwrap();
    fs::write(files.path("etc/health.d/b.toml"), "[[units]]\n").unwrap();
    let mut service = files.service();
    service.step();
    assert!(matches!(service.condition(), Outcome::Trial { .. }));
    let problem = service.shared.view().health.clone().unwrap().problems[0].to_string();
    assert!(problem.contains("b.toml is wrong") && problem.contains("unknown field `units`"), "{problem}");
}

#[test]
fn a_mistake_of_the_operator_leaves_the_image_s_configuration_and_is_shown() {
    let files = Files::new();
    fs::write(files.path("image/agent.toml"), "[update]\nautomatic = \"check\"\n").unwrap();
    files.configure("[update]\nautomatic = \"often\"\n");
    let service = files.service();
    let view = service.shared.view();
    assert_eq!(view.automatic, Some(crate::config::Automatic::Check));
    assert_eq!(view.configuration.as_ref().unwrap().name, "config.wrong");
}

#[test]
fn the_machine_restarts_with_the_lock_alone_and_gives_it_back_when_it_is_well() {
    let files = Files::new();
    let policy = "[update]\nautomatic = \"reboot\"\n[fleet-lock]\nurl = \"http://lock.example\"\n";
    files.configure(&format!("{REPOSITORY}{QUICK}{policy}"));
    let mut service = files.service();
    assert_eq!(service.step(), Next::Unlock, "a machine that restarted may hold the lock");
    service.stage(&files.payload("2"));
    service.offer("2");

    files.told().lock_refused = true;
    assert_eq!(service.step(), Next::Restart);
    assert_eq!((files.told().restarts, service.condition()), (0, Outcome::Settled));
    let held = serde_json::to_string(&service.shared.view().restart).unwrap();
    assert!(held.contains("another one restarts"), "{held}");

    files.told().lock_refused = false;
    service.worker.forget_waits();
    assert_eq!(service.step(), Next::Restart);
    assert_eq!(files.told().restarts, 1);
    assert!(matches!(service.condition(), Outcome::Awaiting { .. }));
    assert_eq!(files.told().locks, [Lock::Release, Lock::Take, Lock::Take]);

    files.boot("2");
    let mut service = files.service();
    assert_eq!(service.step(), Next::Probe);
    assert_eq!(service.step(), Next::Unlock);
    assert_eq!(files.told().locks.len(), 4);
}

#[test]
fn a_staged_version_that_is_not_offered_any_more_is_not_applied() {
    let files = Files::new();
    files.configure(&format!("{REPOSITORY}[update]\nautomatic = \"reboot\"\nsplay = \"0s\"\n"));
    let mut service = files.service();
    service.stage(&files.payload("2"));
    assert_eq!(service.step(), Next::Check, "the repository is asked first, and is not there");
    assert!(matches!(service.step(), Next::Sleep { .. }));
    let failure = service.shared.view().failure.clone().unwrap().failure;
    assert_eq!(failure.name, "trust.no-root");
    assert_eq!((files.told().restarts, service.condition()), (0, Outcome::Settled));
}

#[test]
fn an_order_to_restart_is_answered_before_the_machine_goes() {
    let files = Files::new();
    let mut service = files.service();
    service.stage(&files.payload("2"));
    assert_eq!(service.ask(Request::Apply { reboot: true }), Ok(Restart::Now));
    assert_eq!(files.told().restarts, 1);
    assert_eq!(service.ask(Request::ResetEtc { reboot: false }), Ok(Restart::Later));
    assert!(files.path("etc/reset").exists());
    assert!(service.shared.view().status.as_ref().unwrap().resets_etc);
}

#[test]
fn a_signed_host_refuses_an_unsigned_folder() {
    let files = Files::new();
    fs::write(files.path("image/root.json"), "{}").unwrap();
    let mut service = files.service();
    let request = |unsigned| Request::Stage {
        version: None,
        payload: Some(files.payload("2")),
        unsigned,
        now: false,
        allow_downgrade: false,
        allow_quarantined: false,
    };
    assert_eq!(service.ask(request(false)), Err("payload.unsigned".to_owned()));
    assert_eq!(service.ask(request(true)), Ok(Restart::No));
}

#[test]
fn a_plan_tells_every_step_and_does_none() {
    let files = Files::new();
    let mut service = files.service();
    let request = Request::Stage {
        version: None,
        payload: Some(files.payload("2")),
        unsigned: false,
        now: false,
        allow_downgrade: false,
        allow_quarantined: false,
    };
    let before = fs::read(files.path("disk")).unwrap();
    let answer = service.order(request, true).unwrap();
    assert_eq!(answer.message, "this would be done; nothing was");
    assert_eq!(answer.steps[1], "fill slot B with 2");
    assert!(fs::read(files.path("disk")).unwrap() == before);
    assert!(!files.path("state/state.json").exists());
    assert_eq!(service.order(Request::Apply { reboot: true }, true), Err("update.not-staged".to_owned()));
    assert_eq!(service.order(Request::ResetEtc { reboot: true }, true).unwrap().restart, Restart::Later);
    assert!(!files.path("etc/reset").exists());
    assert_eq!(files.told().restarts, 0);
}

//! What the service does to the world beside the disk: the machine's restart, the fleet's lock, the health checks.

use std::time::Duration;

use host_tools::{Stopwatch, systemctl};
use rustix::system::RebootCommand;

use crate::config::FleetLock;
use crate::download;
use crate::health::{Check, Probe, System};
use crate::operation::Failure;
use crate::pulse::Pulse;
use crate::reboot::{FleetLockError, Lock, LockClient};

/// The world beside the disk.
pub trait Outside: Probe {
    /// Restarts the machine; comes back only if that cannot be done.
    fn restart(&mut self) -> Failure;
    /// Takes the fleet's lock or gives it back, as the machine with this identity.
    fn lock(
        &mut self,
        lock: Lock,
        server: &FleetLock,
        machine: &str,
        options: &download::Options,
    ) -> Result<(), FleetLockError>;
}

/// The running machine.
#[derive(Debug)]
pub struct Machine {
    pulse: Pulse,
}

impl Machine {
    /// `pulse` hears that the restart is waited for.
    pub fn new(pulse: Pulse) -> Machine {
        Machine { pulse }
    }
}

impl Probe for Machine {
    fn probe(&mut self, check: &Check) -> Result<(), String> {
        self.pulse.beat();
        System.probe(check)
    }
}

/// For all services to stop in order, by the manager's own limits.
const PATIENCE: Duration = Duration::from_secs(300);

impl Outside for Machine {
    fn restart(&mut self) -> Failure {
        let asked = systemctl::reboot();
        if asked.is_ok() {
            let waiting = Stopwatch::start();
            while waiting.elapsed() < PATIENCE {
                self.pulse.beat();
                std::thread::sleep(Duration::from_secs(1));
            }
        }
        // The manager refuses, or hangs: a machine that has to leave a bad version must not stay in it for that.
        rustix::fs::sync();
        let refused = rustix::system::reboot(RebootCommand::Restart);
        let mut failure = Failure::new("restart.refused", "the machine cannot be restarted");
        failure.causes.extend(asked.err().map(|error| error.to_string()));
        failure.causes.extend(refused.err().map(|error| std::io::Error::from(error).to_string()));
        failure
    }

    fn lock(
        &mut self,
        lock: Lock,
        server: &FleetLock,
        machine: &str,
        options: &download::Options,
    ) -> Result<(), FleetLockError> {
        self.pulse.beat();
        LockClient::new(machine.to_owned(), options)?.ask(lock, server)
    }
}

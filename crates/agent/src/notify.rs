//! The service manager's notification socket: that the service is ready, alive, and what it does.

use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// Tells the service manager, if there is one that listens.
#[derive(Debug)]
pub struct Notifier {
    socket: Option<(UnixDatagram, SocketAddr)>,
    watchdog: Option<Duration>,
}

impl Notifier {
    /// By the environment that the service manager gave: `NOTIFY_SOCKET` and `WATCHDOG_USEC`.
    pub fn from_environment() -> io::Result<Notifier> {
        let watchdog = std::env::var("WATCHDOG_USEC").ok().and_then(|text| text.parse().ok());
        let socket = match std::env::var_os("NOTIFY_SOCKET") {
            None => None,
            Some(name) => {
                let address = match name.as_bytes() {
                    [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
                    _ => SocketAddr::from_pathname(&name)?,
                };
                Some((UnixDatagram::unbound()?, address))
            }
        };
        Ok(Notifier { socket, watchdog: watchdog.map(Duration::from_micros) })
    }

    /// How long the manager waits for a sign of life; none: for ever.
    pub fn watchdog(&self) -> Option<Duration> {
        self.watchdog
    }

    /// The service does what it is for.
    pub fn ready(&self) {
        self.send("READY=1");
    }

    /// The service is alive.
    pub fn alive(&self) {
        self.send("WATCHDOG=1");
    }

    /// What the service does, for `systemctl status`; one line.
    pub fn status(&self, text: &str) {
        self.send(&format!("STATUS={}", text.replace('\n', " ")));
    }

    fn send(&self, message: &str) {
        if let Some((socket, address)) = &self.socket {
            // A manager that does not listen any more acts by itself when its time is up.
            let _unheard = socket.send_to_addr(message.as_bytes(), address);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manager_hears_each_message() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        let address = SocketAddr::from_pathname(&path).unwrap();
        let notifier = Notifier { socket: Some((UnixDatagram::unbound().unwrap(), address)), watchdog: None };
        notifier.ready();
        notifier.status("staging\n2");
        notifier.alive();
        let heard: Vec<String> = (0..3)
            .map(|_| {
                let mut buffer = [0; 64];
                let count = manager.recv(&mut buffer).unwrap();
                String::from_utf8_lossy(&buffer[..count]).into_owned()
            })
            .collect();
        assert_eq!(heard, ["READY=1", "STATUS=staging 2", "WATCHDOG=1"]);
        drop(manager);
        notifier.alive();
    }
}

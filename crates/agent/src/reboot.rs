//! When a machine may restart: a policy, the time and the fleet's lock in; now, later or not yet, out.

mod fleet_lock;
mod window;

pub use fleet_lock::{FleetLockError, Lock, LockClient};
pub use window::{Opening, Window, Windows, Zone};

use crate::config;

/// Whether the machine may restart.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case", tag = "reboot")]
pub enum Permission {
    /// Now.
    Granted,
    /// When the next window opens.
    Closed {
        /// In seconds since 1970.
        opens: u64,
    },
    /// When the fleet's lock can be had.
    Held {
        /// What the lock's server said.
        reason: String,
    },
}

/// Asks whether the machine may restart at `now`, in seconds since 1970. The lock is taken last: nobody holds it and waits.
pub fn permission(
    policy: &config::Reboot,
    now: u64,
    take_lock: &mut dyn FnMut(&config::FleetLock) -> Result<(), FleetLockError>,
) -> Permission {
    if let Some(windows) = &policy.windows
        && let Opening::Closed { opens } = windows.at(now)
    {
        return Permission::Closed { opens };
    }
    match policy.fleet_lock.as_ref().map(take_lock) {
        None | Some(Ok(())) => Permission::Granted,
        Some(Err(error)) => {
            let mut reason = error.to_string();
            let mut cause = std::error::Error::source(&error);
            while let Some(error) = cause {
                reason = format!("{reason}: {error}");
                cause = error.source();
            }
            Permission::Held { reason }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_is_not_asked_for_while_the_window_is_closed() {
        let window = Window::try_from("02:00 1h".to_owned()).unwrap();
        let windows = Windows::new(vec![window], Zone::default());
        let url = url::Url::parse("http://lock.example").unwrap();
        let policy = config::Reboot {
            windows,
            fleet_lock: Some(config::FleetLock { url, group: "default".to_owned() }),
        };
        let mut asked = 0;
        let mut answer = |_: &config::FleetLock| {
            asked += 1;
            Err(FleetLockError::Refused {
                status: 409,
                kind: "full".into(),
                said: "two others restart".into(),
            })
        };
        // 1970-01-01 00:00 UTC, and 02:30 of the same day.
        assert_eq!(permission(&policy, 0, &mut answer), Permission::Closed { opens: 7200 });
        let held = permission(&policy, 9000, &mut answer);
        assert_eq!(asked, 1);
        let reason = "the fleet's lock was refused (409, full): two others restart".to_owned();
        assert_eq!(held, Permission::Held { reason });
        assert_eq!(permission(&policy, 9000, &mut |_| Ok(())), Permission::Granted);
    }
}

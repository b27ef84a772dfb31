//! A machine whose port 22 is forwarded, in; what root's commands there say, out, over ssh as an administrator uses it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use host_tools::qemu::{Credential, Forward, free_port};
use host_tools::{Bind, Call, CallError, Network, Sandbox, Stopwatch};
use tempfile::TempDir;

use crate::machine::Answer;

/// A key that opens root's account, and the port that leads there.
#[derive(Debug)]
pub struct Remote {
    judges: PathBuf,
    folder: TempDir,
    port: u16,
    public_key: String,
}

/// Why a command was not run.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// A file or port of this machine.
    #[error("cannot prepare the login")]
    File(#[from] io::Error),
    /// The program itself.
    #[error(transparent)]
    Call(#[from] CallError),
    /// Nobody answers, or the key is refused.
    #[error("cannot log in to the guest: {said}")]
    Login {
        /// What ssh said.
        said: String,
    },
}

/// Where the sandbox shows the key.
const KEY: &str = "/run/key";
/// ssh's own exit status when there is no connection.
const NO_CONNECTION: i32 = 255;
const TRY_EVERY: Duration = Duration::from_secs(2);

impl Remote {
    /// A fresh key pair and a free port; `judges` is a root with OpenSSH's client.
    pub fn new(judges: &Path) -> Result<Remote, RemoteError> {
        let folder = tempfile::tempdir()?;
        let call =
            Call::new("/usr/bin/ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-C", "tests", "-f"]);
        Sandbox::new(judges).bind(Bind::writable(folder.path(), KEY)).run(&call.arg(format!("{KEY}/id")))?;
        let public_key = fs::read_to_string(folder.path().join("id.pub"))?.trim().to_owned();
        Ok(Remote { judges: judges.to_owned(), folder, port: free_port()?, public_key })
    }

    /// The key that shall open root's account.
    pub fn public_key(&self) -> &str {
        &self.public_key
    }

    /// What makes it do so.
    pub fn credential(&self) -> Credential {
        Credential::new("ssh.authorized_keys.root", self.public_key.as_bytes())
    }

    /// What leads to the guest.
    pub fn forward(&self) -> Forward {
        Forward { host_port: self.port, guest_port: 22 }
    }

    /// Runs a script of the guest's shell.
    pub fn run(&self, script: &str) -> Result<Answer, RemoteError> {
        self.run_with_input(script, &[])
    }

    /// Runs a script of the guest's shell that reads these bytes.
    pub fn run_with_input(&self, script: &str, input: &[u8]) -> Result<Answer, RemoteError> {
        let sandbox =
            Sandbox::new(&self.judges).network(Network::Host).bind(Bind::writable(self.folder.path(), KEY));
        let call =
            Call::new("/usr/bin/ssh").args(["-p", &self.port.to_string(), "-i"]).arg(format!("{KEY}/id"));
        let options = [
            // A guest's host key is made at its first boot.
            "StrictHostKeyChecking=no",
            "UserKnownHostsFile=/dev/null",
            "LogLevel=ERROR",
            "BatchMode=yes",
            "ConnectTimeout=30",
            // A guest that restarts or loses its power says no farewell.
            "ServerAliveInterval=10",
            "ServerAliveCountMax=6",
        ];
        let options = options.iter().flat_map(|option| ["-o", option]);
        let call = call.args(options).args(["root@127.0.0.1", &format!("exec 2>&1\n{script}")]);
        let output = sandbox.run_with_input(&call.accept_any_status(), |pipe| pipe.write_all(input))?;
        match output.status.code() {
            Some(status) if status != NO_CONNECTION => Ok(Answer { status, text: output.stdout_text() }),
            _ => {
                Err(RemoteError::Login { said: format!("{}{}", output.stdout_text(), output.stderr_text()) })
            }
        }
    }

    /// Tries until a login works; how long it took.
    pub fn wait(&self, limit: Duration) -> Result<Duration, RemoteError> {
        let stopwatch = Stopwatch::start();
        loop {
            match self.run("true") {
                Err(error @ RemoteError::Login { .. }) if stopwatch.elapsed() > limit => return Err(error),
                Err(RemoteError::Login { .. }) => std::thread::sleep(TRY_EVERY),
                answer => return answer.map(|_| stopwatch.elapsed()),
            }
        }
    }
}

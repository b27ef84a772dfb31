//! Payloads, in; a release repository that offers them, out, by the program's own commands.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use host_tools::Call;

use crate::program::{lazuli, run};
use crate::world::{IMAGE, Version};

/// A release repository and its keys.
#[derive(Debug)]
pub struct Releases {
    pub folder: PathBuf,
    keys: PathBuf,
    /// Commands change the repository one after the other.
    changing: Mutex<()>,
}

impl Releases {
    /// A repository without versions.
    pub fn new(folder: &Path) -> Releases {
        let (folder, keys) = (folder.join("releases"), folder.join("release-keys"));
        let releases = Releases { folder, keys, changing: Mutex::new(()) };
        if releases.folder.exists() {
            return releases;
        }
        fs::create_dir_all(&releases.keys).unwrap();
        for name in ["root", "targets", "online"] {
            succeed(&lazuli(["release", "key", "new"]).arg(releases.key(name)));
        }
        let call = lazuli(["release", "init"]).arg(&releases.folder);
        let call = call
            .arg("--root-key")
            .arg(releases.key("root"))
            .arg("--targets-key")
            .arg(releases.key("targets"));
        succeed(&call.arg("--online-key").arg(releases.key("online")));
        releases
    }

    /// What images trust.
    pub fn root(&self) -> PathBuf {
        self.folder.join("metadata/1.root.json")
    }

    pub fn key(&self, name: &str) -> PathBuf {
        self.keys.join(format!("{name}.pem"))
    }

    /// Publishes a version, if it is not there yet, and offers it in a channel.
    pub fn offer(&self, version: &Version, channel: &str) {
        let _changing = self.changing.lock().unwrap();
        self.once(&format!("{}.published", version.name), || {
            lazuli(["release", "add", "--level", "3"]).arg(&self.folder).arg(&version.payload)
        });
        self.once(&format!("{}.in.{channel}", version.name), || {
            lazuli(["release", "promote"]).arg(&self.folder).args([
                IMAGE,
                &version.name,
                "--channel",
                channel,
            ])
        });
    }

    /// Signs and runs a call, if it was not run in a folder that stayed.
    fn once(&self, mark: &str, call: impl Fn() -> Call) {
        let mark = self.keys.join(mark);
        if !mark.exists() {
            succeed(&self.signed(call()));
            fs::write(mark, "").unwrap();
        }
    }

    /// A copy of the repository's metadata beside the same targets: one that stays as it is now.
    pub fn snapshot(&self, folder: &Path) {
        fs::create_dir_all(folder.join("metadata")).unwrap();
        for entry in fs::read_dir(self.folder.join("metadata")).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), folder.join("metadata").join(entry.file_name())).unwrap();
        }
        std::os::unix::fs::symlink(self.folder.join("targets"), folder.join("targets")).unwrap();
    }

    /// Signs the timestamp of a copy anew, as at that time.
    pub fn renew(&self, copy: &Path, time: &str) {
        let call = lazuli(["release", "renew", "--now", time]).arg(copy).arg("--key").arg(self.key("online"));
        succeed(&call);
    }

    /// Bytes of a version's pack.
    pub fn pack_size(&self, version: &Version) -> u64 {
        let end = format!(".{IMAGE}_{}_x86-64.blocks.pack", version.name);
        let mut targets = fs::read_dir(self.folder.join("targets")).unwrap().map(|entry| entry.unwrap());
        let pack = targets.find(|entry| entry.file_name().to_str().unwrap().ends_with(&end)).unwrap();
        pack.metadata().unwrap().len()
    }

    fn signed(&self, call: Call) -> Call {
        call.arg("--key").arg(self.key("targets")).arg("--key").arg(self.key("online"))
    }
}

fn succeed(call: &Call) {
    let output = run(call);
    assert!(output.status.success(), "{call:?}\n{}{}", output.stdout_text(), output.stderr_text());
}

//! Keys and versions of the image, made once for all stories.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use host_tools::{Bind, Call, Sandbox};
use testkit::prepared;

use crate::program::{json, lazuli, workspace};
use crate::releases::Releases;

pub const IMAGE: &str = "container-host";

/// What all stories share.
pub struct World {
    pub tools: PathBuf,
    pub judges: PathBuf,
    /// Where everything is made, and what is there already is taken.
    pub folder: PathBuf,
    releases: OnceLock<Releases>,
    /// So that one version is made once.
    building: Mutex<()>,
}

/// A version of the image.
#[derive(Debug, Clone)]
pub struct Version {
    pub name: String,
    /// `container-host.raw`.
    pub disk: PathBuf,
    /// The folder of its update payload.
    pub payload: PathBuf,
}

/// How much is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// In every run with machines.
    Short,
    /// Where time does not matter.
    All,
}

/// What is different in a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Nothing but the version.
    None,
    /// No signatures.
    Unsigned,
    /// It comes up, and a health check never holds.
    Unhealthy,
    /// The kernel finds no program to start, and panics.
    Panics,
    /// The initrd waits for ever.
    Hangs,
    /// It comes up, and the first process does nothing any more.
    Freezes,
    /// It comes up, and nobody judges it.
    Unjudged,
    /// Somebody else's signatures.
    Foreign,
    /// Slots of so many MiB.
    Slots(u64),
    /// So many MiB more.
    Larger(usize),
}

/// A health check that never holds, and how long it is waited for.
const UNHEALTHY: [(&str, &str); 2] = [
    ("usr/lib/lazuli/health.d/90-never.toml", "[[command]]\narguments = [\"/usr/bin/false\"]\n"),
    ("usr/lib/lazuli/agent.toml.d/90-impatient.toml", "[health]\ndeadline = \"60s\"\nsettle = \"5s\"\n"),
];
/// A unit of the initrd that keeps the root from being looked for, and less patience than the image's: a slow machine hangs as one does.
const HANG: [(&str, &str); 2] = [
    (
        "usr/lib/systemd/system/hang.service",
        "[Unit]\nDefaultDependencies=no\nBefore=initrd-root-device.target initrd-root-fs.target initrd.target\n\n\
         [Service]\nType=oneshot\nTimeoutStartSec=infinity\nExecStart=/usr/bin/sleep infinity\n",
    ),
    (
        "usr/lib/systemd/system/initrd.target.d/90-hang.conf",
        "[Unit]\nRequires=hang.service\nJobTimeoutSec=90s\n",
    ),
];

/// A unit that keeps the first process from running; what is started by then goes on.
const FREEZE: [(&str, &str); 2] = [
    (
        "usr/lib/systemd/system/freeze.service",
        "[Service]\nExecStart=/usr/bin/sh -c 'echo 1 > /sys/fs/cgroup/init.scope/cgroup.freeze'\n",
    ),
    ("usr/lib/systemd/system/sysinit.target.d/90-freeze.conf", "[Unit]\nWants=freeze.service\n"),
];
/// No agent, and a deadline that comes sooner than the image's.
const UNJUDGED: [(&str, &str); 2] = [
    ("usr/lib/systemd/system/lazuli-agent.service.d/90-none.conf", "[Unit]\nConditionPathExists=/nothing\n"),
    (
        "usr/lib/systemd/system/lazuli-agent-deadline.timer.d/90-soon.conf",
        "[Timer]\nOnBootSec=\nOnBootSec=60s\n",
    ),
];

/// The world, or none where these stories are not told.
pub fn world(extent: Extent) -> Option<&'static World> {
    static WORLD: OnceLock<Option<World>> = OnceLock::new();
    match (extent, std::env::var("LAZULI_TEST_BOOT").ok().as_deref()) {
        (_, None) => {
            prepared::skip("LAZULI_TEST_BOOT is not set (cargo xtask test sets it)");
            return None;
        }
        (Extent::Short, Some(_)) | (Extent::All, Some("all")) => {}
        (Extent::All, Some(_)) => {
            prepared::skip("LAZULI_TEST_BOOT is not `all` (cargo xtask test-updates sets it)");
            return None;
        }
    }
    WORLD.get_or_init(World::new).as_ref()
}

impl World {
    fn new() -> Option<World> {
        let (tools, judges) = (prepared::tools_root()?, prepared::judge_root()?);
        let folder = prepared::versions()?;
        fs::create_dir_all(&folder).unwrap();
        let world = World { tools, judges, folder, releases: OnceLock::new(), building: Mutex::new(()) };
        for name in ["ours", "theirs"] {
            world.make_keys(name);
        }
        Some(world)
    }

    /// The tools.
    pub fn tools(&self) -> Sandbox {
        Sandbox::new(&self.tools)
    }

    /// Runs a shell script of the judges in a folder, which they see as their working directory.
    pub fn judge(&self, folder: &Path, script: &str) -> String {
        let sandbox = Sandbox::new(&self.judges).bind(Bind::writable(folder, "/run/work"));
        let call = Call::new("sh").args(["-ec", script]).directory("/run/work").accept_any_status();
        let output = sandbox.run(&call).unwrap();
        assert!(output.status.success(), "{script}:\n{}{}", output.stdout_text(), output.stderr_text());
        output.stdout_text()
    }

    /// `NAME.key`, `NAME.pem`, `NAME.der`.
    fn make_keys(&self, name: &str) {
        if self.folder.join(format!("{name}.der")).exists() {
            return;
        }
        let script = format!(
            "openssl req -x509 -newkey rsa:2048 -nodes -keyout {name}.key -out {name}.pem -days 3650 -subj /CN={name} 2>&1
            openssl x509 -in {name}.pem -outform der -out {name}.der"
        );
        self.judge(&self.folder, &script);
    }

    /// The certificate of what we sign, as DER.
    pub fn certificate(&self) -> Vec<u8> {
        fs::read(self.folder.join("ours.der")).unwrap()
    }

    /// A version of the image, made when it is first asked for.
    pub fn version(&self, name: &str, change: Change) -> Version {
        let _building = self.building.lock().unwrap_or_else(PoisonError::into_inner);
        let output = self.folder.join(format!("{IMAGE}-{name}"));
        let payload = output.join(format!("{IMAGE}_{name}.payload"));
        let version = Version { name: name.to_owned(), disk: output.join(format!("{IMAGE}.raw")), payload };
        if version.payload.join("manifest.json").exists() {
            return version;
        }
        let definition = self.folder.join(format!("definition-{name}"));
        self.define(&definition, change);
        let call = lazuli(["--format", "json", "--quiet", "image", "build", IMAGE]);
        let call = call.args(["--image-version", name]).arg("--release-root").arg(self.releases().root());
        let call = call.arg("-C").arg(&definition).arg("--output").arg(&output);
        let signer = match change {
            Change::Unsigned => None,
            Change::Foreign => Some("theirs"),
            _ => Some("ours"),
        };
        json(&match signer {
            None => call,
            Some(who) => call
                .arg("--secure-boot-key")
                .arg(self.folder.join(format!("{who}.key")))
                .arg("--secure-boot-certificate")
                .arg(self.folder.join(format!("{who}.pem"))),
        });
        version
    }

    /// A copy of the definition with the change in it.
    fn define(&self, folder: &Path, change: Change) {
        let source = std::env::var_os("LAZULI_TEST_DEFINITION")
            .map_or_else(|| workspace().join("distro"), PathBuf::from);
        copy_folder(&source, folder);
        let image = folder.join("images").join(IMAGE);
        let zeros = match change {
            Change::Larger(size) => "\0".repeat(size << 20),
            _ => String::new(),
        };
        let files = match change {
            Change::Unhealthy => &UNHEALTHY[..],
            Change::Hangs => &HANG[..],
            Change::Freezes => &FREEZE[..],
            Change::Unjudged => &UNJUDGED[..],
            Change::Larger(_) => &[("usr/lib/larger", zeros.as_str())],
            _ => &[],
        };
        for (path, text) in files {
            let path = image.join("tree").join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let slots = match change {
            Change::Slots(size) => format!("size-mib = {size}\n"),
            _ => String::new(),
        };
        let edit = match change {
            Change::Panics => Some(("command-line = [\n", "command-line = [\n    \"rdinit=/nothing\",\n")),
            Change::Hangs => Some(("units = [\n", "units = [\n    \"hang.service\",\n")),
            Change::Slots(_) => Some(("size-mib = 2048\n", slots.as_str())),
            _ => None,
        };
        // The machines of these stories start from the first alone.
        let edits = [("formats = [\"raw\", \"qcow2\"]\n", "formats = [\"raw\"]\n")].into_iter().chain(edit);
        let file = image.join("image.toml");
        let mut text = fs::read_to_string(&file).unwrap();
        for (from, to) in edits {
            assert_eq!(text.matches(from).count(), 1, "{from:?} in {}", file.display());
            text = text.replace(from, to);
        }
        fs::write(file, text).unwrap();
    }

    /// The release repository, which every version is published in.
    pub fn releases(&self) -> &Releases {
        self.releases.get_or_init(|| Releases::new(&self.folder))
    }
}

/// Copies files, folders and links.
fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (kind, target) = (entry.file_type().unwrap(), to.join(entry.file_name()));
        if kind.is_dir() {
            copy_folder(&entry.path(), &target);
        } else if kind.is_symlink() {
            std::os::unix::fs::symlink(fs::read_link(entry.path()).unwrap(), &target).unwrap();
        } else {
            fs::copy(entry.path(), &target).unwrap();
        }
    }
}

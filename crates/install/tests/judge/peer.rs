//! The peer: the server's packages, installed by dnf5 into a new root, once for all tests.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use testkit::prepared;

use crate::judge_root;

/// The time that both installations claim.
pub(crate) const EPOCH: u32 = 1_790_000_000;

/// What judges an installation.
pub(crate) struct Judge {
    /// A root that has rpm and dnf5 in it.
    pub(crate) programs: PathBuf,
    /// The packages.
    pub(crate) repository: PathBuf,
    /// The root that dnf5 made of them.
    pub(crate) root: PathBuf,
}

/// The judge, or nothing where it is not prepared.
pub(crate) fn judge() -> Option<&'static Judge> {
    static JUDGE: OnceLock<Judge> = OnceLock::new();
    let programs = prepared::judge_root()?;
    let repository = prepared::repository()?;
    let packages = prepared::packages()?;
    Some(JUDGE.get_or_init(|| {
        let root = install_by_dnf(&programs, &repository, &packages);
        Judge { programs, repository, root }
    }))
}

fn install_by_dnf(programs: &Path, repository: &Path, packages: &[String]) -> PathBuf {
    let peer = Path::new(env!("CARGO_TARGET_TMPDIR")).join("judge-peer");
    if peer.exists() {
        std::fs::remove_dir_all(&peer).expect("an old tree of this test can be removed");
    }
    std::fs::create_dir_all(peer.join("root")).expect("a directory for dnf5");
    for (name, mode) in [("proc", 0o555), ("dev", 0o755), ("sys", 0o555)] {
        let path = peer.join("root").join(name);
        // The modes that the packages give them: dnf5 cannot change what is mounted over.
        std::fs::create_dir(&path).expect("a mount point");
        std::fs::set_permissions(&path, Permissions::from_mode(mode)).expect("the mode of a mount point");
    }
    let script = format!(
        "root=/mnt/peer/root
        export SOURCE_DATE_EPOCH={EPOCH} SYSTEMD_OFFLINE=1
        echo '%_netsharedpath /proc:/sys:/dev' >> $HOME/.rpmmacros
        echo '%__systemd_sysusers /usr/bin/systemd-sysusers' >> $HOME/.rpmmacros
        exec dnf5 --installroot=$root --use-host-config --no-plugins --setopt=reposdir=/nonexistent \\
            --setopt=install_weak_deps=False --setopt=cachedir=/mnt/peer/cache --setopt=logdir=/mnt/peer/log \\
            --repofrompath=up,file:///mnt/repository --setopt=up.gpgcheck=0 --setopt=up.pkg_gpgcheck=0 --repo=up \\
            --releasever=1 -y install {} 2>&1",
        packages.join(" ")
    );
    let stopwatch = host_tools::Stopwatch::start();
    // Accounts come from systemd-sysusers, as on Fedora: rpm's own script is for systems without it, and wants useradd.
    // The kernel's file systems are mounted in the new root, as on any machine that a system is installed from; rpm is told so.
    let folders = [
        (repository, "repository"),
        (&peer, "peer"),
        (Path::new("/proc"), "peer/root/proc"),
        (Path::new("/dev"), "peer/root/dev"),
        (Path::new("/sys"), "peer/root/sys"),
    ];
    judge_root::check_with(programs, &folders, &script);
    println!("dnf5 installed {} requests in {:?}", packages.len(), stopwatch.elapsed());
    peer.join("root")
}

//! The server image: built from the lock, built again elsewhere to the same bytes, booted, and asked how it is.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test panics where it cannot go on, and shows what the guest said"
)]

mod program;

use std::path::{Path, PathBuf};
use std::time::Duration;

use host_tools::qemu::{Credential, Forward, GuestNetwork, free_port};
use host_tools::qemu_img::Format;
use host_tools::{Call, Network, Sandbox};
use program::{json, lazuli, run, workspace};
use testkit::http::Server;
use testkit::machine::{Boot, Booted, Probe, boot};
use testkit::prepared;

/// A package of the imported repository that the server does not have, and the program it brings.
const NEW_PACKAGE: &str = "cpio";

#[test]
fn the_server_is_reproducible_boots_well_and_manages_packages() {
    if std::env::var_os("LAZULI_TEST_BOOT").is_none() {
        return prepared::skip("LAZULI_TEST_BOOT is not set (cargo xtask test sets it)");
    }
    let (Some(repository), Some(judges), Some(tools)) =
        (prepared::repository(), prepared::judge_root(), prepared::tools_root())
    else {
        return;
    };
    let work = tempfile::tempdir().unwrap();
    let first = build(workspace().join("distro").as_path(), &work.path().join("first"));
    let again = build_elsewhere(work.path());
    assert_eq!(digests(&first), digests(&again), "the same definition and lock give the same bytes");

    judge_disks(&first, &judges);
    let keys = ssh_key(&judges, work.path());
    let server = Server::start(&repository).unwrap();
    let booted = boot_server(&disk(&first, "qcow2"), &tools, &server, &keys.1);
    assert_well(&booted);
    log_in(&judges, &keys.0, booted);
}

/// What the guest says of itself must be what a server promises.
fn assert_well(booted: &Booted) {
    let answer = |name: &str| booted.answers.get(name).map_or("", |answer| answer.text.trim());
    println!("booted in {:.1} s, state {}", booted.time.as_secs_f64(), booted.state);
    for (name, answer) in &booted.answers {
        println!("-- {name} (status {})\n{}", answer.status, answer.text.trim_end());
    }
    assert_eq!(booted.state, "running", "failed units: {}", answer("failed units"));
    assert_eq!(answer("failed units"), "");
    assert_eq!(answer("services"), "active\nactive\nactive\nactive");
    let os_release = answer("os-release");
    for line in ["NAME=Lazuli", "ID=lazuli", "VERSION_ID=0.1", "SUPPORT_END=2027-11-30"] {
        assert!(os_release.replace('"', "").lines().any(|found| found == line), "{line} in\n{os_release}");
    }
    assert!(answer("root account").starts_with("root L"), "root is locked: {}", answer("root account"));
    let budget: u64 = 260;
    let count: u64 = answer("package count").parse().unwrap();
    assert!(count > 100 && count <= budget, "{count} packages");
    assert_eq!(answer("verify bash"), "", "rpm -V bash");
    assert_eq!(booted.answers["install"].status, 0, "{}", answer("install"));
    assert!(answer("installed").contains(NEW_PACKAGE), "{}", answer("installed"));
    assert_eq!(booted.answers["remove"].status, 0, "{}", answer("remove"));
    assert_eq!(booted.answers["removed"].status, 1, "rpm -q of a removed package fails");
    assert_eq!(answer("unneeded"), "", "dnf5 would remove nothing by itself");
    assert!(answer("label of sshd").contains("sshd_exec_t"), "{}", answer("label of sshd"));
    assert!(answer("resolver").contains("/run/systemd/resolve/stub-resolv.conf"), "{}", answer("resolver"));
}

fn boot_server(disk: &Path, tools: &Path, repository: &Server, public_key: &str) -> Booted {
    // To the guest, this machine's loopback is 10.0.2.2.
    let address = repository.url("/").replace("127.0.0.1", "10.0.2.2");
    let upstream = format!("--repofrompath=up,{address} --repo=up --no-gpgchecks");
    let probe = Probe::new()
        .ask("failed units", "systemctl --failed --no-legend --plain")
        .ask("services", "systemctl is-active systemd-networkd systemd-resolved ssh auditd")
        .ask("os-release", "cat /etc/os-release")
        .ask("root account", "passwd -S root")
        .ask("package count", "rpm -qa | wc -l")
        .ask("verify bash", "rpm -V bash")
        .ask("verify all", "rpm -Va")
        .ask("unneeded", "dnf5 -q repoquery --unneeded")
        .ask("install", format!("dnf5 -y {upstream} install {NEW_PACKAGE}"))
        .ask("installed", format!("rpm -q {NEW_PACKAGE} && dnf5 -q repoquery --installed {NEW_PACKAGE} && {NEW_PACKAGE} --version"))
        .ask("remove", format!("dnf5 -y remove {NEW_PACKAGE}"))
        .ask("removed", format!("rpm -q {NEW_PACKAGE}"))
        .ask("label of sshd", "ls -Z /usr/sbin/sshd")
        .ask("resolver", "readlink -f /etc/resolv.conf")
        .ask("memory", "free -m")
        .ask("boot time", "systemd-analyze");
    let machine = Boot {
        credentials: vec![Credential::new("ssh.authorized_keys.root", public_key)],
        network: GuestNetwork::User {
            restricted: false,
            forwards: vec![Forward { host_port: SSH_PORT.with(|port| *port), guest_port: 22 }],
        },
        limit: Duration::from_secs(600),
        ..Boot::new(disk, Format::Qcow2)
    };
    boot(&Sandbox::new(tools), &machine, &probe).unwrap_or_else(|error| panic!("{error:?}"))
}

thread_local! {
    static SSH_PORT: u16 = free_port().unwrap();
}

/// The key that was given at boot opens root's account, and nothing else does.
fn log_in(judges: &Path, private_key: &Path, mut booted: Booted) {
    let port = SSH_PORT.with(|port| port.to_string());
    let folder = private_key.parent().unwrap();
    let sandbox =
        Sandbox::new(judges).network(Network::Host).bind(host_tools::Bind::writable(folder, "/run/key"));
    let ssh = |identity: &str| {
        let call = Call::new("/usr/bin/ssh").args(["-p", &port, "-i", identity]).args([
            "-o",
            "StrictHostKeyChecking=no",
            "-o",
            "UserKnownHostsFile=/dev/null",
            "-o",
            "BatchMode=yes",
            "-o",
            "ConnectTimeout=60",
            "root@127.0.0.1",
            "id -un",
        ]);
        sandbox.run(&call.accept_any_status()).unwrap()
    };
    let answer = ssh("/run/key/id");
    assert_eq!(answer.stdout_text(), "root\n", "{}", answer.stderr_text());
    assert!(!ssh("/run/key/absent").status.success(), "no key, no login");
    booted.guest.kill().unwrap();
}

/// A fresh key pair: path of the private key, text of the public one.
fn ssh_key(judges: &Path, work: &Path) -> (PathBuf, String) {
    let folder = work.join("key");
    std::fs::create_dir(&folder).unwrap();
    let sandbox = Sandbox::new(judges).bind(host_tools::Bind::writable(&folder, "/run/key"));
    sandbox
        .run(&Call::new("/usr/bin/ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f", "/run/key/id"]))
        .unwrap();
    let public = std::fs::read_to_string(folder.join("id.pub")).unwrap();
    (folder.join("id"), public)
}

/// Disk files as their own tools see them.
fn judge_disks(built: &serde_json::Value, judges: &Path) {
    let folder = disk(built, "raw").parent().unwrap().to_owned();
    let sandbox = Sandbox::new(judges).bind(host_tools::Bind::read_only(folder, "/run/disks"));
    let judge = |program: &str, arguments: &[&str]| {
        let output =
            sandbox.run(&Call::new(program).args(arguments)).unwrap_or_else(|error| panic!("{error}"));
        output.stdout_text()
    };
    judge("/usr/bin/qemu-img", &["check", "/run/disks/server.qcow2"]);
    judge(
        "/usr/bin/qemu-img",
        &["compare", "-f", "raw", "-F", "qcow2", "/run/disks/server.raw", "/run/disks/server.qcow2"],
    );
    let info = judge("/usr/bin/qemu-img", &["info", "--output=json", "-f", "vpc", "/run/disks/server.vhd"]);
    let info: serde_json::Value = serde_json::from_str(&info).unwrap();
    assert_eq!(info["virtual-size"].as_u64().unwrap() % (1 << 20), 0, "Azure takes whole MiB only");
    let verdict = judge("/usr/sbin/sgdisk", &["--verify", "/run/disks/server.raw"]);
    assert!(verdict.contains("No problems found"), "{verdict}");
}

fn disk(built: &serde_json::Value, extension: &str) -> PathBuf {
    let files = built["files"].as_array().unwrap();
    let paths = files.iter().map(|file| PathBuf::from(file["path"].as_str().unwrap()));
    paths.into_iter().find(|path| path.extension().is_some_and(|found| found == extension)).unwrap()
}

fn digests(built: &serde_json::Value) -> Vec<String> {
    built["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| file["sha256"].as_str().unwrap().to_owned())
        .collect()
}

fn build(distro: &Path, output: &Path) -> serde_json::Value {
    let call = lazuli(["--format", "json", "--quiet", "image", "build", "server", "-C"]);
    json(&call.arg(distro).arg("--output").arg(output))
}

/// The same definition in another place, on one processor, with another umask, time zone, locale and cache; by the ordinary user
/// that `LAZULI_TEST_USER` names (one with subordinate ids), else by the one who tests.
fn build_elsewhere(work: &Path) -> serde_json::Value {
    let elsewhere = work.join("elsewhere");
    std::fs::create_dir_all(&elsewhere).unwrap();
    let shell = |script: &str, arguments: &[&std::ffi::OsStr]| {
        let call = Call::new("sh").args(["-e", "-c", script, "sh"]).args(arguments).accept_any_status();
        let output = run(&call);
        assert!(output.status.success(), "{}", output.stderr_text());
    };
    let (distro, program) = (elsewhere.join("distro"), elsewhere.join("lazuli"));
    shell("cp -r \"$1\" \"$2\"", &[workspace().join("distro").as_os_str(), distro.as_os_str()]);
    shell("cp \"$1\" \"$2\"", &[env!("CARGO_BIN_EXE_lazuli").as_ref(), program.as_os_str()]);
    let user = std::env::var("LAZULI_TEST_USER").ok();
    let mut words = vec!["umask 077; cd /; export HOME=\"$1\"; shift; exec taskset -c 0 \"$@\"".to_owned()];
    if let Some(user) = &user {
        shell(
            "chmod 755 \"$1\"; chown -R \"$3\" \"$2\"",
            &[work.as_os_str(), elsewhere.as_os_str(), user.as_ref()],
        );
        println!("building again as {user}");
        words.insert(0, user.clone());
    }
    let call = match &user {
        Some(_) => Call::new("runuser").arg("-u").arg(words.remove(0)).args(["--", "sh", "-c"]),
        None => Call::new("sh").arg("-c"),
    };
    let call = call.args(words).arg("sh").arg(&elsewhere).arg(&program);
    let call = call.args(["--format", "json", "--quiet", "image", "build", "server", "-C"]).arg(&distro);
    let output = elsewhere.join("again");
    json(
        &call
            .arg("--output")
            .arg(output)
            .env("TZ", "Asia/Kolkata")
            .env("LC_ALL", "de_DE.UTF-8")
            .accept_any_status(),
    )
}

//! The sandbox against the real kernel: a root made of this machine's own `/usr`.
#![allow(clippy::unwrap_used, reason = "these are tests")]

use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use host_tools::{Bind, Call, CallError, Network, Output, Sandbox, Sink, Stdin, Stopwatch, Stream};
use tempfile::TempDir;

/// A root with this machine's `/usr` and nothing else, or nothing where namespaces cannot be made.
fn world() -> Option<(TempDir, Sandbox)> {
    if !rustix::process::geteuid().is_root() {
        testkit::prepared::skip("a sandbox needs root or a mapped user namespace");
        return None;
    }
    if env!("CARGO_CRATE_NAME") == "sandbox_by_spawner" {
        host_tools::sandbox::start_spawner().unwrap();
    }
    let root = TempDir::new().unwrap();
    for name in ["bin", "lib", "lib64", "sbin"] {
        std::os::unix::fs::symlink(format!("usr/{name}"), root.path().join(name)).unwrap();
    }
    fs::create_dir(root.path().join("etc")).unwrap();
    let sandbox = Sandbox::new(root.path()).bind(Bind::read_only("/usr", "/usr"));
    Some((root, sandbox))
}

fn shell(script: &str) -> Call {
    Call::new("sh").args(["-c", script])
}

fn run(sandbox: &Sandbox, script: &str) -> Output {
    sandbox.run(&shell(script)).unwrap()
}

fn mounts() -> String {
    fs::read_to_string("/proc/self/mountinfo").unwrap()
}

#[test]
fn the_program_sees_the_root_and_nothing_of_the_host() {
    let Some((root, sandbox)) = world() else { return };
    fs::write(root.path().join("etc/here"), "inside").unwrap();
    let output = run(&sandbox, "cat /etc/here; ls / ; ls /home 2>/dev/null || true");
    assert_eq!(output.stdout_text(), "insidebin\ndev\netc\nlib\nlib64\nproc\nrun\nsbin\ntmp\nusr\n");
}

#[test]
fn the_root_is_left_as_it_was() {
    let Some((root, sandbox)) = world() else { return };
    let names = || {
        let mut names: Vec<_> =
            fs::read_dir(root.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let (before, mounts_before) = (names(), mounts());
    let work = TempDir::new().unwrap();
    let sandbox = sandbox.bind(Bind::writable(work.path(), "/deep/below/work"));
    run(&sandbox, "test -d /deep/below/work && test -e /proc/self && test -c /dev/null");
    assert_eq!(names(), ["bin", "etc", "lib", "lib64", "sbin"], "usr too was made for the bind alone");
    assert_eq!(names(), before);
    assert_eq!(mounts(), mounts_before);
}

#[test]
fn there_is_no_network_but_an_own_loopback() {
    let Some((_root, sandbox)) = world() else { return };
    let output = run(&sandbox, "tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' '; wc -l < /proc/net/route");
    assert_eq!(output.stdout_text(), "lo\n1\n");
    let host = fs::read_to_string("/proc/net/dev").unwrap();
    let inside = sandbox.network(Network::Host).run(&Call::new("cat").arg("/proc/net/dev")).unwrap();
    assert_eq!(inside.stdout_text().lines().count(), host.lines().count());
}

#[test]
fn the_program_is_alone_and_named_localhost() {
    let Some((_root, sandbox)) = world() else { return };
    let output =
        run(&sandbox, "echo $$; set -- /proc/[0-9]*; echo $#; cat /proc/sys/kernel/hostname; umask; pwd");
    assert_eq!(output.stdout_text(), "2\n2\nlocalhost\n0022\n/\n");
}

#[test]
fn the_environment_is_what_was_given() {
    let Some((_root, sandbox)) = world() else { return };
    let sandbox = sandbox.env("COLOUR", "blue").source_date_epoch(17);
    let output = sandbox.run(&Call::new("env").env("COLOUR", "lapis")).unwrap();
    let mut lines: Vec<_> = output.stdout_text().lines().map(str::to_owned).collect();
    lines.sort();
    assert_eq!(
        lines,
        [
            "COLOUR=lapis",
            "HOME=/root",
            "LC_ALL=C.UTF-8",
            "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
            "SOURCE_DATE_EPOCH=17",
            "TZ=UTC"
        ]
    );
}

#[test]
fn no_descriptor_is_inherited() {
    let Some((_root, sandbox)) = world() else { return };
    let open = fs::File::open("/etc/passwd").unwrap();
    rustix::io::fcntl_setfd(&open, rustix::io::FdFlags::empty()).unwrap();
    // The fourth is the directory that `ls` itself reads.
    let output = sandbox.run(&Call::new("ls").arg("/proc/self/fd")).unwrap();
    assert_eq!(output.stdout_text(), "0\n1\n2\n3\n");
}

#[test]
fn the_devices_that_programs_count_on_are_there() {
    let Some((_root, sandbox)) = world() else { return };
    let script = "echo lost > /dev/null && head -c 4 /dev/zero | od -An -tx1 && head -c 8 /dev/urandom | wc -c
        echo > /dev/full || echo full; echo out > /dev/stdout; test -c /dev/ptmx && test -d /dev/shm && ls /dev/fd/1";
    let output = run(&sandbox, script);
    assert_eq!(output.stdout_text(), " 00 00 00 00\n8\nfull\nout\n/dev/fd/1\n");
}

#[test]
fn a_failure_says_status_and_last_words() {
    let Some((_root, sandbox)) = world() else { return };
    let error = sandbox.run(&shell("echo fine; echo went wrong >&2; exit 3")).unwrap_err();
    assert_eq!(error.to_string(), "sh failed with exit status 3:\n    went wrong");
    let error = sandbox.run(&shell("kill -9 $$")).unwrap_err();
    assert!(matches!(error, CallError::Killed { signal: 9, .. }), "{error}");
    let output = sandbox.run(&shell("exit 3").accept_any_status()).unwrap();
    assert_eq!(output.status.code(), Some(3));
}

#[test]
fn a_missing_program_and_a_missing_root_are_named() {
    let Some((root, sandbox)) = world() else { return };
    let error = sandbox.run(&Call::new("no-such-program")).unwrap_err();
    assert_eq!(error.to_string(), format!("no-such-program not found in {}", root.path().display()));
    let error = sandbox.run(&Call::new("/etc")).unwrap_err();
    assert_eq!(error.to_string(), "cannot execute /etc");
    let error = Sandbox::new("/no/such/root").run(&Call::new("true")).unwrap_err();
    assert_eq!(error.to_string(), "cannot use /no/such/root as a root directory");
    let error = sandbox.run(&Call::new("true").directory("/nowhere")).unwrap_err();
    assert_eq!(error.to_string(), "cannot set up the sandbox for true: change to the directory /nowhere");
    let error = sandbox.bind(Bind::read_only("/no/source", "/x")).run(&Call::new("true")).unwrap_err();
    assert_eq!(error.to_string(), "cannot set up the sandbox for true: show /no/source");
}

#[test]
fn a_read_only_root_refuses_writes_but_not_in_writable_binds() {
    let Some((root, sandbox)) = world() else { return };
    for name in ["usr", "proc", "dev", "run", "tmp", "work"] {
        fs::create_dir(root.path().join(name)).unwrap();
    }
    let work = TempDir::new().unwrap();
    let sandbox = sandbox.read_only_root(true).bind(Bind::writable(work.path(), "/work"));
    let script = "touch /etc/new 2>/dev/null || echo refused; touch /usr/new 2>/dev/null || echo refused; echo kept > /work/new; touch /tmp/new /run/new";
    assert_eq!(run(&sandbox, script).stdout_text(), "refused\nrefused\n");
    assert_eq!(fs::read_to_string(work.path().join("new")).unwrap(), "kept\n");
    assert!(!root.path().join("etc/new").exists());
    assert!(!root.path().join("tmp/new").exists());
}

#[test]
fn a_link_in_the_root_cannot_lead_a_mount_outside() {
    let Some((root, sandbox)) = world() else { return };
    let outside = TempDir::new().unwrap();
    let victim = outside.path().join("victim");
    std::os::unix::fs::symlink(outside.path(), root.path().join("trap")).unwrap();
    let source = TempDir::new().unwrap();
    // Inside, the link leads to the sandbox's own /tmp.
    let sandbox = sandbox.bind(Bind::read_only(source.path(), "/trap/victim"));
    let output = run(&sandbox, &format!("test -d {0} && readlink -f /trap/victim", victim.display()));
    assert_eq!(output.stdout_text().trim_end(), victim.to_string_lossy());
    assert!(!victim.exists());
}

#[test]
fn a_bind_reaches_a_link_that_leads_to_a_missing_place() {
    let Some((root, sandbox)) = world() else { return };
    std::os::unix::fs::symlink("../run/resolve/stub.conf", root.path().join("etc/resolv.conf")).unwrap();
    let source = root.path().join("names");
    fs::write(&source, "nameserver 10.0.2.3").unwrap();
    let sandbox = sandbox.bind(Bind::read_only(&source, "/etc/resolv.conf"));
    assert_eq!(run(&sandbox, "cat /etc/resolv.conf").stdout_text(), "nameserver 10.0.2.3");
}

#[test]
fn nothing_of_the_host_is_mounted_inside() {
    let Some((_root, sandbox)) = world() else { return };
    let output = run(
        &sandbox,
        "cut -d' ' -f5 /proc/self/mountinfo | grep -v '^/dev/\\|^/proc/' | sort; ls -d /../../home 2>&1 || true",
    );
    let expected = "/\n/dev\n/proc\n/run\n/tmp\n/usr\n";
    assert!(output.stdout_text().starts_with(expected), "{}", output.stdout_text());
    assert!(output.stdout_text().contains("cannot access '/../../home'"));
}

#[test]
fn kernel_settings_of_the_host_cannot_be_changed() {
    let Some((_root, sandbox)) = world() else { return };
    let script = "echo 1 > /proc/sys/vm/drop_caches || echo refused; mount -t tmpfs none /tmp 2>/dev/null || echo refused
        (mknod /etc/disk b 7 0 && head -c 1 /etc/disk) 2>/dev/null || echo refused";
    assert_eq!(run(&sandbox, script).stdout_text(), "refused\nrefused\nrefused\n");
}

#[test]
fn input_reaches_the_program_and_large_output_comes_back() {
    let Some((_root, sandbox)) = world() else { return };
    let bytes: Vec<u8> = (0..5_000_000_u32).flat_map(u32::to_le_bytes).collect();
    let output = sandbox.run(&Call::new("cat").stdin(Stdin::Bytes(bytes.clone()))).unwrap();
    assert!(output.stdout == bytes);
    let written = sandbox.run_with_input(&Call::new("cat"), |input| input.write_all(&bytes)).unwrap();
    assert!(written.stdout == bytes);
    // A program need not read its input.
    sandbox.run(&Call::new("true").stdin(Stdin::Bytes(bytes.clone()))).unwrap();
    sandbox.run_with_input(&Call::new("true"), |input| input.write_all(&bytes)).unwrap();
}

#[test]
fn an_input_that_cannot_be_made_kills_the_program() {
    let Some((_root, sandbox)) = world() else { return };
    let error = sandbox
        .run_with_input(&Call::new("cat"), |input| {
            input.write_all(b"half")?;
            Err(std::io::Error::other("disk on fire"))
        })
        .unwrap_err();
    assert!(
        matches!(&error, CallError::Input { source, .. } if source.to_string() == "disk on fire"),
        "{error}"
    );
}

#[test]
fn output_is_bounded() {
    let Some((_root, sandbox)) = world() else { return };
    let call = shell("yes").stdout(Sink::Capture { limit: 1000 });
    assert_eq!(sandbox.run(&call).unwrap_err().to_string(), "sh wrote more than 1000 bytes");
    let call = shell("seq 1 100000 >&2; echo last >&2").stderr(Sink::Capture { limit: 12 });
    assert_eq!(sandbox.run(&call).unwrap().stderr_text(), "100000\nlast\n");
}

#[test]
fn lines_are_told_as_they_come() {
    let Some((_root, sandbox)) = world() else { return };
    let mut lines = Vec::new();
    let call = shell("echo one; sleep 0.05; echo two >&2; sleep 0.05; printf three");
    sandbox.run_with_lines(&call, |stream, line| lines.push((stream, line.to_owned()))).unwrap();
    let expected = [(Stream::Stdout, "one"), (Stream::Stderr, "two"), (Stream::Stdout, "three")];
    assert_eq!(lines, expected.map(|(stream, line)| (stream, line.to_owned())));
}

#[test]
fn a_program_that_takes_too_long_dies_with_all_it_started() {
    let Some((root, sandbox)) = world() else { return };
    let script = "(setsid sleep 1; touch /etc/survived) & echo started; sleep 60";
    let error = sandbox.run(&shell(script).time_limit(Duration::from_millis(200))).unwrap_err();
    assert_eq!(error.to_string(), "sh was killed after 0.2 s without an end:\n    started");
    std::thread::sleep(Duration::from_millis(1500));
    assert!(!root.path().join("etc/survived").exists());
}

#[test]
fn what_a_program_leaves_in_the_background_ends_with_it() {
    let Some((root, sandbox)) = world() else { return };
    let stopwatch = Stopwatch::start();
    run(&sandbox, "(sleep 1; touch /etc/survived) &");
    assert!(stopwatch.elapsed() < Duration::from_millis(900));
    std::thread::sleep(Duration::from_millis(1300));
    assert!(!root.path().join("etc/survived").exists());
}

#[test]
fn a_started_program_can_be_talked_to_and_killed() {
    let Some((_root, sandbox)) = world() else { return };
    let mut running = sandbox.spawn(&Call::new("cat").stdin(Stdin::Pipe).stdout(Sink::Pipe)).unwrap();
    running.stdin.as_mut().unwrap().write_all(b"hello\n").unwrap();
    let mut answer = [0; 6];
    std::io::Read::read_exact(running.stdout.as_mut().unwrap(), &mut answer).unwrap();
    assert_eq!(&answer, b"hello\n");
    assert_eq!(running.try_wait().unwrap(), None);
    running.kill();
    assert_eq!(running.wait().unwrap().code(), None);
    let mut ending = sandbox.spawn(&shell("exit 4")).unwrap();
    assert_eq!(ending.wait().unwrap().code(), Some(4));
    drop(sandbox.spawn(&shell("sleep 60")).unwrap());
}

/// Not a test of its own: what the next test starts and kills.
#[test]
#[ignore = "runs only as a part of the next test"]
fn waits_in_a_sandbox() {
    let Some(root) = std::env::var_os("SANDBOX_TEST_ROOT") else { return };
    if env!("CARGO_CRATE_NAME") == "sandbox_by_spawner" {
        host_tools::sandbox::start_spawner().unwrap();
    }
    let sandbox = Sandbox::new(root).bind(Bind::read_only("/usr", "/usr"));
    run(&sandbox, "echo > /etc/started; sleep 2; echo > /etc/survived");
}

#[test]
#[allow(
    clippy::disallowed_methods,
    reason = "the test has to kill this very program while it uses the sandbox"
)]
fn programs_end_with_a_tool_that_is_killed() {
    let Some((root, _sandbox)) = world() else { return };
    let name = if env!("CARGO_CRATE_NAME") == "sandbox" { "" } else { "sandbox::" };
    let mut tool = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", &format!("{name}waits_in_a_sandbox")])
        .env("SANDBOX_TEST_ROOT", root.path())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let stopwatch = Stopwatch::start();
    while !root.path().join("etc/started").exists() {
        assert!(stopwatch.elapsed() < Duration::from_secs(20), "the sandbox did not start");
        std::thread::sleep(Duration::from_millis(10));
    }
    tool.kill().unwrap();
    tool.wait().unwrap();
    std::thread::sleep(Duration::from_millis(2500));
    assert!(!root.path().join("etc/survived").exists());
}

#[test]
fn many_calls_at_once_do_not_disturb_each_other() {
    let Some((root, sandbox)) = world() else { return };
    let before = mounts();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let sandbox = &sandbox;
            scope.spawn(move || {
                for turn in 0..10 {
                    let said =
                        run(sandbox, &format!("echo {thread}.{turn}; test -c /dev/null")).stdout_text();
                    assert_eq!(said, format!("{thread}.{turn}\n"));
                }
            });
        }
    });
    assert_eq!(mounts(), before);
    assert!(!root.path().join("proc").exists());
}

#[test]
fn streams_can_be_files() {
    let Some((root, sandbox)) = world() else { return };
    let log = root.path().join("log");
    fs::write(root.path().join("in"), "text").unwrap();
    let call = shell("cat; echo message >&2")
        .stdin(Stdin::File(fs::File::open(root.path().join("in")).unwrap()))
        .stdout(Sink::File(fs::File::create(&log).unwrap()))
        .stderr(Sink::SameAsStdout);
    sandbox.run(&call).unwrap();
    assert_eq!(fs::read_to_string(Path::new(&log)).unwrap(), "textmessage\n");
}

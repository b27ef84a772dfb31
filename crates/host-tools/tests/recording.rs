//! What the recorder says of small scripts, in a root of its own with this machine's programs in it.
#![allow(clippy::unwrap_used, reason = "these are tests")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use host_tools::sandbox::recording::{Digests, EntryKind, Kind, Recording, Seen, Time, View, Written};
use host_tools::{Call, Output, Sandbox, Sink};
use tempfile::TempDir;

const EPOCH: u64 = 1_700_000_000;

/// A root whose programs are copies of this machine's: a bind of `/usr` would not be part of the root.
struct World {
    root: TempDir,
}

impl World {
    fn new() -> Option<World> {
        if !rustix::process::geteuid().is_root() {
            testkit::prepared::skip("a sandbox needs root or a mapped user namespace");
            return None;
        }
        if env!("CARGO_CRATE_NAME") == "recording_by_spawner" {
            host_tools::sandbox::start_spawner().unwrap();
        }
        let root = TempDir::new().unwrap();
        for name in ["usr/bin", "etc", "var/lib"] {
            fs::create_dir_all(root.path().join(name)).unwrap();
        }
        symlink("usr/bin", root.path().join("bin")).unwrap();
        let world = World { root };
        for program in
            ["dash", "cat", "mv", "rm", "ln", "mkdir", "touch", "chmod", "cp", "ls", "stat", "sleep"]
        {
            world.copy_program(&PathBuf::from("/usr/bin").join(program));
        }
        symlink("dash", world.path("usr/bin/sh")).unwrap();
        Some(world)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// With all libraries, at the paths where the loader looks for them.
    fn copy_program(&self, program: &Path) {
        let said = host_tools::program::run(&Call::new("ldd").arg(program)).unwrap().stdout_text();
        let libraries = said.split_whitespace().filter(|word| word.starts_with('/')).map(PathBuf::from);
        for file in libraries.chain([program.to_owned()]) {
            let copy = self.path(file.strip_prefix("/").unwrap().to_str().unwrap());
            if !copy.exists() {
                fs::create_dir_all(copy.parent().unwrap()).unwrap();
                fs::copy(&file, &copy).unwrap();
            }
        }
    }

    fn sandbox(&self) -> Sandbox {
        Sandbox::new(self.root.path()).sys(true)
    }

    fn view(&self) -> View {
        View::new(&self.sandbox(), EPOCH, &[], Arc::default()).unwrap().unwrap()
    }

    fn try_record(&self, script: &str) -> (Output, Result<Recording, String>) {
        let call = Call::new("/bin/sh").args(["-c", script]).stderr(Sink::SameAsStdout).accept_any_status();
        self.sandbox().run_recorded(&call, self.view()).unwrap()
    }

    fn record(&self, script: &str) -> Recorded {
        let (output, recording) = self.try_record(script);
        assert!(output.status.success(), "{}", output.stdout_text());
        let recording = recording.unwrap();
        let text = |path: &[u8]| String::from_utf8_lossy(path).into_owned();
        Recorded {
            output: output.stdout_text(),
            seen: recording.seen.iter().map(|(path, seen)| (text(path), seen.clone())).collect(),
            written: recording.written.iter().map(|(path, what)| (text(path), what.clone())).collect(),
            recording,
        }
    }

    fn refused(&self, script: &str) -> String {
        self.try_record(script).1.unwrap_err()
    }
}

struct Recorded {
    output: String,
    seen: BTreeMap<String, Seen>,
    written: BTreeMap<String, Written>,
    recording: Recording,
}

impl Recorded {
    fn there(&self, path: &str) -> &host_tools::sandbox::recording::There {
        match self.seen.get(path) {
            Some(Seen::There(there)) => there,
            other => panic!("{path} was seen as {other:?}"),
        }
    }

    fn content(&self, path: &str) -> String {
        match self.written.get(path) {
            Some(Written::Entry(entry)) => match &entry.kind {
                EntryKind::File { content, .. } => String::from_utf8_lossy(content).into_owned(),
                other => panic!("{path} became {other:?}"),
            },
            other => panic!("{path} became {other:?}"),
        }
    }

    fn written_paths(&self) -> Vec<&str> {
        self.written.keys().map(String::as_str).collect()
    }
}

#[test]
fn a_read_file_counts_with_its_content_and_the_program_that_read_it_too() {
    let Some(world) = World::new() else { return };
    fs::write(world.path("etc/read"), "text").unwrap();
    let recorded = world.record("cat /etc/read");
    assert_eq!(recorded.output, "text");
    for path in ["/etc/read", "/usr/bin/dash", "/usr/bin/cat", "/lib64/ld-linux-x86-64.so.2"] {
        assert!(recorded.there(path).content.is_some(), "{path}");
    }
    assert_eq!(recorded.there("/bin").kind, Kind::Link(b"usr/bin".to_vec()));
    assert!(recorded.written.is_empty(), "{:?}", recorded.written);
}

#[test]
fn what_is_missing_counts_and_what_is_only_looked_at_counts_without_its_content() {
    let Some(world) = World::new() else { return };
    fs::write(world.path("etc/there"), "text").unwrap();
    let recorded = world.record("test -e /etc/missing; test -s /etc/there");
    assert_eq!(recorded.seen.get("/etc/missing"), Some(&Seen::Absent));
    let there = recorded.there("/etc/there");
    assert_eq!((there.content, there.detail.unwrap().size), (None, 4));
}

#[test]
fn times_newer_than_the_epoch_count_as_the_epoch() {
    let Some(world) = World::new() else { return };
    fs::write(world.path("etc/new"), "").unwrap();
    fs::write(world.path("etc/old"), "").unwrap();
    let call = Call::new("touch").args(["-d", "@1000.5"]).arg(world.path("etc/old"));
    host_tools::program::run(&call).unwrap();
    let recorded = world.record("stat /etc/new /etc/old");
    let time = |path| {
        let detail = recorded.there(path).detail.unwrap();
        (detail.seconds, detail.nanoseconds)
    };
    assert_eq!(time("/etc/new"), (i64::try_from(EPOCH).unwrap(), 0));
    assert_eq!(time("/etc/old"), (1000, 500_000_000));
}

#[test]
fn names_of_a_listed_directory_are_those_before_the_run() {
    let Some(world) = World::new() else { return };
    fs::create_dir(world.path("etc/d")).unwrap();
    for name in ["a", "b"] {
        fs::write(world.path("etc/d").join(name), "").unwrap();
    }
    let plain = world.record("ls /etc/d");
    let changing = world.record("touch /etc/d/c; rm /etc/d/a; ls /etc/d");
    assert_eq!((plain.output.as_str(), changing.output.as_str()), ("a\nb\n", "b\nc\n"));
    assert!(plain.there("/etc/d").content.is_some());
    assert_eq!(plain.there("/etc/d").content, changing.there("/etc/d").content);
    let unlisted = world.record("test -d /etc/d && cat /etc/d/b");
    assert_eq!(unlisted.there("/etc/d").content, None);
}

#[test]
fn what_a_run_made_itself_does_not_count_when_it_is_read_again() {
    let Some(world) = World::new() else { return };
    let recorded = world.record("echo one > /etc/made; cat /etc/made; echo two >> /etc/made; cat /etc/made");
    assert_eq!(recorded.output, "one\none\ntwo\n");
    assert_eq!(recorded.seen.get("/etc/made"), Some(&Seen::Absent));
    assert_eq!(recorded.content("/etc/made"), "one\ntwo\n");
}

#[test]
fn appending_reads_and_replacing_does_not() {
    let Some(world) = World::new() else { return };
    for name in ["appended", "replaced"] {
        fs::write(world.path("etc").join(name), "old\n").unwrap();
    }
    let recorded = world.record("echo new >> /etc/appended; echo new > /etc/replaced");
    assert!(recorded.there("/etc/appended").content.is_some());
    assert_eq!(recorded.there("/etc/replaced").content, None);
    assert_eq!(recorded.content("/etc/appended"), "old\nnew\n");
    assert_eq!(recorded.content("/etc/replaced"), "new\n");
    assert_eq!(recorded.written_paths(), ["/etc/appended", "/etc/replaced"]);
}

#[test]
fn a_file_that_is_rewritten_as_it_was_counts_as_read() {
    let Some(world) = World::new() else { return };
    fs::write(world.path("etc/same"), "same\n").unwrap();
    let recorded = world.record("echo same > /etc/same");
    assert!(recorded.there("/etc/same").content.is_some());
}

#[test]
fn a_moved_directory_is_read_and_written_as_a_whole() {
    let Some(world) = World::new() else { return };
    fs::create_dir_all(world.path("var/lib/old/deep")).unwrap();
    fs::write(world.path("var/lib/old/deep/file"), "text").unwrap();
    let recorded = world.record("mv /var/lib/old /var/lib/new; echo more >> /var/lib/new/deep/file");
    assert!(recorded.there("/var/lib/old/deep/file").content.is_some());
    assert!(recorded.there("/var/lib/old/deep").content.is_some());
    assert_eq!(recorded.seen.get("/var/lib/new/deep/file"), Some(&Seen::Absent));
    assert_eq!(recorded.written.get("/var/lib/old/deep/file"), Some(&Written::Absent));
    assert_eq!(recorded.content("/var/lib/new/deep/file"), "textmore\n");
    // The directory that both are in has another time now.
    let Some(Written::Changed { owner: None, time: Some(Time::Recent) }) = recorded.written.get("/var/lib")
    else {
        // It was new already.
        assert!(fs::metadata(world.path("var/lib")).unwrap().mtime() > 0);
        return;
    };
}

#[test]
fn hard_links_modes_and_deletions_are_written() {
    let Some(world) = World::new() else { return };
    fs::write(world.path("etc/gone"), "").unwrap();
    fs::write(world.path("etc/kept"), "").unwrap();
    let script =
        "rm /etc/gone; chmod 600 /etc/kept; echo x > /etc/one; ln /etc/one /etc/two; ln -s one /etc/three";
    let recorded = world.record(script);
    assert_eq!(recorded.written.get("/etc/gone"), Some(&Written::Absent));
    let Some(Written::Changed { owner: Some(owner), time: None }) = recorded.written.get("/etc/kept") else {
        panic!("{:?}", recorded.written.get("/etc/kept"))
    };
    assert_eq!(owner.mode & 0o7777, 0o600);
    let kind = |path: &str| match recorded.written.get(path) {
        Some(Written::Entry(entry)) => entry.kind.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(kind("/etc/two"), EntryKind::HardLink { to: b"/etc/one".to_vec() });
    assert_eq!(kind("/etc/three"), EntryKind::Link { target: b"one".to_vec() });
}

#[test]
fn temporary_files_leave_nothing() {
    let Some(world) = World::new() else { return };
    let recorded =
        world.record("echo x > /etc/temporary; rm /etc/temporary; echo y > /tmp/other; cat /tmp/other");
    assert_eq!(recorded.output, "y\n");
    assert!(!recorded.written.contains_key("/etc/temporary"));
    assert!(!recorded.seen.keys().any(|path| path.starts_with("/tmp")));
}

#[test]
fn a_script_s_interpreter_and_its_own_loader_count() {
    let Some(world) = World::new() else { return };
    let script = world.path("usr/bin/script");
    fs::write(&script, "#!/bin/sh\necho from a script\n").unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let call = Call::new("/usr/bin/script").accept_any_status();
    let (output, recording) = world.sandbox().run_recorded(&call, world.view()).unwrap();
    assert_eq!(output.stdout_text(), "from a script\n");
    let seen: BTreeMap<Vec<u8>, Seen> = recording.unwrap().seen.into_iter().collect();
    for path in ["/usr/bin/script", "/usr/bin/dash", "/lib64/ld-linux-x86-64.so.2"] {
        let Some(Seen::There(there)) = seen.get(path.as_bytes()) else { panic!("{path}") };
        assert!(there.content.is_some(), "{path}");
    }
}

#[test]
fn paths_through_descriptors_and_working_directories_are_followed() {
    let Some(world) = World::new() else { return };
    fs::write(world.path("etc/text"), "text").unwrap();
    let script =
        "cd /etc; cat text > ../var/./lib/copy; exec 3< /var/lib/copy; cat /proc/self/fd/3; cat /dev/fd/3";
    let recorded = world.record(script);
    assert_eq!(recorded.output, "texttext");
    assert!(recorded.there("/etc/text").content.is_some());
    assert_eq!(recorded.content("/var/lib/copy"), "text");
}

#[test]
fn the_session_s_share_of_the_machine_does_not_count() {
    let Some(world) = World::new() else { return };
    let recorded = world.record("ls /sys/fs/cgroup /sys/fs/cgroup/* /sys/kernel /proc/meminfo || true");
    let is_seen = |start: &[u8]| recorded.recording.seen.iter().any(|(path, _)| path.starts_with(start));
    assert!(is_seen(b"/sys/kernel"), "{:?}", recorded.recording.seen);
    assert!(!is_seen(b"/sys/fs/cgroup") && !is_seen(b"/proc/meminfo"), "{:?}", recorded.recording.seen);
}

#[test]
fn what_cannot_be_understood_is_refused_with_its_reason() {
    let Some(world) = World::new() else { return };
    assert_eq!(world.refused("cat /dev/urandom < /dev/null | cat /dev/null"), "it drew random numbers");
    assert_eq!(world.refused("sleep 100 & true"), "it left processes running");
    fs::write(world.path("etc/one"), "").unwrap();
    fs::hard_link(world.path("etc/one"), world.path("etc/two")).unwrap();
    assert_eq!(world.refused("echo x > /etc/one"), "/etc/one has several names");
    fs::write(world.path("etc/single"), "").unwrap();
    let script = "ln /etc/single /etc/double; echo x >> /etc/double";
    assert_eq!(world.refused(script), "/etc/double has several names");
}

#[test]
fn what_is_read_under_a_new_name_counts() {
    let Some(world) = World::new() else { return };
    fs::write(world.path("etc/old"), "text").unwrap();
    let recorded = world.record("ln /etc/old /etc/new; cat /etc/new");
    assert!(recorded.there("/etc/old").content.is_some());
}

#[test]
fn a_slash_at_the_end_leads_through_a_link() {
    let Some(world) = World::new() else { return };
    fs::create_dir(world.path("etc/d")).unwrap();
    symlink("d", world.path("etc/link")).unwrap();
    let recorded = world.record("ls -ld /etc/link/");
    assert_eq!(recorded.there("/etc/d").kind, Kind::Directory);
}

#[test]
fn a_view_finds_the_first_difference() {
    let Some(world) = World::new() else { return };
    fs::write(world.path("etc/read"), "text").unwrap();
    fs::create_dir(world.path("etc/d")).unwrap();
    symlink("d", world.path("etc/link")).unwrap();
    let recorded = world
        .record("cat /etc/read; ls /etc/link/; test -e /etc/missing || true; test -s /etc/d/none || true");
    let seen = &recorded.recording.seen;
    let difference = || {
        let changed = world.view().first_difference(seen).unwrap();
        changed.map(|changed| String::from_utf8_lossy(&changed.0).into_owned())
    };
    assert_eq!(difference(), None);
    fs::write(world.path("etc/unrelated"), "").unwrap();
    assert_eq!(difference(), None);
    fs::write(world.path("etc/read"), "more").unwrap();
    assert_eq!(difference().as_deref(), Some("/etc/read"));
    fs::write(world.path("etc/read"), "text").unwrap();
    assert_eq!(difference(), None);
    fs::write(world.path("etc/missing"), "").unwrap();
    assert_eq!(difference().as_deref(), Some("/etc/missing"));
    fs::remove_file(world.path("etc/missing")).unwrap();
    fs::write(world.path("etc/d/new"), "").unwrap();
    assert_eq!(difference().as_deref(), Some("/etc/d"));
    fs::remove_file(world.path("etc/d/new")).unwrap();
    fs::remove_file(world.path("etc/link")).unwrap();
    symlink("/etc", world.path("etc/link")).unwrap();
    assert_eq!(difference().as_deref(), Some("/etc/link"));
}

#[test]
fn digests_are_shared_between_views() {
    let Some(world) = World::new() else { return };
    fs::write(world.path("etc/read"), "text").unwrap();
    let recorded = world.record("cat /etc/read");
    let digests = Arc::new(Digests::default());
    for text in ["text", "next", "text"] {
        fs::write(world.path("etc/read"), text).unwrap();
        let view = View::new(&world.sandbox(), EPOCH, &[], Arc::clone(&digests)).unwrap().unwrap();
        let same = view.first_difference(&recorded.recording.seen).unwrap().is_none();
        assert_eq!(same, text == "text", "{text}");
    }
}

/// Names of other tests here, once more as root of a namespace with no right of root outside.
#[test]
fn an_ordinary_user_s_namespace_records_the_same() {
    const AGAIN: [&str; 3] = [
        "appending_reads_and_replacing_does_not",
        "a_moved_directory_is_read_and_written_as_a_whole",
        "paths_through_descriptors_and_working_directories_are_followed",
    ];
    let program = std::env::current_exe().unwrap();
    let call = Call::new("unshare").args(["--user", "--map-root-user"]).arg(program).arg("--exact");
    let names = AGAIN.map(|name| match env!("CARGO_CRATE_NAME") {
        "recording" => name.to_owned(),
        module => format!("{}::{name}", module.trim_end_matches("_by_spawner")),
    });
    match host_tools::program::run(&call.args(names)) {
        Ok(output) => {
            assert!(output.stdout_text().contains("test result: ok. 3 passed"), "{}", output.stdout_text());
        }
        Err(error)
            if error.to_string().contains("unshare") && error.to_string().contains("not permitted") =>
        {
            testkit::prepared::skip("user namespaces cannot be made here");
        }
        Err(error) => panic!("{error}"),
    }
}

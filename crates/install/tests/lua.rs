//! `<lua>` scriptlets as we run them against the same ones as rpm 6.1 runs them: what they print, whether they fail, what they leave.
#![allow(clippy::unwrap_used, reason = "a test ends where an expectation is wrong")]

mod judge_root;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use host_tools::{Output, Sandbox};
use install::lua::{Interpreter, Scriptlet};

fn interpreter() -> Interpreter {
    Interpreter::program(env!("CARGO_BIN_EXE_lazuli-lua")).unwrap()
}

fn scriptlet<'a>(body: &'a str, program: &'a [String]) -> Scriptlet<'a> {
    Scriptlet {
        description: "%post(test-1-1.noarch)",
        body: body.as_bytes(),
        program,
        counts: &[1],
        files: None,
        prefixes: &[],
        rpm_version: Some("6.1.0"),
    }
}

fn run(root: &Path, body: &str) -> Output {
    interpreter().run(&Sandbox::new(root), &scriptlet(body, &["<lua>".to_owned()])).unwrap()
}

#[test]
fn an_empty_root_is_enough_and_stays_empty() {
    let root = tempfile::tempdir().unwrap();
    let output = run(root.path(), "print('first', arg[2]); print(posix.getcwd()); print(#posix.dir('/'))");
    assert_eq!(output.stderr_text(), "");
    assert!(output.stdout_text().starts_with("first\t1\n/\n"), "{}", output.stdout_text());
    assert_eq!(tree(root.path()), BTreeMap::new());
}

#[test]
fn the_host_is_out_of_reach() {
    let root = tempfile::tempdir().unwrap();
    let marker = tempfile::NamedTempFile::new_in("/var/tmp").unwrap();
    let path = marker.path().display();
    let body = format!(
        "print(posix.stat('{path}')); posix.mkdir('/x'); posix.chdir('/..'); print(posix.stat('x', 'type'))"
    );
    let output = run(root.path(), &body);
    assert_eq!(output.stdout_text(), format!("nil\t{path}: No such file or directory\t2.0\ndirectory\n"));
}

#[test]
fn an_error_is_told_with_its_place() {
    let root = tempfile::tempdir().unwrap();
    let output = run(root.path(), include_str!("lua_scriptlets/failing.lua"));
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(output.stdout_text(), "before\n");
    assert_eq!(
        output.stderr_text(),
        "error: lua script failed: [string \"%post(test-1-1.noarch)\"]:3: attempt to index a nil value (local 'nothing')\n"
    );
    let output = run(root.path(), "this is no Lua");
    assert_eq!(output.status.code(), Some(1));
    assert!(
        output.stderr_text().starts_with("error: invalid syntax in lua script: [string \"%post("),
        "{}",
        output.stderr_text()
    );
}

#[test]
fn file_triggers_get_their_files_one_by_one() {
    let root = tempfile::tempdir().unwrap();
    let files = [b"/usr/lib/one".to_vec(), b"/usr/lib/t\xffo".to_vec()];
    let program = ["<lua>".to_owned()];
    let scriptlet = Scriptlet {
        counts: &[1, 2],
        files: Some(&files),
        ..scriptlet(
            "local file = rpm.next_file() while file do print(file) file = rpm.next_file() end print(arg[2] + arg[3])",
            &program,
        )
    };
    let output = interpreter().run(&Sandbox::new(root.path()), &scriptlet).unwrap();
    assert_eq!(output.stdout, b"/usr/lib/one\n/usr/lib/t\xffo\n3\n", "{}", output.stderr_text());
}

#[test]
fn forks_are_for_packages_of_older_rpms() {
    let Some(judge) = judge_root::root() else { return };
    let body = r#"
        local pid = posix.fork()
        if pid == 0 then
            posix.redirect2null(2)
            posix.exec("/bin/sh", "-c", "echo in the child; echo lost >&2")
        end
        print(posix.wait(pid) == pid)
        pid = posix.fork()
        if pid == 0 then os.exit(3) end
        posix.wait(pid)
        print(rpm.execute("/bin/sh", "-c", "exit 4"))
        print(rpm.spawn({"/bin/sh", "-c", "cat; echo spawned; echo lost >&2"}, {stdin = "/etc/hostname-of-nobody", stderr = "/dev/null"}))
        print(rpm.spawn({"sh", "-c", "echo spawned; echo lost >&2; kill -9 $$"}, {stdin = "/dev/null", stderr = "/dev/null"}))
        local pipe = io.popen("echo from a pipe")
        print(pipe:read("a"))
        pipe:close()
        print(os.execute("exit 2"))
        pid = posix.fork()
        if pid == 0 then print("runs away") else posix.wait(pid) end
    "#;
    let program = ["<lua>".to_owned()];
    let old = Scriptlet { rpm_version: Some("4.19.1.1"), ..scriptlet(body, &program) };
    let sandbox = Sandbox::new(&judge).read_only_root(true);
    let output = interpreter().run(&sandbox, &old).unwrap();
    assert_eq!(output.stderr_text(), "warning: runaway fork() in Lua script\n");
    assert_eq!(
        output.stdout_text(),
        "in the child\ntrue\nnil\texit code\t4.0\nnil\tNo such file or directory\t2.0\nspawned\nnil\texit signal\t9.0\n\
         from a pipe\n\nnil\texit\t2\nruns away\n"
    );
    assert!(output.status.success());
    let new = Scriptlet { rpm_version: Some("6.0.1"), ..old };
    let output = interpreter().run(&sandbox, &new).unwrap();
    assert!(output.stderr_text().contains("posix.fork() is no longer available"), "{}", output.stderr_text());
}

#[test]
fn temporary_files_are_new_and_private() {
    let root = tempfile::tempdir().unwrap();
    let body = r#"
        local name, file = posix.mkstemp("/temporary-XXXXXX")
        file:write("some text")
        file:close()
        print(name, posix.stat(name, "mode"), io.open(name):read("a"))
        print(posix.mkstemp("/temporary-XXXXXX"))
        print(pcall(posix.mkstemp, "/elsewhere"))
    "#;
    let output = run(root.path(), body);
    let lines: Vec<String> = output.stdout_text().lines().map(str::to_owned).collect();
    assert_eq!(lines[0], "/temporary-000000\trw-------\tsome text");
    assert!(lines[1].starts_with("/temporary-000001\tfile ("), "{}", lines[1]);
    assert!(lines[2].starts_with("false\t"), "{}", lines[2]);
}

#[test]
fn scripts_do_what_they_do_under_rpm() {
    let Some(judge) = judge_root::root() else { return };
    for (name, body) in [
        ("folders", include_str!("lua_scriptlets/folders.lua")),
        ("shells", include_str!("lua_scriptlets/shells.lua")),
        ("accounts", include_str!("lua_scriptlets/accounts.lua")),
        ("library", include_str!("lua_scriptlets/library.lua")),
        ("failing", include_str!("lua_scriptlets/failing.lua")),
    ] {
        let work = tempfile::tempdir_in("/tmp").unwrap();
        let (theirs, ours) = (work.path().join("theirs"), work.path().join("ours"));
        fs::create_dir_all(&theirs).unwrap();
        fs::create_dir_all(&ours).unwrap();
        // `%` begins a macro in a spec, not in a scriptlet.
        let spec = format!(
            "Name: test\nVersion: 1\nRelease: 1\nSummary: x\nLicense: MIT\nBuildArch: noarch\n%description\nx\n\
             %post -p <lua>\n{}\n%files\n",
            body.replace('%', "%%")
        );
        let folder = work.path().display();
        fs::write(work.path().join("test.spec"), spec).unwrap();
        let define = format!("--define '_topdir {folder}/top' --define '_rpmdir {folder}/built'");
        judge_root::check(&judge, &format!("rpmbuild -bb {define} {folder}/test.spec 2>&1"));
        let rpm = format!("rpm --root {} --dbpath /var/lib/rpm", theirs.display());
        let expected =
            judge_root::run(&judge, &format!("{rpm} -i --nodeps {folder}/built/noarch/test-1-1.noarch.rpm"));
        let output = run(&ours, body);
        let expected_text = String::from_utf8_lossy(&expected.stdout).into_owned();
        assert_eq!(
            output.stdout_text(),
            expected_text,
            "{name}: {} {}",
            output.stderr_text(),
            String::from_utf8_lossy(&expected.stderr)
        );
        assert_eq!(output.status.success(), expected.status.success(), "{name}");
        let mut expected = tree(&theirs);
        expected.retain(|path, _| !path.starts_with("var/lib/rpm"));
        let mut left = tree(&ours);
        if name != "folders" {
            // What rpm itself makes for its database.
            for path in ["var", "var/lib", "var/tmp"] {
                expected.remove(path);
                left.remove(path);
            }
        }
        expected.remove("var/tmp");
        assert_eq!(left, expected, "{name}");
    }
}

/// Path to kind, mode, owner and content.
fn tree(root: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut open = vec![root.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            let metadata = fs::symlink_metadata(&path).unwrap();
            let content = if metadata.is_symlink() {
                fs::read_link(&path).unwrap().display().to_string()
            } else if metadata.is_file() {
                String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned()
            } else {
                String::new()
            };
            let facts = format!("{:o} {}:{} {content}", metadata.mode(), metadata.uid(), metadata.gid());
            let name = path.strip_prefix(root).unwrap().as_os_str().as_bytes();
            found.insert(String::from_utf8_lossy(name).into_owned(), facts);
            if metadata.is_dir() {
                open.push(path);
            }
        }
    }
    found
}

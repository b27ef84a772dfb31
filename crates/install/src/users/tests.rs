use std::path::Path;

use super::*;

fn root_with(files: &[(&str, &str)]) -> (tempfile::TempDir, RootDirectory) {
    let directory = tempfile::tempdir().unwrap();
    let root = RootDirectory::open(directory.path()).unwrap();
    for (path, text) in files {
        root.write(Path::new(path), text.as_bytes(), 0o644).unwrap();
    }
    (directory, root)
}

fn source(lines: &[&str]) -> AccountSource {
    AccountSource { file: None, lines: lines.iter().map(ToString::to_string).collect() }
}

fn text(root: &RootDirectory, path: &str) -> String {
    String::from_utf8(root.read(Path::new(path)).unwrap().unwrap_or_default()).unwrap()
}

const DAY_20000: u64 = 20_000 * 86_400;

#[test]
fn accounts_are_added_after_what_is_there() {
    let (_directory, root) = root_with(&[
        ("/etc/passwd", "root:x:0:0:root:/root:/bin/bash\n"),
        ("/etc/group", "root:x:0:\nwheel:x:10:old\n+::0:\n"),
        ("/etc/shadow", "root::1::::::\n"),
    ]);
    let lines = [
        "u! dbus 81 \"System Message Bus\" /run/dbus",
        "g render",
        "u chrony -:wheel \"\" /var/lib/chrony",
        "m dbus wheel",
    ];
    add_accounts(&root, &[source(&lines)], DAY_20000).unwrap();
    assert_eq!(
        text(&root, "/etc/passwd"),
        "root:x:0:0:root:/root:/bin/bash\ndbus:x:81:81:System Message Bus:/run/dbus:/usr/sbin/nologin\nchrony:x:998:10::/var/lib/chrony:/usr/sbin/nologin\n"
    );
    assert_eq!(
        text(&root, "/etc/group"),
        "root:x:0:\nwheel:x:10:dbus,old\nrender:x:999:\ndbus:x:81:\n+::0:\n"
    );
    assert_eq!(text(&root, "/etc/shadow"), "root::1::::::\ndbus:!*:20000:::::1:\nchrony:!*:20000::::::\n");
    assert_eq!(text(&root, "/etc/gshadow"), "render:!*::\ndbus:!*::\n");
    let accounts = Accounts::read(&root).unwrap();
    assert_eq!(
        (accounts.user("chrony"), accounts.group("dbus"), accounts.user("nobody")),
        (Some(998), Some(81), None)
    );
}

#[test]
fn existing_accounts_and_taken_numbers_are_respected() {
    let (_directory, root) = root_with(&[
        ("/etc/passwd", "bin:x:1:1::/:/x\nhttp:x:999:999::/:/x\n"),
        ("/etc/group", "bin:x:1:\nhttp:x:999:\n"),
    ]);
    add_accounts(&root, &[source(&["u bin 77", "u taken 1", "u other"])], DAY_20000).unwrap();
    let accounts = Accounts::read(&root).unwrap();
    assert_eq!(accounts.user("bin"), Some(1));
    assert_eq!((accounts.user("taken"), accounts.group("taken")), (Some(998), Some(998)));
    assert_eq!(accounts.user("other"), Some(997));
}

#[test]
fn nothing_new_leaves_the_files_alone() {
    let (_directory, root) = root_with(&[("/etc/passwd", "a:x:5:5::/:/x"), ("/etc/group", "a:x:5:")]);
    add_accounts(&root, &[source(&["u a 9", "# comment", ""])], DAY_20000).unwrap();
    assert_eq!(text(&root, "/etc/passwd"), "a:x:5:5::/:/x");
    assert!(root.read(Path::new("/etc/shadow")).unwrap().is_none());
}

#[test]
fn broken_lines_are_errors_that_name_them() {
    for (line, expected) in [
        ("x name", "type `x` is none of u, u!, g, m, r"),
        ("u", "the name is missing"),
        ("u 9lives", "`9lives` is no valid account name"),
        ("u name 65535", "`65535` is no number, NUMBER:GROUP or path"),
        ("u name - \"open", "a quote is not closed"),
        ("u name - a:b", "`a:b` has a colon or a control character in it"),
    ] {
        assert_eq!(parse(line).unwrap_err().to_string(), expected, "{line}");
    }
    let (_directory, root) = root_with(&[]);
    let error = add_accounts(&root, &[source(&["u name -:nogroup"])], 0).unwrap_err();
    assert_eq!(error.to_string(), "account name wants the group nogroup, which does not exist");
}

#[test]
fn a_member_that_nobody_declares_is_made() {
    let (_directory, root) = root_with(&[]);
    add_accounts(&root, &[source(&["m web video"])], 0).unwrap();
    assert_eq!(text(&root, "/etc/group"), "video:x:999:web\nweb:x:998:\n");
    assert_eq!(text(&root, "/etc/passwd"), "web:x:998:998::/:/usr/sbin/nologin\n");
}

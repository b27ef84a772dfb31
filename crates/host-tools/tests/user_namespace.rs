//! An ordinary user becomes root of a namespace: run as root, this test makes itself such a user in a private mount namespace.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "this is a test")]

use std::fs;
use std::os::unix::fs::MetadataExt;

use host_tools::user_namespace::{Identity, UserNamespaceError, ensure_mapped_root};
use host_tools::{Call, Sandbox, program};

/// Starts the program again as user 4711, whom only that one process tree's `/etc` knows.
const AS_ORDINARY_USER: &str = r#"
    set -e
    work=$1 subids=$2; shift 2
    mount --make-rprivate /
    { cat /etc/passwd; echo "lapis:x:4711:4711::/nonexistent:/bin/sh"; } > "$work/passwd"
    printf "$subids" > "$work/subids"
    for file in passwd subuid subgid; do
        if [ $file = passwd ]; then from=passwd; else from=subids; fi
        mount --bind "$work/$from" /etc/$file
    done
    exec setpriv --reuid 4711 --regid 4711 --clear-groups "$@"
"#;

fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("inside") => inside(),
        Some("refused") => println!("{}", ensure_mapped_root().unwrap_err()),
        _ => outside(),
    }
}

fn outside() {
    if !rustix::process::geteuid().is_root() {
        println!("skipped: making an ordinary user for the test needs root");
        return;
    }
    for needed in ["newuidmap", "newgidmap", "unshare", "setpriv"] {
        if program::run(&Call::new(needed).arg("--help").accept_any_status()).is_err() {
            println!("skipped: {needed} is not installed");
            return;
        }
    }
    assert_eq!(ensure_mapped_root().unwrap(), Identity::Root);
    let said = as_ordinary_user("inside", "lapis:1000000:65536\\n");
    assert_eq!(said, "mapped root\nowner 0 7 in sandbox\nwrote /made\nwrote /owned\n");
    println!("an_ordinary_user_becomes_root ... ok");

    let said = as_ordinary_user("refused", "lapis:1000000:1000\\n");
    assert!(
        said.starts_with("/etc/subuid grants user lapis 1000 subordinate ids where 65535 are needed"),
        "{said}"
    );
    println!("too_small_a_range_is_refused ... ok");
}

fn as_ordinary_user(part: &str, subids: &str) -> String {
    let work = tempfile::tempdir().unwrap();
    let own = fs::read_link("/proc/self/exe").unwrap();
    let call = Call::new("unshare").args([
        "--mount",
        "--propagation",
        "private",
        "sh",
        "-c",
        AS_ORDINARY_USER,
        "sh",
    ]);
    let copy = work.path().join("test");
    fs::copy(own, &copy).unwrap();
    make_readable(work.path());
    make_readable(&copy);
    let call = call.arg(work.path()).arg(subids).arg(&copy).arg(part).arg(work.path());
    program::run(&call).unwrap().stdout_text()
}

fn make_readable(path: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// As the ordinary user: what root does while it builds an image works.
fn inside() {
    match ensure_mapped_root() {
        Ok(identity) => assert_eq!(identity, Identity::MappedRoot),
        Err(UserNamespaceError::Forbidden { .. }) => {
            println!("skipped: this machine forbids user namespaces");
            return;
        }
        Err(error) => panic!("{error}"),
    }
    println!("mapped root");
    let root = tempfile::tempdir().unwrap();
    for name in ["bin", "lib", "lib64", "sbin"] {
        std::os::unix::fs::symlink(format!("usr/{name}"), root.path().join(name)).unwrap();
    }
    let file = root.path().join("owned");
    fs::write(&file, "").unwrap();
    std::os::unix::fs::chown(&file, Some(0), Some(7)).unwrap();
    let metadata = fs::metadata(&file).unwrap();
    print!("owner {} {} ", metadata.uid(), metadata.gid());
    let sandbox = Sandbox::new(root.path()).bind(host_tools::Bind::read_only("/usr", "/usr"));
    // Shadowed: `> /dev/null` by a program whose node belongs to a user that the namespace does not know.
    let call = Call::new("sh")
        .args(["-c", "echo lost > /dev/null && chown 99:99 /owned && test $(id -u) = 0 && echo in sandbox"]);
    print!("{}", sandbox.run(&call).unwrap().stdout_text());
    assert_eq!(fs::metadata(&file).unwrap().uid(), 99);
    record(root.path());
}

/// The memory of a program is read before it starts, when it still is this program's.
fn record(root: &std::path::Path) {
    use host_tools::sandbox::recording::{View, Written};
    std::os::unix::fs::symlink("dev/usr", root.join("usr")).unwrap();
    let sandbox = Sandbox::new(root).bind(host_tools::Bind::read_only("/usr", "/dev/usr"));
    host_tools::sandbox::start_spawner().unwrap();
    let view = View::new(&sandbox, 0, &[], std::sync::Arc::default()).unwrap().unwrap();
    let call = Call::new("sh").args(["-c", "echo one > /made; echo two >> /owned"]);
    let (_, recording) = sandbox.run_recorded(&call, view).unwrap();
    for (path, written) in recording.unwrap().written {
        if let Written::Entry(_) = written {
            println!("wrote {}", String::from_utf8_lossy(&path));
        }
    }
}

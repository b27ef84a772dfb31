//! Roots and requests that are refused, with the reason, before anything is touched.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use host_tools::progress::Silent;
use install::files::FilePolicy;
use install::{
    Addition, Changes, InstallOptions, PackageRequest, PlanOptions, Reason, Replacing, SignaturePolicy,
    change, execute, plan, plan_changes,
};
use rpm::{BuildConfig, FileOptions, PackageBuilder};

use crate::peers::told;
use crate::tree;

const EPOCH: u32 = 1_790_000_000;
const DATABASE: &str = "usr/lib/sysimage/rpm/rpmdb.sqlite";

struct World {
    directory: tempfile::TempDir,
}

impl World {
    fn new() -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            testkit::prepared::skip("it gives files to owners, which needs root");
            return None;
        }
        let world = World { directory: tempfile::tempdir().unwrap() };
        let request = world.request("a", "2");
        let transaction = plan(&[request], &options()).unwrap();
        execute(&transaction, &world.path("root"), &InstallOptions::new(EPOCH, None), &Silent).unwrap();
        Some(world)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn request(&self, name: &str, version: &str) -> PackageRequest {
        let mut builder = PackageBuilder::new(name, version, "MIT", "noarch", "made for a test");
        builder.using_config(BuildConfig::v4().source_date(1_700_000_000_u32)).build_host("localhost");
        builder.with_file_contents(version, FileOptions::new(format!("/usr/{name}"))).unwrap();
        let file = self.path(&format!("{name}-{version}.rpm"));
        builder.build().unwrap().write_file(&file).unwrap();
        PackageRequest { file, checksum: None, reason: Reason::User, repository: "test".into() }
    }

    fn change(&self, changes: &Changes) -> Result<(), String> {
        let root = self.path("root");
        let transaction = plan_changes(&root, changes, &options()).map_err(|error| told(&error))?;
        change(&transaction, &root, &InstallOptions::new(EPOCH, None), &Silent)
            .map_err(|error| told(&error))?;
        Ok(())
    }

    fn add(&self, name: &str, version: &str, replacing: Replacing) -> Changes {
        let package = self.request(name, version);
        Changes { add: vec![Addition { package, replacing }], erase: Vec::new() }
    }

    /// The change fails with this text, and the root is as it was.
    #[track_caller]
    fn assert_refused(&self, changes: &Changes, expected: &str) {
        let before = self.path("before");
        drop(fs::remove_dir_all(&before));
        let call = host_tools::Call::new("cp").arg("-a").arg(self.path("root")).arg(&before);
        host_tools::program::run(&call).unwrap();
        let error = self.change(changes).unwrap_err();
        assert!(error.contains(expected), "{error}");
        assert_eq!(tree::differences(&before, &self.path("root")), []);
        assert!(!self.path("root.partial").exists());
    }
}

fn options() -> PlanOptions {
    PlanOptions { signatures: SignaturePolicy::DigestsOnly, files: FilePolicy::default() }
}

fn erase(nevra: &str) -> Changes {
    Changes { add: Vec::new(), erase: vec![rpm_model::Nevra::parse(nevra).unwrap()] }
}

#[test]
fn requests_that_contradict_what_is_installed() {
    let Some(world) = World::new() else { return };
    world.assert_refused(
        &world.add("a", "1", Replacing::Older),
        "a-1-1.noarch is older than a-2-1.noarch, which is installed: ask for a downgrade",
    );
    world.assert_refused(&world.add("a", "2", Replacing::Older), "a-2-1.noarch is installed already");
    world.assert_refused(&world.add("b", "1", Replacing::Same), "b-1-1.noarch is not installed");
    world.assert_refused(&erase("b-1-1.noarch"), "b-1-1.noarch is not installed");
    let mut twice = world.add("a", "3", Replacing::Older);
    twice.add.push(twice.add[0].clone());
    world.assert_refused(&twice, "a-3-1.noarch is given twice");
    // And what is not refused.
    world.change(&world.add("a", "1", Replacing::Any)).unwrap();
    assert_eq!(fs::read_to_string(world.path("root/usr/a")).unwrap(), "1");
}

#[test]
fn roots_without_a_database_that_is_read_here() {
    let Some(world) = World::new() else { return };
    let database = world.path("root").join(DATABASE);
    let whole = fs::read(&database).unwrap();
    for (bytes, expected) in [
        (&b"no database at all, but long enough to be taken for one"[..], "does not work as an SQLite file"),
        (&whole[..whole.len() / 2], "does not work as an SQLite file"),
    ] {
        fs::write(&database, bytes).unwrap();
        world.assert_refused(&erase("a-2-1.noarch"), expected);
    }
    let remade = |sql: &str| {
        fs::remove_file(&database).unwrap();
        rusqlite::Connection::open(&database).unwrap().execute_batch(sql).unwrap();
    };
    for (sql, expected) in [
        ("CREATE TABLE Other (x)", "it has no table `Packages`"),
        (
            "CREATE VIEW Packages AS WITH RECURSIVE n(hnum) AS (SELECT 1 UNION ALL SELECT hnum + 1 FROM n) SELECT hnum, x'00' AS blob FROM n",
            "its `Packages` is no table",
        ),
        (
            "CREATE TABLE Packages (hnum INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB); INSERT INTO Packages VALUES (1, x'0001')",
            "package 1 of the rpm database",
        ),
        (
            "CREATE TABLE Packages (hnum INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB); INSERT INTO Packages VALUES (-1, x'0001')",
            "does not work as an SQLite file",
        ),
    ] {
        remade(sql);
        world.assert_refused(&erase("a-2-1.noarch"), expected);
    }
    fs::remove_file(&database).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", &database).unwrap();
    world.assert_refused(&erase("a-2-1.noarch"), "has no rpm database in /usr/lib/sysimage/rpm");
    fs::create_dir_all(world.path("root/var/lib/rpm")).unwrap();
    fs::write(world.path("root/var/lib/rpm/Packages"), "").unwrap();
    world.assert_refused(&erase("a-2-1.noarch"), "has its rpm database at /var/lib/rpm/Packages");
}

#[test]
fn roots_that_cannot_be_exchanged_or_are_in_use() {
    let Some(world) = World::new() else { return };
    let lock = |path: &Path| {
        let file = fs::File::open(path).unwrap();
        rustix::fs::flock(&file, rustix::fs::FlockOperation::LockExclusive).unwrap();
        file
    };
    let held = lock(&world.path("root"));
    world.assert_refused(&erase("a-2-1.noarch"), "another program is changing");
    drop(held);
    // Something else was installed since the plan was made.
    let transaction = plan_changes(&world.path("root"), &erase("a-2-1.noarch"), &options()).unwrap();
    world.change(&world.add("b", "1", Replacing::Older)).unwrap();
    let error =
        change(&transaction, &world.path("root"), &InstallOptions::new(EPOCH, None), &Silent).unwrap_err();
    assert!(told(&error).contains("other packages are installed; plan again"), "{}", told(&error));
    assert!(world.path("root/usr/b").exists() && !world.path("root.partial").exists());
}

#[test]
fn a_copy_keeps_everything_that_is_not_changed() {
    let Some(world) = World::new() else { return };
    let root = world.path("root");
    fs::create_dir_all(root.join("home/me")).unwrap();
    fs::write(root.join("home/me/file"), "mine").unwrap();
    fs::hard_link(root.join("home/me/file"), root.join("home/name")).unwrap();
    std::os::unix::fs::symlink("nowhere", root.join("home/link")).unwrap();
    fs::set_permissions(root.join("home/me"), fs::Permissions::from_mode(0o2750)).unwrap();
    std::os::unix::fs::chown(root.join("home/me"), Some(1234), Some(4321)).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        root.join("home/pipe"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o640),
        0,
    )
    .unwrap();
    let holes = fs::File::create(root.join("home/holes")).unwrap();
    holes.set_len(64 << 20).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&holes, b"x", 32 << 20).unwrap();
    let call = host_tools::Call::new("touch").args(["-h", "-d", "@1500000000.123456789"]);
    let all = ["home/me/file", "home/link", "home/holes", "home/me", "home"].map(|name| root.join(name));
    host_tools::program::run(&call.args(all.iter().map(|path| path.as_os_str()))).unwrap();
    let attribute =
        rustix::fs::setxattr(root.join("home/holes"), "user.mine", b"value", rustix::fs::XattrFlags::empty());
    let before = facts(&root.join("home"));
    world.change(&world.add("a", "3", Replacing::Older)).unwrap();
    assert_eq!(facts(&root.join("home")), before);
    assert_eq!(fs::read_to_string(root.join("usr/a")).unwrap(), "3");
    if attribute.is_ok() {
        let mut value = [0; 16];
        let length = rustix::fs::getxattr(root.join("home/holes"), "user.mine", &mut value).unwrap();
        assert_eq!(&value[..length], b"value");
    }
}

/// What a copy could lose.
fn facts(folder: &Path) -> Vec<String> {
    use std::os::unix::fs::MetadataExt;
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(path) = folders.pop() {
        let metadata = path.symlink_metadata().unwrap();
        let few = metadata.blocks() * 512 < metadata.len();
        found.push(format!(
            "{} {:o} {}:{} {} {}.{} {} {few}",
            path.display(),
            metadata.mode(),
            metadata.uid(),
            metadata.gid(),
            if metadata.is_dir() { 0 } else { metadata.len() },
            metadata.mtime(),
            metadata.mtime_nsec(),
            if metadata.is_dir() { 0 } else { metadata.nlink() }
        ));
        if metadata.is_dir() {
            folders.extend(path.read_dir().unwrap().map(|entry| entry.unwrap().path()));
        }
    }
    found.sort();
    found
}

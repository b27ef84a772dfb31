//! One rule a test: a script is installed, something that it could notice is changed, and it is run or repeated.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use host_tools::progress::Silent;
use host_tools::{Call, program};
use install::files::FilePolicy;
use install::lua::Interpreter;
use install::report::{Report, WarningKind};
use install::scriptlets::{Outcome, ScriptletCache};
use install::{InstallOptions, PackageRequest, PlanOptions, Reason, SignaturePolicy, execute, plan};
use rpm::{BuildConfig, CompressionType, Dependency, FileOptions, PackageBuilder, Scriptlet};

use crate::tree;

const EPOCH: u32 = 1_750_000_000;
const BUILT: u32 = 1_700_000_000;
const PROGRAMS: [&str; 10] = ["cat", "chmod", "ln", "ls", "mkdir", "mv", "rm", "stat", "touch", "cp"];

/// A folder of packages, roots, and one cache.
struct World {
    folder: tempfile::TempDir,
}

/// What one installation did.
struct Installed {
    root: PathBuf,
    report: Report,
    outcome: Outcome,
}

/// A file that a package has.
enum Piece {
    /// Of this machine; one byte longer if so wished, which changes nothing of what a program does.
    Copy(PathBuf, bool),
    Text(&'static str, &'static str, u16),
    Link(&'static str, &'static str),
    Directory(&'static str),
}
use Piece::{Copy, Directory, Link, Text};

impl World {
    fn new() -> Option<World> {
        if !rustix::process::geteuid().is_root() {
            testkit::prepared::skip("a sandbox needs root or a mapped user namespace");
            return None;
        }
        Some(World { folder: tempfile::tempdir().unwrap() })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn cache(&self) -> ScriptletCache {
        ScriptletCache::open(self.path("kept"))
    }

    fn package(&self, name: &str, pieces: &[Piece], script: Option<Scriptlet>) -> PathBuf {
        let count = std::fs::read_dir(self.folder.path()).unwrap().count();
        let path = self.path(&format!("{count}-{name}.rpm"));
        let mut builder = PackageBuilder::new(name, "1", "MIT", "noarch", "made for a test");
        builder
            .using_config(BuildConfig::v4().compression(CompressionType::None).source_date(BUILT))
            .build_host("localhost");
        if name != "base" {
            builder.requires(Dependency::any("base"));
        }
        if script.is_some() {
            builder.requires(Dependency::any("data"));
        }
        for piece in pieces {
            match piece {
                Copy(file, longer) => {
                    let mode = u16::try_from(std::fs::metadata(file).unwrap().mode() & 0o7777).unwrap();
                    let options = FileOptions::new(file.to_str().unwrap()).mode(0o100_000 | mode);
                    let mut content = std::fs::read(file).unwrap();
                    content.extend(longer.then_some(0));
                    builder.with_file_contents(content, options).unwrap();
                }
                Text(path, text, mode) => {
                    let options = FileOptions::new(*path).mode(0o100_000 | *mode);
                    builder.with_file_contents(*text, options).unwrap();
                }
                Link(path, target) => {
                    builder.with_symlink(FileOptions::symlink(*path, *target)).unwrap();
                }
                Directory(path) => {
                    builder.with_dir_entry(FileOptions::dir(*path)).unwrap();
                }
            }
        }
        if let Some(script) = script {
            builder.post_install_script(script);
        }
        builder.build().unwrap().write_file(&path).unwrap();
        path
    }

    /// A shell and a few programs, with their libraries, of this machine.
    fn base(&self) -> PathBuf {
        static BASE: OnceLock<PathBuf> = OnceLock::new();
        let base = BASE.get_or_init(|| {
            let base = Path::new(env!("CARGO_TARGET_TMPDIR")).join("keeping-base.rpm");
            std::fs::rename(self.base_with_longer(None), &base).unwrap();
            base
        });
        base.clone()
    }

    /// The same with one file made longer.
    fn base_with_longer(&self, longer: Option<&str>) -> PathBuf {
        let mut files: Vec<PathBuf> = vec!["/bin/sh".into()];
        files.extend(PROGRAMS.iter().map(|name| PathBuf::from("/bin").join(name)));
        for file in files.clone() {
            let said = program::run(&Call::new("ldd").arg(&file)).unwrap().stdout_text();
            files.extend(said.split_whitespace().filter(|word| word.starts_with('/')).map(PathBuf::from));
        }
        files.sort();
        files.dedup();
        let is_longer = |file: &Path| longer.is_some_and(|end| file.to_str().unwrap().ends_with(end));
        let mut pieces: Vec<Piece> = files
            .into_iter()
            .map(|file| {
                let longer = is_longer(&file);
                Copy(file, longer)
            })
            .collect();
        pieces.push(Directory("/var/tmp"));
        self.package("base", &pieces, None)
    }

    fn install(&self, packages: &[PathBuf], cache: ScriptletCache) -> Result<Installed, String> {
        self.install_at(packages, cache, EPOCH)
    }

    fn install_at(
        &self,
        packages: &[PathBuf],
        cache: ScriptletCache,
        epoch: u32,
    ) -> Result<Installed, String> {
        let request = |file: &PathBuf| PackageRequest {
            file: file.clone(),
            checksum: None,
            reason: Reason::User,
            repository: "test".into(),
        };
        let options = PlanOptions { signatures: SignaturePolicy::DigestsOnly, files: FilePolicy::default() };
        let transaction = plan(&packages.iter().map(request).collect::<Vec<_>>(), &options).unwrap();
        let count = std::fs::read_dir(self.folder.path()).unwrap().count();
        let lua = Interpreter::program(env!("CARGO_BIN_EXE_lazuli-lua")).unwrap();
        let options =
            InstallOptions { scriptlet_cache: Some(cache.clone()), ..InstallOptions::new(epoch, Some(lua)) };
        let root = self.path(&format!("{count}-root"));
        let installed = execute(&transaction, &root, &options, &Silent).map_err(|error| told(&error))?;
        let outcome = cache.runs().pop().expect("one script was run").outcome;
        Ok(Installed { root: installed.path, report: installed.report, outcome })
    }

    /// Installs a script with one `data` package, then with another.
    fn change(&self, script: &str, before: &[Piece], after: &[Piece]) -> Outcome {
        let base = self.base();
        let subject = self.package("subject", &[], Some(Scriptlet::new(script)));
        let (before, after) = (self.package("data", before, None), self.package("data", after, None));
        let first = self.install(&[base.clone(), before.clone(), subject.clone()], self.cache()).unwrap();
        assert_eq!(first.outcome, Outcome::Run(None));
        let again = self.install(&[base.clone(), before, subject.clone()], self.cache()).unwrap();
        assert_eq!(again.outcome, Outcome::Repeated);
        self.install(&[base, after, subject], self.cache()).unwrap().outcome
    }

    /// Installs a script twice; the second time it must be repeated, and give the same tree.
    fn repeat(&self, script: &str, data: &[Piece]) -> Installed {
        let packages = [
            self.base(),
            self.package("data", data, None),
            self.package("subject", &[], Some(Scriptlet::new(script))),
        ];
        let first = self.install(&packages, self.cache()).unwrap();
        assert_eq!(first.outcome, Outcome::Run(None));
        let second = self.install(&packages, self.cache()).unwrap();
        assert_eq!(second.outcome, Outcome::Repeated);
        let differences = tree::differences(&first.root, &second.root);
        assert!(
            differences.is_empty(),
            "{}",
            differences.iter().map(|d| format!("{d}\n")).collect::<String>()
        );
        let checked = self.install(&packages, self.cache().checking()).unwrap();
        assert_eq!(checked.outcome, Outcome::Repeated);
        second
    }
}

fn told(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

fn because(path: &str) -> Outcome {
    Outcome::Run(Some(Path::new(path).to_owned()))
}

#[test]
fn a_changed_file_counts_if_it_was_read() {
    let Some(world) = World::new() else { return };
    let data = |text| [Text("/data/read", text, 0o644), Text("/data/unread", "x", 0o644)];
    assert_eq!(world.change("cat /data/read", &data("one"), &data("two")), because("/data/read"));
}

#[test]
fn a_changed_file_does_not_count_if_it_was_not_read() {
    let Some(world) = World::new() else { return };
    let data = |text| [Text("/data/read", "x", 0o644), Text("/data/unread", text, 0o644)];
    assert_eq!(world.change("cat /data/read", &data("one"), &data("another")), Outcome::Repeated);
}

#[test]
fn a_file_that_was_missed_counts_when_it_comes() {
    let Some(world) = World::new() else { return };
    let script = "test -e /data/wanted && echo found; true";
    let (without, with) = ([Directory("/data")], [Directory("/data"), Text("/data/wanted", "", 0o644)]);
    assert_eq!(world.change(script, &without, &with), because("/data/wanted"));
}

#[test]
fn a_new_name_counts_in_a_directory_that_was_listed() {
    let Some(world) = World::new() else { return };
    let (one, two) = ([Text("/data/a", "", 0o644)], [Text("/data/a", "", 0o644), Text("/data/b", "", 0o644)]);
    assert_eq!(world.change("ls /data", &one, &two), because("/data"));
}

#[test]
fn a_new_name_does_not_count_in_a_directory_that_was_only_passed() {
    let Some(world) = World::new() else { return };
    let (one, two) = ([Text("/data/a", "", 0o644)], [Text("/data/a", "", 0o644), Text("/data/b", "", 0o644)]);
    assert_eq!(world.change("cat /data/a; echo > /data/made", &one, &two), Outcome::Repeated);
}

#[test]
fn a_link_that_leads_elsewhere_counts() {
    let Some(world) = World::new() else { return };
    let data = |target| {
        [Text("/data/a/f", "same", 0o644), Text("/data/b/f", "same", 0o644), Link("/data/link", target)]
    };
    assert_eq!(world.change("cat /data/link/f", &data("a"), &data("b")), because("/data/link"));
}

#[test]
fn a_mode_counts_when_the_file_was_only_looked_at() {
    let Some(world) = World::new() else { return };
    let data = |mode| [Text("/data/f", "x", mode)];
    let script = "test -x /data/f && echo runs; true";
    assert_eq!(world.change(script, &data(0o644), &data(0o755)), because("/data/f"));
}

#[test]
fn a_program_and_a_library_count() {
    let Some(world) = World::new() else { return };
    let (data, subject) = (
        world.package("data", &[], None),
        world.package("subject", &[], Some(Scriptlet::new("cat /dev/null"))),
    );
    let base = world.base();
    let outcome =
        |base: PathBuf| world.install(&[base, data.clone(), subject.clone()], world.cache()).unwrap().outcome;
    assert_eq!(outcome(base), Outcome::Run(None));
    for wanted in ["/bin/sh", "libc.so.6"] {
        assert_eq!(outcome(world.base()), Outcome::Repeated);
        let changed = world.base_with_longer(Some(wanted));
        let Outcome::Run(Some(path)) = outcome(changed) else { panic!("{wanted} does not count") };
        assert!(path.to_str().unwrap().ends_with(wanted), "{}", path.display());
    }
}

#[test]
fn the_environment_and_the_script_itself_count() {
    let Some(world) = World::new() else { return };
    let (base, data) = (world.base(), world.package("data", &[], None));
    let subject = |script: &str| world.package("subject", &[], Some(Scriptlet::new(script)));
    let (one, other) =
        (subject("echo $SOURCE_DATE_EPOCH > /made"), subject("echo $SOURCE_DATE_EPOCH  > /made"));
    let outcome = |subject: &PathBuf, epoch| {
        let packages = [base.clone(), data.clone(), subject.clone()];
        world.install_at(&packages, world.cache(), epoch).unwrap().outcome
    };
    assert_eq!(outcome(&one, EPOCH), Outcome::Run(None));
    assert_eq!(outcome(&other, EPOCH), Outcome::Run(None));
    assert_eq!(outcome(&one, EPOCH + 1), Outcome::Run(None));
    assert_eq!(outcome(&one, EPOCH), Outcome::Repeated);
}

#[test]
fn every_kind_of_change_is_repeated() {
    let Some(world) = World::new() else { return };
    let data = [
        Text("/data/appended", "old\n", 0o640),
        Text("/data/replaced", "old\n", 0o644),
        Text("/data/removed", "old\n", 0o644),
        Text("/data/rewritten", "old\n", 0o600),
        Text("/data/moved/deep/file", "old\n", 0o644),
        Text("/data/shut", "old\n", 0o644),
        Text("/data/dated", "old\n", 0o644),
        Link("/data/link", "replaced"),
    ];
    let script = "set -e
        echo new >> /data/appended
        echo new > /data/.replaced; mv /data/.replaced /data/replaced
        rm /data/removed; mkdir /data/removed; echo x > /data/removed/inside
        echo new > /data/rewritten
        mv /data/moved /data/away; echo more >> /data/away/deep/file
        chmod 4711 /data/shut
        touch -d @1000 /data/dated
        touch -d @2000.5 /data/away
        ln -sf rewritten /data/link
        echo one > /data/one; ln /data/one /data/two; echo two >> /data/two
        ln /data/appended /data/third
        mkdir -m 1777 /data/open; touch /data/open/now
        echo gone > /data/temporary; rm /data/temporary";
    let installed = world.repeat(script, &data);
    let read = |name: &str| std::fs::read_to_string(installed.root.join("data").join(name)).unwrap();
    assert_eq!(read("appended"), "old\nnew\n");
    assert_eq!(read("third"), "old\nnew\n");
    assert_eq!(read("two"), "one\ntwo\n");
    assert_eq!(read("away/deep/file"), "old\nmore\n");
    let stat = |name: &str| std::fs::symlink_metadata(installed.root.join("data").join(name)).unwrap();
    assert_eq!(stat("shut").mode() & 0o7777, 0o4711);
    assert_eq!((stat("dated").mtime(), stat("away").mtime()), (1000, 2000));
    assert_eq!(stat("one").ino(), stat("two").ino());
    assert_eq!(stat("third").ino(), stat("appended").ino());
    assert!(!installed.root.join("data/moved").exists());
}

#[test]
fn a_lua_script_is_repeated_too() {
    let Some(world) = World::new() else { return };
    let script = "local f = io.open('/data/made', 'w') f:write('lua') f:close() posix.mkdir('/run/made')";
    let packages = [
        world.base(),
        world.package("data", &[Directory("/data"), Directory("/run")], None),
        world.package("subject", &[], Some(Scriptlet::new(script).prog(vec!["<lua>"]))),
    ];
    assert_eq!(world.install(&packages, world.cache()).unwrap().outcome, Outcome::Run(None));
    let second = world.install(&packages, world.cache()).unwrap();
    assert_eq!(second.outcome, Outcome::Repeated);
    assert_eq!(std::fs::read_to_string(second.root.join("data/made")).unwrap(), "lua");
    assert!(second.root.join("run/made").is_dir());
}

#[test]
fn failures_and_deaths_are_not_kept() {
    let Some(world) = World::new() else { return };
    for (script, said) in [("echo why; exit 3", "exit status 3"), ("echo x > /made; kill -9 $$", "signal 9")]
    {
        let packages = [
            world.base(),
            world.package("data", &[], None),
            world.package("subject", &[], Some(Scriptlet::new(script))),
        ];
        for _ in 0..2 {
            let installed = world.install(&packages, world.cache()).unwrap();
            assert!(matches!(installed.outcome, Outcome::NotKept(_)), "{:?}", installed.outcome);
            let [warning] = installed.report.warnings.as_slice() else { panic!("{:?}", installed.report) };
            let WarningKind::Scriptlet { ending, .. } = &warning.what else { panic!("{warning}") };
            assert!(ending.contains(said), "{ending}");
        }
    }
}

#[test]
fn a_damaged_entry_is_as_good_as_none() {
    let Some(world) = World::new() else { return };
    let packages = [
        world.base(),
        world.package("data", &[], None),
        world.package("subject", &[], Some(Scriptlet::new("echo text > /made"))),
    ];
    let outcome = || world.install(&packages, world.cache()).unwrap().outcome;
    assert_eq!(outcome(), Outcome::Run(None));
    let key = std::fs::read_dir(world.path("kept")).unwrap().next().unwrap().unwrap().path();
    let entry = std::fs::read_dir(key).unwrap().next().unwrap().unwrap().path();
    let mut bytes = std::fs::read(&entry).unwrap();
    let last = bytes.len() - 1;
    assert_eq!(&bytes[last - 4..], b"text\n");
    bytes[last - 1] ^= 1;
    std::fs::write(&entry, bytes).unwrap();
    assert_eq!(outcome(), Outcome::Run(None));
    assert_eq!(outcome(), Outcome::Repeated);
}

#[test]
fn a_check_tells_what_a_run_does_otherwise() {
    let Some(world) = World::new() else { return };
    let packages = [
        world.base(),
        world.package("data", &[], None),
        // The time of day is what no recorder sees.
        world.package("subject", &[], Some(Scriptlet::new("touch /made; stat -c %z /made > /when"))),
    ];
    world.install(&packages, world.cache()).unwrap();
    std::thread::sleep(Duration::from_millis(20));
    let checked = world.install(&packages, world.cache().checking()).unwrap();
    let Outcome::Differs(differences) = checked.outcome else { panic!("{:?}", checked.outcome) };
    assert!(differences.len() == 1 && differences[0].starts_with("/when: was made"), "{differences:?}");
}

#[test]
fn what_a_script_leaves_in_memory_is_nothing() {
    let Some(world) = World::new() else { return };
    let installed = world.repeat("echo x > /tmp/file; cat /tmp/file > /run/file; ls /tmp /run /dev", &[]);
    assert!(!installed.root.join("tmp/file").exists());
}

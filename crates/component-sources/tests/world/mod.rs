//! A project in a git repository, with a folder of dist-git repositories, in the smallest form that shows something.
#![allow(dead_code, reason = "each test uses what it needs")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use component_sources::autospec::{FlagsError, ReleaseFlags};
use component_sources::history::SpecReader;
use component_sources::source::SourceEntry;
use component_sources::sources::Options;
use definition::Distro;
use host_tools::call::{Call, Stdin};

/// Reads specs whose version is plain text: what needs an interpreter is tested where the interpreter is.
pub struct PlainReader;

impl SpecReader for PlainReader {
    fn digest(&self) -> String {
        "plain".into()
    }

    fn flags(&self, spec: &[u8], _files: &BTreeMap<String, SourceEntry>) -> Result<ReleaseFlags, FlagsError> {
        let text = String::from_utf8_lossy(spec);
        let tag = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            line.map(|value| value.trim().to_owned())
        };
        let version = tag("Version").filter(|version| !version.contains('%'));
        let version = version.ok_or_else(|| FlagsError { reason: "no plain version".into() })?;
        let release = tag("Release").ok_or_else(|| FlagsError { reason: "no release".into() })?;
        let release = match release.strip_prefix("%autorelease") {
            Some(arguments) => spelled(arguments),
            None => release,
        };
        Ok(ReleaseFlags::new(tag("Epoch").as_deref(), &version, &release))
    }
}

fn spelled(arguments: &str) -> String {
    let words: Vec<&str> = arguments.split_whitespace().collect();
    let after = |option: &str| {
        let place = words.iter().position(|word| *word == option);
        place.and_then(|place| words.get(place + 1).copied()).unwrap_or_default()
    };
    let prerelease = u8::from(words.contains(&"-p"));
    format!("E{}_S{}_P{prerelease}_B{}", after("-e"), after("-s"), after("-b"))
}

/// The definition of a distribution whose components come from branch `main` of `up`.
pub const UPSTREAM: &str = "[project]\ndefault-distro = { name = \"up\" }\n\
    [distros.up]\ndefault-version = \"1\"\ndist-git-base-uri = \"https://dist-git.test/$pkg.git\"\n\
    [distros.up.versions.1]\nrelease-ver = \"1\"\ndist-git-branch = \"main\"\n\
    [distros.up.versions.1.default-component-config]\n\
    spec = { type = \"upstream\", upstream-distro = { name = \"up\", version = \"1\" } }\n";

/// A folder with a project, dist-git repositories and a cache.
pub struct World {
    folder: tempfile::TempDir,
}

impl World {
    /// A project of this definition; nothing is committed yet.
    pub fn new(definition: &str) -> World {
        let world = World { folder: tempfile::tempdir().unwrap() };
        fs::create_dir_all(world.project()).unwrap();
        fs::create_dir_all(world.mirror()).unwrap();
        world.write("azldev.toml", definition);
        git(&["init", "--quiet", "--initial-branch=main", world.project().to_str().unwrap()], Vec::new(), 0);
        world
    }

    /// The project's folder.
    pub fn project(&self) -> PathBuf {
        self.folder.path().join("project")
    }

    /// The folder of dist-git repositories.
    pub fn mirror(&self) -> PathBuf {
        self.folder.path().join("mirror")
    }

    /// Writes a file of the project.
    pub fn write(&self, path: &str, text: &str) {
        let path = self.project().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Commits everything in the project, so many seconds after 2023-11-14.
    pub fn commit(&self, message: &str, seconds: u64) {
        let project = self.project();
        let project = project.to_str().unwrap();
        git(&["-C", project, "add", "--all"], Vec::new(), seconds);
        git(
            &["-C", project, "commit", "--quiet", "--allow-empty", "--message", message],
            Vec::new(),
            seconds,
        );
    }

    /// Makes `<mirror>/<name>.git` of a stream for `git fast-import`.
    pub fn dist_git(&self, name: &str, stream: &str) -> PathBuf {
        let repository = self.mirror().join(format!("{name}.git"));
        fast_import(stream.as_bytes(), &repository);
        repository
    }

    /// The definition as it is now.
    pub fn distro(&self) -> Distro {
        definition::load(&self.project()).unwrap()
    }

    /// Options of a run: no network, and everything long settled.
    pub fn options(&self) -> Options {
        Options {
            cache: self.folder.path().join("cache"),
            mirror: Some(self.mirror()),
            offline: true,
            now: u64::MAX,
        }
    }
}

/// Makes a bare repository of a stream.
pub fn fast_import(stream: &[u8], repository: &Path) {
    let folder = repository.to_str().unwrap();
    git(&["init", "--quiet", "--bare", "--initial-branch=main", folder], Vec::new(), 0);
    git(&["-C", folder, "fast-import", "--quiet", "--force"], stream.to_vec(), 0);
}

/// Runs git as Paula Project, so many seconds after 2023-11-14, and gives what it prints.
pub fn git(arguments: &[&str], input: Vec<u8>, seconds: u64) -> String {
    let date = format!("{} +0000", 1_700_000_000 + seconds);
    let mut call = Call::new("git").args(arguments).stdin(Stdin::Bytes(input));
    for role in ["AUTHOR", "COMMITTER"] {
        call = call
            .env(format!("GIT_{role}_NAME"), "Paula Project")
            .env(format!("GIT_{role}_EMAIL"), "paula@example.test")
            .env(format!("GIT_{role}_DATE"), &date);
    }
    call = call.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    host_tools::program::run(&call).unwrap().stdout_text()
}

/// A commit of a stream for `git fast-import`: with this mark, on that one, so many seconds after 2023-11-14.
pub fn stream_commit(mark: u32, from: &[u32], seconds: u64, message: &str, files: &[(&str, &str)]) -> String {
    let when = 1_700_000_000 + seconds;
    let mut text = format!(
        "commit refs/heads/main\nmark :{mark}\nauthor Ada Upstream <ada@example.test> {when} +0000\n\
         committer Ada Upstream <ada@example.test> {when} +0000\ndata {}\n{message}\n",
        message.len()
    );
    for (index, parent) in from.iter().enumerate() {
        text.push_str(&format!("{} :{parent}\n", if index == 0 { "from" } else { "merge" }));
    }
    for (name, content) in files {
        text.push_str(&format!("M 100644 inline {name}\ndata {}\n{content}\n", content.len()));
    }
    text
}

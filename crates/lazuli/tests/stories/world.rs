//! A definition, an RPM repository on an HTTP server, a key and a cache, in a folder that is gone after the test.

use std::fs;
use std::path::{Path, PathBuf};

use host_tools::{Call, Output};
use rpm::PackageBuilder;
use sha2::{Digest as _, Sha256};
use testkit::http::Server;
use testkit::keys::Key;
use testkit::packages;

use crate::program::{lazuli, run};

/// Everything that a story happens in.
pub struct World {
    folder: tempfile::TempDir,
    /// Serves `mirror`.
    pub server: Server,
    /// Signs packages and metadata.
    pub key: Key,
}

/// How a command ended.
#[derive(Debug)]
pub struct Ended {
    /// Exit code; -1 if a signal ended it.
    pub code: i32,
    /// Data.
    pub stdout: String,
    /// Talk.
    pub stderr: String,
}

impl World {
    /// An empty repository `mirror/repo`, whose upstream is called `tiny-1`.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("mirror/repo")).unwrap();
        let server = Server::start(&folder.path().join("mirror")).unwrap();
        let world = World { folder, server, key: Key::new(1) };
        world.write("distro/key.asc", &world.key.public());
        world.define(&format!("metalink = {:?}\ngpg-key = \"key.asc\"", world.server.url("metalink")), "");
        world
    }

    /// A world for tests that install; `None`, with the reason told, when this process is not root.
    pub fn for_root(test: &str) -> Option<Self> {
        if rustix::process::geteuid().is_root() {
            return Some(World::new());
        }
        println!("skipped {test}: it gives files to owners, which needs root");
        None
    }

    /// Writes a definition whose repository is what `repository` says; `before` lists upstreams that come first.
    pub fn define(&self, repository: &str, before: &str) {
        let text = format!(
            "includes = [\"more/*.toml\"]\n\
             [project]\ndescription = \"A tiny distribution\"\nupstreams = [{before}{{ name = \"tiny\", version = \"1\" }}]\n\
             [distros.tiny]\ndescription = \"Tiny\"\ndefault-version = \"1\"\n\
             [distros.tiny.versions.1]\nrelease-ver = \"1\"\ninputs.image-build = [{{ repo = \"tiny\" }}]\n\
             [resources.rpm-repos.tiny]\n{repository}\n"
        );
        self.write("distro/lazuli.toml", &text);
    }

    /// Adds an image of kind `tree` with these packages and these further lines before `[packages]`.
    pub fn image(&self, name: &str, install: &[&str], more: &str) {
        self.write(
            &format!("distro/more/{name}.toml"),
            &format!("[images.{name}]\ndefinition = {{ type = \"native\", path = \"{name}/image.toml\" }}\n"),
        );
        let text = format!("kind = \"tree\"\n{more}\n[packages]\ninstall = {install:?}\n");
        self.write(&format!("distro/more/{name}/image.toml"), &text);
    }

    /// A path in the folder.
    pub fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// Writes a file in the folder.
    pub fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Puts a signed package into the repository.
    pub fn package(&self, name: &str, version: &str, fill: impl FnOnce(&mut PackageBuilder)) -> PathBuf {
        packages::package(&self.path("mirror/repo"), Some(&self.key), name, version, fill)
    }

    /// Describes the packages, and signs the description.
    pub fn publish(&self) {
        let repository = self.path("mirror/repo");
        self.succeeds(["repo", "create"].map(Into::into).into_iter().chain([repository.into_os_string()]));
        self.sign(&self.key);
    }

    /// Signs the metadata as it is, and points the metalink to it.
    pub fn sign(&self, key: &Key) {
        let repomd = fs::read(self.path("mirror/repo/repodata/repomd.xml")).unwrap();
        self.write("mirror/repo/repodata/repomd.xml.asc", &key.sign_detached(&repomd));
        let metalink = format!(
            "<?xml version=\"1.0\"?><metalink version=\"3.0\" xmlns=\"http://www.metalinker.org/\"><files>\
             <file name=\"repomd.xml\"><size>{}</size><verification><hash type=\"sha256\">{}</hash></verification>\
             <resources><url protocol=\"http\" type=\"http\" preference=\"100\">{}</url></resources></file></files></metalink>",
            repomd.len(),
            hex::encode(Sha256::digest(&repomd)),
            self.server.url("repo/repodata/repomd.xml"),
        );
        self.write("mirror/metalink", &metalink);
    }

    /// A command on this definition with its own cache.
    pub fn call<A: AsRef<std::ffi::OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Call {
        let call = lazuli(arguments).arg("-C").arg(self.path("distro"));
        call.arg("--cache-dir")
            .arg(self.path("cache"))
            .env("HOME", self.path("home"))
            .env("PATH", "/usr/bin:/bin")
    }

    /// Runs a command.
    pub fn run<A: AsRef<std::ffi::OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Ended {
        Ended::of(&run(&self.call(arguments)))
    }

    /// Runs a command that must succeed.
    pub fn succeeds<A: AsRef<std::ffi::OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Ended {
        let ended = self.run(arguments);
        assert_eq!(ended.code, 0, "{ended}");
        ended
    }

    /// Runs a command that must end with this code and say these words; nothing may panic.
    pub fn fails(&self, arguments: &[&str], code: i32, words: &[&str]) -> Ended {
        let ended = self.run(arguments);
        println!("$ lazuli {}\n{ended}", arguments.join(" "));
        assert_eq!(ended.code, code, "{arguments:?}: {ended}");
        assert!(ended.stderr.contains("error: "), "{ended}");
        assert!(!ended.stderr.contains("panicked"), "{ended}");
        for word in words {
            assert!(ended.stderr.contains(word), "`{word}` is not in {ended}");
        }
        ended
    }

    /// Builds the image and gives its tree.
    pub fn build(&self, image: &str) -> PathBuf {
        self.succeeds(["image", "build", image]);
        self.tree(image)
    }

    /// The tree of a built image.
    pub fn tree(&self, image: &str) -> PathBuf {
        fs::canonicalize(self.path(&format!("distro/out/{image}/tree"))).unwrap()
    }

    /// No image is at its final name, and no tree is there that a later build would take for whole.
    pub fn assert_nothing_built(&self, image: &str) {
        assert!(!self.path(&format!("distro/out/{image}/tree")).exists(), "{image} has a result");
        let trees = names(&self.path("distro/build/work/trees"));
        assert!(trees.iter().all(|name| !name.ends_with(".deferred.json")), "{trees:?}");
    }
}

impl Ended {
    /// Of a finished program.
    pub fn of(output: &Output) -> Self {
        let code = output.status.code().unwrap_or(-1);
        Ended { code, stdout: output.stdout_text(), stderr: output.stderr_text() }
    }
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "exit code {}\n--- stdout\n{}--- stderr\n{}", self.code, self.stdout, self.stderr)
    }
}

/// Names in a folder, sorted; none if it is not there.
pub fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Paths, modes, owners and contents of a tree, as one text a file.
pub fn listing(tree: &Path) -> Vec<String> {
    use std::os::unix::fs::MetadataExt as _;
    let (mut found, mut folders) = (Vec::new(), vec![tree.to_owned()]);
    while let Some(folder) = folders.pop() {
        for name in names(&folder) {
            let path = folder.join(name);
            let stat = fs::symlink_metadata(&path).unwrap();
            let content = match stat.file_type() {
                kind if kind.is_file() => hex::encode(Sha256::digest(fs::read(&path).unwrap())),
                kind if kind.is_symlink() => fs::read_link(&path).unwrap().display().to_string(),
                _ => String::new(),
            };
            let place = path.strip_prefix(tree).unwrap().display();
            found.push(format!(
                "{place} {:o} {}:{} {} {content}",
                stat.mode(),
                stat.uid(),
                stat.gid(),
                stat.mtime()
            ));
            if stat.is_dir() {
                folders.push(path);
            }
        }
    }
    found.sort();
    found
}

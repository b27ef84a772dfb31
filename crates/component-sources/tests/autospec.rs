//! Histories (as streams that `git fast-import` reads), in; specs with release and changelog spelled out, out: compared with what
//! rpmautospec 0.8 made of the same repositories.
//!
//! `LAZULI_AUTOSPEC_REPOSITORIES=DIR` compares further repositories: `DIR/<name>.git` with `DIR/<name>.expected`, which holds the
//! spec that rpmautospec wrote for a clean checkout of `main`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use component_sources::autospec::{FlagsError, ReleaseFlags};
use component_sources::history::{SpecReader, finish};
use component_sources::source::SourceEntry;
use component_sources::sources::{Options, Sources};
use host_tools::call::{Call, Stdin};

/// Reads specs whose version is plain text: what needs an interpreter is tested where the interpreter is.
struct PlainReader;

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

/// What our rule makes of the newest commit of `main` of a repository in `mirror`.
fn expanded(mirror: &Path, name: &str) -> String {
    let project = tempfile::tempdir().unwrap();
    let definition = format!(
        "[project]\ndefault-distro = {{ name = \"up\" }}\n\
         [distros.up]\ndefault-version = \"1\"\n\
         dist-git-base-uri = \"https://dist-git.test/$pkg.git\"\n\
         [distros.up.versions.1]\nrelease-ver = \"1\"\ndist-git-branch = \"main\"\n\
         [components.{name}]\nspec = {{ type = \"upstream\", upstream-distro = {{ name = \"up\", version = \"1\" }} }}\n"
    );
    fs::write(project.path().join("azldev.toml"), definition).unwrap();
    let distro = definition::load(project.path()).unwrap();
    let options = Options {
        cache: project.path().join("cache"),
        mirror: Some(mirror.to_owned()),
        offline: true,
        now: 0,
    };
    let sources = Sources::open(&distro, &PlainReader, options).unwrap();
    let component = &distro.components[name];
    let source = sources.source_of(component).unwrap();
    let history = sources.history_of(component, &source).unwrap();
    let mut folder = source.read().unwrap();
    let Some(SourceEntry::File { bytes, .. }) = folder.files.remove(&folder.spec) else { panic!("no spec") };
    match finish(bytes, component, &history, &folder.files) {
        Ok(spec) => String::from_utf8(spec).unwrap(),
        Err(error) => format!("error: {error}\n"),
    }
}

fn fast_import(stream: &Path, repository: &Path) {
    let git = |arguments: &[&str], input: Vec<u8>| {
        let call = Call::new("git").args(arguments).env("GIT_CONFIG_GLOBAL", "/dev/null");
        host_tools::program::run(&call.stdin(Stdin::Bytes(input))).unwrap();
    };
    let folder = repository.to_str().unwrap();
    git(&["init", "--quiet", "--bare", "--initial-branch=main", folder], Vec::new());
    git(&["-C", folder, "fast-import", "--quiet"], fs::read(stream).unwrap());
}

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/autospec");
    let mut cases: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.retain(|path| path.extension().is_some_and(|extension| extension == "stream"));
    cases.sort();
    cases
}

#[test]
fn histories_give_what_rpmautospec_gives() {
    let cases = cases();
    assert!(cases.len() >= 15, "only {} cases", cases.len());
    for case in cases {
        let mirror = tempfile::tempdir().unwrap();
        fast_import(&case, &mirror.path().join("a.git"));
        let expected = fs::read_to_string(case.with_extension("expected")).unwrap();
        assert_eq!(expanded(mirror.path(), "a"), expected, "{}", case.display());
    }
}

#[test]
fn further_repositories_give_what_rpmautospec_gives() {
    let Some(folder) = std::env::var_os("LAZULI_AUTOSPEC_REPOSITORIES") else { return };
    let mut different = Vec::new();
    let mut compared = 0;
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".git")) else {
            continue;
        };
        let expected = fs::read_to_string(path.with_extension("expected")).unwrap();
        compared += 1;
        if expanded(Path::new(&folder), name) != expected {
            different.push(name.to_owned());
        }
    }
    assert!(compared > 0, "no repositories in {}", folder.display());
    assert_eq!(different, Vec::<String>::new(), "of {compared}");
}

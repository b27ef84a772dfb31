//! Histories (as streams that `git fast-import` reads), in; specs with release and changelog spelled out, out: compared with what
//! rpmautospec 0.8 made of the same repositories.
//!
//! `LAZULI_AUTOSPEC_REPOSITORIES=DIR` compares further repositories: `DIR/<case>/a.git` with `DIR/<case>/a.expected`, which holds
//! the spec that rpmautospec wrote for a clean checkout of `main`, or `error:` where it failed; what is
//! different is written to `a.found`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

mod world;

use std::fs;
use std::path::{Path, PathBuf};

use component_sources::history::finish;
use component_sources::source::SourceEntry;
use component_sources::sources::{Options, Sources};

use world::{PlainReader, UPSTREAM, World, fast_import};

/// What our rule makes of the newest commit of `main` of a repository in `mirror`.
fn expanded(mirror: &Path, name: &str) -> String {
    let world = World::new(&format!("{UPSTREAM}[components.{name}]\n"));
    let distro = world.distro();
    let options = Options { mirror: Some(mirror.to_owned()), ..world.options() };
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
        fast_import(&fs::read(&case).unwrap(), &mirror.path().join("a.git"));
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
        let case = entry.unwrap().path();
        let Ok(expected) = fs::read_to_string(case.join("a.expected")) else { continue };
        compared += 1;
        let found = expanded(&case, "a");
        let both_fail = expected.starts_with("error:") && found.starts_with("error:");
        if found != expected && !both_fail {
            fs::write(case.join("a.found"), found).unwrap();
            different.push(case);
        }
    }
    assert!(compared > 0, "no repositories in {}", folder.display());
    assert_eq!(different, Vec::<PathBuf>::new(), "of {compared}");
}

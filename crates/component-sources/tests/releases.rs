//! A project, its locks and its commits, in; releases, out: as a maintainer goes through them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use component_sources::history::finish;
use component_sources::kept::Kept;
use component_sources::project_history;
use component_sources::source::{SourceEntry, SourceIdentity};
use component_sources::sources::{Options, SourceError, Sources};
use component_sources::update::{Change, Request, UpdateError, update, update_all, write_all};
use host_tools::progress::Silent;

use world::{PlainReader, UPSTREAM, World, fast_import, git, stream_commit};

const DAY: u64 = 86_400;

fn spec(version: &str, release: &str, changelog: &str) -> String {
    format!(
        "Name: a\nVersion: {version}\nRelease: {release}\nSummary: A\nLicense: MIT\n\n%description\nA.\n\n\
         %changelog\n{changelog}\n"
    )
}

/// A world with component `a`, whose upstream has three commits: 1.0, a fix of it, 2.0.
fn world(release: &str, changelog: &str, table: &str) -> World {
    let world = World::new(&format!("{UPSTREAM}[components.a]\n{table}"));
    let stream = [
        stream_commit(1, &[], DAY, "Import 1.0", &[("a.spec", &spec("1.0", release, changelog))]),
        stream_commit(2, &[1], 2 * DAY, "Fix it\n\n- for good", &[("fix.patch", "fix\n")]),
        stream_commit(3, &[2], 3 * DAY, "Update to 2.0", &[("a.spec", &spec("2.0", release, changelog))]),
    ];
    world.dist_git("a", &stream.concat());
    world
}

fn upstream_commit(world: &World, revision: &str) -> String {
    let repository = world.mirror().join("a.git");
    git(&["-C", repository.to_str().unwrap(), "rev-parse", revision], Vec::new(), 0).trim().to_owned()
}

/// The finished spec of `a` without any change of ours.
fn finished(world: &World) -> String {
    let distro = world.distro();
    let sources = Sources::open(&distro, &PlainReader, world.options()).unwrap();
    let component = &distro.components["a"];
    let source = sources.source_of(component).unwrap();
    let history = sources.history_of(component, &source).unwrap();
    let mut folder = source.read().unwrap();
    let Some(SourceEntry::File { bytes, .. }) = folder.files.remove("a.spec") else { panic!("no spec") };
    String::from_utf8(finish(bytes, component, &history, &folder.files).unwrap()).unwrap()
}

fn release(world: &World) -> String {
    let spec = finished(world);
    spec.lines().find_map(|line| line.strip_prefix("Release: ")).unwrap().to_owned()
}

/// Renews the lock of `a` on disk and tells what was different.
fn renew(world: &World, request: Request) -> Change {
    let distro = world.distro();
    let sources = Sources::open(&distro, &PlainReader, world.options()).unwrap();
    let updates = update_all(&[&distro.components["a"]], &sources, request, &Silent).unwrap();
    write_all(&updates, &distro.project.lock_dir).unwrap();
    updates[0].change
}

const NORMAL: Request = Request { bump: false, anew: false };

#[test]
fn each_committed_change_of_the_inputs_is_a_release() {
    let world = world("5%{?dist}", "- none", "");
    assert_eq!(renew(&world, NORMAL), Change::New);
    assert_eq!(release(&world), "5%{?dist}", "a lock that nobody committed releases nothing");
    world.commit("Import a", 10 * DAY);
    assert_eq!(release(&world), "6%{?dist}");
    assert_eq!(renew(&world, NORMAL), Change::None);

    world.write("azldev.toml", &format!("{UPSTREAM}[components.a]\nbuild.with = [\"x\"]\n"));
    assert_eq!(release(&world), "7%{?dist}", "a change that is not committed is the release to be");
    assert_eq!(renew(&world, NORMAL), Change::Inputs);
    assert_eq!(release(&world), "7%{?dist}");
    world.commit("Build with x", 11 * DAY);
    assert_eq!(release(&world), "7%{?dist}");

    assert_eq!(renew(&world, Request { bump: true, ..NORMAL }), Change::Inputs);
    world.commit("Rebuild everything", 12 * DAY);
    assert_eq!(release(&world), "8%{?dist}");
    world.commit("Something else", 13 * DAY);
    assert_eq!(release(&world), "8%{?dist}");
}

#[test]
fn releases_of_ours_stand_after_the_upstream_commit_they_were_made_from() {
    let world = world("%autorelease", "%autochangelog", "");
    let pinned = |revision: &str| {
        let commit = upstream_commit(&world, revision);
        let table =
            format!("[components.a]\nspec = {{ type = \"upstream\", upstream-commit = \"{commit}\" }}\n");
        world.write("azldev.toml", &format!("{UPSTREAM}{table}"));
    };
    pinned("main~2");
    renew(&world, NORMAL);
    world.commit("Import a\n\nIt is needed.", 10 * DAY);
    pinned("main~1");
    assert_eq!(renew(&world, NORMAL), Change::Commit);
    world.commit("Take the fix", 11 * DAY);
    assert_eq!(renew(&world, Request { bump: true, ..NORMAL }), Change::Inputs);
    world.commit("Rebuild", 12 * DAY);

    let project = world.project();
    let id = |revision: &str| {
        git(&["-C", project.to_str().unwrap(), "rev-parse", revision], Vec::new(), 0).trim().to_owned()
    };
    let spec = finished(&world);
    assert!(spec.contains("    release_number = 5;\n"), "{spec}");
    let (head, changelog) = spec.split_once("## START: Generated by rpmautospec\n").unwrap();
    assert!(head.ends_with("%changelog\n"), "{head}");
    let expected = "\
* Sun Nov 26 2023 Paula Project <paula@example.test> - 1.0-5
- Rebuild

* Sat Nov 25 2023 Paula Project <paula@example.test> - 1.0-4
- Take the fix

* Thu Nov 16 2023 Ada Upstream <ada@example.test> - 1.0-3
- Fix it
- for good

* Fri Nov 24 2023 Paula Project <paula@example.test> - 1.0-2
- Import a

* Wed Nov 15 2023 Ada Upstream <ada@example.test> - 1.0-1
- Import 1.0
## END: Generated by rpmautospec
";
    assert_eq!(changelog, expected, "made by {} {} {}", id("main"), id("main~1"), id("main~2"));
}

#[test]
fn a_lock_that_azldev_wrote_is_taken_over_without_a_release() {
    let world = world("5", "- none", "");
    renew(&world, NORMAL);
    let path = world.project().join("locks/a.lock");
    let lock = fs::read_to_string(&path).unwrap();
    let foreign: String = lock
        .lines()
        .filter(|line| !line.starts_with("inputs ="))
        .map(|line| match line.strip_prefix("input-fingerprint") {
            Some(_) => "input-fingerprint = 'sha256:of-another-program'\n".to_owned(),
            None => format!("{line}\n"),
        })
        .collect();
    fs::write(&path, &foreign).unwrap();
    world.commit("Import a", 10 * DAY);
    assert_eq!(release(&world), "6");
    // Nothing says when a branch alone is followed that it stood still: only a pin or a moment does.
    assert_eq!(renew(&world, NORMAL), Change::Bookkeeping);
    assert!(fs::read_to_string(&path).unwrap().starts_with(&foreign));
    assert_eq!(release(&world), "6");
    world.commit("Take it over", 11 * DAY);
    assert_eq!(release(&world), "6");
}

#[test]
fn a_pin_that_differs_from_the_lock_is_told() {
    let world = world("5", "- none", "");
    renew(&world, NORMAL);
    let commit = upstream_commit(&world, "main~1");
    let table = format!("[components.a]\nspec = {{ type = \"upstream\", upstream-commit = \"{commit}\" }}\n");
    world.write("azldev.toml", &format!("{UPSTREAM}{table}"));
    let distro = world.distro();
    let sources = Sources::open(&distro, &PlainReader, world.options()).unwrap();
    let Err(error) = sources.source_of(&distro.components["a"]) else { panic!("a stale lock was used") };
    assert!(matches!(error, SourceError::StaleLock { .. }), "{error}");
    assert!(error.to_string().contains("lazuli component update a"), "{error}");
}

#[test]
fn what_was_never_locked_cannot_be_released_once_more() {
    let world = world("5", "- none", "");
    let distro = world.distro();
    let sources = Sources::open(&distro, &PlainReader, world.options()).unwrap();
    let error = update(&distro.components["a"], &sources, Request { bump: true, anew: false }).unwrap_err();
    assert!(matches!(error, UpdateError::NoLock { .. }), "{error}");
}

#[test]
fn what_is_kept_needs_no_repository_any_more() {
    let world = world("%autorelease", "%autochangelog", "");
    renew(&world, NORMAL);
    let with = finished(&world);
    let repository = world.mirror().join("a.git");
    let away = world.mirror().join("elsewhere");
    fs::rename(&repository, &away).unwrap();
    fs::create_dir(&repository).unwrap();
    fs::create_dir(repository.join("objects")).unwrap();
    assert_eq!(finished(&world), with);
}

#[test]
fn a_folder_of_files_is_a_source_whose_identity_is_its_content() {
    let world = World::new(&format!(
        "{UPSTREAM}[components.b]\nspec.upstream-name = \"a\"\nspec.type = \"upstream\"\n"
    ));
    let folder = world.mirror().join("a");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("a.spec"), spec("1", "1", "- x")).unwrap();
    let identity = || {
        let distro = world.distro();
        let sources = Sources::open(&distro, &PlainReader, world.options()).unwrap();
        let source = sources.source_of(&distro.components["b"]).unwrap();
        let files: Vec<String> = source.read().unwrap().files.into_keys().collect();
        assert_eq!(files[0], "b.spec");
        sources.keep_identities().unwrap();
        source.identity
    };
    let first = identity();
    assert!(matches!(first, SourceIdentity::Files(_)));
    assert_eq!(identity(), first);
    fs::write(folder.join("new"), "x").unwrap();
    assert_ne!(identity(), first);
}

#[test]
fn a_repository_is_fetched_once_and_again_for_a_commit_that_it_lacks() {
    let world = world("5", "- none", "");
    let repository = world.mirror().join("a.git");
    let address = format!("file://{}/$pkg.git", world.mirror().display());
    let definition = UPSTREAM.replace("https://dist-git.test/$pkg.git", &address);
    world.write("azldev.toml", &format!("{definition}[components.a]\n"));
    let read = |offline: bool| {
        let distro = world.distro();
        let options = Options { mirror: None, offline, ..world.options() };
        let sources = Sources::open(&distro, &PlainReader, options).unwrap();
        let source = sources.source_of(&distro.components["a"])?;
        Ok::<_, SourceError>((source.commit.clone().unwrap(), source.read()?))
    };
    let refused = read(true).err().unwrap();
    assert!(refused.may_pass() && refused.to_string().contains("nothing may be fetched"), "{refused}");

    let (first, files) = read(false).unwrap();
    assert_eq!(first, upstream_commit(&world, "main"));
    assert_eq!(files.files.keys().collect::<Vec<_>>(), ["a.spec", "fix.patch"]);
    assert_eq!(read(true).unwrap().0, first);

    // A branch that is followed moves on; a lock holds the commit.
    let next = stream_commit(1, &[], 4 * DAY, "Start anew", &[("a.spec", &spec("3.0", "1", "- none"))]);
    let folder = repository.to_str().unwrap();
    git(&["-C", folder, "fast-import", "--quiet", "--force"], next.into_bytes(), 0);
    assert_eq!(read(true).unwrap().0, first, "without the network, what was seen last counts");
    let second = read(false).unwrap().0;
    assert_ne!(second, first);
    world.write("locks/a.lock", &format!("version = 1\nupstream-commit = '{first}'\n"));
    assert_eq!(read(true).unwrap().0, first, "what is kept of a commit outlives its branch");
}

#[test]
fn a_moment_and_a_pin_are_asked_about() {
    let world = world("5", "- none", "");
    let pin = upstream_commit(&world, "main~1");
    let table = format!("[components.a]\nspec = {{ type = \"upstream\", upstream-commit = \"{pin}\" }}\n");
    world.write("azldev.toml", &format!("{UPSTREAM}{table}"));
    let distro = world.distro();
    let sources = Sources::open(&distro, &PlainReader, world.options()).unwrap();
    let component = &distro.components["a"];
    let at = |moment: &str| sources.source_at(component, moment).map(|source| source.commit.unwrap());
    assert_eq!(at("2023-11-16T00:00:00Z").unwrap(), upstream_commit(&world, "main~2"));
    assert_eq!(at("2024-01-01T00:00:00+02:00").unwrap(), upstream_commit(&world, "main"));
    assert_eq!(sources.has_passed(component, "2023-11-16T00:00:00Z").unwrap(), Some(false));
    assert_eq!(sources.has_passed(component, "2024-01-01T00:00:00Z").unwrap(), Some(true));
    let early = at("2023-01-01T00:00:00Z").unwrap_err().to_string();
    assert_eq!(early, "branch main of a has no commit before 2023-01-01T00:00:00Z");
    assert!(at("last week").unwrap_err().to_string().contains("no moment as RFC 3339"));
}

#[test]
fn a_spec_of_the_project_has_releases_on_top_of_its_first_files() {
    let world = World::new(&format!(
        "{UPSTREAM}[components.a]\nspec = {{ type = \"local\", path = \"specs/a/a.spec\" }}\n"
    ));
    world.write("specs/a/a.spec", &spec("1.0", "%autorelease", "%autochangelog"));
    renew(&world, NORMAL);
    world.commit("Write it", 10 * DAY);
    world.write("specs/a/fix.patch", "fix\n");
    assert_eq!(renew(&world, NORMAL), Change::Inputs);
    world.commit("Fix it", 11 * DAY);
    let spec = finished(&world);
    let (_, changelog) = spec.split_once("## START: Generated by rpmautospec\n").unwrap();
    let expected = "\
* Sat Nov 25 2023 Paula Project <paula@example.test> - 1.0-3
- Fix it

* Fri Nov 24 2023 Paula Project <paula@example.test> - 1.0-2
- Write it

* Thu Jan 01 1970 azldev <> - 1.0-1
- Initial sources
## END: Generated by rpmautospec
";
    assert_eq!(changelog, expected);
}

/// Numbers that look random and are always the same.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u32) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u32::try_from(self.0 >> 33).unwrap() % bound
    }
}

#[test]
fn commits_of_a_lock_are_those_that_git_log_lists() {
    for seed in 0..12 {
        let world = World::new("");
        let repository = world.mirror().join("project.git");
        fast_import(random_stream(seed).as_bytes(), &repository);
        let folder = repository.to_str().unwrap();
        let checkout = world.mirror().join("project");
        git(&["clone", "--quiet", folder, checkout.to_str().unwrap()], Vec::new(), 0);
        let kept = Kept::at(world.mirror().join("kept"));
        let history = project_history::read(&checkout, &checkout.join("locks"), &kept).unwrap().unwrap();
        for (component, lock) in &history.components {
            let path = format!("locks/{component}.lock");
            let listed = git(&["-C", folder, "log", "--format=%H", "main", "--", &path], Vec::new(), 0);
            // Each content has a fingerprint of its own: every commit that changed the file is a release.
            let listed: Vec<&str> = listed.lines().collect();
            let releases: Vec<&str> = lock.releases.iter().rev().map(|release| release.id.as_str()).collect();
            assert_eq!(releases, listed, "seed {seed}, {component}");
        }
        assert!(!history.components.is_empty());
    }
}

/// Commits on two lines that are merged now and then, each changing some of three locks.
fn random_stream(seed: u64) -> String {
    let mut numbers = Numbers(seed);
    let mut stream = String::new();
    let mut contents: BTreeMap<u32, BTreeMap<String, String>> = BTreeMap::new();
    let (mut heads, mut mark) = (vec![0_u32], 0_u32);
    for _ in 0..30 {
        mark += 1;
        let line = usize::try_from(numbers.below(3)).unwrap().min(heads.len());
        let own = heads.get(line).copied().unwrap_or(heads[0]);
        let mut from: Vec<u32> = Some(own).filter(|parent| *parent > 0).into_iter().collect();
        let mut files = contents.get(&own).cloned().unwrap_or_default();
        let mut written = BTreeSet::new();
        if numbers.below(4) == 0 && heads.len() > 1 {
            let other = heads[(line + 1) % heads.len()];
            if other != own && other > 0 && own > 0 {
                from.push(other);
                for (name, content) in &contents[&other] {
                    if numbers.below(2) == 0 || !files.contains_key(name) {
                        files.insert(name.clone(), content.clone());
                        written.insert(name.clone());
                    }
                }
            }
        }
        for name in ["x", "y", "z"] {
            if numbers.below(3) == 0 {
                let path = format!("locks/{name}.lock");
                files.insert(path.clone(), format!("version = 1\ninput-fingerprint = '{mark}-{name}'\n"));
                written.insert(path);
            }
        }
        let changed: Vec<(&str, &str)> =
            written.iter().map(|name| (name.as_str(), files[name].as_str())).collect();
        stream.push_str(&stream_commit(mark, &from, u64::from(mark) * DAY, "Commit", &changed));
        contents.insert(mark, files);
        match heads.get_mut(line) {
            Some(head) => *head = mark,
            None => heads.push(mark),
        }
    }
    let last = mark + 1;
    let from: Vec<u32> = heads.iter().copied().filter(|head| *head > 0).collect();
    stream.push_str(&stream_commit(last, &from, u64::from(last) * DAY, "Join all", &[("end", "end\n")]));
    stream
}

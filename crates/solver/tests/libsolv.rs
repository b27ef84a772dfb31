//! libsolv's own testcases, answered by the solver: every segment as libsolv expects it, but for those of a table that
//! says why not.
//!
//! They come from libsolv's source package, taken at test time from the mirror of this machine's apt configuration and
//! verified by apt; without apt, its key or its mirror the test says so and passes. `LAZULI_LIBSOLV` names a folder with
//! the unpacked source instead.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test that cannot go on stops, and says what it did; apt and tar are this machine's, not a tool of ours"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use solver::testcase::Testcase;

/// The suite whose libsolv is taken: the one that the differential tests' `testsolv` is of.
const SUITE: &str = "forky";

/// File, segments (none: all), and why we do not answer them as libsolv does.
const NOT_OURS: &[(&str, &[usize], &str)] = &[
    ("cleandeps/mistake.t", &[], "Debian packages"),
    ("selection/debian.t", &[], "Debian packages"),
    ("namespace/namespaceprovides.t", &[], "namespaces (languages, hardware) are SUSE's; dnf provides none"),
    (
        "proof/pubg1.t",
        &[],
        "a proof is a list of libsolv's rules; ours is a tree for people (answer/conflict.rs)",
    ),
    ("proof/pubg2.t", &[], "the same"),
    ("sat/reuse.t", &[2], "lists rules left over from the request before; ours begin anew"),
];

#[test]
fn libsolv_expects_the_same_answers() {
    let folder = tempfile::tempdir().unwrap();
    let source = match std::env::var_os("LAZULI_LIBSOLV") {
        Some(source) => PathBuf::from(source),
        None => match download(folder.path()) {
            Ok(source) => source,
            Err(reason) => {
                println!("skipped: libsolv's source package cannot be had: {reason}");
                return;
            }
        },
    };
    let testcases = source.join("test/testcases");
    let mut tally: BTreeMap<&str, usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    for path in files(&testcases) {
        let name = path.strip_prefix(&testcases).unwrap().display().to_string();
        for (number, kind, answer) in answers(&path) {
            let listed = NOT_OURS.iter().find(|(file, segments, _)| {
                *file == name && (segments.is_empty() || segments.contains(&number))
            });
            match (answer, listed) {
                (Ok(()), None) => *tally.entry(kind).or_default() += 1,
                (Ok(()), Some(_)) => {
                    wrong.push(format!("{name} {number}: answered as expected, so it belongs off the table"));
                }
                (Err(_), Some(_)) => *tally.entry("on the table").or_default() += 1,
                (Err(difference), None) => wrong.push(format!("{name} {number}: {difference}")),
            }
        }
    }
    println!("segments answered as libsolv expects: {tally:?}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(tally.values().sum::<usize>() > 300, "the source package has its testcases");
}

/// What libsolv's own testcases leave out: adding, subtracting, filtering, other cases, kinds and epochs.
#[test]
fn selections_mean_what_libsolv_takes_them_for() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/selections.t");
    let answers = answers(&path);
    assert_eq!(answers.len(), 33);
    for (number, _, answer) in answers {
        assert_eq!(answer, Ok(()), "segment {number}");
    }
}

#[test]
fn endless_relations_are_refused() {
    let none = |_: &str| None;
    let chain = format!("genid dep a{}\n", " = 1".repeat(200_000));
    let pairs = format!("genid lit a\n{}", "genid lit b\ngenid op &\n".repeat(200_000));
    for text in [chain, pairs] {
        let error = Testcase::read(text.as_bytes(), &none).unwrap_err();
        assert!(matches!(error, solver::testcase::TestcaseError::Term { .. }), "{error}");
    }
    let names =
        format!("genid dep packageand({})\ngenid susedep solvable:supplements\n", "a:".repeat(200_000));
    assert_eq!(Testcase::read(names.as_bytes(), &none).unwrap().segments().len(), 1);
}

/// By segment: its number, its kind, and the difference if there is one.
fn answers(path: &Path) -> Vec<(usize, &'static str, Result<(), String>)> {
    let bytes = std::fs::read(path).unwrap();
    let beside = |file: &str| std::fs::read(path.with_file_name(file)).ok();
    let testcase = match Testcase::read(&bytes, &beside) {
        Ok(testcase) => testcase,
        Err(error) => {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            let segments = text.lines().filter(|line| line.starts_with("nextjob")).count() + 1;
            return (1..=segments).map(|number| (number, "", Err(error.to_string()))).collect();
        }
    };
    let answer = |(place, segment): (usize, &solver::testcase::Segment)| {
        let kind = if segment.has_installed() { "with an installed system" } else { "without one" };
        let answer = match (segment.answer(), segment.expected()) {
            (Err(error), _) => Err(error.to_string()),
            (Ok(ours), Some(theirs)) if ours == theirs => Ok(()),
            (Ok(ours), theirs) => Err(format!("\n  libsolv {theirs:?}\n  ours    {ours:?}")),
        };
        (place + 1, kind, answer)
    };
    testcase.segments().iter().enumerate().map(answer).collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|end| end == "t") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// The unpacked source, downloaded by an apt that looks at nothing but the folder.
fn download(folder: &Path) -> Result<PathBuf, String> {
    let mirror = mirror()?;
    for place in ["lists/partial", "cache/archives/partial", "source"] {
        std::fs::create_dir_all(folder.join(place)).map_err(|error| error.to_string())?;
    }
    let list = folder.join("sources.list");
    std::fs::write(&list, format!("deb-src {mirror} {SUITE} main\n")).map_err(|error| error.to_string())?;
    let apt = |command: &[&str]| {
        let mut apt = Command::new("apt-get");
        apt.current_dir(folder.join("source")).args(["-q", "-o", "Dir::Etc::sourceparts=-"]);
        apt.args(["-o", "APT::Sandbox::User=root", "-o", "Dir::State::status=/dev/null"]);
        apt.args(["-o", "Acquire::Retries=2", "-o", "Acquire::http::Timeout=20"]);
        for (option, place) in [
            ("Dir::Etc::sourcelist", &list),
            ("Dir::State::lists", &folder.join("lists")),
            ("Dir::Cache", &folder.join("cache")),
        ] {
            apt.arg("-o").arg(format!("{option}={}", place.display()));
        }
        run(apt.args(command))
    };
    apt(&["update", "--error-on=any"])?;
    apt(&["source", "--download-only", "libsolv"])?;
    let entries = std::fs::read_dir(folder.join("source")).map_err(|error| error.to_string())?;
    let archive = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.to_string_lossy().contains(".orig.tar."))
        .ok_or("the source package has no archive")?;
    let unpacked = folder.join("unpacked");
    std::fs::create_dir(&unpacked).map_err(|error| error.to_string())?;
    run(Command::new("tar").arg("-xf").arg(archive).arg("-C").arg(&unpacked).arg("--strip-components=1"))?;
    Ok(unpacked)
}

/// The first Debian archive of this machine's apt configuration; apt verifies it by its own keys.
fn mirror() -> Result<String, String> {
    let mut apt = Command::new("apt-get");
    let lines = run(apt.args(["indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"]))?;
    let debian = lines.lines().find(|uri| uri.trim_end_matches('/').ends_with("/debian"));
    debian.map(str::to_owned).ok_or_else(|| "apt knows no Debian archive".to_owned())
}

fn run(command: &mut Command) -> Result<String, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| format!("{name} cannot be run: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(format!("{name} failed: {}", String::from_utf8_lossy(&output.stderr).trim()))
}

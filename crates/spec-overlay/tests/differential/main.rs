//! Random overlays on real specs, by this crate and by another program that reads the same format; both must agree byte for byte.
//!
//! These run when `LAZULI_OVERLAY_JUDGE` names that program. It is called with a folder for its files and answers each JSON line on
//! its input with one on its output; bytes are base64:
//!
//! - `{"kind": "list", "spec", "files": [{"name", "data"}], "sources": […], "overlays": [tables]}` →
//!   `{"ok": true, "spec", "files"}` or `{"ok": false, "at": index (-1: not told), "error"}`; `"timed_out": true` when it finds no end, and it ends itself,
//! - `{"kind": "regex", "regex", "replace", "text"}` → `{"ok", "text"}`: every match replaced, literally,
//! - `{"kind": "glob", "pattern", "names"}` → `{"ok", "matches": [true, …]}`.
//!
//! `LAZULI_OVERLAY_SPECS` is a folder of specs (searched as deep as it goes), `LAZULI_OVERLAY_CASES` the number of cases (1,000),
//! `LAZULI_OVERLAY_SEED` where they begin (1).

mod archive;
mod case;
mod generate;
mod judge;
mod patterns;
mod random;
mod shrink;

use std::fs;
use std::path::{Path, PathBuf};

use case::{Case, Outcome};
use judge::Judge;
use random::Random;
use spec_overlay::{Glob, GoRegex};

/// So many disagreements are shown; more would hide what they have in common.
const SHOWN: usize = 5;

#[test]
fn overlays_on_real_specs_give_what_the_judge_gives() {
    let texts = if std::env::var_os("LAZULI_OVERLAY_JUDGE").is_some() { specs() } else { Vec::new() };
    agree(|random| generate::case(random, &texts));
}

#[test]
fn overlays_on_archives_give_what_the_judge_gives() {
    agree(archive::case);
}

fn agree(mut make: impl FnMut(&mut Random) -> Case) {
    let Some((mut judge, _scratch)) = judge() else { return };
    let mut wrong = Vec::new();
    let mut applied = 0;
    for seed in seeds() {
        let case = make(&mut Random::new(seed));
        let Some(theirs) = judge.outcome(&case) else { continue };
        let ours = case.ours();
        applied += usize::from(matches!(ours, Outcome::Applied { .. }));
        if !ours.agrees_with(&theirs) {
            wrong.push(disagreement(seed, case, &mut judge));
        }
        if wrong.len() == SHOWN {
            break;
        }
    }
    assert!(wrong.is_empty(), "{} cases differ:\n{}", wrong.len(), wrong.join("\n"));
    assert!(applied > 0, "no case applied: the cases say nothing");
}

fn disagreement(seed: u64, case: Case, judge: &mut Judge) -> String {
    let mut differs =
        |case: &Case| judge.outcome(case).is_some_and(|theirs| !case.ours().agrees_with(&theirs));
    let small = shrink::shrink(case, &mut differs);
    let theirs = judge.outcome(&small);
    format!(
        "=== seed {seed}\n{}--- ours {}\n--- theirs {}",
        small.shown(),
        shown(Some(small.ours())),
        shown(theirs)
    )
}

fn shown(outcome: Option<Outcome>) -> String {
    match outcome {
        None => "finds no end".to_owned(),
        Some(Outcome::Refused { at, why }) => format!("refuses overlay {at}: {why}"),
        Some(Outcome::Applied { spec, files }) => {
            let shown =
                |(name, bytes): &(String, Vec<u8>)| format!("{name}: {}", archive::shown(name, bytes));
            let files: Vec<String> = files.iter().map(shown).collect();
            format!("gives\n{}\n{}", spec.escape_ascii().to_string().replace("\\n", "\n"), files.join("\n"))
        }
    }
}

#[test]
fn patterns_match_what_the_judge_matches() {
    let Some((mut judge, _scratch)) = judge() else { return };
    let mut wrong = Vec::new();
    for seed in seeds() {
        let mut random = Random::new(seed);
        let (pattern, text) = (patterns::pattern(&mut random), patterns::text(&mut random));
        let theirs = judge.replaced(&pattern, "<>", &text);
        let ours = GoRegex::new(&pattern)
            .ok()
            .map(|regex| regex.replace_all(&text, b"<>").map_or(text.clone(), |(replaced, _)| replaced));
        if ours != theirs {
            let shown = |text: Option<Vec<u8>>| {
                text.map_or("refused".to_owned(), |text| text.escape_ascii().to_string())
            };
            wrong.push(format!(
                "{pattern:?} on {:?}: ours {}, theirs {}",
                text.escape_ascii().to_string(),
                shown(ours),
                shown(theirs)
            ));
        }
    }
    assert!(wrong.is_empty(), "{} patterns differ:\n{}", wrong.len(), first(&wrong));
}

#[test]
fn globs_match_what_the_judge_matches() {
    let Some((mut judge, _scratch)) = judge() else { return };
    let mut wrong = Vec::new();
    for seed in seeds() {
        let (glob, names) = patterns::glob(&mut Random::new(seed));
        let theirs = judge.matched(&glob, &names);
        let ours = Glob::new(&glob)
            .ok()
            .map(|glob| names.iter().map(|name| glob.matches(name)).collect::<Vec<bool>>());
        // The judge notices some broken globs only when a name gets as far as the breakage.
        if ours != theirs && !(ours.is_none() && theirs.is_some()) {
            wrong.push(format!("{glob:?} on {names:?}: ours {ours:?}, theirs {theirs:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} globs differ:\n{}", wrong.len(), first(&wrong));
}

fn first(lines: &[String]) -> String {
    lines.iter().take(40).cloned().collect::<Vec<_>>().join("\n")
}

fn judge() -> Option<(Judge, tempfile::TempDir)> {
    let program = std::env::var_os("LAZULI_OVERLAY_JUDGE")?;
    let scratch = tempfile::tempdir().expect("a folder for the judge");
    Some((Judge::new(program.into(), scratch.path()), scratch))
}

fn seeds() -> std::ops::Range<u64> {
    let number = |name: &str, default: u64| match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name} is no number")),
        Err(_) => default,
    };
    let first = number("LAZULI_OVERLAY_SEED", 1);
    first..first + number("LAZULI_OVERLAY_CASES", 1_000)
}

fn specs() -> Vec<Vec<u8>> {
    let folder =
        std::env::var_os("LAZULI_OVERLAY_SPECS").expect("LAZULI_OVERLAY_SPECS names a folder of specs");
    let mut paths = Vec::new();
    find(Path::new(&folder), &mut paths);
    assert!(!paths.is_empty(), "{} holds no spec", Path::new(&folder).display());
    paths.sort();
    // Long specs say little more than short ones and cost much more.
    let read = |path: &PathBuf| fs::read(path).ok().filter(|text| text.len() < 60_000);
    paths.iter().step_by(paths.len().div_ceil(400)).filter_map(read).collect()
}

fn find(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a readable folder") {
        let path = entry.expect("a readable folder").path();
        if path.is_dir() {
            find(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "spec") {
            paths.push(path);
        }
    }
}

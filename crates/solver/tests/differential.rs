//! Random testcases with an installed system, answered by libsolv's `testsolv` and by the solver: the same changes, or
//! both refuse.
//!
//! `LAZULI_SEED` and `LAZULI_CASES` choose other cases and more of them (thousands take seconds); a case that differs
//! is shrunk and printed. Every tenth case is large.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that cannot go on stops, and says what it did"
)]

use std::path::Path;

use host_tools::{Bind, Call, Sandbox};
use solver::testcase::{Testcase, TestcaseError};
use testkit::prepared;

const NAMES: [&str; 16] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p"];
const VIRTUAL: [&str; 3] = ["v", "w", "x"];

/// How often a feature comes up in one case: one in so many; 0 is never.
#[derive(Clone, Copy, Debug)]
struct Weights {
    rich: u64,
    weak: u64,
    obsoletes: u64,
    conflicts: u64,
    provides: u64,
    versions: u64,
    narrow: u64,
    noarch: u64,
    excludes: u64,
}

#[test]
fn libsolv_changes_the_same_packages() {
    let Some(root) = prepared::judge_root() else { return };
    let number = |name: &str, default: u64| std::env::var(name).map_or(default, |text| text.parse().unwrap());
    let (seed, count) = (number("LAZULI_SEED", 1), number("LAZULI_CASES", 2000));
    println!("seed {seed}, {count} cases");
    let cases: Vec<Vec<String>> =
        (0..count).map(|case| random_case(seed.wrapping_mul(0x1_0000_0001) + case)).collect();
    let mut different: Vec<Vec<String>> = Vec::new();
    let (mut refused, mut changed) = (0, 0);
    for chunk in cases.chunks(500) {
        for (case, theirs) in chunk.iter().zip(ask_testsolv(&root, chunk)) {
            refused += usize::from(theirs.is_none());
            changed += usize::from(theirs.as_ref().is_some_and(|lines| !lines.is_empty()));
            if ask_ourselves(case).unwrap() != theirs {
                different.push(case.clone());
            }
        }
    }
    println!("{changed} change something, {refused} are refused, {} differ", different.len());
    let told: Vec<String> =
        different.iter().take(3).map(|case| tell(&root, shrink(&root, case.clone()))).collect();
    assert!(different.is_empty(), "{} of {count} differ; the first:\n{}", different.len(), told.join("\n"));
    assert!(changed > cases.len() / 4, "the cases are not all broken");
}

fn tell(root: &Path, case: Vec<String>) -> String {
    let theirs = ask_testsolv(root, std::slice::from_ref(&case)).remove(0);
    format!("{}\nours: {:?}\nlibsolv's: {:?}\n", case.join("\n"), ask_ourselves(&case), theirs)
}

/// Leaves out lines as long as the answers differ; a package goes with all its lines.
fn shrink(root: &Path, mut case: Vec<String>) -> Vec<String> {
    loop {
        let smaller = smaller_cases(&case);
        let answers = ask_testsolv(root, &smaller);
        let next = smaller.into_iter().zip(answers).find(|(case, theirs)| {
            // Without the package that it names, a job is none.
            ask_ourselves(case).is_ok_and(|ours| ours != *theirs)
        });
        match next {
            Some((next, _)) => case = next,
            None => return case,
        }
    }
}

fn smaller_cases(case: &[String]) -> Vec<Vec<String>> {
    let mut smaller = Vec::new();
    for (place, line) in case.iter().enumerate() {
        let fixed =
            line.starts_with("repo ") || line.starts_with("system ") || line.starts_with("poolflags ");
        // A package provides itself: the line after its first.
        let own = line.starts_with("#>=Ver") || place > 0 && case[place - 1].starts_with("#>=Pkg");
        if fixed || own {
            continue;
        }
        let mut end = place + 1;
        if line.starts_with("#>=Pkg") {
            while case.get(end).is_some_and(|line| line.starts_with("#>") && !line.starts_with("#>=Pkg")) {
                end += 1;
            }
        }
        let mut without = case.to_vec();
        without.drain(place..end);
        smaller.push(without);
    }
    smaller
}

/// Sorted lines of what changes; `None` when there is a problem.
fn ask_ourselves(case: &[String]) -> Result<Option<Vec<String>>, TestcaseError> {
    let text = format!("{}\nresult transaction,problems <inline>\n", case.join("\n"));
    let testcase = Testcase::read(text.as_bytes(), &|_| None)?;
    let lines = testcase.segments()[0].answer()?;
    Ok((!lines.iter().any(|line| line == "problem")).then_some(lines))
}

fn ask_testsolv(root: &Path, cases: &[Vec<String>]) -> Vec<Option<Vec<String>>> {
    let folder = tempfile::tempdir().unwrap();
    for (number, case) in cases.iter().enumerate() {
        let text = format!("{}\nresult transaction,problems <inline>\n", case.join("\n"));
        std::fs::write(folder.path().join(format!("{number:06}.t")), text).unwrap();
    }
    let script = "for case in /tmp/cases/*.t; do echo \"== $case\"; testsolv -r \"$case\"; done";
    let sandbox = Sandbox::new(root).read_only_root(true).bind(Bind::read_only(folder.path(), "/tmp/cases"));
    let output = sandbox.run(&Call::new("/bin/sh").args(["-c", script]).accept_any_status()).unwrap();
    let answers: Vec<_> = output.stdout_text().split("== ").skip(1).map(read_answer).collect();
    assert_eq!(answers.len(), cases.len(), "{}", output.stderr_text());
    answers
}

fn read_answer(text: &str) -> Option<Vec<String>> {
    let mut lines: Vec<String> = text.lines().skip(1).map(str::to_owned).collect();
    lines.sort();
    (!lines.iter().any(|line| line.starts_with("problem "))).then_some(lines)
}

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut value = self.0;
        value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        value ^ (value >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).unwrap()
    }

    fn one_in(&mut self, number: u64) -> bool {
        number > 0 && self.next().is_multiple_of(number)
    }

    fn pick<'t>(&mut self, list: &[&'t str]) -> &'t str {
        list[self.below(list.len())]
    }
}

struct World {
    random: Random,
    weights: Weights,
    names: usize,
}

fn random_case(seed: u64) -> Vec<String> {
    let mut random = Random(seed);
    let large = random.one_in(10);
    let mut often = |list: &[u64]| list[random.below(list.len())];
    let weights = Weights {
        rich: often(&[0, 0, 3, 8]),
        weak: often(&[0, 2, 4]),
        obsoletes: often(&[0, 3, 8]),
        conflicts: often(&[0, 4, 8]),
        provides: often(&[2, 4]),
        versions: often(&[2, 4]),
        narrow: often(&[0, 0, 4]),
        noarch: often(&[0, 4]),
        excludes: often(&[0, 0, 0, 10]),
    };
    let names = if large { NAMES.len() } else { 7 };
    let mut world = World { random, weights, names };
    world.case(if large { 40 } else { 9 })
}

impl World {
    fn case(&mut self, most: usize) -> Vec<String> {
        let mut lines = Vec::new();
        let installed = self.installed(most, &mut lines);
        let mut known: Vec<String> = Vec::new();
        let repositories = 1 + usize::from(self.random.one_in(3));
        for number in 0..repositories {
            let priority = if number > 0 && self.random.one_in(2) { -50 } else { -99 };
            lines.push(format!("repo r{number} {priority} testtags <inline>"));
            lines.push("#>=Ver: 3.0".to_owned());
            let mut here: Vec<String> = Vec::new();
            for _ in 0..self.random.below(most) + 2 {
                let identity = self.identity();
                if !here.contains(&identity) {
                    self.package(&identity, &mut lines);
                    known.push(format!("{}@r{number}", text(&identity)));
                    here.push(identity);
                }
            }
        }
        lines.push("system x86_64 rpm system".to_owned());
        let colors = if self.random.one_in(5) { "" } else { "implicitobsoleteusescolors " };
        lines.push(format!("poolflags {colors}whatprovideswithdisabled"));
        self.flags(&mut lines);
        for package in known.iter().filter(|_| self.weights.excludes > 0) {
            if self.random.one_in(self.weights.excludes) {
                lines.push(format!("disable pkg {package}"));
            }
        }
        if self.random.one_in(3) {
            lines.push("job multiversion provides g".to_owned());
        }
        for _ in 0..=self.random.below(3) {
            let job = self.job(&installed, &known);
            lines.push(job);
        }
        lines
    }

    /// What is installed fits together: nothing but names, versions and what they ask of each other.
    fn installed(&mut self, most: usize, lines: &mut Vec<String>) -> Vec<String> {
        lines.push("repo system 0 testtags <inline>".to_owned());
        lines.push("#>=Ver: 3.0".to_owned());
        let mut installed: Vec<String> = Vec::new();
        let mut names: Vec<String> = Vec::new();
        for _ in 0..self.random.below(most) {
            let identity = self.identity();
            let name = identity[..1].to_owned();
            if !names.contains(&name) {
                self.package(&identity, lines);
                installed.push(format!("{}@system", text(&identity)));
                names.push(name);
            }
        }
        installed
    }

    fn flags(&mut self, lines: &mut Vec<String>) {
        let mut flags = vec!["keeporphans", "bestobeypolicy", "yumobsoletes"];
        let more = [
            "ignorerecommended",
            "allowdowngrade",
            "allowvendorchange",
            "allowuninstall",
            "focusnew",
            "focusbest",
            "focusinstalled",
            "keepexplicitobsoletes",
            "addalreadyrecommended",
            "strongrecommends",
            "noupdateprovide",
            "!dupallowdowngrade",
            "noautotarget",
            "installalsoupdates",
            "strictrepopriority",
        ];
        flags.retain(|_| !self.random.one_in(4));
        for flag in more {
            let rare =
                if matches!(flag, "ignorerecommended" | "allowdowngrade" | "focusnew") { 2 } else { 7 };
            if self.random.one_in(rare) {
                flags.push(flag);
            }
        }
        if !flags.is_empty() {
            lines.push(format!("solverflags {}", flags.join(" ")));
        }
    }

    fn job(&mut self, installed: &[String], known: &[String]) -> String {
        let name = self.name();
        let some = |random: &mut Random, list: &[String]| list[random.below(list.len())].clone();
        let flags = match self.random.below(5) {
            0 => " [forcebest]",
            1 => " [cleandeps]",
            2 => " [setarch,setevr]",
            3 => " [weak]",
            _ => "",
        };
        match self.random.below(14) {
            0..=2 => format!("job install name {name}{flags}"),
            3 => format!("job install provides {}{flags}", self.capability()),
            4 => format!("job install pkg {}{flags}", some(&mut self.random, known)),
            5 | 6 => format!("job update all packages{flags}"),
            7 => format!("job update name {name}{flags}"),
            8 => format!("job distupgrade all packages{flags}"),
            9 => format!("job erase name {name}{flags}"),
            10 if !installed.is_empty() => {
                format!("job erase pkg {}{flags}", some(&mut self.random, installed))
            }
            11 => format!("job lock name {name}"),
            12 => format!("job allowuninstall name {name}"),
            _ => match self.random.below(4) {
                0 => format!("job favor name {name}"),
                1 => format!("job disfavor name {name}"),
                2 => format!("job userinstalled name {name}"),
                _ => format!(
                    "job update oneof {} {} [targeted]",
                    some(&mut self.random, known),
                    some(&mut self.random, known)
                ),
            },
        }
    }

    fn name(&mut self) -> &'static str {
        NAMES[self.random.below(self.names)]
    }

    /// `NAME VERSION RELEASE ARCHITECTURE`.
    fn identity(&mut self) -> String {
        let architecture = match () {
            () if self.random.one_in(self.weights.narrow) => "i686",
            () if self.random.one_in(self.weights.noarch) => "noarch",
            () => "x86_64",
        };
        let (version, release) = (self.random.below(3) + 1, self.random.below(2) + 1);
        format!("{} {version} {release} {architecture}", self.name())
    }

    fn package(&mut self, identity: &str, lines: &mut Vec<String>) {
        lines.push(format!("#>=Pkg: {identity}"));
        let words: Vec<&str> = identity.split(' ').collect();
        lines.push(format!("#>=Prv: {} = {}-{}", words[0], words[1], words[2]));
        if self.random.one_in(self.weights.provides) {
            let version = self.random.pick(&["", " = 1", " = 2", " = 2-1"]);
            lines.push(format!("#>=Prv: {}{version}", self.random.pick(&VIRTUAL)));
        }
        for (tag, weight, most) in [
            ("Req", 2, 2),
            ("Con", self.weights.conflicts, 1),
            ("Rec", self.weights.weak, 2),
            ("Sug", self.weights.weak, 1),
            ("Sup", self.weights.weak * 2, 1),
            ("Enh", self.weights.weak * 2, 1),
        ] {
            for _ in 0..most {
                if self.random.one_in(weight) {
                    let dependency = self.dependency(2);
                    lines.push(format!("#>={tag}: {dependency}"));
                }
            }
        }
        if self.random.one_in(self.weights.obsoletes) {
            let capability = self.capability();
            lines.push(format!("#>=Obs: {capability}"));
        }
    }

    fn capability(&mut self) -> String {
        let name = if self.random.one_in(4) { self.random.pick(&VIRTUAL) } else { self.name() };
        if !self.random.one_in(self.weights.versions) {
            return name.to_owned();
        }
        let operator = self.random.pick(&["<", "<=", "=", ">=", ">"]);
        let version = self.random.pick(&["1", "2", "3", "2-1", "2-2"]);
        format!("{name} {operator} {version}")
    }

    fn dependency(&mut self, depth: usize) -> String {
        if depth == 0 || !self.random.one_in(self.weights.rich) {
            return self.capability();
        }
        let (a, b) = (self.dependency(depth - 1), self.dependency(depth - 1));
        match self.random.below(6) {
            0 => format!("(({a}) & ({b}))"),
            1 => format!("(({a}) | ({b}))"),
            2 => format!("(({a}) <IF> ({b}))"),
            3 => format!("(({a}) <UNLESS> ({b}))"),
            4 => format!("(({a}) <IF> (({b}) <ELSE> ({})))", self.capability()),
            _ => format!("({} + {})", self.capability(), self.capability()),
        }
    }
}

/// `NAME-VERSION-RELEASE.ARCHITECTURE`.
fn text(identity: &str) -> String {
    let words: Vec<&str> = identity.split(' ').collect();
    format!("{}-{}-{}.{}", words[0], words[1], words[2], words[3])
}

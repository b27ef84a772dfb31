//! Random worlds, solved by libsolv's `testsolv` and by the solver: the same packages, or both refuse.
//!
//! `LAZULI_SEED` and `LAZULI_CASES` choose other
//! worlds and more of them; a difference is shrunk and printed as a story.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that cannot go on stops, and says what it did"
)]

mod support;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use host_tools::{Bind, Call, Sandbox};
use rpm_model::{Capability, Dependency, PackageRecord, RichDependency};
use solver::{Repository, Request, Universe, Want, solve};
use support::story;
use testkit::prepared;

/// Small worlds use the first few.
const NAMES: [&str; 20] =
    ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q", "r", "s", "t"];
const VIRTUAL: [&str; 2] = ["v", "w"];

/// One random world and request.
#[derive(Clone, Debug, Default)]
struct Case {
    repositories: Vec<(i32, Vec<Lines>)>,
    wants: Vec<String>,
    weak: bool,
    best: bool,
}

/// A package as its first line and the lines below it.
#[derive(Clone, Debug)]
struct Lines {
    identity: String,
    below: Vec<String>,
}

#[test]
fn libsolv_chooses_the_same_packages() {
    let Some(root) = prepared::judge_root() else { return };
    let number = |name: &str, default: u64| std::env::var(name).map_or(default, |text| text.parse().unwrap());
    let (seed, count) = (number("LAZULI_SEED", 1), number("LAZULI_CASES", 2000));
    println!("seed {seed}, {count} cases");
    let cases: Vec<Case> =
        (0..count).map(|case| random_case(seed.wrapping_mul(0x1_0000_0001) + case)).collect();
    let mut different: Vec<Case> = Vec::new();
    let mut solved = 0;
    for chunk in cases.chunks(500) {
        for (case, theirs) in chunk.iter().zip(ask_testsolv(&root, chunk)) {
            let ours = ask_ourselves(case);
            solved += usize::from(ours.is_some());
            if ours != theirs {
                different.push(case.clone());
            }
        }
    }
    println!("{solved} of them have a solution, {} differ", different.len());
    let told: Vec<String> =
        different.iter().take(3).map(|case| tell(&root, shrink(&root, case.clone()))).collect();
    assert!(
        different.is_empty(),
        "{} of {count} differ; the first ones, shrunk:\n{}",
        different.len(),
        told.join("\n")
    );
    assert!(solved > cases.len() / 4, "the worlds are not all broken");
}

fn tell(root: &Path, case: Case) -> String {
    let theirs = ask_testsolv(root, std::slice::from_ref(&case)).remove(0);
    let show =
        |set: Option<BTreeSet<String>>| set.map_or_else(|| "refused".to_owned(), |set| format!("{set:?}"));
    format!(
        "{}install: {}\nweak {}, best {}\nours: {}\nlibsolv's: {}\n{}",
        story_text(&case),
        case.wants.join(" | "),
        case.weak,
        case.best,
        show(ask_ourselves(&case)),
        show(theirs),
        testcase(&case)
    )
}

/// Leaves out packages, lines and wants as long as the answers differ.
fn shrink(root: &Path, mut case: Case) -> Case {
    loop {
        let smaller = smaller_cases(&case);
        let answers = ask_testsolv(root, &smaller);
        let next = smaller.into_iter().zip(answers).find(|(case, theirs)| ask_ourselves(case) != *theirs);
        match next {
            Some((next, _)) => case = next,
            None => return case,
        }
    }
}

fn smaller_cases(case: &Case) -> Vec<Case> {
    let mut smaller = Vec::new();
    for (repository, (_, packages)) in case.repositories.iter().enumerate() {
        for (package, lines) in packages.iter().enumerate() {
            let mut without = case.clone();
            without.repositories[repository].1.remove(package);
            smaller.push(without);
            for line in 0..lines.below.len() {
                let mut without = case.clone();
                without.repositories[repository].1[package].below.remove(line);
                smaller.push(without);
            }
        }
    }
    if case.wants.len() > 1 {
        for want in 0..case.wants.len() {
            let mut without = case.clone();
            without.wants.remove(want);
            smaller.push(without);
        }
    }
    smaller
}

fn story_text(case: &Case) -> String {
    let mut text = String::new();
    for (number, (priority, packages)) in case.repositories.iter().enumerate() {
        writeln!(text, "repository r{number} priority {priority}").unwrap();
        for package in packages {
            writeln!(text, "package {}", package.identity).unwrap();
            package.below.iter().for_each(|line| writeln!(text, "  {line}").unwrap());
        }
    }
    text
}

fn ask_ourselves(case: &Case) -> Option<BTreeSet<String>> {
    let story = story::parse(&story_text(case));
    let repositories: Vec<Repository<'_>> = story.repositories.iter().map(story::World::repository).collect();
    let universe = Universe::new("x86_64", &repositories);
    let install = case.wants.iter().map(|want| Want::parse(want).unwrap()).collect();
    let request = Request {
        install,
        weak: case.weak,
        best: case.best,
        install_only: vec!["g".to_owned()],
        ..Request::default()
    };
    let solution = solve(&universe, &request).ok()?;
    let line = |chosen: &solver::Chosen<'_>| format!("{}@{}", chosen.nevra(), chosen.repository);
    Some(solution.packages().iter().map(line).collect())
}

fn ask_testsolv(root: &Path, cases: &[Case]) -> Vec<Option<BTreeSet<String>>> {
    let folder = tempfile::tempdir().unwrap();
    for (number, case) in cases.iter().enumerate() {
        std::fs::write(folder.path().join(format!("{number:06}.t")), testcase(case)).unwrap();
    }
    let script = "for case in /tmp/cases/*.t; do echo \"== $case\"; testsolv -r \"$case\"; done";
    let output = sandbox(root, folder.path())
        .run(&Call::new("/bin/sh").args(["-c", script]).accept_any_status())
        .unwrap();
    let answers: Vec<_> = output.stdout_text().split("== ").skip(1).map(read_answer).collect();
    assert_eq!(answers.len(), cases.len(), "{}", output.stderr_text());
    answers
}

fn sandbox(root: &Path, folder: &Path) -> Sandbox {
    Sandbox::new(root).read_only_root(true).bind(Bind::read_only(folder, "/tmp/cases"))
}

fn read_answer(text: &str) -> Option<BTreeSet<String>> {
    if text.contains("\nproblem ") {
        return None;
    }
    Some(text.lines().filter_map(|line| line.strip_prefix("install ")).map(str::to_owned).collect())
}

/// The case in libsolv's own format, with the flags that dnf5 sets.
fn testcase(case: &Case) -> String {
    let story = story::parse(&story_text(case));
    let mut text = String::new();
    for world in &story.repositories {
        writeln!(text, "repo {} {} testtags <inline>\n#>=Ver: 3.0", world.id, -world.priority).unwrap();
        for package in &world.packages {
            let nevra = &package.nevra;
            writeln!(
                text,
                "#>=Pkg: {} {} {} {}",
                nevra.name, nevra.evr.version, nevra.evr.release, nevra.arch
            )
            .unwrap();
            tags(&mut text, package);
        }
    }
    text += "system x86_64 rpm\npoolflags implicitobsoleteusescolors whatprovideswithdisabled\n";
    let weak = if case.weak { "" } else { "ignorerecommended " };
    writeln!(text, "solverflags {weak}keeporphans bestobeypolicy yumobsoletes").unwrap();
    let best = if case.best { "forcebest," } else { "" };
    text += "job multiversion provides g\n";
    for want in &case.wants {
        let want = dependency_text(&Dependency::parse(want).unwrap());
        writeln!(text, "job install provides {want} [{best}setarch,setevr]").unwrap();
    }
    text + "result transaction,problems <inline>\n"
}

fn tags(text: &mut String, package: &PackageRecord) {
    let own = Capability::exactly(package.nevra.name.as_str(), &package.nevra.evr);
    let provides = package.provides.iter().chain([&own]).map(Capability::to_string).map(|text| ("Prv", text));
    let obsoletes = package.obsoletes.iter().map(|capability| ("Obs", capability.to_string()));
    let requires =
        package.requires.iter().map(|requirement| ("Req", dependency_text(&requirement.dependency)));
    let lists = [
        ("Con", &package.conflicts),
        ("Rec", &package.recommends),
        ("Sug", &package.suggests),
        ("Sup", &package.supplements),
        ("Enh", &package.enhances),
    ];
    let lists =
        lists.into_iter().flat_map(|(tag, list)| list.iter().map(move |one| (tag, dependency_text(one))));
    for (tag, value) in provides.chain(requires).chain(obsoletes).chain(lists) {
        writeln!(text, "#>={tag}: {value}").unwrap();
    }
}

fn dependency_text(dependency: &Dependency) -> String {
    let chain = |list: &[Dependency], operator: &str| {
        list.iter().map(dependency_text).reduce(|a, b| format!("({a} {operator} {b})")).unwrap()
    };
    let conditional = |a: &Dependency, operator: &str, b: &Dependency, c: &Option<Box<Dependency>>| match c {
        None => format!("({} {operator} {})", dependency_text(a), dependency_text(b)),
        Some(c) => format!(
            "({} {operator} ({} <ELSE> {}))",
            dependency_text(a),
            dependency_text(b),
            dependency_text(c)
        ),
    };
    match dependency {
        Dependency::Simple(capability) => capability.to_string(),
        Dependency::Rich(RichDependency::And(list)) => chain(list, "&"),
        Dependency::Rich(RichDependency::Or(list)) => chain(list, "|"),
        Dependency::Rich(RichDependency::With(list)) => chain(list, "+"),
        Dependency::Rich(RichDependency::Without(a, b)) => {
            format!("({} - {})", dependency_text(a), dependency_text(b))
        }
        Dependency::Rich(RichDependency::If { then, condition, otherwise }) => {
            conditional(then, "<IF>", condition, otherwise)
        }
        Dependency::Rich(RichDependency::Unless { then, condition, otherwise }) => {
            conditional(then, "<UNLESS>", condition, otherwise)
        }
    }
}

/// SplitMix64: the same worlds on every machine.
struct Random {
    state: u64,
    names: usize,
}

impl Random {
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(limit).unwrap()).unwrap()
    }

    fn one_in(&mut self, chance: usize) -> bool {
        self.below(chance) == 0
    }

    fn name(&mut self) -> &'static str {
        NAMES[self.below(self.names)]
    }

    fn pick<'t>(&mut self, list: &[&'t str]) -> &'t str {
        list[self.below(list.len())]
    }
}

fn random_case(seed: u64) -> Case {
    let random = &mut Random { state: seed, names: 7 };
    // One world in ten is large enough for a search of some depth.
    let most = if random.one_in(10) { 60 } else { 14 };
    random.names = if most > 14 { NAMES.len() } else { 7 };
    let mut case = Case { weak: random.one_in(2), best: random.one_in(2), ..Case::default() };
    let repositories = if random.one_in(3) { 2 } else { 1 };
    for number in 0..repositories {
        let priority = if number > 0 && random.one_in(2) { 50 } else { 99 };
        let mut known = BTreeSet::new();
        let packages = (0..random.below(most) + 2).map(|_| random_package(random));
        let packages: Vec<Lines> =
            packages.filter(|package| known.insert(package.identity.clone())).collect();
        case.repositories.push((priority, packages));
    }
    let known: Vec<String> =
        case.repositories.iter().flat_map(|(_, packages)| packages).map(|p| p.identity.clone()).collect();
    for _ in 0..=random.below(3) {
        let identity = &known[random.below(known.len())];
        let name = &identity[..1];
        let want = match random.below(6) {
            0 => format!("{name} = {}", &identity[2..3]),
            1 => format!("({name} or {})", random.name()),
            2 => format!("({name} and {name} >= 1)"),
            // A bare name would also mean what obsoletes it, which is dnf's rule and not libsolv's.
            _ => format!("{name} >= 0"),
        };
        case.wants.push(want);
    }
    case
}

fn random_package(random: &mut Random) -> Lines {
    let name = random.name();
    let arch = random.pick(&["x86_64", "x86_64", "x86_64", "noarch", "i686"]);
    let identity = format!("{name}-{}-{}.{arch}", random.below(3) + 1, random.below(2) + 1);
    let mut below = Vec::new();
    for (list, most, chance) in [
        ("requires", 3, 2),
        ("conflicts", 1, 4),
        ("recommends", 2, 3),
        ("suggests", 2, 3),
        ("supplements", 1, 4),
        ("enhances", 1, 4),
    ] {
        for _ in 0..most {
            if random.one_in(chance) {
                below.push(format!("{list} {}", random_dependency(random, 2)));
            }
        }
    }
    if random.one_in(6) {
        below.push(format!("obsoletes {}", random_capability(random)));
    }
    if random.one_in(3) {
        let version = random.pick(&["", " = 1", " = 2", " = 2-1", " < 3"]);
        below.push(format!("provides {}{version}", random.pick(&VIRTUAL)));
    }
    Lines { identity, below }
}

fn random_capability(random: &mut Random) -> String {
    let name = if random.one_in(4) { random.pick(&VIRTUAL) } else { random.name() };
    if !random.one_in(3) {
        return name.to_owned();
    }
    let operator = random.pick(&["<", "<=", "=", ">=", ">"]);
    let version = random.pick(&["1", "2", "3", "2-1", "2-2"]);
    format!("{name} {operator} {version}")
}

fn random_dependency(random: &mut Random, depth: usize) -> String {
    if depth == 0 || !random.one_in(4) {
        return random_capability(random);
    }
    let one = |random: &mut Random| random_dependency(random, depth - 1);
    match random.below(7) {
        0 => format!("({} and {})", one(random), one(random)),
        1 | 2 => format!("({} or {})", one(random), one(random)),
        3 => format!("({} if {})", one(random), one(random)),
        4 => format!("({} if {} else {})", one(random), one(random), one(random)),
        5 => format!("({} with {})", random_capability(random), random_capability(random)),
        _ => format!("({} without {})", random_capability(random), random_capability(random)),
    }
}

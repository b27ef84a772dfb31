//! Random tiny worlds: what the solver finds can be installed, and it finds something whenever there is something.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod support;

use proptest::prelude::*;
use rpm_model::PackageRecord;
use solver::{Repository, Request, Universe, Want, solve};
use support::{checker, story};

const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];

fn dependency() -> impl Strategy<Value = String> {
    let name = || prop::sample::select(&NAMES[..]);
    let simple = prop_oneof![
        4 => name().prop_map(str::to_owned),
        2 => (name(), prop::sample::select(&["<", "<=", "=", ">=", ">"][..]), 1..3u8).prop_map(|(n, op, v)| format!("{n} {op} {v}")),
        1 => Just("virtual".to_owned()),
        1 => (prop::sample::select(&["=", ">="][..]), 1..3u8).prop_map(|(op, v)| format!("virtual {op} {v}")),
    ];
    simple.prop_recursive(2, 6, 3, |inner| {
        let two = (inner.clone(), inner.clone());
        prop_oneof![
            (two.clone(), prop::sample::select(&["and", "or", "if"][..]))
                .prop_map(|((a, b), op)| format!("({a} {op} {b})")),
            (two.clone(), inner).prop_map(|((a, b), c)| format!("({a} if {b} else {c})")),
        ]
    })
}

/// One package as lines of a story.
fn package() -> impl Strategy<Value = (String, String)> {
    let list = |most| prop::collection::vec(dependency(), 0..=most);
    let plain = (prop::sample::select(&NAMES[..]), prop::option::of(1..3u8))
        .prop_map(|(name, version)| version.map_or(name.to_owned(), |version| format!("{name} < {version}")));
    let provides = prop::collection::vec((1..3u8).prop_map(|version| format!("virtual = {version}")), 0..=1);
    let obsoletes = prop::collection::vec(plain, 0..=1);
    let identity =
        (prop::sample::select(&NAMES[..]), 1..3u8, prop::sample::select(&["x86_64", "x86_64", "noarch"][..]));
    (identity, list(2), list(1), obsoletes, provides, list(1)).prop_map(
        |((name, version, arch), requires, mut conflicts, obsoletes, provides, recommends)| {
            // What a boolean conflict means that names its own package is libsolv's affair (tests/stories/rich.txt).
            let own = |word: &str| word == name || word == "virtual";
            conflicts.retain(|text| !(text.starts_with('(') && text.split(['(', ')', ' ']).any(own)));
            let lists = [
                ("requires", requires),
                ("conflicts", conflicts),
                ("obsoletes", obsoletes),
                ("provides", provides),
                ("recommends", recommends),
            ];
            let lines = lists
                .iter()
                .flat_map(|(list, texts)| texts.iter().map(move |text| format!("  {list} {text}\n")));
            (format!("package {name}-{version}-1.{arch}\n"), lines.collect())
        },
    )
}

fn world() -> impl Strategy<Value = String> {
    prop::collection::btree_map(any::<u8>(), package(), 1..9).prop_map(|packages| {
        let mut known = std::collections::BTreeSet::new();
        let mut text = "repository main\n".to_owned();
        for (identity, lines) in packages.into_values() {
            if known.insert(identity.clone()) {
                text += &(identity + &lines);
            }
        }
        text
    })
}

fn packages_of(world: &str) -> Vec<PackageRecord> {
    story::parse(world).repositories.remove(0).packages
}

/// All sets of packages that meet the wants and break no rule.
fn brute_force(packages: &[PackageRecord], wants: &[&str]) -> bool {
    (0u32..1 << packages.len()).any(|mask| {
        let set: Vec<&PackageRecord> = packages
            .iter()
            .enumerate()
            .filter(|(place, _)| mask >> place & 1 == 1)
            .map(|(_, package)| package)
            .collect();
        wants.iter().all(|want| set.iter().any(|package| package.nevra.name == *want))
            && checker::faults(&set).is_empty()
    })
}

/// A range of versions cannot be met by a package that obsoletes the name, so that brute force can judge it.
fn request(wants: &[&str], weak: bool) -> Request {
    let install = wants.iter().map(|want| Want::Spec(format!("{want} > 0"))).collect();
    Request { install, weak, best: false, ..Request::default() }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn there_is_a_solution_exactly_when_brute_force_finds_one(world in world(), first in 0..9usize, second in 0..9usize, weak: bool) {
        let packages = packages_of(&world);
        let wants = [first, second].map(|place| packages[place % packages.len()].nevra.name.as_str());
        let repository = [Repository { id: "main", priority: 99, cost: 1000, packages: &packages }];
        let universe = Universe::new("x86_64", &repository);
        match solve(&universe, &request(&wants, weak)) {
            Ok(solution) => {
                let set: Vec<&PackageRecord> = solution.packages().iter().map(|chosen| chosen.record).collect();
                prop_assert_eq!(checker::faults(&set), Vec::<String>::new());
                for want in wants {
                    prop_assert!(set.iter().any(|package| package.nevra.name == want), "{} is there", want);
                }
            }
            Err(conflict) => {
                prop_assert!(!brute_force(&packages, &wants), "there is a solution, but: {}", conflict);
                prop_assert!(!conflict.to_string().is_empty());
            }
        }
    }

    #[test]
    fn the_same_world_gives_the_same_answer(world in world(), first in 0..5usize) {
        let packages = packages_of(&world);
        let answer = || {
            let repository = [Repository { id: "main", priority: 99, cost: 1000, packages: &packages }];
            let universe = Universe::new("x86_64", &repository);
            let request = Request::install([NAMES[first]]).unwrap();
            match solve(&universe, &request) {
                Ok(solution) => solution.packages().iter().map(|chosen| chosen.nevra().to_string()).collect::<Vec<_>>(),
                Err(conflict) => vec![conflict.to_string()],
            }
        };
        prop_assert_eq!(answer(), answer());
    }

    /// Every package but the requested ones is pulled in by another, along a chain that begins with a request.
    #[test]
    fn every_package_has_a_reason(world in world(), first in 0..5usize) {
        let packages = packages_of(&world);
        let repository = [Repository { id: "main", priority: 99, cost: 1000, packages: &packages }];
        let universe = Universe::new("x86_64", &repository);
        let request = Request { best: false, ..Request::install([NAMES[first]]).unwrap() };
        if let Ok(solution) = solve(&universe, &request) {
            for chosen in solution.packages() {
                let why = solution.why(&chosen.nevra().to_string());
                prop_assert_eq!(why.len(), 1);
                let mut link = &why[0];
                let mut steps = 0;
                while let Some(next) = link.pulled_in_by.first() {
                    if !link.requested_as.is_empty() { break; }
                    link = &next.by;
                    steps += 1;
                    prop_assert!(steps <= packages.len());
                }
                prop_assert!(!link.requested_as.is_empty(), "{} has no reason", chosen.nevra());
            }
        }
    }
}

//! Why the search is our own (docs/design/0601): resolvo sorts candidates once and for all, dnf chooses by what is
//! installed beside them.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display};

use resolvo::utils::{Pool, VersionSet};
use resolvo::{
    Candidates, Condition, ConditionId, Dependencies, DependencyProvider, HintDependenciesAvailable,
    Interner, KnownDependencies, NameId, Problem, SolvableId, Solver, SolverCache, StringId, VersionSetId,
    VersionSetUnionId,
};
use solver::{Request, Universe, solve};
use support::story;

/// `app` needs a mail server; something that comes along with `mailstack` suggests one of the two.
const WORLD: &str = "
repository main
package app-1-1
  requires mta
package mailstack-1-1
  requires addon
package addon-1-1
  suggests postfix
package exim-4-1
  provides mta
package postfix-3-1
  provides mta
";

#[test]
fn no_fixed_order_of_providers_gives_the_answers_of_dnf() {
    let (alone, beside) = (ours(&["app"]), ours(&["app", "mailstack"]));
    assert!(alone.contains("exim") && !alone.contains("postfix"), "{alone:?}");
    assert!(beside.contains("postfix") && !beside.contains("exim"), "{beside:?}");
    for order in [["exim", "postfix"], ["postfix", "exim"]] {
        let answers = (resolvo(order, &["app"]), resolvo(order, &["app", "mailstack"]));
        assert!(answers.0.contains(order[0]) && answers.1.contains(order[0]), "{answers:?}");
        assert_ne!(answers, (alone.clone(), beside.clone()));
    }
}

fn ours(wants: &[&str]) -> BTreeSet<String> {
    let story = story::parse(WORLD);
    let repositories = [story.repositories[0].repository()];
    let universe = Universe::new("x86_64", &repositories);
    let solution = solve(&universe, &Request::install(wants).unwrap()).unwrap();
    solution.packages().iter().map(|chosen| chosen.nevra().name.clone()).collect()
}

/// The same world for resolvo: a capability becomes a union of its providers, in the order given.
fn resolvo(order: [&str; 2], wants: &[&str]) -> BTreeSet<String> {
    let world = World::new(order);
    let requirements = wants.iter().map(|want| world.any(want).into()).collect();
    let mut solver = Solver::new(world);
    let Ok(solved) = solver.solve(Problem::new().requirements(requirements)) else {
        panic!("there is a solution")
    };
    let name = |id: SolvableId| {
        let pool = &solver.provider().pool;
        pool.resolve_package_name(pool.resolve_solvable(id).name).clone()
    };
    solved.into_iter().map(name).collect()
}

/// Every package has one version.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Any;

impl VersionSet for Any {
    type V = u8;
}

impl Display for Any {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("*")
    }
}

struct World {
    pool: Pool<Any>,
    solvables: BTreeMap<String, SolvableId>,
    providers: [&'static str; 2],
}

impl World {
    fn new(order: [&str; 2]) -> Self {
        let pool = Pool::new();
        let names = ["app", "mailstack", "addon", "exim", "postfix"];
        let solvables = names
            .into_iter()
            .map(|name| (name.to_owned(), pool.intern_solvable(pool.intern_package_name(name.to_owned()), 1)))
            .collect();
        let providers = order.map(|wanted| names.into_iter().find(|name| *name == wanted).unwrap());
        World { pool, solvables, providers }
    }

    fn any(&self, name: &str) -> VersionSetId {
        self.pool.intern_version_set(self.pool.intern_package_name(name.to_owned()), Any)
    }

    fn name(&self, solvable: SolvableId) -> &str {
        self.pool.resolve_package_name(self.pool.resolve_solvable(solvable).name)
    }
}

impl Interner for World {
    type NameId = NameId;
    type SolvableId = SolvableId;

    fn display_solvable(&self, solvable: SolvableId) -> impl Display + '_ {
        self.name(solvable).to_owned()
    }

    fn display_name(&self, name: NameId) -> impl Display + '_ {
        self.pool.resolve_package_name(name).clone()
    }

    fn display_version_set(&self, version_set: VersionSetId) -> impl Display + '_ {
        self.pool.resolve_version_set(version_set).to_string()
    }

    fn display_string(&self, string_id: StringId) -> impl Display + '_ {
        self.pool.resolve_string(string_id).to_owned()
    }

    fn version_set_name(&self, version_set: VersionSetId) -> NameId {
        self.pool.resolve_version_set_package_name(version_set)
    }

    fn solvable_name(&self, solvable: SolvableId) -> NameId {
        self.pool.resolve_solvable(solvable).name
    }

    fn version_sets_in_union(&self, union: VersionSetUnionId) -> impl Iterator<Item = VersionSetId> {
        self.pool.resolve_version_set_union(union)
    }

    fn resolve_condition(&self, condition: ConditionId) -> Condition {
        self.pool.resolve_condition(condition).clone()
    }
}

impl DependencyProvider for World {
    async fn filter_candidates(
        &self,
        candidates: &[SolvableId],
        _: VersionSetId,
        inverse: bool,
    ) -> Vec<SolvableId> {
        if inverse { Vec::new() } else { candidates.to_vec() }
    }

    async fn get_candidates(&self, name: NameId) -> Option<Candidates> {
        let solvable = *self.solvables.get(self.pool.resolve_package_name(name))?;
        let hint_dependencies_available = HintDependenciesAvailable::All;
        Some(Candidates { candidates: vec![solvable], hint_dependencies_available, ..Candidates::default() })
    }

    async fn sort_candidates(&self, _: &SolverCache<Self>, solvables: &mut [SolvableId]) {
        solvables.sort_unstable();
    }

    async fn get_dependencies(&self, solvable: SolvableId) -> Dependencies {
        let requirements = match self.name(solvable) {
            "app" => {
                let [first, second] = self.providers.map(|name| self.any(name));
                vec![self.pool.intern_version_set_union(first, std::iter::once(second)).into()]
            }
            "mailstack" => vec![self.any("addon").into()],
            // That `addon` suggests `postfix` cannot be said.
            _ => Vec::new(),
        };
        Dependencies::Known(KnownDependencies { requirements, constrains: Vec::new() })
    }
}

//! A universe, its switches and what is installed, in; the facts that rules are made of, out.

use std::ops::Range;

use rpm_model::{Capability, Nevra};

use crate::jobs::settings::{Setting, Settings};
use crate::packages::architecture;
use crate::packages::providers::Providers;
use crate::packages::universe::{Id, SYSTEM, Universe, to_index};

/// The facts that rules are made of.
#[derive(Debug)]
pub(crate) struct Ground<'u, 'r> {
    pub(crate) universe: &'u Universe<'r>,
    pub(crate) providers: Providers<'u, 'r>,
    pub(crate) settings: Settings,
    /// By id: not to be installed.
    pub(crate) excluded: Vec<bool>,
    /// By id: several versions may be installed side by side.
    pub(crate) install_only: Vec<bool>,
    pub(crate) installed: Range<Id>,
    /// Packages that supplement or enhance others.
    pub(crate) backwards: Vec<Id>,
    /// By installed package: those of another name that replace it, in order.
    obsoleters: Vec<Vec<Id>>,
}

impl<'u, 'r> Ground<'u, 'r> {
    pub(crate) fn new(
        universe: &'u Universe<'r>,
        settings: Settings,
        excluded: Vec<bool>,
        install_only: Vec<bool>,
    ) -> Self {
        let providers = Providers::new(universe);
        let installed = universe.installed_ids();
        let mut ground = Ground {
            universe,
            providers,
            settings,
            excluded,
            install_only,
            installed,
            backwards: universe.backwards(),
            obsoleters: Vec::new(),
        };
        ground.obsoleters = ground.find_obsoleters();
        ground
    }

    pub(crate) fn has(&self, setting: Setting) -> bool {
        self.settings.has(setting)
    }

    pub(crate) fn installable(&self, id: Id) -> bool {
        id != SYSTEM && self.universe.score(id) != 0 && !self.excluded[to_index(id)]
    }

    pub(crate) fn is_excluded(&self, id: Id) -> bool {
        self.excluded[to_index(id)]
    }

    pub(crate) fn is_installed(&self, id: Id) -> bool {
        self.installed.contains(&id)
    }

    pub(crate) fn has_installed(&self) -> bool {
        !self.installed.is_empty()
    }

    pub(crate) fn side_by_side(&self, id: Id) -> bool {
        self.install_only[to_index(id)]
    }

    pub(crate) fn nevra(&self, id: Id) -> &'u Nevra {
        self.universe.nevra(id)
    }

    pub(crate) fn score(&self, id: Id) -> u32 {
        self.universe.score(id)
    }

    pub(crate) fn same_name_as(&self, a: Id, b: Id) -> bool {
        self.universe.name(a) == self.universe.name(b)
    }

    pub(crate) fn same_evr(&self, a: Id, b: Id) -> bool {
        self.nevra(a).evr == self.nevra(b).evr
    }

    pub(crate) fn same_architecture(&self, a: Id, b: Id) -> bool {
        self.universe.arch(a) == self.universe.arch(b)
    }

    pub(crate) fn same_nevra(&self, a: Id, b: Id) -> bool {
        self.nevra(a) == self.nevra(b)
    }

    /// Installed packages of the same name.
    pub(crate) fn installed_namesakes(&self, id: Id) -> impl Iterator<Item = Id> + '_ {
        self.universe.same_name(id).iter().copied().filter(|other| self.is_installed(*other))
    }

    /// Whether two packages of one name are in each other's way.
    pub(crate) fn colors_meet(&self, a: Id, b: Id) -> bool {
        !self.has(Setting::ImplicitObsoletesUseColors) || self.word_sizes_meet(a, b)
    }

    /// The same, with the narrower reading that replacing packages are looked for with.
    pub(crate) fn obsoleting_colors_meet(&self, a: Id, b: Id) -> bool {
        let matter = self.has(Setting::ObsoletesUseColors) || self.has(Setting::ImplicitObsoletesUseColors);
        !matter || self.word_sizes_meet(a, b)
    }

    fn word_sizes_meet(&self, a: Id, b: Id) -> bool {
        architecture::colors_meet(self.universe.arch(a), self.universe.arch(b))
    }

    /// Whether an obsoletes of one package means another.
    pub(crate) fn obsoletes_as(&self, newer: Id, older: Id, capability: &Capability) -> bool {
        self.universe.is(older, capability)
            && (!self.has(Setting::ObsoletesUseColors) || self.word_sizes_meet(newer, older))
    }

    /// Whether some obsoletes of one package means another.
    pub(crate) fn obsoletes(&self, newer: Id, older: Id) -> bool {
        self.universe.obsoletes(newer).any(|capability| self.obsoletes_as(newer, older, capability))
    }

    /// What a package obsoletes, one list an obsoletes.
    pub(crate) fn obsoleted_by(
        &self,
        newer: Id,
    ) -> impl Iterator<Item = (&'u Capability, Vec<Id>)> + use<'_, 'u, 'r> {
        self.universe.obsoletes(newer).map(move |capability| {
            let providers = self.providers.of(capability);
            let meant = providers.iter().copied();
            let meant = meant.filter(|id| *id != SYSTEM && self.obsoletes_as(newer, *id, capability));
            (capability, meant.collect())
        })
    }

    /// Packages of another name that replace an installed one.
    pub(crate) fn obsoleters(&self, installed: Id) -> &[Id] {
        &self.obsoleters[to_index(installed - self.installed.start)]
    }

    /// Providers of a bare name, packages of that name included.
    pub(crate) fn providers_of_name(&self, id: Id) -> Vec<Id> {
        self.universe.providers(&Capability::any(self.universe.name(id)))
    }

    /// Whether two packages are the same build.
    pub(crate) fn identical(&self, a: Id, b: Id) -> bool {
        if !self.same_nevra(a, b) || self.universe.vendor(a) != self.universe.vendor(b) {
            return false;
        }
        let times = (self.universe.build_time(a), self.universe.build_time(b));
        if times.0 != 0 && times.1 != 0 {
            return times.0 == times.1;
        }
        let requirements = |id: Id| {
            let mut list: Vec<_> = self.universe.requires(id).collect();
            list.sort();
            list.dedup();
            list
        };
        requirements(a) == requirements(b)
    }

    fn find_obsoleters(&self) -> Vec<Vec<Id>> {
        let mut obsoleters = vec![Vec::new(); self.installed.len()];
        if self.installed.is_empty() {
            return obsoleters;
        }
        let replacing = self.universe.replacing().into_iter();
        for newer in replacing.filter(|id| self.installable(*id)) {
            for older in self.obsoleted_by(newer).flat_map(|(_, list)| list) {
                if self.is_installed(older) && !self.same_name_as(newer, older) {
                    let list = &mut obsoleters[to_index(older - self.installed.start)];
                    if list.last() != Some(&newer) {
                        list.push(newer);
                    }
                }
            }
        }
        obsoleters
    }
}

/// By id, from a list.
pub(crate) fn table(universe: &Universe<'_>, ids: impl IntoIterator<Item = Id>) -> Vec<bool> {
    let mut table = vec![false; universe.table_size()];
    for id in ids {
        table[to_index(id)] = true;
    }
    table
}

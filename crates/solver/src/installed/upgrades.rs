//! An installed package, in; the packages that may take its place, out.

use crate::ground::Ground;
use crate::jobs::orders::Orders;
use crate::jobs::settings::Setting;
use crate::packages::architecture::NOARCH;
use crate::packages::universe::Id;

/// How freely a replacement is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Freedom {
    /// As the switches for upgrades say.
    Upgrade,
    /// As the switches for distribution upgrades say.
    DistributionUpgrade,
    /// Older versions, other vendors and architectures too.
    Any,
}

/// What a replacement may not do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Illegal {
    pub(crate) downgrade: bool,
    pub(crate) architecture: bool,
    pub(crate) vendor: bool,
    pub(crate) name: bool,
}

impl Illegal {
    pub(crate) const NOTHING: Illegal =
        Illegal { downgrade: false, architecture: false, vendor: false, name: false };

    pub(crate) fn any(self) -> bool {
        self != Illegal::NOTHING
    }
}

#[derive(Clone, Copy)]
struct Allowed {
    downgrade: bool,
    name: bool,
    architecture: bool,
    vendor: bool,
}

/// The packages that may take the place of an installed one, in order; those of its own name first.
pub(crate) fn candidates(ground: &Ground<'_, '_>, installed: Id, freedom: Freedom) -> Vec<Id> {
    let allowed = Allowed::of(ground, freedom);
    let mut found = Vec::new();
    let mut provides_and_obsoletes = false;
    for other in ground.providers_of_name(installed) {
        if other == installed || !ground.is_installed(other) && ground.is_excluded(other) {
            continue;
        }
        if ground.same_name_as(installed, other) {
            let older = compare(ground, installed, other).is_gt();
            if !ground.colors_meet(installed, other) || older && !allowed.downgrade {
                continue;
            }
        } else if !allowed.name || !looks_at_provides(ground) || !ground.colors_meet(installed, other) {
            continue;
        } else if ground.obsoletes(other, installed) {
            provides_and_obsoletes = true;
        } else {
            continue;
        }
        if allowed.keeps_kind(ground, installed, other) {
            found.push(other);
        }
    }
    let done = ground.has(Setting::NeedUpdateProvide)
        || !ground.has(Setting::NoUpdateProvide) && provides_and_obsoletes;
    if allowed.name && !done {
        let replacing = ground.obsoleters(installed).iter().copied();
        found.extend(replacing.filter(|other| {
            ground.colors_meet(installed, *other) && allowed.keeps_kind(ground, installed, *other)
        }));
    }
    found
}

/// What putting one package in the place of an installed one would break.
pub(crate) fn illegal(ground: &Ground<'_, '_>, orders: &Orders, installed: Id, other: Id) -> Illegal {
    let involved = orders.dup_involved.has(installed);
    let freedom = if involved { Freedom::DistributionUpgrade } else { Freedom::Upgrade };
    let allowed = Allowed::of(ground, freedom);
    let same_name = ground.same_name_as(installed, other);
    Illegal {
        downgrade: !allowed.downgrade && same_name && compare(ground, installed, other).is_gt(),
        architecture: !allowed.architecture && changes_architecture(ground, installed, other),
        vendor: !allowed.vendor && ground.universe.vendor(installed) != ground.universe.vendor(other),
        name: !allowed.name && !same_name,
    }
}

/// rpm's order of two packages' versions.
pub(crate) fn compare(ground: &Ground<'_, '_>, a: Id, b: Id) -> std::cmp::Ordering {
    ground.nevra(a).evr.compare(&ground.nevra(b).evr)
}

impl Allowed {
    fn of(ground: &Ground<'_, '_>, freedom: Freedom) -> Self {
        let switches = match freedom {
            Freedom::Any => return Allowed { downgrade: true, name: true, architecture: true, vendor: true },
            Freedom::Upgrade => [
                Setting::AllowDowngrade,
                Setting::AllowNameChange,
                Setting::AllowArchitectureChange,
                Setting::AllowVendorChange,
            ],
            Freedom::DistributionUpgrade => [
                Setting::DupAllowDowngrade,
                Setting::DupAllowNameChange,
                Setting::DupAllowArchitectureChange,
                Setting::DupAllowVendorChange,
            ],
        };
        let [downgrade, name, architecture, vendor] = switches.map(|setting| ground.has(setting));
        Allowed { downgrade, name, architecture, vendor }
    }

    fn keeps_kind(self, ground: &Ground<'_, '_>, installed: Id, other: Id) -> bool {
        (self.architecture || !changes_architecture(ground, installed, other))
            && (self.vendor || ground.universe.vendor(installed) == ground.universe.vendor(other))
    }
}

fn looks_at_provides(ground: &Ground<'_, '_>) -> bool {
    !ground.has(Setting::NoUpdateProvide) || ground.has(Setting::NeedUpdateProvide)
}

/// Changes to and from `noarch` are none.
fn changes_architecture(ground: &Ground<'_, '_>, a: Id, b: Id) -> bool {
    let (left, right) = (ground.score(a), ground.score(b));
    !ground.same_architecture(a, b) && left != NOARCH && right != NOARCH && left != right
}

//! Packages that are said to fit together, in; the rules of RPM they break, out.
//! Written from rpm's rules and not from the solver, which it judges.

use rpm_model::{Capability, Dependency, PackageRecord, RichDependency};

/// What is wrong with a set of packages; empty when it can be installed.
pub(crate) fn faults(set: &[&PackageRecord]) -> Vec<String> {
    let mut faults = Vec::new();
    for package in set {
        for requirement in &package.requires {
            if !holds(&requirement.dependency, set) {
                faults.push(format!("{} lacks {}", package.nevra, requirement.dependency));
            }
        }
        // A package may conflict with what it provides itself.
        let others: Vec<&PackageRecord> =
            set.iter().copied().filter(|other| other.nevra != package.nevra).collect();
        for dependency in &package.conflicts {
            let broken = match dependency {
                Dependency::Simple(_) => holds(dependency, &others),
                Dependency::Rich(_) => holds(dependency, set) && holds(dependency, &others),
            };
            if broken {
                faults.push(format!("{} conflicts with {dependency}", package.nevra));
            }
        }
        for other in &others {
            if package.obsoletes.iter().any(|obsolete| own(other).overlaps(obsolete)) {
                faults.push(format!("{} obsoletes {}", package.nevra, other.nevra));
            }
            let wide = |package: &PackageRecord| package.nevra.arch == "x86_64";
            let narrow = |package: &PackageRecord| package.nevra.arch == "i686";
            let side_by_side = wide(package) && narrow(other) || narrow(package) && wide(other);
            if package.nevra.name == other.nevra.name && !side_by_side {
                faults.push(format!("{} beside {}", package.nevra, other.nevra));
            }
        }
    }
    faults
}

pub(crate) fn holds(dependency: &Dependency, set: &[&PackageRecord]) -> bool {
    match dependency {
        Dependency::Simple(capability) => set.iter().any(|package| provides(package, capability)),
        Dependency::Rich(rich) => match rich {
            RichDependency::And(list) => list.iter().all(|part| holds(part, set)),
            RichDependency::Or(list) => list.iter().any(|part| holds(part, set)),
            RichDependency::With(_) | RichDependency::Without(..) => {
                set.iter().any(|package| alone(dependency, package))
            }
            RichDependency::If { then, condition, otherwise } => match otherwise {
                _ if holds(condition, set) => holds(then, set),
                Some(otherwise) => holds(otherwise, set),
                None => true,
            },
            RichDependency::Unless { then, condition, otherwise } => match otherwise {
                _ if !holds(condition, set) => holds(then, set),
                Some(otherwise) => holds(otherwise, set),
                None => false,
            },
        },
    }
}

/// Whether one package by itself satisfies the dependency.
fn alone(dependency: &Dependency, package: &PackageRecord) -> bool {
    match dependency {
        Dependency::Rich(RichDependency::With(list)) => list.iter().all(|part| alone(part, package)),
        Dependency::Rich(RichDependency::Without(kept, removed)) => {
            alone(kept, package) && !alone(removed, package)
        }
        _ => holds(dependency, &[package]),
    }
}

pub(crate) fn provides(package: &PackageRecord, wanted: &Capability) -> bool {
    own(package).overlaps(wanted)
        || package.provides.iter().any(|provided| provided.overlaps(wanted))
        || package.files.iter().any(|file| file.path == wanted.name)
}

fn own(package: &PackageRecord) -> Capability {
    Capability::exactly(package.nevra.name.as_str(), &package.nevra.evr)
}

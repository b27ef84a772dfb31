//! A package, in; how well it suits the kernel and the languages that are there, out: the order that urpmi brought to
//! libsolv and that dnf switches on.

use rpm_model::{Capability, Dependency, RichDependency};

use crate::packages::universe::Id;
use crate::policy::View;

const PLAIN: u8 = 1;
const ENGLISH: u8 = 2;
const INSTALLED: u8 = 3;
const CHOSEN: u8 = 4;

/// The higher, the better.
pub(crate) fn score(view: &View<'_, '_, '_>, id: Id) -> u8 {
    let kernel = kernel_of(view.ground.universe.name(id)).map(|kernel| presence(view, &kernel));
    if let Some(score) = kernel.filter(|score| *score > PLAIN) {
        return score;
    }
    let names = view.ground.universe.requires(id).map(leftmost);
    for name in names {
        let Some((_, language)) = name.split_once("locales-") else { continue };
        if language.starts_with("en") {
            return ENGLISH;
        }
        return match presence(view, name) {
            PLAIN => 0,
            score => score,
        };
    }
    PLAIN
}

fn presence(view: &View<'_, '_, '_>, name: &str) -> u8 {
    let providers = view.ground.universe.providers(&Capability::any(name));
    let chosen = |id: &Id| view.decision[crate::packages::universe::to_index(*id)] > 0;
    if providers.iter().any(chosen) {
        CHOSEN
    } else if providers.iter().any(|id| view.ground.is_installed(*id)) {
        INSTALLED
    } else {
        PLAIN
    }
}

/// `kernel-FLAVOR-devel-VERSION` belongs to `kernel-FLAVOR-VERSION`, `MODULE-kernel-VERSION-FLAVOR-RELEASE` to
/// `kernel-FLAVOR-VERSION-RELEASE`.
fn kernel_of(name: &str) -> Option<String> {
    if name.starts_with("kernel-") {
        let (flavor, version) = name.split_once("-devel-")?;
        return Some(format!("{flavor}-{version}"));
    }
    let (_, rest) = name.split_once("-kernel-")?;
    let numbered = rest.as_bytes().first().is_some_and(u8::is_ascii_digit) && rest.get(1..2) == Some(".");
    let (version, rest) = rest.split_once('-').filter(|_| numbered)?;
    let (flavor, release) = rest.split_once('-')?;
    Some(format!("kernel-{flavor}-{version}-{release}"))
}

fn leftmost(dependency: &Dependency) -> &str {
    match dependency {
        Dependency::Simple(capability) => &capability.name,
        Dependency::Rich(rich) => match rich {
            RichDependency::And(list) | RichDependency::Or(list) | RichDependency::With(list) => {
                list.first().map_or("", leftmost)
            }
            RichDependency::Without(kept, _) => leftmost(kept),
            RichDependency::If { then, .. } | RichDependency::Unless { then, .. } => leftmost(then),
        },
    }
}

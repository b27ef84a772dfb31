//! A capability, in; the package of the transaction that satisfies it, out, by rpm's choice (`lib/rpmal.cc`).

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;

use rpm_model::Capability;

use super::{PREFERRED_COLOR, TRANSACTION_COLOR};
use crate::files::DirectoryLinks;
use crate::package::PackageContents;

pub(super) struct Providers<'a> {
    packages: &'a [&'a PackageContents],
    by_name: BTreeMap<&'a str, Vec<(usize, &'a Capability)>>,
    by_path: BTreeMap<Vec<u8>, Vec<usize>>,
    links: DirectoryLinks<'a>,
}

impl<'a> Providers<'a> {
    pub(super) fn of(packages: &'a [&'a PackageContents]) -> Self {
        let mut by_name: BTreeMap<&str, Vec<(usize, &Capability)>> = BTreeMap::new();
        for (position, package) in packages.iter().enumerate() {
            for provide in &package.provides {
                by_name.entry(&provide.name).or_default().push((position, provide));
            }
        }
        let links = DirectoryLinks::of(packages.iter().flat_map(|package| &package.files));
        let wanted = packages.iter().flat_map(|package| &package.relations).flat_map(|relation| {
            match &relation.dependency {
                rpm_model::Dependency::Simple(capability) => vec![capability],
                rpm_model::Dependency::Rich(rich) => rich.capabilities(),
            }
        });
        let mut by_path: BTreeMap<Vec<u8>, Vec<usize>> = wanted
            .filter(|capability| capability.is_path())
            .map(|capability| (links.resolve(capability.name.as_bytes()), Vec::new()))
            .collect();
        for (position, package) in packages.iter().enumerate() {
            let visible =
                package.files.iter().filter(|file| file.color == 0 || file.color & TRANSACTION_COLOR != 0);
            for file in visible {
                if let Some(owners) = by_path.get_mut(&links.resolve(file.path.as_os_str().as_bytes())) {
                    owners.push(position);
                }
            }
        }
        Providers { packages, by_name, by_path, links }
    }

    /// The provider to order by, for a relation of `package` that files of this colour made.
    pub(super) fn best(&self, package: usize, wanted: &Capability, color: u32) -> Option<usize> {
        let mut candidates = Vec::new();
        if wanted.is_path() {
            candidates =
                self.by_path.get(&self.links.resolve(wanted.name.as_bytes())).cloned().unwrap_or_default();
        }
        if candidates.is_empty() {
            let named = self.by_name.get(&wanted.name[..]).into_iter().flatten();
            candidates = named
                .filter(|(_, provide)| provide.overlaps(wanted))
                .map(|(position, _)| *position)
                .collect();
        }
        // rpm's hash table gives the newest entry first.
        candidates.reverse();
        let fitting = if color == 0 { PREFERRED_COLOR } else { color };
        let score = |candidate: usize| {
            let preferred = self.packages[candidate].color == fitting;
            2 * usize::from(preferred) + usize::from(candidate == package)
        };
        let highest = candidates.iter().map(|candidate| score(*candidate)).max()?;
        candidates.into_iter().find(|candidate| score(*candidate) == highest)
    }
}

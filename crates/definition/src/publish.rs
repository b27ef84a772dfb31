//! A binary package and its component, in; the channel it is published in, out.
//! Nothing here reads a disk.

use std::collections::HashMap;

use crate::component::{Component, PackageGroup, PackagePublish};
use crate::distro::Distro;

/// Where a package is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel<'a> {
    /// In the channel of this name.
    Named(&'a str),
    /// Nowhere: its channel is `none`.
    Unpublished,
    /// Nothing says.
    Unstated,
}

/// The channels of a definition, ready to be asked for many packages.
#[derive(Debug)]
pub struct Channels<'a> {
    distro: &'a Distro,
    groups: HashMap<&'a str, &'a PackageGroup>,
}

impl<'a> Channels<'a> {
    /// The channels of a definition.
    pub fn of(distro: &'a Distro) -> Self {
        let members =
            |group: &'a PackageGroup| group.packages.iter().map(move |package| (package.as_str(), group));
        Self { distro, groups: distro.package_groups.values().flat_map(members).collect() }
    }

    /// The channel of a binary package: what is said of the package itself counts first, then its group, its component, and the
    /// default.
    pub fn of_package(&self, component: &'a Component, package: &str) -> Channel<'a> {
        let debug = is_debug_package(package);
        let of_component =
            if debug { &component.publish.debuginfo_channel } else { &component.publish.rpm_channel };
        let stated = component.packages.get(package).and_then(|publish| publish.channel(debug));
        let stated =
            stated.or_else(|| self.groups.get(package).and_then(|group| group.publish.channel(debug)));
        let stated = stated.or(of_component.as_deref());
        channel(stated.or_else(|| self.distro.default_publish.channel(debug)))
    }

    /// The channel of a component's source package.
    pub fn of_source_package(&self, component: &'a Component) -> Channel<'a> {
        channel(component.publish.srpm_channel.as_deref())
    }
}

/// Whether a binary package holds debug information: `-debuginfo` or `-debugsource` is a whole part of its name, so that
/// `elfutils-debuginfod` is none.
pub fn is_debug_package(name: &str) -> bool {
    ["-debuginfo", "-debugsource"].iter().any(|part| {
        name.match_indices(part).any(|(at, _)| {
            let rest = &name[at + part.len()..];
            rest.is_empty() || rest.starts_with('-')
        })
    })
}

fn channel(name: Option<&str>) -> Channel<'_> {
    match name {
        None => Channel::Unstated,
        Some("none") => Channel::Unpublished,
        Some(name) => Channel::Named(name),
    }
}

impl PackagePublish {
    fn channel(&self, debug: bool) -> Option<&str> {
        if debug { self.debuginfo_channel.as_deref() } else { self.rpm_channel.as_deref() }
    }
}

#[cfg(test)]
mod tests {
    use super::is_debug_package;

    #[test]
    fn debug_packages_have_it_as_a_whole_part_of_their_name() {
        for (name, debug) in [
            ("bash-debuginfo", true),
            ("kernel-debuginfo-common-x86_64", true),
            ("bash-debugsource", true),
            ("elfutils-debuginfod", false),
            ("elfutils-debuginfod-debuginfo", true),
            ("debuginfo", false),
            ("bash", false),
        ] {
            assert_eq!(is_debug_package(name), debug, "{name}");
        }
    }
}

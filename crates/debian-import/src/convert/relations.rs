//! Relation fields of a control file in; RPM relations out.
//!
//! The rules, and why: `docs/design/0301-debian-relations-in-rpm.md`.

use std::collections::BTreeSet;

use rpm::DependencyFlags;

use super::{ConvertError, Facts};
use crate::apt::deb822::Stanza;
use crate::relation::{self, Alternatives, Operator, Relation};
use crate::rpm_file::{RpmPackage, RpmRelation};

/// Puts the relations of `control` into `package`.
pub(super) fn convert(
    control: &Stanza<'_>,
    facts: &Facts,
    dropped: &[String],
    package: &mut RpmPackage,
) -> Result<(), ConvertError> {
    let groups = |field: &'static str| {
        relation::parse(control.field(field).unwrap_or_default())
            .map_err(|source| ConvertError::Relation { field, source })
    };
    let (mut before, mut depends) = (groups("Pre-Depends")?, groups("Depends")?);
    for name in dropped {
        let count = before.len() + depends.len();
        let kept = |group: &Alternatives| group.iter().all(|relation| relation.name != *name);
        before.retain(kept);
        depends.retain(kept);
        if before.len() + depends.len() == count {
            return Err(ConvertError::NoRequirement(name.clone()));
        }
    }
    for group in &before {
        let requirement = requirement(group);
        // rpm forgets a pure Requires(pre) after the installation; a pre-dependency holds at run time too.
        package.requires.push(requirement.clone().with(DependencyFlags::SCRIPT_PRE));
        package.requires.push(requirement);
    }
    package.requires.extend(depends.iter().map(requirement));
    package.recommends.extend(groups("Recommends")?.iter().map(requirement));
    package.suggests.extend(groups("Suggests")?.iter().map(requirement));
    package.enhances.extend(groups("Enhances")?.iter().map(requirement));
    package.provides.extend(groups("Provides")?.iter().flatten().map(capability));
    if control.field("Essential") == Some("yes") {
        package.provides.push(RpmRelation::any("essential()"));
    }
    let (conflicts, breaks) = (groups("Conflicts")?, groups("Breaks")?);
    let own_name = package.name.clone();
    let conflicting =
        conflicts.iter().chain(&breaks).flatten().filter(|relation| holds(relation, facts, &own_name));
    package.conflicts.extend(conflicting.map(capability));
    let conflicting =
        conflicts.iter().flatten().map(|relation| relation.name.as_str()).collect::<BTreeSet<_>>();
    let replaces = groups("Replaces")?;
    let obsolete = replaces.iter().flatten().filter(|relation| {
        // A package of that name that still exists only gave a file away.
        conflicting.contains(relation.name.as_str())
            && !facts.real.contains(&relation.name)
            && relation.name != own_name
    });
    package.obsoletes.extend(obsolete.map(capability));
    Ok(())
}

/// Those of the names that the package really depends on.
pub(super) fn stated(control: &Stanza<'_>, names: &[String]) -> Result<Vec<String>, ConvertError> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let mut stated = BTreeSet::new();
    for field in ["Pre-Depends", "Depends"] {
        let groups = relation::parse(control.field(field).unwrap_or_default())
            .map_err(|source| ConvertError::Relation { field, source })?;
        stated.extend(groups.into_iter().flatten().map(|relation| relation.name));
    }
    Ok(names.iter().filter(|name| stated.contains(*name)).cloned().collect())
}

/// Whether a conflict is kept: dpkg never matches a version against an unversioned provide, RPM always does.
fn holds(relation: &Relation, facts: &Facts, own_name: &str) -> bool {
    relation.name != own_name
        && !(relation.constraint.is_some() && facts.unversioned.contains(&relation.name))
}

fn requirement(group: &Alternatives) -> RpmRelation {
    let mut alternatives = Vec::new();
    for relation in group.iter().map(capability) {
        if !alternatives.contains(&relation) {
            alternatives.push(relation);
        }
    }
    match <[RpmRelation; 1]>::try_from(alternatives) {
        Ok([relation]) => relation,
        Err(alternatives) => {
            let texts = alternatives.iter().map(text).collect::<Vec<_>>();
            RpmRelation::any(format!("({})", texts.join(" or ")))
        }
    }
}

fn text(relation: &RpmRelation) -> String {
    match relation.flags.comparator_str() {
        "" => relation.name.clone(),
        operator => format!("{} {operator} {}", relation.name, relation.version),
    }
}

fn capability(relation: &Relation) -> RpmRelation {
    let Some((operator, version)) = &relation.constraint else { return RpmRelation::any(&relation.name) };
    let rpm = version.to_rpm();
    // `<< 2.53-.` means every revision of 2.53: in RPM, a bound without release.
    if version.revision.is_some()
        && !rpm.release.bytes().any(|byte| byte.is_ascii_alphanumeric() || byte == b'~')
    {
        let flags = match operator {
            Operator::Less | Operator::LessOrEqual => DependencyFlags::LE,
            Operator::Equal => DependencyFlags::EQUAL,
            Operator::GreaterOrEqual | Operator::Greater => DependencyFlags::GREATER,
        };
        let epoch = if rpm.epoch == 0 { String::new() } else { format!("{}:", rpm.epoch) };
        return RpmRelation::versioned(&relation.name, flags, format!("{epoch}{}", rpm.version));
    }
    let flags = match operator {
        Operator::Less => DependencyFlags::LESS,
        Operator::LessOrEqual => DependencyFlags::LE,
        Operator::Equal => DependencyFlags::EQUAL,
        Operator::GreaterOrEqual => DependencyFlags::GE,
        Operator::Greater => DependencyFlags::GREATER,
    };
    RpmRelation::versioned(&relation.name, flags, rpm.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apt::deb822;

    fn converted(control: &str, facts: &str) -> RpmPackage {
        let stanzas = deb822::parse(control).unwrap();
        let mut package = RpmPackage { name: "self".to_owned(), ..RpmPackage::default() };
        convert(&stanzas[0], &facts.parse().unwrap(), &[], &mut package).unwrap();
        package
    }

    fn texts(relations: &[RpmRelation]) -> Vec<String> {
        relations.iter().map(text).collect()
    }

    #[test]
    fn each_form_of_dependency() {
        for (debian, rpm) in [
            ("libc6", "libc6"),
            ("libc6 (>= 2.38)", "libc6 >= 2.38-0"),
            ("libc6 (>> 2.43)", "libc6 > 2.43-0"),
            ("a (<< 1:2.0-rc1-3~)", "a < 1:2.0.rc1-3~"),
            ("a (= 0:1.0-1)", "a = 1.0-1"),
            ("perl:any (>= 5)", "perl >= 5-0"),
            ("a | b (>= 1-1) | c", "(a or b >= 1-1 or c)"),
            ("a:any | a", "a"),
            ("git-man (<< 1:2.53.0-.)", "git-man <= 1:2.53.0"),
        ] {
            assert_eq!(texts(&converted(&format!("Depends: {debian}\n"), "").requires), [rpm], "{debian}");
        }
    }

    #[test]
    fn pre_dependencies_hold_before_and_after() {
        let requires = converted("Pre-Depends: libc6 (>= 2)\n", "").requires;
        assert_eq!(texts(&requires), ["libc6 >= 2-0", "libc6 >= 2-0"]);
        assert!(requires[0].flags.contains(DependencyFlags::SCRIPT_PRE));
        assert!(!requires[1].flags.contains(DependencyFlags::SCRIPT_PRE));
    }

    #[test]
    fn breaks_are_conflicts_unless_a_bare_provide_would_meet_them() {
        let control = "Conflicts: self, gone (<< 2), other\nBreaks: perl-modules (<< 5.40), third (<= 1)\n";
        let package = converted(control, "unversioned:perl-modules");
        assert_eq!(texts(&package.conflicts), ["gone < 2-0", "other", "third <= 1-0"]);
    }

    #[test]
    fn obsoletes_need_conflicts_and_a_name_that_is_no_package_any_more() {
        let control =
            "Conflicts: old (<< 2), alive\nReplaces: old (<< 2), alive, moved-file\nBreaks: moved-file\n";
        assert_eq!(texts(&converted(control, "real:alive").obsoletes), ["old < 2-0"]);
    }

    #[test]
    fn provides_and_essential() {
        let package = converted("Provides: awk, systemd-sysusers (= 262-1)\nEssential: yes\n", "");
        assert_eq!(texts(&package.provides), ["awk", "systemd-sysusers = 262-1", "essential()"]);
    }
}

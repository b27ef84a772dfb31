//! The text of a postinst in; the units that it enables on a fresh system out, as a preset file.

use rpm::FileFlags;

use crate::rpm_file::{RpmEntry, RpmEntryKind, RpmPackage};

/// Adds `95-NAME.preset` files for what the postinst enables and what the override says.
pub(super) fn convert(postinst: &str, extra: &[String], package: &mut RpmPackage) {
    // Of several lines that match a unit, systemd takes the first.
    let mut lines = extra.iter().map(|line| format!("{line}\n")).collect::<Vec<_>>();
    lines.extend(enabled(postinst, "").into_iter().map(|unit| format!("enable {unit}\n")));
    add(package, "system-preset", &lines);
    let lines =
        enabled(postinst, "--user ").into_iter().map(|unit| format!("enable {unit}\n")).collect::<Vec<_>>();
    add(package, "user-preset", &lines);
}

/// Units of the lines that debhelper writes for units enabled by default. Those that are not are tested inside another
/// condition, with two tabs.
fn enabled<'a>(postinst: &'a str, scope: &str) -> Vec<&'a str> {
    let head = format!("\tif deb-systemd-helper --quiet {scope}was-enabled '");
    let mut units = postinst
        .lines()
        .filter_map(|line| Some(line.strip_prefix(&head)?.split_once('\'')?.0))
        .collect::<Vec<_>>();
    units.sort_unstable();
    units.dedup();
    units
}

fn add(package: &mut RpmPackage, folder: &str, lines: &[String]) {
    if lines.is_empty() {
        return;
    }
    let entry = RpmEntry {
        kind: RpmEntryKind::Made(lines.concat().into_bytes()),
        mode: 0o644,
        owner: "root".to_owned(),
        group: "root".to_owned(),
        modified: package.time,
        flags: FileFlags::empty(),
    };
    package.files.insert(format!("/usr/lib/systemd/{folder}/95-{}.preset", package.name), entry);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_enabled_by_default_and_no_others() {
        let postinst = "if x; then\n\tif deb-systemd-helper --quiet was-enabled 'ssh.service'; then\n\
            \t\tif deb-systemd-helper --quiet was-enabled 'off.service'; then\n\
            \tif deb-systemd-helper --quiet was-enabled 'a.timer'; then\n";
        assert_eq!(enabled(postinst, ""), ["a.timer", "ssh.service"]);
    }

    #[test]
    fn a_package_without_units_gets_no_file() {
        let mut package = RpmPackage { name: "p".to_owned(), ..RpmPackage::default() };
        convert("exit 0\n", &[], &mut package);
        assert!(package.files.is_empty());
        convert("exit 0\n", &["disable x.service".to_owned()], &mut package);
        let entry = &package.files["/usr/lib/systemd/system-preset/95-p.preset"];
        assert_eq!(entry.kind, RpmEntryKind::Made(b"disable x.service\n".to_vec()));
    }
}

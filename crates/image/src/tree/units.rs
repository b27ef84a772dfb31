//! Which units of systemd are on, off or masked in, the links in `/etc/systemd/system` and a preset that says the same out.
//!
//! The links are what `systemctl enable` would make; the preset keeps them, since systemd applies presets at a first boot.

use std::collections::BTreeSet;

use super::{Entry, Kind, ReadError, Tree, TreePath};

/// Choices about units of systemd.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
pub struct Units {
    /// Units that are started as their `[Install]` section says.
    pub enable: Vec<String>,
    /// Units that are not started, though a package would have them so.
    pub disable: Vec<String>,
    /// Units that cannot be started at all.
    pub mask: Vec<String>,
    /// The target that the system boots to; empty leaves the packages' own.
    pub default_target: String,
}

/// Why units cannot be chosen.
#[derive(Debug, thiserror::Error)]
pub enum UnitError {
    /// No package brought the unit.
    #[error("the image is to {verb} the unit `{unit}`, which it does not have")]
    Unknown {
        /// `enable`, `disable`, `mask` or `boot to`.
        verb: &'static str,
        /// The unit.
        unit: String,
    },
    /// The unit's name is no name of a file.
    #[error("`{unit}` is no name of a unit")]
    BadName {
        /// As given.
        unit: String,
    },
    /// The unit has no section that says what would start it.
    #[error("the unit `{unit}` cannot be enabled: it has no [Install] section, other units start it")]
    Static {
        /// The unit.
        unit: String,
    },
    /// A template without instance.
    #[error(
        "the unit `{unit}` is a template without a default instance: name one, as in `name@instance.service`"
    )]
    NoInstance {
        /// The unit.
        unit: String,
    },
    /// A unit file cannot be read.
    #[error("cannot read a unit of the image")]
    Unreadable(#[from] ReadError),
}

const LOCAL: &str = "etc/systemd/system";
const PACKAGED: &str = "usr/lib/systemd/system";
const PULLS: [(&str, &str); 3] = [("WantedBy", "wants"), ("RequiredBy", "requires"), ("UpheldBy", "upholds")];

impl Units {
    /// Makes and removes links; `id` names the preset file.
    pub fn apply(&self, tree: &mut Tree, id: &str, source_date_epoch: u64) -> Result<(), UnitError> {
        let mut chooser = Chooser { tree, modified: source_date_epoch, enabled: BTreeSet::new() };
        for unit in &self.enable {
            chooser.enable(unit)?;
        }
        // After enabling: what another unit brings along by `Also=` stays off when it is to be off.
        for unit in &self.disable {
            chooser.find("disable", unit)?;
            chooser.disable(unit);
        }
        for unit in &self.mask {
            chooser.find("mask", unit)?;
            chooser.disable(unit);
            chooser.link(&known(LOCAL).child(unit.as_bytes()), "/dev/null");
        }
        if !self.default_target.is_empty() {
            let place = chooser.find("boot to", &self.default_target)?;
            chooser.link(&known(LOCAL).child(b"default.target"), &place.to_string());
        }
        let text = self.preset();
        if !text.is_empty() {
            let folder = known("usr/lib/systemd/system-preset");
            tree.ensure_directory(&folder, source_date_epoch);
            let file = folder.child(format!("10-{id}.preset").as_bytes());
            tree.insert(file, Entry::file(text.into_bytes(), 0o644, source_date_epoch));
        }
        Ok(())
    }

    fn preset(&self) -> String {
        let lines = self.enable.iter().map(|unit| ("enable", unit));
        let lines = lines.chain(self.disable.iter().chain(&self.mask).map(|unit| ("disable", unit)));
        lines
            .map(|(verb, unit)| match Name::parse(unit) {
                // An instance is written behind its template.
                Name { template: Some(template), instance: Some(instance) }
                    if !instance.is_empty() && verb == "enable" =>
                {
                    format!("{verb} {template} {instance}\n")
                }
                _ => format!("{verb} {unit}\n"),
            })
            .collect()
    }
}

struct Chooser<'a> {
    tree: &'a mut Tree,
    modified: u64,
    enabled: BTreeSet<String>,
}

impl Chooser<'_> {
    /// Where the file of a unit is, of an instance its template's.
    fn find(&self, verb: &'static str, unit: &str) -> Result<TreePath, UnitError> {
        if unit.is_empty() || unit.contains('/') || unit.contains('\0') || unit == ".." {
            return Err(UnitError::BadName { unit: unit.to_owned() });
        }
        let template = Name::parse(unit).template;
        let names = [Some(unit), template.as_deref()];
        for name in names.into_iter().flatten() {
            for folder in [LOCAL, PACKAGED] {
                let path = known(folder).child(name.as_bytes());
                if self.tree.content(&path).is_ok() {
                    return Ok(path);
                }
            }
        }
        Err(UnitError::Unknown { verb, unit: unit.to_owned() })
    }

    fn enable(&mut self, unit: &str) -> Result<(), UnitError> {
        if !self.enabled.insert(unit.to_owned()) {
            return Ok(());
        }
        let found = self.find("enable", unit)?;
        // An alias means the unit behind it.
        let file = self.tree.resolve(&found).unwrap_or(found);
        let install = Install::parse(&self.tree.read_text(&file)?);
        if install.is_empty() {
            return Err(UnitError::Static { unit: unit.to_owned() });
        }
        let name = Name::parse(unit);
        let file_name = String::from_utf8_lossy(file.name()).into_owned();
        let (own, instance) = match (&name.instance, &install.default_instance) {
            (Some(instance), Some(default)) if instance.is_empty() => {
                (file_name.replacen('@', &format!("@{default}"), 1), default.clone())
            }
            (Some(instance), None) if instance.is_empty() => {
                return Err(UnitError::NoInstance { unit: unit.to_owned() });
            }
            (Some(instance), _) => (unit.to_owned(), instance.clone()),
            (None, _) => (file_name, String::new()),
        };
        let prefix = own.split(['@', '.']).next().unwrap_or(&own).to_owned();
        let fill = |text: &str| {
            text.replace("%i", &instance).replace("%I", &instance).replace("%p", &prefix).replace("%n", &own)
        };
        for (kind, target) in &install.pulled_by {
            let folder = known(LOCAL).child(format!("{}.{kind}", fill(target)).as_bytes());
            self.link(&folder.child(own.as_bytes()), &file.to_string());
        }
        for alias in &install.aliases {
            self.link(&known(LOCAL).child(fill(alias).as_bytes()), &file.to_string());
        }
        install.also.iter().try_for_each(|other| self.enable(&fill(other)))
    }

    /// Removes every link that starts the unit, or an instance of it when it is a template.
    fn disable(&mut self, unit: &str) {
        let local = known(LOCAL);
        let means = |name: &[u8]| {
            let name = String::from_utf8_lossy(name);
            name == unit || (unit.contains("@.") && Name::parse(&name).template.as_deref() == Some(unit))
        };
        let doomed: Vec<TreePath> = self
            .tree
            .below(&local)
            .filter(|path| match self.tree.get(path).map(|entry| &entry.kind) {
                Some(Kind::SymbolicLink(target)) => {
                    // The link of a target is the choice of another key, not a start of the unit.
                    path.name() != b"default.target"
                        && (means(path.name())
                            || means(target.rsplit(|byte| *byte == b'/').next().unwrap_or_default()))
                }
                _ => false,
            })
            .cloned()
            .collect();
        for path in doomed {
            self.tree.remove(&path);
        }
    }

    fn link(&mut self, path: &TreePath, target: &str) {
        if let Some(parent) = path.parent() {
            self.tree.ensure_directory(&parent, self.modified);
        }
        self.tree.remove(path);
        self.tree.insert(path.clone(), Entry::symbolic_link(target.as_bytes(), self.modified));
    }
}

/// A unit's name taken apart: `getty@tty1.service` is the instance `tty1` of the template `getty@.service`.
struct Name {
    template: Option<String>,
    instance: Option<String>,
}

impl Name {
    fn parse(unit: &str) -> Self {
        let parts = unit.split_once('@').and_then(|(prefix, rest)| Some((prefix, rest.rsplit_once('.')?)));
        match parts {
            Some((prefix, (instance, kind))) => {
                Self { template: Some(format!("{prefix}@.{kind}")), instance: Some(instance.to_owned()) }
            }
            None => Self { template: None, instance: None },
        }
    }
}

/// What an `[Install]` section says.
#[derive(Debug, Default)]
struct Install {
    pulled_by: Vec<(&'static str, String)>,
    aliases: Vec<String>,
    also: Vec<String>,
    default_instance: Option<String>,
}

impl Install {
    fn parse(text: &str) -> Self {
        let mut install = Self::default();
        let mut inside = false;
        for line in text.replace("\\\n", " ").lines().map(str::trim) {
            if line.starts_with('[') {
                inside = line == "[Install]";
            }
            let Some((key, value)) = line.split_once('=').filter(|_| inside && !line.starts_with(['#', ';']))
            else {
                continue;
            };
            let words = value.split_whitespace().map(str::to_owned);
            match key.trim() {
                "Alias" => install.aliases.extend(words),
                "Also" => install.also.extend(words),
                "DefaultInstance" => install.default_instance = Some(value.trim().to_owned()),
                key => {
                    if let Some((_, kind)) = PULLS.iter().find(|(pull, _)| *pull == key) {
                        install.pulled_by.extend(words.map(|word| (*kind, word)));
                    }
                }
            }
        }
        install
    }

    fn is_empty(&self) -> bool {
        self.pulled_by.is_empty() && self.aliases.is_empty() && self.also.is_empty()
    }
}

fn known(path: &str) -> TreePath {
    TreePath::parse(path).expect("the paths of this module do not climb")
}

#[cfg(test)]
mod tests {
    use super::{Units, known};
    use crate::tree::{Entry, Kind, Tree};

    fn tree() -> Tree {
        let mut tree = Tree::default();
        for (file, text) in [
            (
                "ssh.service",
                "[Unit]\nWantedBy=no\n[Install]\nWantedBy=multi-user.target \\\n other.target\nAlias=sshd.service\nAlso=ssh.socket\n",
            ),
            ("ssh.socket", "[Install]\nWantedBy=sockets.target\n"),
            ("getty@.service", "[Install]\nWantedBy=getty.target\nDefaultInstance=tty1\n"),
            ("bare@.service", "[Install]\nWantedBy=x.target\n"),
            ("dbus.socket", "[Socket]\n"),
            ("multi-user.target", "[Unit]\n"),
        ] {
            tree.ensure_directory(&known("usr/lib/systemd/system"), 0);
            tree.insert(
                known("usr/lib/systemd/system").child(file.as_bytes()),
                Entry::file(text.as_bytes(), 0o644, 0),
            );
        }
        tree
    }

    fn links(tree: &Tree) -> Vec<String> {
        tree.entries()
            .filter_map(|(path, entry)| match &entry.kind {
                Kind::SymbolicLink(target) => Some(format!("{path} -> {}", String::from_utf8_lossy(target))),
                _ => None,
            })
            .collect()
    }

    fn units(enable: &[&str], disable: &[&str], mask: &[&str]) -> Units {
        let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Units {
            enable: list(enable),
            disable: list(disable),
            mask: list(mask),
            default_target: String::new(),
        }
    }

    #[test]
    fn enabling_makes_the_links_of_the_install_section() {
        let mut tree = tree();
        let mut choices =
            units(&["ssh.service", "getty@ttyS0.service", "getty@.service"], &[], &["dbus.socket"]);
        choices.default_target = "multi-user.target".into();
        choices.apply(&mut tree, "lazuli", 3).unwrap();
        assert_eq!(
            links(&tree),
            [
                "/etc/systemd/system/dbus.socket -> /dev/null",
                "/etc/systemd/system/default.target -> /usr/lib/systemd/system/multi-user.target",
                "/etc/systemd/system/getty.target.wants/getty@tty1.service -> /usr/lib/systemd/system/getty@.service",
                "/etc/systemd/system/getty.target.wants/getty@ttyS0.service -> /usr/lib/systemd/system/getty@.service",
                "/etc/systemd/system/multi-user.target.wants/ssh.service -> /usr/lib/systemd/system/ssh.service",
                "/etc/systemd/system/other.target.wants/ssh.service -> /usr/lib/systemd/system/ssh.service",
                "/etc/systemd/system/sockets.target.wants/ssh.socket -> /usr/lib/systemd/system/ssh.socket",
                "/etc/systemd/system/sshd.service -> /usr/lib/systemd/system/ssh.service",
            ]
        );
        let preset = tree.read_text(&known("usr/lib/systemd/system-preset/10-lazuli.preset")).unwrap();
        assert_eq!(
            preset,
            "enable ssh.service\nenable getty@.service ttyS0\nenable getty@.service\ndisable dbus.socket\n"
        );
    }

    #[test]
    fn disabling_takes_back_what_enabling_made() {
        let mut tree = tree();
        units(&["ssh.service", "getty@tty2.service"], &[], &[]).apply(&mut tree, "a", 3).unwrap();
        units(&[], &["ssh.service", "getty@.service"], &[]).apply(&mut tree, "a", 3).unwrap();
        assert_eq!(
            links(&tree),
            ["/etc/systemd/system/sockets.target.wants/ssh.socket -> /usr/lib/systemd/system/ssh.socket"]
        );
    }

    #[test]
    fn units_that_cannot_be_chosen_are_named() {
        let error = |units: Units| units.apply(&mut tree(), "a", 0).unwrap_err().to_string();
        assert_eq!(
            error(units(&["x.service"], &[], &[])),
            "the image is to enable the unit `x.service`, which it does not have"
        );
        assert!(error(units(&[], &["x.service"], &[])).contains("disable"));
        assert!(error(units(&[], &[], &["../x"])).contains("no name of a unit"));
        assert!(error(units(&["dbus.socket"], &[], &[])).contains("no [Install] section"));
        assert!(error(units(&["bare@.service"], &[], &[])).contains("template without a default instance"));
    }
}

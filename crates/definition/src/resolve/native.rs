//! An `image.toml`, in; the complete native image, out.

use std::collections::BTreeMap;

use super::Resolver;
use super::text::{distinct, is_plain_name};
use crate::decode::{Entries, Text, decode_file};
use crate::image::{
    Budget, ByUpstream, FileRule, ImageKind, NativeImage, OsRelease, OwnProgram, PackageRequest, Password,
    Selinux, SelinuxMode, UnitChoices, User,
};
use crate::nearest::advice;
use crate::place::{Located, Place};
use crate::tables::{
    BudgetTable, FileRuleTable, NativeImageFile, NativeImageKind, PackagesTable, RemoveTable, SelinuxTable,
    UnitsTable, UserTable,
};

/// Endings of unit names.
const UNIT_SUFFIXES: &[&str] = &[
    "automount",
    "device",
    "mount",
    "path",
    "scope",
    "service",
    "slice",
    "socket",
    "swap",
    "target",
    "timer",
];

impl Resolver<'_> {
    pub(crate) fn native_image(&mut self, name: &str, path: &Text) -> Option<NativeImage> {
        let file_path = self.collector.sources.anchor(path);
        let index = self.includer().open(&file_path, Some(path.place))?;
        let file: NativeImageFile = decode_file(index, self.collector)?;
        let top = file.kind.place;
        let kind = match file.kind.value {
            NativeImageKind::Disk => self.disk(&file).map(|disk| ImageKind::Disk(Box::new(disk))),
            NativeImageKind::Tree => {
                self.refuse_disk_tables(&file);
                Some(ImageKind::Tree)
            }
        };
        if file.kind.value == NativeImageKind::Disk && file.os_release.is_none() {
            let hint = "add [os-release] with NAME, ID, VERSION_ID and PRETTY_NAME";
            self.collector.report_hinted(top, "a disk that boots must say what it is", hint);
        }
        if let Some(tree) = &file.tree {
            let folder = self.collector.sources.anchor(tree);
            self.check_folder(tree.place, &folder, "tree");
        }
        // Everything is looked at before the first thing that is missing ends it.
        let image = NativeImage {
            name: name.to_owned(),
            file: file_path,
            description: file.description.as_ref().map_or_else(String::new, |text| text.value.clone()),
            kind: ImageKind::Tree,
            packages: self.packages(file.packages.as_ref(), top),
            weak_dependencies: file.weak_dependencies.unwrap_or(false),
            budget: file.budget.as_ref().map_or_else(Budget::default, |budget| Budget::from(&budget.value)),
            removed: self.removed(file.remove.as_ref()),
            tree: file.tree.as_ref().map(|tree| self.collector.sources.anchor(tree)),
            programs: self.own_programs(file.programs.as_deref().unwrap_or_default()),
            files: file.files.iter().flatten().filter_map(|rule| self.file_rule(rule)).collect(),
            users: self.users(file.users.as_deref().unwrap_or_default()),
            units: self.units(file.units.as_ref()),
            default_target: self.default_target(file.units.as_ref()),
            os_release: file.os_release.as_ref().map(|table| self.os_release(table)),
            locale: self.word(file.locale.as_ref(), "locale"),
            timezone: self.word(file.timezone.as_ref(), "time zone"),
            hostname: self.hostname(file.hostname.as_ref()),
            selinux: file.selinux.as_ref().and_then(|table| self.selinux(table)),
        };
        Some(NativeImage { kind: kind?, ..image })
    }

    fn packages(&mut self, table: Option<&PackagesTable>, top: Place) -> ByUpstream<PackageRequest> {
        let Some(table) = table else {
            self.collector.report_hinted(
                top,
                "the image has no packages",
                "add [packages] with `install = [\"…\"]`",
            );
            return ByUpstream::default();
        };
        let mut packages = ByUpstream {
            all: self.request(table.install.as_ref(), table.exclude.as_ref()),
            upstreams: BTreeMap::new(),
        };
        for (name, upstream) in &*table.upstreams {
            self.check_upstream_name(name, upstream.place);
            let more = self.request(upstream.install.as_ref(), upstream.exclude.as_ref());
            packages.upstreams.insert(name.clone(), more);
        }
        if packages.all.install.is_empty() && packages.upstreams.values().all(|more| more.install.is_empty())
        {
            self.collector.report_hinted(
                top,
                "the image has no packages",
                "name some in `install` of [packages]",
            );
        }
        packages
    }

    fn request(&mut self, install: Option<&Vec<Text>>, exclude: Option<&Vec<Text>>) -> PackageRequest {
        let request = PackageRequest {
            install: distinct(install, "package", self.collector),
            exclude: distinct(exclude, "package", self.collector),
        };
        for excluded in &request.exclude {
            if let Some(wanted) = request.install.iter().find(|wanted| wanted.value == excluded.value) {
                let hint = format!("it is asked for at {}", self.collector.sources.describe(wanted.place));
                self.collector.report_hinted(
                    excluded.place,
                    format!("package `{excluded}` is asked for and excluded"),
                    hint,
                );
            }
        }
        request
    }

    fn removed(&mut self, table: Option<&RemoveTable>) -> ByUpstream<Vec<Text>> {
        let Some(table) = table else { return ByUpstream::default() };
        let mut removed =
            ByUpstream { all: self.removed_paths(table.paths.as_ref()), upstreams: BTreeMap::new() };
        for (name, more) in &*table.upstreams {
            self.check_upstream_name(name, more.place);
            let paths = self.removed_paths(more.paths.as_ref());
            removed.upstreams.insert(name.clone(), paths);
        }
        removed
    }

    fn removed_paths(&mut self, list: Option<&Vec<Text>>) -> Vec<Text> {
        let paths = distinct(list, "path", self.collector);
        for path in &paths {
            self.check_absolute(path);
            if path.split('/').all(str::is_empty) {
                self.collector.report(path.place, "an image without its root has nothing in it");
            }
        }
        paths
    }

    fn own_programs(&mut self, stated: &[Located<OwnProgram>]) -> Vec<Located<OwnProgram>> {
        let mut programs: Vec<Located<OwnProgram>> = Vec::new();
        for program in stated {
            match programs.iter().find(|first| first.value == program.value) {
                Some(first) => {
                    let hint =
                        format!("it is first named at {}", self.collector.sources.describe(first.place));
                    self.collector.report_hinted(
                        program.place,
                        format!("program `{program}` is named twice"),
                        hint,
                    );
                }
                None => programs.push(*program),
            }
        }
        programs
    }

    /// The keys of every `upstreams` table are names of distributions.
    fn check_upstream_name(&mut self, name: &str, place: Place) {
        if !self.file.distros.contains_key(name) {
            let hint = advice(name, self.file.distros.keys().map(String::as_str));
            self.collector.report_if_complete(place, format!("there is no distribution `{name}`"), hint);
        }
    }

    fn file_rule(&mut self, table: &Located<FileRuleTable>) -> Option<FileRule> {
        self.check_absolute(&table.path);
        let mode = match &table.mode {
            None => None,
            Some(text) => match u32::from_str_radix(text, 8) {
                Ok(mode) if mode <= 0o7777 => Some(mode),
                _ => {
                    let message = format!("`{text}` is no file mode");
                    self.collector.report_hinted(
                        text.place,
                        message,
                        "write 3 or 4 octal digits, such as \"0644\"",
                    );
                    return None;
                }
            },
        };
        if mode.is_none() && table.owner.is_none() && table.group.is_none() {
            let hint = "add `mode`, `owner` or `group`";
            self.collector.report_hinted(
                table.path.place,
                format!("nothing is said of `{}`", table.path),
                hint,
            );
        }
        Some(FileRule {
            path: table.path.clone(),
            mode,
            owner: table.owner.as_ref().map(|text| text.value.clone()),
            group: table.group.as_ref().map(|text| text.value.clone()),
        })
    }

    /// Reports a path that is not absolute in the image, or that climbs.
    pub(crate) fn check_absolute(&mut self, path: &Text) {
        let climbs = path.split('/').any(|element| matches!(element, "." | ".."));
        if !path.starts_with('/') || climbs || path.contains('\0') {
            let hint = "write it from the root of the image, without `.` and `..`";
            self.collector.report_hinted(path.place, format!("`{path}` is no path in the image"), hint);
        }
    }

    fn users(&mut self, tables: &[Located<UserTable>]) -> Vec<User> {
        let mut users: Vec<User> = Vec::new();
        for table in tables {
            let name = &table.name;
            if !is_user_name(name) {
                let hint = "use lower-case letters, digits, `_` and `-`, at most 31, a letter or `_` first";
                self.collector.report_hinted(name.place, format!("`{name}` is no user name"), hint);
            }
            if let Some(first) = users.iter().find(|user| user.name == *name) {
                let hint =
                    format!("it is first defined at {}", self.collector.sources.describe(first.name.place));
                self.collector.report_hinted(name.place, format!("user `{name}` is defined twice"), hint);
            }
            if let Some(uid) = table.uid
                && let Some(first) = users.iter().find(|user| user.uid == Some(uid.value))
            {
                let message = format!("users `{}` and `{name}` have the number {uid}", first.name);
                self.collector.report(uid.place, message);
            }
            for path in [&table.home, &table.shell].into_iter().flatten() {
                self.check_absolute(path);
            }
            if let Some(text) = &table.description
                && text.contains([':', '\n'])
            {
                self.collector.report(text.place, "a user's description holds no `:` and no line break");
            }
            let home = if name.value == "root" { "/root".to_owned() } else { format!("/home/{name}") };
            users.push(User {
                name: name.clone(),
                uid: table.uid.map(|uid| uid.value).or((name.value == "root").then_some(0)),
                group: table.group.as_ref().map(|text| text.value.clone()),
                groups: distinct(table.groups.as_ref(), "group", self.collector)
                    .into_iter()
                    .map(|g| g.value)
                    .collect(),
                description: table.description.as_ref().map_or_else(String::new, |text| text.value.clone()),
                home: table.home.as_ref().map_or(home, |text| text.value.clone()),
                shell: table.shell.as_ref().map_or_else(|| "/bin/bash".to_owned(), |text| text.value.clone()),
                password: self.password(table.password.as_ref()),
            });
        }
        users
    }

    fn password(&mut self, text: Option<&Text>) -> Password {
        match text {
            None => Password::Locked,
            Some(text) if text.value == "locked" => Password::Locked,
            Some(text) => {
                let shape = text.starts_with('$') && text.matches('$').count() >= 3;
                if !shape || text.chars().any(|c| c == ':' || !c.is_ascii_graphic()) {
                    let hint = "write `locked`, or a hash such as mkpasswd prints";
                    self.collector.report_hinted(
                        text.place,
                        "the password is neither locked nor a hash",
                        hint,
                    );
                }
                Password::Hash(text.value.clone())
            }
        }
    }

    fn units(&mut self, table: Option<&UnitsTable>) -> ByUpstream<UnitChoices> {
        let Some(table) = table else { return ByUpstream::default() };
        let mut units = ByUpstream {
            all: self.unit_choices(table.enable.as_ref(), table.disable.as_ref(), table.mask.as_ref()),
            upstreams: BTreeMap::new(),
        };
        for (name, more) in &*table.upstreams {
            self.check_upstream_name(name, more.place);
            let choices = self.unit_choices(more.enable.as_ref(), more.disable.as_ref(), more.mask.as_ref());
            units.upstreams.insert(name.clone(), choices);
        }
        units
    }

    fn unit_choices(
        &mut self,
        enable: Option<&Vec<Text>>,
        disable: Option<&Vec<Text>>,
        mask: Option<&Vec<Text>>,
    ) -> UnitChoices {
        UnitChoices {
            enable: self.unit_names(enable),
            disable: self.unit_names(disable),
            mask: self.unit_names(mask),
        }
    }

    pub(crate) fn unit_names(&mut self, list: Option<&Vec<Text>>) -> Vec<Text> {
        let names = distinct(list, "unit", self.collector);
        for name in &names {
            self.check_unit_name(name);
        }
        names
    }

    fn check_unit_name(&mut self, name: &Text) {
        let suffix = name.rsplit_once('.').map(|(_, suffix)| suffix);
        if !suffix.is_some_and(|suffix| UNIT_SUFFIXES.contains(&suffix)) || !is_plain_name(name) {
            let hint = format!("write its whole name, such as `{name}.service`");
            self.collector.report_hinted(name.place, format!("`{name}` is no name of a systemd unit"), hint);
        }
    }

    fn default_target(&mut self, table: Option<&UnitsTable>) -> String {
        let Some(target) = table.and_then(|table| table.default_target.as_ref()) else {
            return "multi-user.target".to_owned();
        };
        if !target.ends_with(".target") || !is_plain_name(target) {
            self.collector.report(target.place, format!("`{target}` is no target"));
        }
        target.value.clone()
    }

    fn os_release(&mut self, table: &Located<Entries<String>>) -> OsRelease {
        for (variable, value) in &*table.value {
            let shape = variable.starts_with(|c: char| c.is_ascii_uppercase())
                && variable.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
            if !shape {
                let hint = advice(variable, crate::image::KNOWN_OS_RELEASE.iter().copied());
                let message = format!("`{variable}` is no variable of os-release");
                self.collector.report_hinted(
                    value.place,
                    message,
                    hint.unwrap_or_else(|| "write it in capitals".to_owned()),
                );
            }
            if value.value.chars().any(char::is_control) {
                self.collector
                    .report(value.place, format!("the value of `{variable}` holds a control character"));
            }
        }
        for needed in ["NAME", "ID", "VERSION_ID", "PRETTY_NAME"] {
            if table.get(needed).is_none_or(|value| value.value.is_empty()) {
                self.collector.report(table.place, format!("`{needed}` is missing in [os-release]"));
            }
        }
        if let Some(end) = table.get("SUPPORT_END")
            && end.value.parse::<jiff::civil::Date>().is_err()
        {
            self.collector.report_hinted(end.place, "`SUPPORT_END` is no date", "write it like `2031-05-31`");
        }
        if let Some(id) = table.get("ID")
            && !id
                .value
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_' | '-'))
        {
            let hint = "os-release(5) allows lower-case letters, digits and `._-`";
            self.collector.report_hinted(id.place, format!("`{}` is no `ID`", id.value), hint);
        }
        let variables = table.iter().map(|(name, value)| (name.clone(), value.value.clone())).collect();
        OsRelease { variables }
    }

    fn word(&mut self, text: Option<&Text>, what: &str) -> Option<String> {
        let text = text?;
        if !text.split('/').all(is_plain_name) {
            self.collector.report(text.place, format!("`{text}` is no {what}"));
        }
        Some(text.value.clone())
    }

    fn hostname(&mut self, text: Option<&Text>) -> Option<String> {
        let text = text?;
        let label = |label: &str| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        };
        if text.len() > 64 || !text.split('.').all(label) {
            let hint = "use letters, digits and `-`, at most 63";
            self.collector.report_hinted(text.place, format!("`{text}` is no host name"), hint);
        }
        Some(text.value.clone())
    }

    fn selinux(&mut self, table: &Located<SelinuxTable>) -> Option<Selinux> {
        if table.policy.is_none() && table.upstreams.is_empty() {
            let hint = "add `policy`, a folder of /etc/selinux";
            self.collector.report_hinted(table.place, "[selinux] names no policy", hint);
        }
        let mut upstreams = BTreeMap::new();
        for (name, upstream) in &*table.upstreams {
            self.check_upstream_name(name, upstream.place);
            upstreams.insert(name.clone(), upstream.policy.value.clone());
        }
        for policy in table.policy.iter().chain(table.upstreams.values().map(|upstream| &upstream.policy)) {
            if !is_plain_name(policy) {
                self.collector.report(policy.place, format!("`{policy}` is no folder of /etc/selinux"));
            }
        }
        let modules = table.modules.as_ref().map(|modules| self.policy_modules(modules));
        let own_modules = table.own_modules.as_ref().map(|folder| {
            let path = self.collector.sources.anchor(folder);
            self.check_folder(folder.place, &path, "own-modules");
            path
        });
        let Some(mode) = table.mode else {
            let hint = "add `mode = \"permissive\"` or `mode = \"enforcing\"`";
            self.collector.report_hinted(
                table.place,
                "[selinux] does not say what happens to a denied access",
                hint,
            );
            return None;
        };
        let mode: SelinuxMode = mode;
        Some(Selinux {
            policy: table.policy.as_ref().map(|text| text.value.clone()),
            upstreams,
            mode,
            modules,
            own_modules,
        })
    }

    fn policy_modules(&mut self, modules: &Vec<Text>) -> Vec<Located<String>> {
        for module in modules {
            if !is_plain_name(module) {
                let hint = "write the module's name without folder and suffix, such as `ssh`";
                self.collector.report_hinted(module.place, format!("`{module}` is no policy module"), hint);
            }
        }
        distinct(Some(modules), "policy module", self.collector)
    }
}

impl From<&BudgetTable> for Budget {
    fn from(table: &BudgetTable) -> Self {
        Self { packages: table.packages, installed_mib: table.installed_mib, disk_mib: table.disk_mib }
    }
}

/// What useradd(8) takes without being forced.
fn is_user_name(name: &str) -> bool {
    name.len() < 32
        && name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-'))
}

//! The four account files of a root, in; the same with lines added, out. What was there stays as it was, byte for byte.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::root::{RootDirectory, RootError};

const PASSWD: &str = "/etc/passwd";
const GROUP: &str = "/etc/group";
const SHADOW: &str = "/etc/shadow";
const GSHADOW: &str = "/etc/gshadow";
/// Locked and never valid, as systemd-sysusers writes it.
const LOCKED_PASSWORD: &str = "!*";
const SECONDS_A_DAY: u64 = 86_400;

/// What the account files say, and what is to be added.
#[derive(Debug, Default)]
pub(super) struct Databases {
    texts: BTreeMap<&'static str, Option<String>>,
    /// Number of each user.
    pub(super) users: BTreeMap<String, u32>,
    /// Number of each group.
    pub(super) groups: BTreeMap<String, u32>,
    new_users: Vec<NewUser>,
    new_groups: Vec<(String, u32)>,
    new_members: BTreeMap<String, BTreeSet<String>>,
    members: BTreeMap<String, BTreeSet<String>>,
}

/// A user to be added.
#[derive(Debug)]
pub(super) struct NewUser {
    pub(super) name: String,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) locked: bool,
    pub(super) description: String,
    pub(super) home: String,
    pub(super) shell: String,
}

impl Databases {
    pub(super) fn read(root: &RootDirectory) -> Result<Self, RootError> {
        let mut databases = Databases::default();
        for path in [PASSWD, GROUP, SHADOW, GSHADOW] {
            let text = root.read(Path::new(path))?.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
            databases.texts.insert(path, text);
        }
        databases.users = databases
            .rows(PASSWD)
            .filter_map(|row| Some((row[0].into(), row.get(2)?.parse().ok()?)))
            .collect();
        databases.groups = databases
            .rows(GROUP)
            .filter_map(|row| Some((row[0].into(), row.get(2)?.parse().ok()?)))
            .collect();
        databases.members = databases
            .rows(GROUP)
            .map(|row| {
                let members = row
                    .get(3)
                    .into_iter()
                    .flat_map(|list| list.split(','))
                    .filter(|member| !member.is_empty());
                (row[0].to_owned(), members.map(str::to_owned).collect())
            })
            .collect();
        Ok(databases)
    }

    pub(super) fn add_user(&mut self, user: NewUser) {
        self.users.insert(user.name.clone(), user.uid);
        self.new_users.push(user);
    }

    pub(super) fn add_group(&mut self, name: &str, gid: u32) {
        self.groups.insert(name.to_owned(), gid);
        self.new_groups.push((name.to_owned(), gid));
    }

    pub(super) fn add_member(&mut self, group: &str, user: &str) {
        if !self.members.get(group).is_some_and(|members| members.contains(user)) {
            self.new_members.entry(group.to_owned()).or_default().insert(user.to_owned());
        }
    }

    pub(super) fn write(&self, root: &RootDirectory, epoch: u64) -> Result<(), RootError> {
        let day = epoch / SECONDS_A_DAY;
        let passwd = self.new_users.iter().map(|user| {
            let NewUser { name, uid, gid, description, home, shell, .. } = user;
            format!("{name}:x:{uid}:{gid}:{description}:{home}:{shell}")
        });
        let shadow = self.new_users.iter().map(|user| {
            let expires = if user.locked { "1" } else { "" };
            format!("{}:{LOCKED_PASSWORD}:{day}:::::{expires}:", user.name)
        });
        let members = |name: &str| -> String {
            self.new_members
                .get(name)
                .map(|all| all.iter().cloned().collect::<Vec<_>>().join(","))
                .unwrap_or_default()
        };
        let group = self.new_groups.iter().map(|(name, gid)| format!("{name}:x:{gid}:{}", members(name)));
        let gshadow =
            self.new_groups.iter().map(|(name, _)| format!("{name}:{LOCKED_PASSWORD}::{}", members(name)));
        self.write_one(root, GROUP, group.collect(), 0o644, true)?;
        self.write_one(root, GSHADOW, gshadow.collect(), 0o000, true)?;
        self.write_one(root, PASSWD, passwd.collect(), 0o644, false)?;
        self.write_one(root, SHADOW, shadow.collect(), 0o000, false)
    }

    fn write_one(
        &self,
        root: &RootDirectory,
        path: &'static str,
        added: Vec<String>,
        mode: u32,
        has_members: bool,
    ) -> Result<(), RootError> {
        let old = self.texts.get(path).cloned().flatten();
        let text = old.as_deref().unwrap_or("");
        let mut lines: Vec<String> = text
            .lines()
            .map(|line| if has_members { self.with_members(line) } else { line.to_owned() })
            .collect();
        if added.is_empty() && lines.iter().map(String::as_str).eq(text.lines()) {
            return Ok(());
        }
        // Lines for network services, which start with a plus, stay last.
        let end = lines.iter().position(|line| line.starts_with('+')).unwrap_or(lines.len());
        lines.splice(end..end, added);
        let mut new = lines.join("\n");
        new.push('\n');
        let kept = root.stat(Path::new(path))?;
        root.write(Path::new(path), new.as_bytes(), kept.map_or(mode, |stat| stat.st_mode & 0o7777))?;
        if let Some(stat) = kept {
            let directory = root.open_directory(Path::new("/etc"), false)?;
            let name = path.rsplit('/').next().unwrap_or(path);
            let (uid, gid) = (rustix::fs::Uid::from_raw(stat.st_uid), rustix::fs::Gid::from_raw(stat.st_gid));
            rustix::fs::chownat(
                &directory,
                name,
                Some(uid),
                Some(gid),
                rustix::fs::AtFlags::SYMLINK_NOFOLLOW,
            )
            .map_err(|source| RootError::new("change the owner of", path, source))?;
        }
        Ok(())
    }

    /// A line of group or gshadow, whose fourth field lists the members.
    fn with_members(&self, line: &str) -> String {
        let mut fields: Vec<&str> = line.split(':').collect();
        let Some(new) = self.new_members.get(fields[0]).filter(|_| fields.len() >= 4) else {
            return line.to_owned();
        };
        let mut all: BTreeSet<&str> = fields[3].split(',').filter(|member| !member.is_empty()).collect();
        all.extend(new.iter().map(String::as_str));
        let joined = all.into_iter().collect::<Vec<_>>().join(",");
        fields[3] = &joined;
        fields.join(":")
    }

    fn rows(&self, path: &str) -> impl Iterator<Item = Vec<&str>> {
        let text = self.texts.get(path).and_then(|text| text.as_deref()).unwrap_or("");
        text.lines().filter(|line| !line.is_empty()).map(|line| line.split(':').collect())
    }
}

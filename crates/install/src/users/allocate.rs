//! Account lines, in; users and groups with numbers, out, by the rules of systemd-sysusers: groups before users, stated
//! numbers if they are free, else the number of the group of the same name, else the highest free one.

use std::collections::BTreeSet;
use std::path::Path;

use super::AccountsError;
use super::lines::{AccountLine, GroupChoice, Id};
use super::write::{Databases, NewUser};
use crate::root::RootDirectory;

/// Numbers of system accounts (`SYSTEM_UID_MAX`, `SYSTEM_GID_MAX`), unless lines of type `r` say others.
const HIGHEST_SYSTEM_ID: u32 = 999;
const LOWEST_SYSTEM_ID: u32 = 1;

pub(super) fn add(
    databases: &mut Databases,
    lines: &[AccountLine],
    root: &RootDirectory,
) -> Result<(), AccountsError> {
    let ranges: Vec<(u32, u32)> = lines
        .iter()
        .filter_map(|line| if let AccountLine::Range { from, to } = line { Some((*from, *to)) } else { None })
        .collect();
    let mut allocator = Allocator { databases, root, ranges };
    let stated = implied_by_members(lines);
    for line in &stated {
        if let AccountLine::Group { name, id } = line {
            allocator.group(name, id, false)?;
        }
    }
    for line in &stated {
        allocator.user(line)?;
    }
    for line in lines {
        if let AccountLine::Member { user, group } = line {
            allocator.databases.add_member(group, user);
        }
    }
    Ok(())
}

/// The lines, and one for each user and group that only a membership names.
fn implied_by_members(lines: &[AccountLine]) -> Vec<AccountLine> {
    let mut all = lines.to_vec();
    for line in lines {
        let AccountLine::Member { user, group } = line else { continue };
        if !all.iter().any(|line| matches!(line, AccountLine::User { name, .. } if name == user)) {
            all.push(AccountLine::User {
                name: user.clone(),
                id: Id::Free,
                group: None,
                locked: false,
                description: String::new(),
                home: "/".into(),
                shell: "/usr/sbin/nologin".into(),
            });
        }
        if !all.iter().any(|line| matches!(line, AccountLine::Group { name, .. } if name == group)) {
            all.push(AccountLine::Group { name: group.clone(), id: Id::Free });
        }
    }
    all
}

struct Allocator<'a> {
    databases: &'a mut Databases,
    root: &'a RootDirectory,
    ranges: Vec<(u32, u32)>,
}

impl Allocator<'_> {
    fn group(&mut self, name: &str, id: &Id, for_user: bool) -> Result<u32, AccountsError> {
        if let Some(gid) = self.databases.groups.get(name) {
            return Ok(*gid);
        }
        let gid = match id {
            Id::Number(gid) if self.group_id_is_free(*gid, name) => Some(*gid),
            Id::OwnerOf(path) => self.owner(path, for_user)?.filter(|gid| self.group_id_is_free(*gid, name)),
            _ => None,
        };
        // A group takes the number of the user of its name before any other.
        let gid = gid.or_else(|| {
            self.databases.users.get(name).copied().filter(|uid| self.group_id_is_free(*uid, name))
        });
        let gid = match gid {
            Some(gid) => gid,
            None => {
                self.free(|this, id| this.group_id_is_free(id, name) && this.user_id_is_free(id, name), name)?
            }
        };
        self.databases.add_group(name, gid);
        Ok(gid)
    }

    fn user(&mut self, line: &AccountLine) -> Result<(), AccountsError> {
        let AccountLine::User { name, id, group, locked, description, home, shell } = line else {
            return Ok(());
        };
        if self.databases.users.contains_key(name) {
            return Ok(());
        }
        let gid = match group {
            Some(GroupChoice::Number(gid)) => {
                if !self.databases.groups.values().any(|known| known == gid) {
                    return Err(AccountsError::MissingGroup { user: name.clone(), group: gid.to_string() });
                }
                *gid
            }
            Some(GroupChoice::Name(group)) => match self.databases.groups.get(group) {
                Some(gid) => *gid,
                None => return Err(AccountsError::MissingGroup { user: name.clone(), group: group.clone() }),
            },
            None => self.group(name, id, true)?,
        };
        let uid = match id {
            Id::Number(uid) if self.user_id_is_free(*uid, name) => Some(*uid),
            Id::OwnerOf(path) => self.owner(path, true)?.filter(|uid| self.user_id_is_free(*uid, name)),
            _ => None,
        };
        let uid = uid.or_else(|| {
            let own_group = self.databases.groups.get(name).copied();
            own_group.filter(|own| *own == gid && self.user_id_is_free(*own, name))
        });
        let uid = match uid {
            Some(uid) => uid,
            None => {
                self.free(|this, id| this.user_id_is_free(id, name) && this.group_id_is_free(id, name), name)?
            }
        };
        self.databases.add_user(NewUser {
            name: name.clone(),
            uid,
            gid,
            locked: *locked,
            description: description.clone(),
            home: home.clone(),
            shell: shell.clone(),
        });
        Ok(())
    }

    fn owner(&self, path: &Path, user: bool) -> Result<Option<u32>, AccountsError> {
        Ok(self
            .root
            .stat(path)?
            .map(|stat| if user { stat.st_uid } else { stat.st_gid })
            .filter(|id| *id != 0))
    }

    fn user_id_is_free(&self, id: u32, name: &str) -> bool {
        !self.databases.users.values().any(|uid| *uid == id)
            && self.databases.groups.iter().all(|(group, gid)| *gid != id || group == name)
    }

    fn group_id_is_free(&self, id: u32, name: &str) -> bool {
        !self.databases.groups.values().any(|gid| *gid == id)
            && self.databases.users.iter().all(|(user, uid)| *uid != id || user == name)
    }

    fn free(&self, is_free: impl Fn(&Self, u32) -> bool, name: &str) -> Result<u32, AccountsError> {
        let whole = [(LOWEST_SYSTEM_ID, HIGHEST_SYSTEM_ID)];
        let ranges = if self.ranges.is_empty() { &whole[..] } else { &self.ranges };
        let candidates: BTreeSet<u32> =
            ranges.iter().flat_map(|(from, to)| *from..=(*to).min(from.saturating_add(100_000))).collect();
        let found = candidates.into_iter().rev().find(|id| is_free(self, *id));
        found.ok_or_else(|| AccountsError::Exhausted(name.to_owned()))
    }
}

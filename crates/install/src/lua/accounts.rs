//! The text of /etc/passwd and /etc/group, in; the account asked for, out.
//! Parsed here and not by the C library, which would look where the host's nsswitch.conf says.

/// How an account is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    Id(u32),
    Name(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct User {
    pub(super) name: String,
    pub(super) password: String,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) comment: String,
    pub(super) home: String,
    pub(super) shell: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) name: String,
    pub(super) gid: u32,
    pub(super) members: Vec<String>,
}

/// The first user that fits; lines that are no users are passed over.
pub(super) fn user(passwd: &str, wanted: &Wanted) -> Option<User> {
    passwd.lines().filter_map(parse_user).find(|user| match wanted {
        Wanted::Id(id) => user.uid == *id,
        Wanted::Name(name) => user.name == *name,
    })
}

/// The first group that fits; lines that are no groups are passed over.
pub(super) fn group(groups: &str, wanted: &Wanted) -> Option<Group> {
    groups.lines().filter_map(parse_group).find(|group| match wanted {
        Wanted::Id(id) => group.gid == *id,
        Wanted::Name(name) => group.name == *name,
    })
}

fn parse_user(line: &str) -> Option<User> {
    let [name, password, uid, gid, comment, home, shell] = fields::<7>(line)?;
    let (uid, gid) = (uid.parse().ok()?, gid.parse().ok()?);
    let [name, password, comment, home, shell] = [name, password, comment, home, shell].map(str::to_owned);
    Some(User { name, password, uid, gid, comment, home, shell })
}

fn parse_group(line: &str) -> Option<Group> {
    let [name, _, gid, members] = fields::<4>(line)?;
    let members = members.split(',').filter(|member| !member.is_empty()).map(str::to_owned).collect();
    Some(Group { name: name.to_owned(), gid: gid.parse().ok()?, members })
}

fn fields<const COUNT: usize>(line: &str) -> Option<[&str; COUNT]> {
    line.split(':').collect::<Vec<_>>().try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_found_by_name_and_number() {
        let passwd =
            "# none\nroot:x:0:0:Super User:/root:/bin/bash\nbroken:x:1\nbin:x:1:1:bin:/bin:/sbin/nologin\n";
        assert_eq!(user(passwd, &Wanted::Id(1)).unwrap().name, "bin");
        assert_eq!(user(passwd, &Wanted::Name("root".into())).unwrap().comment, "Super User");
        assert_eq!(user(passwd, &Wanted::Name("nobody".into())), None);
        let found = group("wheel:x:10:anna,ben\n", &Wanted::Name("wheel".into())).unwrap();
        assert_eq!((found.gid, found.members), (10, vec!["anna".to_owned(), "ben".to_owned()]));
    }
}

//! Users of an image's definition, written into a tree's account files in a fixed order and with fixed dates.

use super::{Entry, ReadError, Tree, TreePath};

/// An account in an image; for `root`, which every image has, only the password and the keys are taken.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Account {
    /// Login name.
    pub name: String,
    /// Number of the user, and of its group where `group` is none; none takes the first free one from 1000 on.
    pub number: Option<u32>,
    /// The main group, which the image must have; none makes one of the user's name and number.
    pub group: Option<String>,
    /// The comment field: usually a full name.
    pub comment: String,
    /// Home directory inside the image; made, with mode 0700.
    pub home: String,
    /// Login shell inside the image.
    pub shell: String,
    /// Further groups, by name; each must exist in the image.
    pub groups: Vec<String>,
    /// How the account may log in with a password.
    pub password: PasswordPolicy,
    /// Lines of `~/.ssh/authorized_keys`.
    pub authorized_keys: Vec<String>,
}

/// Whether a password opens an account.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub enum PasswordPolicy {
    /// No password opens it.
    Locked,
    /// A hash in the form of crypt(5).
    Hash(String),
}

/// Why accounts cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// An account file is not there or cannot be read.
    #[error("cannot add users to the image")]
    Unreadable(#[from] ReadError),
    /// A name, path or comment holds what an account file cannot.
    #[error("the {field} `{value}` of user `{name}` cannot stand in an account file: {reason}")]
    Malformed {
        /// The account.
        name: String,
        /// Which field.
        field: &'static str,
        /// What it says.
        value: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The name or number is taken.
    #[error("user `{name}` cannot be added: the image already has {taken}")]
    Taken {
        /// The account.
        name: String,
        /// The user, group or number that is there.
        taken: String,
    },
    /// A group is not there.
    #[error("user `{name}` is to be in group `{group}`, which the image does not have")]
    UnknownGroup {
        /// The account.
        name: String,
        /// The group.
        group: String,
    },
}

/// Locks root, adds the accounts in the given order, and brings every date of a password change down to the source date epoch.
pub(crate) fn apply(
    tree: &mut Tree,
    accounts: &[Account],
    source_date_epoch: u64,
) -> Result<(), AccountError> {
    let mut files = AccountFiles::read(tree)?;
    let day = source_date_epoch / 86_400;
    files.lock_root(day);
    for account in accounts {
        validate(account)?;
        if account.name == "root" {
            files.set_root_password(&account.password);
            add_keys(tree, account, &known("root"), (0, 0), source_date_epoch);
        } else {
            let owner = files.add(account, day)?;
            make_home(tree, account, owner, source_date_epoch)?;
        }
    }
    files.clamp_dates(day);
    files.write(tree, source_date_epoch);
    Ok(())
}

/// The four account files as lines of fields; the shadow files may be absent.
struct AccountFiles {
    passwd: Vec<Vec<String>>,
    group: Vec<Vec<String>>,
    shadow: Option<Vec<Vec<String>>>,
    gshadow: Option<Vec<Vec<String>>>,
}

const PASSWD: &str = "etc/passwd";
const GROUP: &str = "etc/group";
const SHADOW: &str = "etc/shadow";
const GSHADOW: &str = "etc/gshadow";

impl AccountFiles {
    fn read(tree: &Tree) -> Result<Self, AccountError> {
        let lines = |path: &str| -> Result<Vec<Vec<String>>, AccountError> {
            Ok(tree
                .read_text(&known(path))?
                .lines()
                .map(|line| line.split(':').map(str::to_owned).collect())
                .collect())
        };
        let optional = |path: &str| tree.get(&known(path)).map(|_| lines(path)).transpose();
        Ok(Self {
            passwd: lines(PASSWD)?,
            group: lines(GROUP)?,
            shadow: optional(SHADOW)?,
            gshadow: optional(GSHADOW)?,
        })
    }

    fn lock_root(&mut self, day: u64) {
        let Some(shadow) = &mut self.shadow else { return };
        if let Some(root) = shadow.iter_mut().find(|fields| fields[0] == "root" && fields.len() > 1) {
            // `!*` and not `*` alone: sshd takes keys of an account that is locked this way, and no password can ever match.
            root[1] = "!*".to_owned();
        } else {
            shadow.insert(0, fields(&["root", "!*", &day.to_string(), "0", "99999", "7", "", "", ""]));
        }
        if let Some(root) = self.passwd.iter_mut().find(|fields| fields[0] == "root" && fields.len() > 1) {
            root[1] = "x".to_owned();
        }
    }

    fn set_root_password(&mut self, password: &PasswordPolicy) {
        let root = self.shadow.iter_mut().flatten().find(|fields| fields[0] == "root");
        if let Some(field) = root.and_then(|fields| fields.get_mut(1)) {
            *field = hash(password).to_owned();
        }
    }

    /// The numbers of the new user and of its main group.
    fn add(&mut self, account: &Account, day: u64) -> Result<(u32, u32), AccountError> {
        let taken = |taken: String| AccountError::Taken { name: account.name.clone(), taken };
        if has(&self.passwd, &account.name) {
            return Err(taken("a user of that name".to_owned()));
        }
        if account.group.is_none() && has(&self.group, &account.name) {
            return Err(taken("a group of that name".to_owned()));
        }
        let numbers: Vec<u32> =
            self.passwd.iter().chain(&self.group).filter_map(|fields| fields.get(2)?.parse().ok()).collect();
        let number = match account.number {
            Some(number) if numbers.contains(&number) => return Err(taken(format!("the number {number}"))),
            Some(number) => number,
            None => (1000..60_000)
                .find(|number| !numbers.contains(number))
                .ok_or_else(|| taken("all numbers".to_owned()))?,
        };
        let unknown =
            |group: &String| AccountError::UnknownGroup { name: account.name.clone(), group: group.clone() };
        let group = match &account.group {
            Some(group) => {
                let line = self.group.iter().find(|fields| fields[0] == *group);
                line.and_then(|fields| fields.get(2)?.parse().ok()).ok_or_else(|| unknown(group))?
            }
            None => number,
        };
        for group in &account.groups {
            join(&mut self.group, group, &account.name).then_some(()).ok_or_else(|| unknown(group))?;
            if let Some(gshadow) = &mut self.gshadow {
                join(gshadow, group, &account.name);
            }
        }
        let (user_text, group_text) = (number.to_string(), group.to_string());
        let Account { name, comment, home, shell, .. } = account;
        self.passwd.push(fields(&[name, "x", &user_text, &group_text, comment, home, shell]));
        if let Some(shadow) = &mut self.shadow {
            let day = day.to_string();
            shadow.push(fields(&[name, hash(&account.password), &day, "0", "99999", "7", "", "", ""]));
        }
        if account.group.is_none() {
            self.group.push(fields(&[name, "x", &group_text, ""]));
            if let Some(gshadow) = &mut self.gshadow {
                gshadow.push(fields(&[name, "!", "", ""]));
            }
        }
        Ok((number, group))
    }

    fn clamp_dates(&mut self, day: u64) {
        for fields in self.shadow.iter_mut().flatten() {
            if let Some(changed) = fields.get_mut(2)
                && changed.parse::<u64>().is_ok_and(|changed| changed > day)
            {
                *changed = day.to_string();
            }
        }
    }

    fn write(self, tree: &mut Tree, source_date_epoch: u64) {
        for (path, lines) in [
            (PASSWD, Some(self.passwd)),
            (GROUP, Some(self.group)),
            (SHADOW, self.shadow),
            (GSHADOW, self.gshadow),
        ] {
            let Some(lines) = lines else { continue };
            let text: String = lines.iter().map(|fields| fields.join(":") + "\n").collect();
            let path = known(path);
            if tree.read(&path).is_ok_and(|old| old == text.as_bytes()) {
                continue;
            }
            let mut entry = Entry::file(text.into_bytes(), 0o644, source_date_epoch);
            if let Some(replaced) = tree.get(&path) {
                (entry.mode, entry.user, entry.group) = (replaced.mode, replaced.user, replaced.group);
            }
            tree.insert(path, entry);
        }
    }
}

/// Makes the home directory with a copy of the skeleton; a directory that is there stays as it is.
fn make_home(
    tree: &mut Tree,
    account: &Account,
    owner: (u32, u32),
    source_date_epoch: u64,
) -> Result<(), AccountError> {
    let home = TreePath::parse(&account.home)
        .map_err(|_| malformed(account, "home", &account.home, "it climbs with `..`"))?;
    if tree.get(&home).is_none() {
        if let Some(parent) = home.parent() {
            tree.ensure_directory(&parent, source_date_epoch);
        }
        tree.insert(home.clone(), owned(Entry::directory(0o700, source_date_epoch), owner));
        let skeleton = known("etc/skel");
        let copied: Vec<(TreePath, Entry)> = tree
            .below(&skeleton)
            .filter_map(|path| Some((home_place(&home, &skeleton, path), tree.get(path)?.clone())))
            .collect();
        for (path, mut entry) in copied {
            entry.modified = source_date_epoch;
            tree.insert(path, owned(entry, owner));
        }
    }
    add_keys(tree, account, &home, owner, source_date_epoch);
    Ok(())
}

fn add_keys(tree: &mut Tree, account: &Account, home: &TreePath, owner: (u32, u32), source_date_epoch: u64) {
    if account.authorized_keys.is_empty() {
        return;
    }
    tree.ensure_directory(home, source_date_epoch);
    let folder = home.child(b".ssh");
    if tree.get(&folder).is_none() {
        tree.insert(folder.clone(), owned(Entry::directory(0o700, source_date_epoch), owner));
    }
    let text: String = account.authorized_keys.iter().map(|key| format!("{}\n", key.trim())).collect();
    let keys = Entry::file(text.into_bytes(), 0o600, source_date_epoch);
    tree.insert(folder.child(b"authorized_keys"), owned(keys, owner));
}

fn owned(mut entry: Entry, (user, group): (u32, u32)) -> Entry {
    (entry.user, entry.group) = (user, group);
    entry
}

fn hash(password: &PasswordPolicy) -> &str {
    match password {
        // Not `!` alone, by which sshd takes an account for closed to keys as well; `*` makes no password match.
        PasswordPolicy::Locked => "!*",
        PasswordPolicy::Hash(hash) => hash,
    }
}

fn home_place(home: &TreePath, skeleton: &TreePath, path: &TreePath) -> TreePath {
    home.child(&path.as_bytes()[skeleton.as_bytes().len() + 1..])
}

fn validate(account: &Account) -> Result<(), AccountError> {
    let mut characters = account.name.chars();
    let starts_well = characters.next().is_some_and(|first| first.is_ascii_lowercase() || first == '_');
    if !starts_well
        || account.name.len() > 31
        || !characters.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-".contains(c))
    {
        return Err(malformed(
            account,
            "name",
            &account.name,
            "it must be up to 31 lower-case letters, digits, `_` and `-`, and start with a letter",
        ));
    }
    let plain = [
        ("comment", account.comment.as_str()),
        ("home", &account.home),
        ("shell", &account.shell),
        ("password hash", hash(&account.password)),
    ];
    for (field, value) in plain {
        if value.contains([':', '\n', '\0']) {
            return Err(malformed(account, field, value, "a colon or line end would begin another field"));
        }
    }
    for (field, value) in [("home", &account.home), ("shell", &account.shell)] {
        if !value.starts_with('/') {
            return Err(malformed(account, field, value, "it must be an absolute path"));
        }
    }
    if let Some(key) = account.authorized_keys.iter().find(|key| key.trim().contains('\n')) {
        return Err(malformed(account, "authorized key", key, "it must be one line"));
    }
    Ok(())
}

fn malformed(account: &Account, field: &'static str, value: &str, reason: &'static str) -> AccountError {
    AccountError::Malformed { name: account.name.clone(), field, value: value.to_owned(), reason }
}

fn has(lines: &[Vec<String>], name: &str) -> bool {
    lines.iter().any(|fields| fields[0] == name)
}

fn join(lines: &mut [Vec<String>], group: &str, member: &str) -> bool {
    let Some(members) =
        lines.iter_mut().find(|fields| fields[0] == group).and_then(|fields| fields.get_mut(3))
    else {
        return false;
    };
    if !members.is_empty() {
        members.push(',');
    }
    members.push_str(member);
    true
}

fn fields(values: &[&str]) -> Vec<String> {
    values.iter().map(|value| (*value).to_owned()).collect()
}

fn known(path: &str) -> TreePath {
    TreePath::parse(path).expect("the paths of this module do not climb")
}

#[cfg(test)]
mod tests {
    use super::{Account, PasswordPolicy, apply, known};
    use crate::tree::{Entry, Tree};

    fn tree() -> Tree {
        let mut tree = Tree::default();
        tree.ensure_directory(&known("etc/skel"), 0);
        tree.insert(known("etc/skel/.profile"), Entry::file(*b"p", 0o644, 0));
        tree.insert(
            known("etc/passwd"),
            Entry::file(*b"root:x:0:0:root:/root:/bin/sh\nstaff:x:1000:1000::/:/bin/false\n", 0o644, 0),
        );
        tree.insert(known("etc/group"), Entry::file(*b"root:x:0:\nsudo:x:27:other\n", 0o644, 0));
        let mut shadow = Entry::file(*b"root:*:99999:0:99999:7:::\n", 0o640, 0);
        shadow.group = 42;
        tree.insert(known("etc/shadow"), shadow);
        tree
    }

    fn account(name: &str) -> Account {
        Account {
            name: name.into(),
            number: None,
            group: None,
            comment: "A person".into(),
            home: format!("/home/{name}"),
            shell: "/bin/bash".into(),
            groups: vec!["sudo".into()],
            password: PasswordPolicy::Locked,
            authorized_keys: vec!["ssh-ed25519 AAAA me".into()],
        }
    }

    #[test]
    fn an_account_appears_in_every_file_and_root_is_locked() {
        let mut tree = tree();
        apply(&mut tree, &[account("ada")], 86_400 * 20_000).unwrap();
        let text = |path: &str| tree.read_text(&known(path)).unwrap();
        assert!(text("etc/passwd").ends_with("\nada:x:1001:1001:A person:/home/ada:/bin/bash\n"));
        assert_eq!(text("etc/group"), "root:x:0:\nsudo:x:27:other,ada\nada:x:1001:\n");
        assert_eq!(text("etc/shadow"), "root:!*:20000:0:99999:7:::\nada:!*:20000:0:99999:7:::\n");
        let shadow = tree.get(&known("etc/shadow")).unwrap();
        assert_eq!((shadow.mode, shadow.group), (0o640, 42));
        let keys = tree.get(&known("home/ada/.ssh/authorized_keys")).unwrap();
        assert_eq!((keys.mode, keys.user, keys.group), (0o600, 1001, 1001));
        assert_eq!(tree.get(&known("home/ada/.profile")).unwrap().user, 1001);
    }

    #[test]
    fn root_takes_a_password_and_keys_and_a_home_that_is_there_stays() {
        let mut tree = tree();
        let root = Account { password: PasswordPolicy::Hash("$y$hash".into()), ..account("root") };
        let service = Account {
            group: Some("sudo".into()),
            home: "/".into(),
            authorized_keys: vec![],
            ..account("run")
        };
        apply(&mut tree, &[root, service], 86_400).unwrap();
        let text = |path: &str| tree.read_text(&known(path)).unwrap();
        assert_eq!(text("etc/shadow"), "root:$y$hash:1:0:99999:7:::\nrun:!*:1:0:99999:7:::\n");
        assert!(text("etc/passwd").ends_with("run:x:1001:27:A person:/:/bin/bash\n"));
        assert_eq!(text("root/.ssh/authorized_keys"), "ssh-ed25519 AAAA me\n");
        assert_eq!(tree.get(&known("/")).unwrap().user, 0);
    }

    #[test]
    fn bad_accounts_say_what_is_wrong() {
        let with = |change: fn(&mut Account)| {
            let mut account = account("ada");
            change(&mut account);
            apply(&mut tree(), &[account], 0).unwrap_err().to_string()
        };
        assert!(with(|account| account.name = "Ada".into()).contains("lower-case"));
        assert!(
            with(|account| account.shell = "/bin/sh\nroot2:x:0:0::/:/bin/sh".into())
                .contains("another field")
        );
        assert!(with(|account| account.groups = vec!["wheel".into()]).contains("group `wheel`"));
        assert!(with(|account| account.name = "staff".into()).contains("a user of that name"));
        assert!(with(|account| account.number = Some(27)).contains("the number 27"));
        assert!(with(|account| account.home = "/../etc".into()).contains("climbs"));
    }
}

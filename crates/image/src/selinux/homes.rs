//! File contexts with placeholders for home directories, and the logins of a policy, in; contexts of the system's own paths and
//! contexts of homes, out.
//!
//! It is what genhomedircon(8) does: a line that names `HOME_DIR`, `HOME_ROOT`, `%{USERID}` or `%{USERNAME}` is a template.

use std::fmt::Write as _;

/// Where homes are: what passwd(5) has no line for lives here.
const HOME_ROOT: &str = "/home";
const PLACEHOLDERS: [&str; 4] = ["HOME_DIR", "HOME_ROOT", "%{USERID}", "%{USERNAME}"];

/// File contexts in the two files that libselinux reads them from.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct FileContexts {
    /// `file_contexts`.
    pub(super) system: String,
    /// `file_contexts.homedirs`.
    pub(super) homes: String,
}

/// Somebody whose home has labels of its own.
struct Login<'a> {
    name: &'a str,
    /// The SELinux user that the login is mapped to.
    user: &'a str,
}

/// Parts templates from the rest and fills them in for everybody (`__default__`) and for each login with a line of its own.
pub(super) fn expand(file_contexts: &str, seusers: &str, passwd: &str) -> FileContexts {
    let is_template = |line: &&str| PLACEHOLDERS.iter().any(|placeholder| line.contains(placeholder));
    let templates: Vec<&str> = file_contexts.lines().filter(is_template).collect();
    let system = file_contexts
        .lines()
        .filter(|line| !is_template(line))
        .fold(String::new(), |text, line| text + line + "\n");
    let mut homes = String::new();
    let logins = logins(seusers);
    let everybody =
        logins.iter().find(|login| login.name == "__default__").map_or("user_u", |login| login.user);
    // The order is libsemanage's: what comes later wins.
    let home =
        Home { user: everybody, folder: &format!("{HOME_ROOT}/[^/]+"), number: "[0-9]+", name: "[^/]+" };
    home.write_inside(&mut homes, &templates);
    for line in templates.iter().filter(|line| line.contains("HOME_ROOT")) {
        write_line(&mut homes, &line.replace("HOME_ROOT", HOME_ROOT));
    }
    home.write_beside(&mut homes, &templates);
    for login in logins.iter().filter(|login| login.name != "__default__") {
        // Accounts of programs have no home that a login would use.
        let Some((number, folder)) = account(passwd, login.name).filter(|(_, folder)| folder.len() > 1)
        else {
            continue;
        };
        let home = Home { user: login.user, folder: &escaped(folder), number, name: &escaped(login.name) };
        home.write_inside(&mut homes, &templates);
        home.write_beside(&mut homes, &templates);
    }
    FileContexts { system, homes }
}

fn logins(seusers: &str) -> Vec<Login<'_>> {
    seusers
        .lines()
        .filter_map(|line| {
            let mut fields = line.trim().split(':');
            let (name, user) = (fields.next()?, fields.next()?);
            (!name.starts_with(['#', '%']) && !name.is_empty()).then_some(Login { name, user })
        })
        .collect()
}

/// Number and home of an account.
fn account<'a>(passwd: &'a str, name: &str) -> Option<(&'a str, &'a str)> {
    let line = passwd.lines().find(|line| line.split(':').next() == Some(name))?;
    let fields: Vec<&str> = line.split(':').collect();
    Some((*fields.get(2)?, *fields.get(5)?))
}

/// Whose files, and where: all but the user are regular expressions.
struct Home<'a> {
    user: &'a str,
    folder: &'a str,
    number: &'a str,
    name: &'a str,
}

impl Home<'_> {
    /// Lines of files in the home.
    fn write_inside(&self, text: &mut String, templates: &[&str]) {
        for line in templates.iter().filter(|line| line.contains("HOME_DIR")) {
            write_line(text, &self.own(&line.replace("HOME_DIR", self.folder)));
        }
    }

    /// Lines of files elsewhere that are named after the login.
    fn write_beside(&self, text: &mut String, templates: &[&str]) {
        for line in templates.iter().filter(|line| line.contains("%{USER")) {
            let line = line.replace("%{USERID}", self.number).replace("%{USERNAME}", self.name);
            write_line(text, &self.own(&line));
        }
    }

    fn own(&self, line: &str) -> String {
        line.replace("system_u:object_r:", &format!("{}:object_r:", self.user))
    }
}

fn write_line(text: &mut String, line: &str) {
    writeln!(text, "{line}").expect("a string takes all that is written");
}

/// A path in which no character is special to a regular expression.
fn escaped(text: &str) -> String {
    let special = |c: char| ".^$?*+|[](){}\\".contains(c);
    text.chars().fold(String::new(), |mut text, c| {
        if special(c) {
            text.push('\\');
        }
        text.push(c);
        text
    })
}

#[cfg(test)]
mod tests {
    use super::expand;

    #[test]
    fn templates_become_lines_for_everybody_and_for_each_login() {
        let contexts = "\
/usr/.*\tsystem_u:object_r:usr_t:s0
HOME_DIR/.+\tsystem_u:object_r:user_home_t:s0
HOME_ROOT\t-d\tsystem_u:object_r:home_root_t:s0
/run/user/%{USERID}\t-d\tsystem_u:object_r:user_runtime_t:s0
";
        let seusers = "# logins\nroot:sysadm_u:s0\n%wheel:staff_u:s0\nnobody.x:a_u:s0\ngone:b_u:s0\n__default__:user_u:s0\n";
        let passwd = "root:x:0:0:root:/root:/bin/bash\nnobody.x:x:9:9::/srv/n.x:/bin/sh\n";
        let expanded = expand(contexts, seusers, passwd);
        assert_eq!(expanded.system, "/usr/.*\tsystem_u:object_r:usr_t:s0\n");
        assert_eq!(
            expanded.homes,
            "\
/home/[^/]+/.+\tuser_u:object_r:user_home_t:s0
/home\t-d\tsystem_u:object_r:home_root_t:s0
/run/user/[0-9]+\t-d\tuser_u:object_r:user_runtime_t:s0
/root/.+\tsysadm_u:object_r:user_home_t:s0
/run/user/0\t-d\tsysadm_u:object_r:user_runtime_t:s0
/srv/n\\.x/.+\ta_u:object_r:user_home_t:s0
/run/user/9\t-d\ta_u:object_r:user_runtime_t:s0
"
        );
    }
}

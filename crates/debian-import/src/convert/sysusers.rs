//! sysusers files of a package in; fixed account numbers in them, and the provides by which rpm makes the accounts, out.
//!
//! rpm (4.19 and later) makes the accounts of a package's `user(NAME) = LINE` provides before it unpacks the package; LINE is the
//! sysusers line in base64. A line without number gets the one that the rules pin, so that numbers do not depend on the order of
//! installation.

use base64::prelude::{BASE64_STANDARD_NO_PAD, Engine};
use rpm::DependencyFlags;

use super::ConvertError;
use crate::overrides::Rules;
use crate::rpm_file::{RpmEntryKind, RpmPackage, RpmRelation};
use crate::spool::Spool;

const FOLDER: &str = "/usr/lib/sysusers.d/";

/// Rewrites the sysusers files of `package` and adds the provides.
pub(super) fn convert(package: &mut RpmPackage, contents: &Spool, rules: &Rules) -> Result<(), ConvertError> {
    let mut caused = Vec::new();
    for (path, entry) in &mut package.files {
        if !path.starts_with(FOLDER) || !path.ends_with(".conf") {
            continue;
        }
        let wrong = |problem: String| ConvertError::Sysusers { path: path.clone(), problem };
        let bytes = match &entry.kind {
            RpmEntryKind::Stored { offset, size, .. } => {
                contents.bytes(*offset, *size).map_err(|error| wrong(error.to_string()))?
            }
            RpmEntryKind::Made(bytes) => bytes.clone(),
            _ => continue,
        };
        let text = String::from_utf8(bytes).map_err(|_| wrong("it is no UTF-8 text".to_owned()))?;
        let pinned = pin(&text, rules);
        let provides = pinned.lines().flat_map(provides).collect::<Vec<_>>();
        if pinned != text {
            entry.kind = RpmEntryKind::Made(pinned.into_bytes());
        }
        if !provides.is_empty() {
            caused.push((path.clone(), provides));
        }
    }
    if !caused.is_empty() && package.name != "base-passwd" {
        // The account files come from base-passwd; made before it is there, they would be in its way.
        package.requires.push(RpmRelation::any("base-passwd").with(DependencyFlags::SCRIPT_PRE));
    }
    for (path, mut provides) in caused {
        // The same account may be named by several files: rpm wants each provide once.
        provides.retain(|relation| !package.provides.contains(relation));
        package.provides.extend(provides.iter().cloned());
        package.file_provides.insert(path, provides);
    }
    Ok(())
}

/// Replaces `-` (or nothing) in the third field of `u` and `g` lines by the number of the rules; leaves everything else as it is.
fn pin(text: &str, rules: &Rules) -> String {
    text.split_inclusive('\n')
        .map(|line| {
            let mut fields = fields(line);
            let (Some((kind, _)), Some((name, start)), id) = (fields.next(), fields.next(), fields.next())
            else {
                return line.to_owned();
            };
            let table = match kind {
                "u" | "u!" => &rules.users,
                "g" => &rules.groups,
                _ => return line.to_owned(),
            };
            let Some(number) = table.get(name) else { return line.to_owned() };
            let Some((id, at)) = id else {
                let end = start + name.len();
                return format!("{} {number}{}", &line[..end], &line[end..]);
            };
            // `-` or `-:group`
            match id.strip_prefix('-') {
                Some(rest) if rest.is_empty() || rest.starts_with(':') => {
                    format!("{}{number}{}", &line[..at], &line[at + 1..])
                }
                _ => line.to_owned(),
            }
        })
        .collect()
}

/// Fields up to the first quote, each with its place in the line.
fn fields(line: &str) -> impl Iterator<Item = (&str, usize)> {
    line.split_whitespace().map(move |field| (field, field.as_ptr() as usize - line.as_ptr() as usize))
}

fn provides(line: &str) -> Vec<RpmRelation> {
    let fields = line.split_whitespace().collect::<Vec<_>>();
    let (Some(kind), Some(name)) = (fields.first(), fields.get(1)) else { return Vec::new() };
    let id = fields.get(2).copied().unwrap_or("-");
    // Debian policy 9.2.2: numbers up to 99, and 65534, are base-passwd's; so is group users with 100.
    let fixed = id.split(':').next().and_then(|id| id.parse::<u32>().ok());
    if fixed.is_some_and(|id| id <= 100 || id >= 65_534) {
        return Vec::new();
    }
    let encoded = encode(&fields.join(" "));
    let found = DependencyFlags::FIND_PROVIDES;
    let versioned =
        |name: String| RpmRelation::versioned(name, DependencyFlags::EQUAL | found, encoded.clone());
    match *kind {
        "u" | "u!" => {
            let mut made = vec![versioned(format!("user({name})"))];
            // A user without a primary group of another name gets a group of its own.
            if !id.contains(':') {
                made.push(RpmRelation::any(format!("group({name})")).with(found));
            }
            made
        }
        "g" => vec![versioned(format!("group({name})"))],
        "m" => vec![versioned(format!("groupmember({name}/{id})"))],
        _ => Vec::new(),
    }
}

/// Base64 without `=`, which ends a version: the line is filled up with NUL to a multiple of three.
fn encode(line: &str) -> String {
    let mut bytes = line.as_bytes().to_vec();
    bytes.resize(bytes.len().next_multiple_of(3), 0);
    BASE64_STANDARD_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> Rules {
        let text = "reason = \"test\"\n[users]\nmessagebus = 101\nuuidd = 102\n[groups]\n_ssh = 110\n";
        toml::from_str(text).unwrap()
    }

    #[test]
    fn numbers_are_pinned_and_nothing_else_is_touched() {
        let text = "# u messagebus -\nu!  messagebus   -  \"System Bus - x\" /run\nu uuidd -:mail -\ng _ssh -\ng other -\ng _ssh\nu fix 7\nm a b\n";
        let expected = "# u messagebus -\nu!  messagebus   101  \"System Bus - x\" /run\nu uuidd 102:mail -\ng _ssh 110\ng other -\ng _ssh 110\nu fix 7\nm a b\n";
        assert_eq!(pin(text, &rules()), expected);
    }

    #[test]
    fn provides_carry_the_line() {
        let made = provides("u  messagebus 101 \"Bus\"");
        assert_eq!(made[0].name, "user(messagebus)");
        let line = BASE64_STANDARD_NO_PAD.decode(&made[0].version).unwrap();
        assert_eq!(String::from_utf8(line).unwrap().trim_end_matches('\0'), "u messagebus 101 \"Bus\"");
        assert_eq!((made[1].name.as_str(), made[1].version.as_str()), ("group(messagebus)", ""));
        assert_eq!(provides("m a b")[0].name, "groupmember(a/b)");
        assert!(
            provides("u root 0:0").is_empty()
                && provides("g nogroup 65534").is_empty()
                && provides("# x").is_empty()
        );
    }
}

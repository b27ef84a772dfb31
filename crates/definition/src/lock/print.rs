//! A lock, in; its text, out: sorted, one line a package, so that two locks differ in the lines that matter.

use std::fmt::Write as _;

use super::{Lock, LockedImage, LockedPackage, LockedRepository, LockedUpstream, Reason};

impl Lock {
    /// The text of `lazuli.lock`.
    pub fn to_text(&self) -> String {
        let mut text =
            String::from("# Written by `lazuli lock update`, which overwrites edits.\nversion = 1\n");
        for (id, upstream) in &self.upstreams {
            print_upstream(&mut text, id, upstream).expect("writing to a string cannot fail");
        }
        text
    }
}

fn print_upstream(text: &mut String, id: &str, upstream: &LockedUpstream) -> std::fmt::Result {
    let id = key(id);
    writeln!(text, "\n[upstreams.{id}]")?;
    if let Some(converter) = &upstream.converter {
        writeln!(text, "converter = {}", quote(converter))?;
    }
    for (name, repository) in &upstream.repositories {
        writeln!(text, "\n[upstreams.{id}.repositories.{}]", key(name))?;
        match repository {
            LockedRepository::RpmMd { revision, repomd } => {
                writeln!(text, "type = \"rpm-md\"\nrevision = {}\nrepomd = \"{repomd}\"", quote(revision))?;
            }
            LockedRepository::Deb { suite, date, in_release } => {
                writeln!(text, "type = \"deb\"\nsuite = {}\ndate = {}", quote(suite), quote(date))?;
                writeln!(text, "in-release = \"{in_release}\"")?;
            }
        }
    }
    for (name, image) in &upstream.images {
        writeln!(text, "\n[upstreams.{id}.images.{}]", key(name))?;
        writeln!(text, "digest = \"{}\"", upstream.image_digest(name))?;
        print_image(text, image)?;
    }
    writeln!(text, "\n[upstreams.{id}.packages]")?;
    for (nevra, package) in &upstream.packages {
        print_package(text, &nevra.to_string(), package)?;
    }
    Ok(())
}

fn print_image(text: &mut String, image: &LockedImage) -> std::fmt::Result {
    print_list(text, "install", image.install.iter().cloned())?;
    print_list(text, "exclude", image.exclude.iter().cloned())?;
    writeln!(text, "weak-dependencies = {}", image.weak_dependencies)?;
    for reason in [Reason::User, Reason::Dependency, Reason::Weak] {
        let chosen = image.packages.iter().filter(|(_, because)| **because == reason);
        print_list(text, &reason.to_string(), chosen.map(|(nevra, _)| nevra.to_string()))?;
    }
    Ok(())
}

fn print_list(text: &mut String, name: &str, items: impl Iterator<Item = String>) -> std::fmt::Result {
    let mut items = items.peekable();
    if items.peek().is_none() {
        return writeln!(text, "{name} = []");
    }
    writeln!(text, "{name} = [")?;
    for item in items {
        writeln!(text, "    {},", quote(&item))?;
    }
    writeln!(text, "]")
}

fn print_package(text: &mut String, nevra: &str, package: &LockedPackage) -> std::fmt::Result {
    write!(
        text,
        "{} = {{ repository = {}, checksum = \"{}\", size = {}, build-time = {}, location = {}",
        quote(nevra),
        quote(&package.repository),
        package.checksum,
        package.size,
        package.build_time,
        quote(&package.location),
    )?;
    if let Some(source) = &package.source {
        let path = quote(&source.path);
        write!(
            text,
            ", source = {{ path = {path}, checksum = \"{}\", size = {}",
            source.checksum, source.size
        )?;
        if !source.facts.is_empty() {
            write!(text, ", facts = {}", quote(&source.facts))?;
        }
        write!(text, " }}")?;
    }
    writeln!(text, " }}")
}

/// A key, bare where TOML allows it.
fn key(name: &str) -> String {
    let bare = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    if bare { name.to_owned() } else { quote(name) }
}

/// A TOML basic string.
fn quote(value: &str) -> String {
    let mut quoted = String::from("\"");
    for c in value.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => {
                write!(quoted, "\\u{:04X}", u32::from(c)).expect("writing to a string cannot fail");
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

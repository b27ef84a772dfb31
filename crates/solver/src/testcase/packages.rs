//! A repository of a testcase (`testtags`), in; its packages, out.

use rpm_model::{
    Capability, Checksum, Dependency, Evr, FileKind, Nevra, PackageFile, PackageRecord, Requirement,
};

use super::TestcaseError;
use super::term::Term;

/// Reads the packages; `first_line` is the number of the first line in the testcase, for messages.
pub(crate) fn read(text: &str, first_line: usize) -> Result<Vec<PackageRecord>, TestcaseError> {
    let mut reader = Reader { packages: Vec::new(), provides_itself: true, version: 0 };
    // Inside `+Req:` ... `-Req:` every line is a value of that tag.
    let mut block: Option<&str> = None;
    for (place, line) in text.lines().enumerate() {
        let line_number = first_line + place;
        let problem = |source| TestcaseError::Package { line: line_number, source };
        if let Some(tag) = block {
            if line.strip_prefix('-') == Some(tag) || line.strip_prefix('-') == Some(&format!("{tag}:")) {
                block = None;
            } else {
                reader.tag(tag, line).map_err(problem)?;
            }
            continue;
        }
        if let Some(rest) = line.strip_prefix('+') {
            block = rest.split_once(':').map(|(tag, _)| tag);
        } else if let Some((tag, value)) = line.strip_prefix('=').and_then(|rest| rest.split_once(':'))
            && tag.len() == 3
        {
            reader.tag(tag, value.strip_prefix(' ').unwrap_or(value)).map_err(problem)?;
        }
    }
    reader.finish();
    Ok(reader.packages)
}

/// Why a line about a package cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PackageError {
    /// Not four words.
    #[error("`{0}` is not NAME VERSION RELEASE ARCHITECTURE")]
    Identity(String),
    /// A dependency.
    #[error(transparent)]
    Dependency(#[from] super::term::TermError),
    /// A relation where one capability should stand.
    #[error("`{0}` should be one name, perhaps with a version")]
    Capability(String),
}

struct Reader {
    packages: Vec<PackageRecord>,
    provides_itself: bool,
    version: u32,
}

impl Reader {
    fn tag(&mut self, tag: &str, value: &str) -> Result<(), PackageError> {
        match tag {
            "Ver" => {
                self.version = value.split('.').next().and_then(|number| number.parse().ok()).unwrap_or(0);
                self.provides_itself = self.version < 3 || value.contains("addselfprovides");
                return Ok(());
            }
            "Pkg" => return self.package(value),
            _ => {}
        }
        let version = self.version;
        let Some(package) = self.packages.last_mut() else { return Ok(()) };
        match tag {
            "Vnd" => package.vendor = value.to_owned(),
            "Tim" => package.build_time = value.parse().unwrap_or(0),
            "Fls" => package.files.push(PackageFile { path: value.to_owned(), kind: FileKind::File }),
            "Prv" if version == 2 && value.starts_with('/') => {
                package.files.push(PackageFile { path: value.to_owned(), kind: FileKind::File });
            }
            "Prv" => package.provides.push(capability(value)?),
            "Obs" => package.obsoletes.push(capability(value)?),
            "Req" | "Prq" => {
                let dependency = dependency(value)?;
                package.requires.push(Requirement { dependency, pre: tag == "Prq" });
            }
            "Con" => package.conflicts.push(dependency(value)?),
            "Rec" => package.recommends.push(dependency(value)?),
            "Sug" => package.suggests.push(dependency(value)?),
            "Sup" => package.supplements.push(dependency(value)?),
            "Enh" => package.enhances.push(dependency(value)?),
            _ => {}
        }
        Ok(())
    }

    fn package(&mut self, value: &str) -> Result<(), PackageError> {
        self.finish();
        let words: Vec<&str> = value.split_ascii_whitespace().collect();
        let [name, version, release, architecture] = words[..] else {
            // libsolv passes over a line that is one word short; its own testcases have some.
            return if words.len() == 3 { Ok(()) } else { Err(PackageError::Identity(value.to_owned())) };
        };
        let (epoch, version) = match version.split_once(':') {
            Some((epoch, rest)) if epoch.bytes().all(|byte| byte.is_ascii_digit()) => {
                (epoch.parse().unwrap_or(0), rest)
            }
            _ => (0, version),
        };
        let none_if_dash = |word: &'_ str| if word == "-" { String::new() } else { word.to_owned() };
        let evr = Evr::new(epoch, version, none_if_dash(release));
        let nevra = Nevra::new(name, evr, none_if_dash(architecture));
        self.packages.push(PackageRecord::new(nevra, Checksum::sha256(&[0; 32])));
        Ok(())
    }

    /// Older testcases leave out that a package provides itself.
    fn finish(&mut self) {
        if let Some(package) = self.packages.last_mut().filter(|_| self.provides_itself) {
            let itself = Capability::exactly(package.nevra.name.as_str(), &package.nevra.evr);
            package.provides.push(itself);
        }
    }
}

fn dependency(value: &str) -> Result<Dependency, PackageError> {
    if value.starts_with('/') {
        return Ok(Dependency::Simple(Capability::any(value)));
    }
    Ok(Term::parse(value)?.to_dependency()?)
}

fn capability(value: &str) -> Result<Capability, PackageError> {
    match dependency(value)? {
        Dependency::Simple(capability) => Ok(capability),
        Dependency::Rich(_) => Err(PackageError::Capability(value.to_owned())),
    }
}

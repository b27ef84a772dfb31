//! A `.deb`, the facts of its suite and its override in; the RPM that says the same, out.

mod facts;
mod files;
mod presets;
mod relations;
mod sysusers;

use std::io::Write;
use std::path::Path;

use rpm::FileFlags;
use thiserror::Error;

pub use facts::{Facts, FactsError};

use crate::apt::deb822::{self, Deb822Error, Stanza};
use crate::deb::{self, DebError, DebFile};
use crate::overrides::{self, OverrideError, Overrides};
use crate::relation::RelationError;
use crate::rpm_file::{self, RpmPackage, RpmWriteError, Written};
use crate::version::{DebianVersion, VersionError};

/// Version of the conversion: changes whenever the same package would become other bytes.
pub const CONVERTER: &str = "3";

/// `%config(noreplace)`: what Debian promises of configuration files.
pub(crate) const CONFIG_FLAGS: FileFlags = FileFlags::CONFIG.union(FileFlags::NOREPLACE);

/// Why a package cannot be converted.
#[derive(Debug, Error)]
pub enum ConvertError {
    /// The `.deb` cannot be read.
    #[error(transparent)]
    Deb(#[from] DebError),
    /// The control file is no control file.
    #[error("the control file is damaged")]
    Control(#[from] Deb822Error),
    /// A control field is missing.
    #[error("the control file has no field `{0}`")]
    Missing(&'static str),
    /// The package's version is bad.
    #[error("the control file has a bad version")]
    Version(#[from] VersionError),
    /// A relation field is bad.
    #[error("the control field `{field}` is wrong")]
    Relation {
        /// The field.
        field: &'static str,
        /// Why.
        source: RelationError,
    },
    /// An architecture without RPM counterpart.
    #[error("architecture {0} has no RPM counterpart here")]
    Architecture(String),
    /// A device number that RPM headers cannot hold.
    #[error("{path} is a device with major or minor number above 255")]
    Device {
        /// The file.
        path: String,
    },
    /// A file for sysusers cannot be read.
    #[error("{path} cannot be read as a sysusers file: {problem}")]
    Sysusers {
        /// The file.
        path: String,
        /// Why.
        problem: String,
    },
    /// The override does not fit.
    #[error("the override of the package does not fit it")]
    Override(#[from] OverrideError),
    /// The `.deb` is of another package than the index or the lock says.
    #[error("the file is of package {found}, not of {asked}: the index or the lock is wrong")]
    OtherPackage {
        /// The name in the index or lock.
        asked: String,
        /// The name in the control file.
        found: String,
    },
    /// The override drops a requirement that is not there.
    #[error(
        "the override leaves out the requirement of {0}, which the package does not have; was it renamed upstream?"
    )]
    NoRequirement(String),
    /// The RPM cannot be written.
    #[error(transparent)]
    Write(#[from] RpmWriteError),
}

/// A converted package on its way to disk.
#[derive(Debug)]
pub(crate) struct Converted {
    package: RpmPackage,
    deb: DebFile,
}

/// Reads the `.deb` at `path`, which must be of the package `name`, and converts it.
pub(crate) fn convert(
    name: &str,
    path: &Path,
    facts: &Facts,
    overrides: &Overrides,
) -> Result<Converted, ConvertError> {
    let deb = deb::read(path)?;
    let stanzas = deb822::parse(&deb.control)?;
    let control = stanzas.first().ok_or(ConvertError::Missing("Package"))?;
    let mut package = describe(control, deb.newest)?;
    if package.name != name {
        return Err(ConvertError::OtherPackage { asked: name.to_owned(), found: package.name });
    }
    let dropped = overrides.dropped_requirements(&package.name);
    relations::convert(control, facts, dropped, &mut package)?;
    files::convert(&deb, &mut package)?;
    let change = overrides.of(&package.name);
    if let Some(change) = change {
        overrides::apply(&mut package, &deb.contents, change)?;
    }
    let extra = change.map_or(&[][..], |change| &change.presets);
    presets::convert(deb.postinst.as_deref().unwrap_or_default(), extra, &mut package);
    sysusers::convert(&mut package, &deb.contents, overrides.rules())?;
    files::require_owners(&mut package);
    Ok(Converted { package, deb })
}

/// What the index alone says of a package: its description and relations, with those that the override states.
///
/// What follows from the contents is absent: files, accounts, scriptlets, and the relations that they cause.
pub(crate) fn outline(
    control: &Stanza<'_>,
    facts: &Facts,
    overrides: &Overrides,
) -> Result<RpmPackage, ConvertError> {
    let mut package = describe(control, 0)?;
    let dropped = overrides.dropped_requirements(&package.name);
    // A pattern of names may take in packages that never had the requirement: nobody converts them.
    let dropped = relations::stated(control, dropped)?;
    relations::convert(control, facts, &dropped, &mut package)?;
    if let Some(change) = overrides.of(&package.name) {
        overrides::relations(&mut package, change)?;
    }
    package.provides.extend(rpm_file::own_provides(&package));
    Ok(package)
}

impl Converted {
    /// Name, version and architecture, as RPM writes them: `[epoch:]` stands before the version.
    pub(crate) fn nevra(&self) -> String {
        format!("{}-{}.{}", self.package.name, self.package.evr(), self.package.architecture)
    }

    /// The usual file name of the RPM.
    pub(crate) fn file_name(&self) -> String {
        self.package.file_name()
    }

    /// Writes the RPM.
    pub(crate) fn write(&self, out: &mut dyn Write) -> Result<Written, RpmWriteError> {
        self.package.write(&self.deb.contents, out)
    }
}

fn describe(control: &Stanza<'_>, time: u32) -> Result<RpmPackage, ConvertError> {
    let required = |field: &'static str| control.field(field).ok_or(ConvertError::Missing(field));
    let name = required("Package")?.to_owned();
    let version = DebianVersion::parse(required("Version")?)?;
    let rpm = version.to_rpm();
    let architecture = match required("Architecture")? {
        "all" => "noarch",
        "amd64" => "x86_64",
        "arm64" => "aarch64",
        other => return Err(ConvertError::Architecture(other.to_owned())),
    };
    let (summary, description) = description(control.field("Description").unwrap_or_default(), &name);
    Ok(RpmPackage {
        license: format!("see /usr/share/doc/{name}/copyright"),
        source_rpm: source_rpm(control.field("Source"), &name, &version)?,
        epoch: rpm.epoch,
        version: rpm.version,
        release: rpm.release,
        architecture: architecture.to_owned(),
        summary,
        description,
        url: control.field("Homepage").map(ToOwned::to_owned),
        vendor: "Debian".to_owned(),
        packager: control.field("Maintainer").map(ToOwned::to_owned),
        group: control.field("Section").unwrap_or("misc").to_owned(),
        time,
        name,
        ..RpmPackage::default()
    })
}

/// First line, and the text below it: one leading blank taken off, ` .` is an empty line.
fn description(field: &str, name: &str) -> (String, String) {
    let mut lines = field.lines();
    let summary = lines.next().map(str::trim).filter(|line| !line.is_empty()).unwrap_or(name).to_owned();
    let body = lines.map(|line| match line.strip_prefix(' ').unwrap_or(line) {
        "." => "",
        line => line,
    });
    let body = body.collect::<Vec<_>>().join("\n");
    let body = if body.trim().is_empty() { summary.clone() } else { body };
    (summary, body)
}

/// Name of the source package's file, had it one: says which packages were built together.
fn source_rpm(field: Option<&str>, name: &str, version: &DebianVersion) -> Result<String, VersionError> {
    let (source, version) = match field.and_then(|field| field.split_once('(')) {
        Some((source, rest)) => {
            (source.trim(), DebianVersion::parse(rest.trim_end_matches([')', ' ']))?.to_rpm())
        }
        None => (field.unwrap_or(name).trim(), version.to_rpm()),
    };
    Ok(format!("{source}-{}-{}.src.rpm", version.version, version.release))
}

//! `lazuli release verify DIR` and `lazuli release status DIR`

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

use release::Channel;
use release_repository::advance;
use release_repository::inspect::{Inspection, RoleState, inspect};
use serde::Serialize;

use crate::cli::{Global, ReleaseStatus, ReleaseVerify};
use crate::failure::{self, Context as _, ExitCode, Failure};
use crate::output;

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Status {
    roles: Vec<Role>,
    versions: Vec<Published>,
    channels: BTreeMap<String, Channel>,
    missing: Vec<String>,
    unnamed_files: Vec<String>,
    problems: Vec<String>,
}

#[derive(Serialize)]
struct Role {
    role: String,
    version: u64,
    expires: String,
    keys: usize,
    threshold: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Published {
    image: String,
    version: String,
    architecture: String,
    root_hash: String,
}

/// Looks at everything; fails where a machine would stumble.
pub fn run(global: &Global, options: &ReleaseVerify) -> Result<(), Failure> {
    let now = super::time(&options.time)?;
    let folder = super::look(&options.repository)?;
    let place = options.repository.display();
    let root = options.root.as_ref().map(|path| {
        let bytes =
            fs::read(path).context(|| format!("the trusted root {} cannot be read", path.display()))?;
        Ok::<_, Failure>((path.display().to_string(), bytes))
    });
    let root = root.transpose()?;
    let trusted = root.as_ref().map(|(name, bytes)| (name.as_str(), bytes.as_slice()));
    let failed = || format!("the release repository {place} cannot be followed");
    let inspection = inspect(&folder, &options.repository, trusted, now, options.deep)
        .context(failed)
        .map_err(not_verified)?;
    let problems = problems(&inspection);
    if !problems.is_empty() {
        let message =
            format!("machines would stumble over the release repository {place}:\n{}", problems.join("\n"));
        return Err(not_verified(Failure::new(message)));
    }
    output::print(global.format, &status_of(&inspection, Vec::new()), text)
}

/// Tells what there is, sound or not.
pub fn status(global: &Global, options: &ReleaseStatus) -> Result<(), Failure> {
    let now = super::time(&options.time)?;
    let folder = super::look(&options.repository)?;
    let failed = || format!("the release repository {} cannot be read", options.repository.display());
    let repository = folder.read().context(failed)?;
    let inspection = inspect(&folder, &options.repository, None, now, false).context(failed)?;
    let missing = if repository.is_staged() {
        match advance(&repository, &[], now) {
            Ok(advance) => advance.missing.iter().map(ToString::to_string).collect(),
            Err(error) => vec![error.to_string()],
        }
    } else {
        Vec::new()
    };
    output::print(global.format, &status_of(&inspection, missing), text)
}

fn not_verified(failure: Failure) -> Failure {
    failure.code(ExitCode::Verification)
}

fn problems(inspection: &Inspection) -> Vec<String> {
    inspection.problems.iter().map(|problem| failure::chain(problem).join(": ")).collect()
}

fn status_of(inspection: &Inspection, missing: Vec<String>) -> Status {
    let role = |state: &RoleState| Role {
        role: state.role.to_string(),
        version: state.version,
        expires: super::shown(state.expires),
        keys: state.keys,
        threshold: state.threshold,
    };
    let versions = inspection.versions.iter().map(|manifest| Published {
        image: manifest.image.to_string(),
        version: manifest.version.to_string(),
        architecture: manifest.architecture.to_string(),
        root_hash: manifest.verity.root_hash.to_string(),
    });
    let channels = inspection.channels.iter().map(|channel| {
        let Channel { image, architecture, channel: name, .. } = channel;
        (format!("{image} {architecture} {name}"), channel.clone())
    });
    Status {
        roles: inspection.roles.iter().map(role).collect(),
        versions: versions.collect(),
        channels: channels.collect(),
        missing,
        unnamed_files: inspection.unnamed.clone(),
        problems: problems(inspection),
    }
}

fn text(status: &Status) -> String {
    let mut text = String::new();
    for Role { role, version, expires, keys, threshold } in &status.roles {
        let _infallible =
            writeln!(text, "{role:<10} version {version}, until {expires}, signed by {threshold} of {keys}");
    }
    for Published { image, version, architecture, root_hash } in &status.versions {
        let _infallible =
            writeln!(text, "published  {image} {version} for {architecture}, root hash {root_hash}");
    }
    for (name, channel) in &status.channels {
        let _infallible = writeln!(text, "channel    {name}");
        for promotion in &channel.promotions {
            let _infallible = write!(
                text,
                "           {} since {}, {}",
                promotion.version,
                super::shown(promotion.promoted),
                promotion.waves
            );
            for (word, reason) in [("barrier", &promotion.barrier), ("withdrawn", &promotion.withdrawn)] {
                if let Some(reason) = reason {
                    let _infallible = write!(text, ", {word}: {reason}");
                }
            }
            if promotion.downgrade {
                text.push_str(", a downgrade");
            }
            text.push('\n');
        }
    }
    for (word, lines) in
        [("staged", &status.missing), ("unnamed", &status.unnamed_files), ("problem", &status.problems)]
    {
        for line in lines {
            let _infallible = writeln!(text, "{word:<10} {line}");
        }
    }
    text
}

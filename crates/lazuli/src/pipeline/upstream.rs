//! Which upstream a run takes: the one that was asked for, or the first that answers.

use definition::lock::Lock;
use definition::{DebMirror, DebRepository, Distro, Repository, RpmLocation, Upstream};
use repository::download::{DownloadError, Downloader, NamedRequest};

use crate::cli::Global;
use crate::failure::{ExitCode, Failure};
use crate::output;
use crate::session::{self, Session};

/// Largest metalink, repomd.xml or InRelease that is looked at.
const INDEX_LIMIT: u64 = 16 << 20;

/// The upstream that `--upstream` names, else the first of the definition.
pub fn named<'d>(distro: &'d Distro, global: &Global) -> Result<&'d Upstream, Failure> {
    let Some(id) = &global.upstream else {
        return distro.upstreams.first().ok_or_else(|| {
            Failure::new("the definition names no upstream")
                .code(ExitCode::Definition)
                .hint("list at least one in `upstreams` of [project]")
        });
    };
    distro.upstream(id).ok_or_else(|| {
        let known: Vec<String> = distro.upstreams.iter().map(Upstream::id).collect();
        Failure::new(format!("there is no upstream `{id}`"))
            .code(ExitCode::Usage)
            .hint(format!("the definition has: {}", known.join(", ")))
    })
}

/// The upstream that `--upstream` names, else the first that answers; says which.
pub fn answering<'d>(session: &'d Session, global: &Global) -> Result<&'d Upstream, Failure> {
    if global.upstream.is_some() || global.offline {
        return named(&session.distro, global);
    }
    // One quick try each: a mirror that is asked in earnest later gets its retries then.
    let probe = session::downloader_with_retries(global, &session.cache_dir, 0)?;
    let mut silent = Vec::new();
    for upstream in &session.distro.upstreams {
        match answers(upstream, &probe) {
            Ok(()) => {
                output::say(&format!("upstream: {} answers", upstream.id()));
                return Ok(upstream);
            }
            Err(why) => {
                output::say(&format!("upstream: {} does not answer: {why}", upstream.id()));
                silent.push(upstream.id());
            }
        }
    }
    Err(Failure::new(format!("no upstream answers: {}", silent.join(", ")))
        .code(ExitCode::Network)
        .hint("check the network and the proxy settings, or build from the cache with --offline"))
}

fn answers(upstream: &Upstream, probe: &Downloader) -> Result<(), String> {
    for repository in &upstream.repositories {
        let (name, url) = match repository {
            Repository::Deb(deb) => {
                let mirror = mirror(deb).map_err(|failure| failure.render())?;
                ("InRelease", format!("{mirror}/dists/{}/InRelease", deb.suite))
            }
            Repository::Rpm(rpm) => match &rpm.location {
                RpmLocation::Metalink(url) => ("metalink", url.to_string()),
                RpmLocation::BaseUri(url) => {
                    ("repomd.xml", format!("{}/repodata/repomd.xml", url.as_str().trim_end_matches('/')))
                }
            },
        };
        let request = NamedRequest {
            name: format!("{name} of {}", repository.name().value),
            key: url.clone(),
            urls: vec![url],
            limit: INDEX_LIMIT,
            bypass_caches: false,
        };
        probe.fetch_named(&request).map_err(|error| innermost(&error))?;
    }
    Ok(())
}

/// Where a Debian archive is: as the definition says, or where this machine's apt finds it.
pub fn mirror(repository: &DebRepository) -> Result<String, Failure> {
    match &repository.mirror {
        DebMirror::Uri(uri) => Ok(uri.as_str().trim_end_matches('/').to_owned()),
        DebMirror::Host => debian_import::apt::host_mirror().map_err(|error| {
            Failure::caused(format!("{} has no mirror", repository.name.value), &error)
                .code(ExitCode::Network)
        }),
    }
}

fn innermost(error: &DownloadError) -> String {
    let mut error: &dyn std::error::Error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

/// The upstream that `--upstream` names, else the first of the definition that the lock has.
pub fn locked<'d>(distro: &'d Distro, global: &Global, lock: &Lock) -> Result<&'d Upstream, Failure> {
    if global.upstream.is_some() {
        return named(distro, global);
    }
    let in_lock = distro.upstreams.iter().find(|upstream| lock.upstreams.contains_key(&upstream.id()));
    in_lock.ok_or_else(|| {
        Failure::new("the lock has no packages of any upstream")
            .code(ExitCode::Definition)
            .hint("run `lazuli lock update`")
    })
}

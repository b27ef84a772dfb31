//! Where a repository is and what must prove it, in; its mirrors and a proven `repomd.xml`, out.

use std::fs;
use std::path::Path;

use super::error::OpenError;
use crate::checksum::sha256;
use crate::download::{DownloadError, Downloader, NamedRequest, Request};
use crate::metadata::metalink::{self, Metalink};
use crate::openpgp::verify_detached;
use crate::source::{Location, Proof, Source, expand};

/// More than this is no `repomd.xml`, signature or list of mirrors, in bytes.
const SMALL: u64 = 16 << 20;
/// Mirrors beyond this many are not asked.
const MOST_MIRRORS: usize = 16;

/// One opening of one repository.
pub(super) struct Opening<'a> {
    pub(super) source: &'a Source,
    pub(super) downloader: &'a Downloader,
    pub(super) now: u64,
}

/// A proven `repomd.xml`.
pub(super) struct Found {
    pub(super) text: Vec<u8>,
    pub(super) origin: String,
    pub(super) mirrors: Vec<String>,
    pub(super) signed_by: Option<String>,
}

impl Opening<'_> {
    pub(super) fn repomd(&self) -> Result<Found, OpenError> {
        match &self.source.location {
            Location::Base(_) | Location::MirrorList(_) => self.at_mirrors(self.mirrors()?),
            Location::Metalink(address) => self.by_metalink(address),
        }
    }

    /// Addresses of the repository, best first; nothing proves yet what is there.
    pub(super) fn mirrors(&self) -> Result<Vec<String>, OpenError> {
        match &self.source.location {
            Location::Base(bases) => bases.iter().map(|base| self.expand(base)).collect(),
            Location::MirrorList(list) => {
                let list = self.expand(list)?;
                let (text, _, _) = self.small("mirror list", vec![list.clone()], &list, false)?;
                self.some_mirrors(metalink::parse_mirror_list(&String::from_utf8_lossy(&text)), &list)
            }
            Location::Metalink(address) => {
                let (metalink, address, _) = self.metalink(address)?;
                self.some_mirrors(metalink.mirrors, &address)
            }
        }
    }

    /// Whatever the first mirror that answers has; its proof is a signature or HTTPS.
    fn at_mirrors(&self, mirrors: Vec<String>) -> Result<Found, OpenError> {
        let url = |name: &str| {
            mirrors.iter().map(|base| format!("{}/repodata/{name}", base.trim_end_matches('/'))).collect()
        };
        let key = mirrors.first().cloned().unwrap_or_default();
        let (text, origin, https) =
            self.small("repomd.xml", url("repomd.xml"), &format!("{key}/repomd.xml"), false)?;
        let proven = https || origin.starts_with("file://");
        match &self.source.proof {
            Proof::Transport if !proven => Err(OpenError::Unproven { id: self.id(), url: origin }),
            Proof::Transport | Proof::Nothing => Ok(Found { text, origin, mirrors, signed_by: None }),
            Proof::Signature(_) => {
                let signature_key = format!("{key}/repomd.xml.asc");
                let (signature, ..) =
                    self.small("repomd.xml.asc", url("repomd.xml.asc"), &signature_key, false)?;
                match self.signer(&text, &signature, &origin) {
                    Ok(signed_by) => Ok(Found { text, origin, mirrors, signed_by }),
                    // The two files may be of different states, from caches on the way: once more, past them.
                    Err(error) if self.downloader.options().offline => Err(error),
                    Err(_) => {
                        let (text, origin, _) =
                            self.small("repomd.xml", url("repomd.xml"), &format!("{key}/repomd.xml"), true)?;
                        let (signature, ..) =
                            self.small("repomd.xml.asc", url("repomd.xml.asc"), &signature_key, true)?;
                        let signed_by = self.signer(&text, &signature, &origin)?;
                        Ok(Found { text, origin, mirrors, signed_by })
                    }
                }
            }
        }
    }

    fn signer(&self, text: &[u8], signature: &[u8], origin: &str) -> Result<Option<String>, OpenError> {
        let Proof::Signature(keyring) = &self.source.proof else { return Ok(None) };
        let verified = verify_detached(keyring, text, signature, origin, self.now);
        let verified = verified.map_err(|source| OpenError::Signature { id: self.id(), source })?;
        Ok(Some(verified.signer().key.clone()))
    }

    /// The metalink, its address, and whether nobody on the way could have changed it.
    fn metalink(&self, address: &str) -> Result<(Metalink, String, bool), OpenError> {
        let address = self.expand(address)?;
        let (text, origin, https) = self.small("metalink", vec![address.clone()], &address, false)?;
        let proven = https || origin.starts_with("file://");
        let text = String::from_utf8(text)
            .map_err(|_| OpenError::Encoding { id: self.id(), name: origin.clone() })?;
        let metalink =
            metalink::parse(&text, &origin).map_err(|source| OpenError::Xml { id: self.id(), source })?;
        Ok((metalink, origin, proven))
    }

    /// The `repomd.xml` that the metalink promises, or an older one that it still accepts.
    fn by_metalink(&self, address: &str) -> Result<Found, OpenError> {
        let (metalink, origin, proven) = self.metalink(address)?;
        if !proven && matches!(self.source.proof, Proof::Transport) {
            return Err(OpenError::Unproven { id: self.id(), url: origin });
        }
        let mirrors = self.some_mirrors(metalink.mirrors, &origin)?;
        let urls: Vec<String> = mirrors.iter().map(|base| format!("{base}/repodata/repomd.xml")).collect();
        let mut first_error = None;
        for expected in metalink.accepted {
            let request =
                Request { name: format!("repomd.xml of {}", self.source.id), urls: urls.clone(), expected };
            match self.downloader.fetch(&request) {
                Ok(path) => {
                    let text = self.read(&path)?;
                    let signed_by = self.metalink_signer(&text, &urls)?;
                    return Ok(Found { text, origin: request.name, mirrors, signed_by });
                }
                Err(error) => first_error = first_error.or(Some(error)),
            }
        }
        let missing = || DownloadError::NoAddress { name: format!("repomd.xml of {}", self.source.id) };
        Err(OpenError::Download { id: self.id(), source: first_error.unwrap_or_else(missing) })
    }

    fn metalink_signer(&self, text: &[u8], urls: &[String]) -> Result<Option<String>, OpenError> {
        if !matches!(self.source.proof, Proof::Signature(_)) {
            return Ok(None);
        }
        let urls: Vec<String> = urls.iter().map(|url| format!("{url}.asc")).collect();
        let key = format!("{}#{}", urls.first().map_or("", String::as_str), sha256(text).hex());
        let (signature, ..) = self.small("repomd.xml.asc", urls, &key, false)?;
        self.signer(text, &signature, "repomd.xml")
    }

    fn some_mirrors(&self, mut mirrors: Vec<String>, url: &str) -> Result<Vec<String>, OpenError> {
        mirrors.truncate(MOST_MIRRORS);
        if mirrors.is_empty() {
            Err(OpenError::NoMirrors { id: self.id(), url: url.to_owned() })
        } else {
            Ok(mirrors)
        }
    }

    /// Content, address and whether it came by HTTPS, of a file whose checksum nobody promised.
    fn small(
        &self,
        name: &str,
        urls: Vec<String>,
        key: &str,
        bypass_caches: bool,
    ) -> Result<(Vec<u8>, String, bool), OpenError> {
        let name = format!("{name} of {}", self.source.id);
        let request = NamedRequest { name, key: key.to_owned(), urls, limit: SMALL, bypass_caches };
        let named = self
            .downloader
            .fetch_named(&request)
            .map_err(|source| OpenError::Download { id: self.id(), source })?;
        Ok((self.read(&named.path)?, named.url, named.https))
    }

    fn read(&self, path: &Path) -> Result<Vec<u8>, OpenError> {
        fs::read(path).map_err(|source| OpenError::Read { id: self.id(), path: path.to_owned(), source })
    }

    fn expand(&self, address: &str) -> Result<String, OpenError> {
        expand(address, &self.source.variables).map_err(|source| OpenError::Address { id: self.id(), source })
    }

    fn id(&self) -> String {
        self.source.id.clone()
    }
}

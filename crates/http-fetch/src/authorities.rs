//! Which certificate authorities are believed.

use std::io;
use std::path::{Path, PathBuf};

use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig};

/// Why there are no certificate authorities.
#[derive(Debug, thiserror::Error)]
pub enum AuthoritiesError {
    /// The file of certificate authorities cannot be read.
    #[error("cannot read the certificate authorities in {}", path.display())]
    Read {
        /// As configured.
        path: PathBuf,
        /// What the disk said.
        source: io::Error,
    },
    /// The file of certificate authorities holds none.
    #[error("{} holds no certificate in PEM form", path.display())]
    Empty {
        /// As configured.
        path: PathBuf,
    },
}

/// The authorities that this machine knows.
pub fn machine_authorities() -> TlsConfig {
    TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build()
}

/// The authorities in this file (PEM) and no others; without a file, those that this machine knows.
pub fn trusted_authorities(file: Option<&Path>) -> Result<TlsConfig, AuthoritiesError> {
    let Some(path) = file else { return Ok(machine_authorities()) };
    let text =
        std::fs::read(path).map_err(|source| AuthoritiesError::Read { path: path.to_owned(), source })?;
    let found: Vec<Certificate<'static>> = ureq::tls::parse_pem(&text)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    if found.is_empty() {
        return Err(AuthoritiesError::Empty { path: path.to_owned() });
    }
    Ok(TlsConfig::builder().root_certs(RootCerts::new_with_certs(&found)).build())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_a_certificate_is_not_taken_for_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        let error = trusted_authorities(Some(&path)).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("cannot read the certificate authorities in {}", path.display())
        );
        std::fs::write(&path, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n").unwrap();
        let error = trusted_authorities(Some(&path)).unwrap_err();
        assert_eq!(error.to_string(), format!("{} holds no certificate in PEM form", path.display()));
    }
}

//! RSA keys that never leave a token, for signatures that firmware verifies: the URI of a key in, signatures out. They sign no
//! metadata of a release repository.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use cryptoki::mechanism::Mechanism;
use cryptoki::object::ObjectHandle;
use cryptoki::session::Session;

use super::{KeyError, token, uri};

/// An RSA key in a token.
pub struct RsaTokenKey {
    session: Mutex<Session>,
    private: ObjectHandle,
    shown: String,
}

impl RsaTokenKey {
    /// Finds the key of a `pkcs11:` URI (RFC 7512) and logs in.
    pub fn open(word: &str) -> Result<RsaTokenKey, KeyError> {
        let uri = uri::parse(word)?;
        let failed = |cause| KeyError::Token { uri: uri.shown.clone(), cause };
        let (session, private) = token::enter(&uri).map_err(failed)?;
        Ok(RsaTokenKey { session: Mutex::new(session), private, shown: uri.shown.clone() })
    }

    /// RSASSA-PKCS1-v1_5 (RFC 8017) over the SHA-256 of a message.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        session
            .sign(&Mechanism::Sha256RsaPkcs, self.private, message)
            .map_err(|cause| KeyError::Token { uri: self.shown.clone(), cause: cause.into() })
    }
}

impl fmt::Debug for RsaTokenKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "RsaTokenKey({})", self.shown)
    }
}

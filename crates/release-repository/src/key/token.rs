//! Keys that never leave a token: a library that speaks PKCS #11, a token and a key's name in; signatures out.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::eddsa::{EddsaParams, EddsaSignatureScheme};
use cryptoki::object::{Attribute, AttributeType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;
use cryptoki::types::AuthPin;
use sha2::{Digest as _, Sha256};

use super::uri::TokenUri;
use super::{KeyError, PublicKey};

/// Why a token does not give a key or a signature.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The library or the token said so.
    #[error("{0}")]
    Said(#[from] cryptoki::error::Error),
    /// The library's path is not a file.
    #[error("there is no library {0}")]
    NoLibrary(PathBuf),
    /// No token fits.
    #[error("no token fits; the library has: {0}")]
    NoToken(String),
    /// More than one does.
    #[error("more than one token fits; add `token=LABEL` or `serial=NUMBER`: {0}")]
    ManyTokens(String),
    /// No key fits.
    #[error("the token has no private key of this name; is the PIN given by `pin-source=file:PATH`?")]
    NoKey,
    /// More than one does.
    #[error("the token has more than one private key of this name; add its `id`")]
    ManyKeys,
    /// There is no public half to learn the algorithm and the key from.
    #[error("the token has no public key beside the private one, with the same label and id")]
    NoPublic,
    /// The algorithm is not used here.
    #[error("the key is of another kind than Ed25519 and ECDSA on the curve P-256")]
    Kind,
    /// The PIN's file cannot be read.
    #[error("the PIN cannot be read from {0}")]
    Pin(PathBuf, #[source] std::io::Error),
    /// The PIN's file can be read by others than its owner.
    #[error("{path} has mode {mode:o}, and a PIN is its owner's alone; run `chmod 600` on it")]
    OpenPin {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// A signature of the wrong length.
    #[error("the token made a signature of {0} bytes")]
    Signature(usize),
}

/// A private key in a token.
pub(super) struct TokenKey {
    session: Mutex<Session>,
    private: ObjectHandle,
    kind: Kind,
    public: Vec<u8>,
    shown: String,
}

enum Kind {
    Ed25519,
    Ecdsa,
}

impl TokenKey {
    /// Finds the key and logs in.
    pub fn open(uri: &TokenUri) -> Result<TokenKey, TokenError> {
        let (session, private) = enter(uri)?;
        let public = only(&session, uri, ObjectClass::PUBLIC_KEY)?.ok_or(TokenError::NoPublic)?;
        let (kind, public) = read_public(&session, public)?;
        Ok(TokenKey { session: Mutex::new(session), private, kind, public, shown: uri.shown.clone() })
    }

    /// The public half.
    pub fn public(&self) -> Result<PublicKey, KeyError> {
        match self.kind {
            Kind::Ed25519 => PublicKey::ed25519(&self.public),
            Kind::Ecdsa => PublicKey::ecdsa(&self.public),
        }
    }

    /// Signs a message.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        self.signature(message).map_err(|cause| KeyError::Token { uri: self.shown.clone(), cause })
    }

    fn signature(&self, message: &[u8]) -> Result<Vec<u8>, TokenError> {
        let session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        match self.kind {
            Kind::Ed25519 => {
                let mechanism = Mechanism::Eddsa(EddsaParams::new(EddsaSignatureScheme::Ed25519));
                let signature = session.sign(&mechanism, self.private, message)?;
                if signature.len() == 64 {
                    Ok(signature)
                } else {
                    Err(TokenError::Signature(signature.len()))
                }
            }
            Kind::Ecdsa => {
                // Tokens sign a digest and answer two bare numbers; metadata carries them in ASN.1.
                let signature = session.sign(&Mechanism::Ecdsa, self.private, &Sha256::digest(message))?;
                asn1_signature(&signature).ok_or(TokenError::Signature(signature.len()))
            }
        }
    }
}

/// Opens the token, logs in, and finds the private key.
pub(super) fn enter(uri: &TokenUri) -> Result<(Session, ObjectHandle), TokenError> {
    let library = library(&uri.module)?;
    let slot = choose(&library, uri)?;
    let session = library.open_ro_session(slot)?;
    if let Some(path) = &uri.pin {
        log_in(&session, &read_pin(path)?)?;
    }
    let private = only(&session, uri, ObjectClass::PRIVATE_KEY)?.ok_or(TokenError::NoKey)?;
    Ok((session, private))
}

/// A library may be initialised once in a program.
fn library(module: &Path) -> Result<Pkcs11, TokenError> {
    static LOADED: Mutex<BTreeMap<PathBuf, Pkcs11>> = Mutex::new(BTreeMap::new());
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(library) = loaded.get(module) {
        return Ok(library.clone());
    }
    if !module.is_file() {
        return Err(TokenError::NoLibrary(module.to_owned()));
    }
    let library = Pkcs11::new(module)?;
    library.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK))?;
    loaded.insert(module.to_owned(), library.clone());
    Ok(library)
}

fn choose(library: &Pkcs11, uri: &TokenUri) -> Result<Slot, TokenError> {
    let mut seen = Vec::new();
    let mut fitting = Vec::new();
    for slot in library.get_slots_with_initialized_token()? {
        let token = library.get_token_info(slot)?;
        let (label, serial) = (token.label().trim_end(), token.serial_number().trim_end());
        let name = format!("`{label}` with serial number {serial}");
        let fits =
            |wanted: &Option<String>, found: &str| wanted.as_deref().is_none_or(|wanted| wanted == found);
        if fits(&uri.token, label) && fits(&uri.serial, serial) {
            fitting.push((slot, name.clone()));
        }
        seen.push(name);
    }
    match fitting.as_slice() {
        [(slot, _)] => Ok(*slot),
        [] if seen.is_empty() => Err(TokenError::NoToken("no token".to_owned())),
        [] => Err(TokenError::NoToken(seen.join(", "))),
        several => {
            let names: Vec<&str> = several.iter().map(|(_, name)| name.as_str()).collect();
            Err(TokenError::ManyTokens(names.join(", ")))
        }
    }
}

/// Logs in; another key of the same token may have done so before.
/// The PIN in a file: its first line.
fn read_pin(path: &Path) -> Result<AuthPin, TokenError> {
    let failed = |cause| TokenError::Pin(path.to_owned(), cause);
    let mut file = File::open(path).map_err(failed)?;
    // Of the file that is read, whatever the path names a moment later.
    let mode = file.metadata().map_err(failed)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(TokenError::OpenPin { path: path.to_owned(), mode });
    }
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(failed)?;
    Ok(AuthPin::from(text.lines().next().unwrap_or_default().to_owned()))
}

fn log_in(session: &Session, pin: &AuthPin) -> Result<(), TokenError> {
    use cryptoki::error::{Error, RvError};
    match session.login(UserType::User, Some(pin)) {
        Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn only(session: &Session, uri: &TokenUri, class: ObjectClass) -> Result<Option<ObjectHandle>, TokenError> {
    let mut template = vec![Attribute::Class(class)];
    template.extend(uri.object.as_ref().map(|label| Attribute::Label(label.clone().into_bytes())));
    template.extend(uri.id.as_ref().map(|id| Attribute::Id(id.clone())));
    match session.find_objects(&template)?.as_slice() {
        [] => Ok(None),
        [object] => Ok(Some(*object)),
        _ => Err(TokenError::ManyKeys),
    }
}

fn read_public(session: &Session, public: ObjectHandle) -> Result<(Kind, Vec<u8>), TokenError> {
    let attributes = session.get_attributes(public, &[AttributeType::EcParams, AttributeType::EcPoint])?;
    let mut parameters = Vec::new();
    let mut point = Vec::new();
    for attribute in attributes {
        match attribute {
            Attribute::EcParams(bytes) => parameters = bytes,
            Attribute::EcPoint(bytes) => point = bytes,
            _ => {}
        }
    }
    // The point is an OCTET STRING around the bytes; some libraries leave the wrapping out.
    let bytes = match point.as_slice() {
        [0x04, length, rest @ ..] if usize::from(*length) == rest.len() => rest.to_vec(),
        _ => point,
    };
    if ED25519_PARAMETERS.contains(&parameters.as_slice()) && bytes.len() == 32 {
        Ok((Kind::Ed25519, bytes))
    } else if parameters == P256_PARAMETERS && bytes.len() == 65 {
        Ok((Kind::Ecdsa, bytes))
    } else {
        Err(TokenError::Kind)
    }
}

/// The object identifier of P-256 (1.2.840.10045.3.1.7).
const P256_PARAMETERS: &[u8] = &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];

/// Ed25519 by object identifier (1.3.101.112), and by name as PKCS #11 3.0 has it (`edwards25519`).
const ED25519_PARAMETERS: [&[u8]; 2] = [&[0x06, 0x03, 0x2b, 0x65, 0x70], b"\x13\x0cedwards25519"];

/// Two numbers of 32 bytes as `SEQUENCE { INTEGER, INTEGER }`.
fn asn1_signature(signature: &[u8]) -> Option<Vec<u8>> {
    if signature.len() != 64 {
        return None;
    }
    let (first, second) = signature.split_at(32);
    let body = [integer(first), integer(second)].concat();
    Some([vec![0x30, u8::try_from(body.len()).ok()?], body].concat())
}

/// A positive number: without leading zeroes, but with one where the first bit would be a sign.
fn integer(bytes: &[u8]) -> Vec<u8> {
    let start = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len() - 1);
    let digits = &bytes[start..];
    let sign: &[u8] = if digits[0] & 0x80 == 0 { &[] } else { &[0] };
    let length = u8::try_from(sign.len() + digits.len()).unwrap_or(u8::MAX);
    [&[0x02, length], sign, digits].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bare_numbers_become_asn1() {
        let mut signature = [0; 64];
        signature[31] = 0x7f;
        signature[32] = 0x80;
        let expected = ["3026", "02017f", "0221", "00", "80", &"00".repeat(31)].concat();
        assert_eq!(hex::encode(asn1_signature(&signature).unwrap()), expected);
        assert_eq!(hex::encode(asn1_signature(&[0; 64]).unwrap()), "3006020100020100");
        assert_eq!(asn1_signature(&[0; 63]), None);
    }
}

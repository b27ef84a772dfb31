//! An OpenPGP certificate, in; the `gpg-pubkey` header under which rpm 6.1 keeps a key that it trusts, out.
//! Nothing here decides whether to trust it.

use std::io::Read;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pgp::composed::{Deserializable, SignedPublicKey};
use pgp::types::{KeyDetails, KeyVersion};
use rpm_model::header::{EntryType, HEADER_MAGIC, Header, Tag};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use sha3::Sha3_256;

use super::installed_header::{self, Addition};

const PUBLIC_KEYS: Tag = Tag(266);
/// The rpm whose database this is.
const RPM_VERSION: &str = "6.1.0";
/// `RPMSENSE_KEYRING | RPMSENSE_EQUAL`.
const KEYRING_EQUAL: u32 = (1 << 26) | (1 << 3);
/// rpm folds base64 after so many characters.
const LINE: usize = 64;
/// The packet that a certificate begins with (RFC 9580, 5).
const PUBLIC_KEY_PACKET: u8 = 6;

/// Why a key cannot be stored.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The bytes are neither armored nor binary certificates.
    #[error("it is no OpenPGP certificate: {0}")]
    Malformed(String),
    /// There is no certificate in it.
    #[error("it holds no OpenPGP certificate")]
    Empty,
    /// A version whose keys rpm does not import.
    #[error("it is of a version other than 4 and 6")]
    Version,
    /// The header would not be one.
    #[error("its header would be damaged")]
    Header,
}

/// The headers for every certificate of a key file, in its order.
pub(super) fn key_headers(file: &[u8], transaction_id: u32) -> Result<Vec<Vec<u8>>, KeyError> {
    let packets = dearmored(file)?;
    let certificates = certificates(&packets)?;
    if certificates.is_empty() {
        return Err(KeyError::Empty);
    }
    certificates.into_iter().map(|certificate| key_header(certificate, transaction_id)).collect()
}

fn dearmored(file: &[u8]) -> Result<Vec<u8>, KeyError> {
    if file.first().is_some_and(|byte| byte & 0x80 != 0) {
        return Ok(file.to_vec());
    }
    let mut packets = Vec::new();
    pgp::armor::Dearmor::new(file)
        .read_to_end(&mut packets)
        .map_err(|error| KeyError::Malformed(error.to_string()))?;
    Ok(packets)
}

/// Splits packets before each primary key; the bytes stay as they are, for rpm stores them so.
fn certificates(packets: &[u8]) -> Result<Vec<&[u8]>, KeyError> {
    let mut starts = Vec::new();
    let mut at = 0;
    while at < packets.len() {
        let (tag, length) =
            packet(&packets[at..]).ok_or_else(|| KeyError::Malformed("a packet is cut off".to_owned()))?;
        if tag == PUBLIC_KEY_PACKET {
            starts.push(at);
        }
        at += length;
    }
    let ends = starts.iter().skip(1).copied().chain([packets.len()]);
    Ok(starts.iter().zip(ends).map(|(start, end)| &packets[*start..end]).collect())
}

/// A packet's type and its whole length.
fn packet(bytes: &[u8]) -> Option<(u8, usize)> {
    let first = *bytes.first()?;
    if first & 0x80 == 0 {
        return None;
    }
    let number = |from: usize, count: usize| {
        let bytes = bytes.get(from..from + count)?;
        Some(bytes.iter().fold(0_usize, |number, byte| (number << 8) | usize::from(*byte)))
    };
    let (tag, header, body) = if first & 0x40 != 0 {
        let (header, body) = match number(1, 1)? {
            short @ 0..192 => (2, short),
            two @ 192..224 => (3, ((two - 192) << 8) + number(2, 1)? + 192),
            255 => (6, number(2, 4)?),
            // Partial lengths are for data, not for keys.
            _ => return None,
        };
        (first & 0x3f, header, body)
    } else {
        let width = match first & 3 {
            0 => 1,
            1 => 2,
            2 => 4,
            _ => return None,
        };
        ((first >> 2) & 0xf, 1 + width, number(1, width)?)
    };
    let length = header + body;
    (length <= bytes.len()).then_some((tag, length))
}

fn key_header(certificate: &[u8], transaction_id: u32) -> Result<Vec<u8>, KeyError> {
    let key =
        SignedPublicKey::from_bytes(certificate).map_err(|error| KeyError::Malformed(error.to_string()))?;
    let version = match key.primary_key.version() {
        KeyVersion::V4 => 4,
        KeyVersion::V6 => 6,
        _ => return Err(KeyError::Version),
    };
    let users = &key.details.users;
    let user = users.iter().find(|user| user.is_primary()).or(users.first());
    let user =
        user.map_or_else(|| "none".to_owned(), |user| String::from_utf8_lossy(user.id.id()).into_owned());
    let fingerprint = hex::encode(key.primary_key.fingerprint().as_bytes());
    let created = key.primary_key.created_at().as_secs();
    let identity = Identity {
        key_id: hex::encode(key.primary_key.legacy_key_id().as_ref()),
        release: format!("{created:x}"),
        evr: format!("{version}:{fingerprint}-{created:x}"),
        fingerprint,
        user,
        created,
    };
    let blob = immutable(contents(certificate, &identity)).ok_or(KeyError::Header)?;
    let header = Header::parse(&blob).map_err(|_| KeyError::Header)?;
    let digested = [&HEADER_MAGIC[..], &blob].concat();
    let additions = vec![
        Addition::text(Tag::SHA1_HEADER, &hex::encode(Sha1::digest(&digested))),
        Addition::text(Tag::SHA256_HEADER, &hex::encode(Sha256::digest(&digested))),
        Addition::text(Tag::SHA3_256_HEADER, &hex::encode(Sha3_256::digest(&digested))),
        Addition::integers(Tag::INSTALL_TIME, &[transaction_id]),
        Addition::integers(Tag::INSTALL_TID, &[transaction_id]),
    ];
    installed_header::append(&header, additions).map_err(|_| KeyError::Header)
}

struct Identity {
    fingerprint: String,
    key_id: String,
    release: String,
    evr: String,
    user: String,
    created: u32,
}

/// What rpm says of a key (`lib/keystore.cc: makePubkeyHeader`), sorted by tag.
fn contents(certificate: &[u8], key: &Identity) -> Vec<Addition> {
    let folded = folded(&STANDARD.encode(certificate));
    let armored = format!(
        "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n{folded}={}\n-----END PGP PUBLIC KEY BLOCK-----\n",
        STANDARD.encode(&crc24(certificate).to_be_bytes()[1..])
    );
    let translated = |tag, text: &str| Addition { kind: EntryType::I18nString, ..Addition::text(tag, text) };
    let short_id = key.key_id.get(8..).unwrap_or_default();
    let provides = [&key.user, short_id, &key.key_id].map(|name| format!("gpg({name})"));
    let mut contents = vec![
        Addition::texts(PUBLIC_KEYS, &[&folded]),
        Addition::text(Tag::NAME, "gpg-pubkey"),
        Addition::text(Tag::VERSION, &key.fingerprint),
        Addition::text(Tag::RELEASE, &key.release),
        translated(Tag::SUMMARY, &format!("{} public key", key.user)),
        translated(Tag::DESCRIPTION, &armored),
        Addition::integers(Tag::BUILD_TIME, &[key.created]),
        Addition::text(Tag::BUILD_HOST, "localhost"),
        Addition::integers(Tag::SIZE, &[0]),
        Addition::text(Tag::LICENSE, "pubkey"),
        Addition::text(Tag::PACKAGER, &key.user),
        translated(Tag::GROUP, "Public Keys"),
        Addition::text(Tag::SOURCE_RPM, "(none)"),
        Addition::texts(Tag::PROVIDE_NAME, &provides.each_ref().map(String::as_str)),
        Addition::text(Tag::RPM_VERSION, RPM_VERSION),
        Addition::integers(Tag::PROVIDE_FLAGS, &[KEYRING_EQUAL; 3]),
        Addition::texts(Tag::PROVIDE_VERSION, &[key.evr.as_str(); 3]),
    ];
    contents.sort_by_key(|entry| entry.tag.0);
    contents
}

/// A header whose entries are all in an immutable region; `None` where it would be too large.
fn immutable(contents: Vec<Addition>) -> Option<Vec<u8>> {
    const ENTRY: usize = 16;
    let number = |count: usize| u32::try_from(count).ok();
    let mut index = Vec::new();
    let mut data = Vec::new();
    for entry in &contents {
        let alignment = entry.kind.width().unwrap_or(1).max(1);
        data.resize(data.len().next_multiple_of(alignment), 0);
        for field in [entry.tag.0, entry.kind.number(), number(data.len())?, number(entry.count)?] {
            index.extend(field.to_be_bytes());
        }
        data.extend(&entry.data);
    }
    let entries = contents.len() + 1;
    let region = |offset: u32| {
        let fields = [Tag::HEADER_IMMUTABLE.0, EntryType::Binary.number(), offset, 16];
        fields.map(u32::to_be_bytes).concat()
    };
    let first = region(number(data.len())?);
    // The trailer says where the region's index begins, backwards from itself.
    data.extend(region(number(entries * ENTRY)?.wrapping_neg()));
    Some(
        [&number(entries)?.to_be_bytes()[..], &number(data.len())?.to_be_bytes(), &first, &index, &data]
            .concat(),
    )
}

fn folded(text: &str) -> String {
    text.as_bytes().chunks(LINE).map(|line| String::from_utf8_lossy(line).into_owned() + "\n").collect()
}

/// RFC 9580, 6.1.
fn crc24(bytes: &[u8]) -> u32 {
    let mut crc = 0x00b7_04ce_u32;
    for byte in bytes {
        crc ^= u32::from(*byte) << 16;
        for _ in 0..8 {
            crc <<= 1;
            if crc & 0x0100_0000 != 0 {
                crc ^= 0x0186_4cfb;
            }
        }
    }
    crc & 0x00ff_ffff
}

//! The firmware's empty store of variables and certificates, in; the store in which Secure Boot trusts them, out.
//!
//! The formats are edk2's firmware volume with authenticated variables, and the signature lists of UEFI 2.10, 32.4.1. Nothing here
//! reads a disk or runs a program.

/// Why a store cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum StoreError {
    /// It is something else.
    #[error("is no store of authenticated variables as edk2 makes it")]
    Foreign,
    /// What it says does not fit together.
    #[error("is damaged at byte {place}")]
    Damaged {
        /// From its beginning.
        place: usize,
    },
    /// The certificates do not fit.
    #[error("has no room for the certificates: {needed} bytes are needed and {room} are free")]
    Full {
        /// In bytes.
        needed: usize,
        /// In bytes.
        room: usize,
    },
}

/// A variable of the firmware.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Whose name it is, in the order of the store's bytes.
    pub vendor: [u8; 16],
    /// `EFI_VARIABLE_*`.
    pub attributes: u32,
    /// Its value.
    pub value: Vec<u8>,
}

type Guid = [u8; 16];

/// `gEfiSystemNvDataFvGuid`: fff12b8d-7696-4c8b-a985-2747075b4f50.
const VOLUME: Guid =
    [0x8d, 0x2b, 0xf1, 0xff, 0x96, 0x76, 0x8b, 0x4c, 0xa9, 0x85, 0x27, 0x47, 0x07, 0x5b, 0x4f, 0x50];
/// `gEfiAuthenticatedVariableGuid`: aaf32c78-947b-439a-a180-2e144ec37792.
const AUTHENTICATED: Guid =
    [0x78, 0x2c, 0xf3, 0xaa, 0x7b, 0x94, 0x9a, 0x43, 0xa1, 0x80, 0x2e, 0x14, 0x4e, 0xc3, 0x77, 0x92];
/// `EFI_GLOBAL_VARIABLE`: 8be4df61-93ca-11d2-aa0d-00e098032b8c.
const GLOBAL: Guid =
    [0x61, 0xdf, 0xe4, 0x8b, 0xca, 0x93, 0xd2, 0x11, 0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c];
/// `EFI_IMAGE_SECURITY_DATABASE_GUID`: d719b2cb-3d3a-4596-a3bc-dad00e67656f.
const DATABASE: Guid =
    [0xcb, 0xb2, 0x19, 0xd7, 0x3a, 0x3d, 0x96, 0x45, 0xa3, 0xbc, 0xda, 0xd0, 0x0e, 0x67, 0x65, 0x6f];
/// `gEfiSecureBootEnableDisableGuid`: f0a30bc7-af08-4556-99c4-001009c93a44.
const SWITCH: Guid =
    [0xc7, 0x0b, 0xa3, 0xf0, 0x08, 0xaf, 0x56, 0x45, 0x99, 0xc4, 0x00, 0x10, 0x09, 0xc9, 0x3a, 0x44];
/// `EFI_CERT_X509_GUID`: a5c059a1-94e4-4aa7-87b5-ab155c2bf072.
const X509: Guid =
    [0xa1, 0x59, 0xc0, 0xa5, 0xe4, 0x94, 0xa7, 0x4a, 0x87, 0xb5, 0xab, 0x15, 0x5c, 0x2b, 0xf0, 0x72];

const VOLUME_GUID: usize = 16;
const VOLUME_HEADER_LENGTH: usize = 48;
const STORE_HEADER: usize = 28;
const VARIABLE_HEADER: usize = 60;
const VARIABLE_START: [u8; 2] = [0xaa, 0x55];
const ADDED: u8 = 0x3f;
const NON_VOLATILE: u32 = 1;
const BOOT_SERVICE: u32 = 2;
const RUNTIME: u32 = 4;
const TIME_BASED_AUTHENTICATED: u32 = 0x20;
/// EFI_TIME of the enrolment: any that is not later than that of a later change.
const ENROLLED: [u8; 16] = [0xda, 0x07, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/// Turns Secure Boot on: the first certificate owns the platform and may change keys, programs signed by any of them start.
pub fn enroll(store: &[u8], certificates: &[Vec<u8>]) -> Result<Vec<u8>, StoreError> {
    let authenticated = NON_VOLATILE | BOOT_SERVICE | RUNTIME | TIME_BASED_AUTHENTICATED;
    let owner = certificates.get(..1).unwrap_or_default();
    let mut new = Vec::new();
    for (name, vendor, attributes, value) in [
        ("db", DATABASE, authenticated, signature_lists(certificates)),
        ("KEK", GLOBAL, authenticated, signature_lists(owner)),
        ("PK", GLOBAL, authenticated, signature_lists(owner)),
        ("SecureBootEnable", SWITCH, NON_VOLATILE | BOOT_SERVICE, vec![1]),
    ] {
        new.extend(encoded(&Variable { name: name.to_owned(), vendor, attributes, value }));
    }
    let (_, place, end) = parse(store)?;
    let room = end - place;
    if new.len() > room {
        return Err(StoreError::Full { needed: new.len(), room });
    }
    let mut store = store.to_owned();
    store[place..place + new.len()].copy_from_slice(&new);
    Ok(store)
}

/// The variables that are in force.
pub fn read(store: &[u8]) -> Result<Vec<Variable>, StoreError> {
    parse(store).map(|(variables, _, _)| variables)
}

/// The variables, where the free space begins, and where it ends.
fn parse(store: &[u8]) -> Result<(Vec<Variable>, usize, usize), StoreError> {
    let guid = store.get(VOLUME_GUID..VOLUME_GUID + 16);
    let start = number::<2>(store, VOLUME_HEADER_LENGTH).filter(|_| guid == Some(&VOLUME));
    let start = start.ok_or(StoreError::Foreign)?;
    if store.get(start..start + 16) != Some(&AUTHENTICATED) {
        return Err(StoreError::Foreign);
    }
    let size = number::<4>(store, start + 16).ok_or(StoreError::Foreign)?;
    let end = start.checked_add(size).filter(|end| *end <= store.len()).ok_or(StoreError::Foreign)?;
    let mut variables = Vec::new();
    let mut place = start + STORE_HEADER;
    while place + VARIABLE_HEADER <= end && store[place..place + 2] == VARIABLE_START {
        let damaged = || StoreError::Damaged { place };
        let name_size = number::<4>(store, place + 36).ok_or_else(damaged)?;
        let value_size = number::<4>(store, place + 40).ok_or_else(damaged)?;
        let name = place + VARIABLE_HEADER;
        let value = name.checked_add(name_size).ok_or_else(damaged)?;
        let next = value.checked_add(value_size).filter(|next| *next <= end).ok_or_else(damaged)?;
        if store[place + 2] == ADDED {
            let units = store[name..value].chunks_exact(2).map(|unit| u16::from_le_bytes([unit[0], unit[1]]));
            let units: Vec<u16> = units.take_while(|unit| *unit != 0).collect();
            let mut vendor = [0; 16];
            vendor.copy_from_slice(&store[place + 44..name]);
            variables.push(Variable {
                name: String::from_utf16_lossy(&units),
                vendor,
                attributes: u32::from_le_bytes([
                    store[place + 4],
                    store[place + 5],
                    store[place + 6],
                    store[place + 7],
                ]),
                value: store[value..next].to_owned(),
            });
        }
        place = next.next_multiple_of(4);
    }
    Ok((variables, place.min(end), end))
}

fn encoded(variable: &Variable) -> Vec<u8> {
    let name: Vec<u8> = variable.name.encode_utf16().chain([0]).flat_map(|unit| unit.to_le_bytes()).collect();
    let timed = variable.attributes & TIME_BASED_AUTHENTICATED != 0;
    let mut bytes = VARIABLE_START.to_vec();
    bytes.extend([ADDED, 0]);
    bytes.extend(variable.attributes.to_le_bytes());
    bytes.extend(0_u64.to_le_bytes());
    bytes.extend(if timed { ENROLLED } else { [0; 16] });
    bytes.extend(0_u32.to_le_bytes());
    bytes.extend(size(name.len()));
    bytes.extend(size(variable.value.len()));
    bytes.extend(variable.vendor);
    bytes.extend(name);
    bytes.extend_from_slice(&variable.value);
    bytes.resize(bytes.len().next_multiple_of(4), 0xff);
    bytes
}

/// A list for each certificate, for all entries of one list have the same length.
fn signature_lists(certificates: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for certificate in certificates {
        let signature = 16 + certificate.len();
        bytes.extend(X509);
        bytes.extend(size(28 + signature));
        bytes.extend(size(0));
        bytes.extend(size(signature));
        // Who enrolled it: nobody looks.
        bytes.extend(GLOBAL);
        bytes.extend_from_slice(certificate);
    }
    bytes
}

/// A size that is compared with the store's own before it is written.
fn size(bytes: usize) -> [u8; 4] {
    u32::try_from(bytes).unwrap_or(u32::MAX).to_le_bytes()
}

fn number<const BYTES: usize>(store: &[u8], place: usize) -> Option<usize> {
    let bytes: [u8; BYTES] = *store.get(place..)?.first_chunk()?;
    Some(bytes.iter().rev().fold(0, |sum, byte| sum << 8 | usize::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn empty(size: usize) -> Vec<u8> {
        let mut store = vec![0xff; 72 + size];
        store[..72].fill(0);
        store[16..32].copy_from_slice(&VOLUME);
        store[48] = 72;
        store[72..88].copy_from_slice(&AUTHENTICATED);
        store[88..92].copy_from_slice(&u32::try_from(size).unwrap().to_le_bytes());
        store
    }

    #[test]
    fn certificates_are_enrolled_behind_what_is_there() {
        let store = enroll(&empty(4096), &[vec![1; 33], vec![2; 5]]).unwrap();
        let names = |store: &[u8]| {
            let described = read(store).unwrap().into_iter();
            described
                .map(|variable| format!("{} {}", variable.name, variable.value.len()))
                .collect::<Vec<_>>()
        };
        // 28 bytes head a list, 16 each entry.
        assert_eq!(names(&store), ["db 126", "KEK 77", "PK 77", "SecureBootEnable 1"]);
        let twice = enroll(&store, &[vec![3; 4]]).unwrap();
        assert_eq!(names(&twice).len(), 8);
        assert_eq!(names(&twice)[..4], names(&store));
    }

    #[test]
    fn what_is_no_store_or_too_small_is_refused() {
        assert_eq!(enroll(b"", &[]), Err(StoreError::Foreign));
        assert_eq!(enroll(&[0; 4096], &[]), Err(StoreError::Foreign));
        let error = enroll(&empty(256), &[vec![0; 1000]]).unwrap_err();
        assert!(matches!(error, StoreError::Full { room: 228, .. }), "{error}");
        let mut store = enroll(&empty(4096), &[vec![1; 8]]).unwrap();
        store[100 + 40..100 + 44].fill(0xff);
        assert_eq!(read(&store), Err(StoreError::Damaged { place: 100 }));
        for end in 0..store.len() {
            drop(read(&store[..end]));
        }
    }
}

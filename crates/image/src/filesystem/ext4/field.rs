//! Numbers in; little-endian fields at places of a structure out.

pub(super) fn put_u16(bytes: &mut [u8], place: usize, value: u16) {
    bytes[place..place + 2].copy_from_slice(&value.to_le_bytes());
}

pub(super) fn put_u32(bytes: &mut [u8], place: usize, value: u32) {
    bytes[place..place + 4].copy_from_slice(&value.to_le_bytes());
}

/// The lowest 16 bits.
pub(super) fn low16(value: u64) -> u16 {
    let bytes = value.to_le_bytes();
    u16::from_le_bytes([bytes[0], bytes[1]])
}

/// The lowest 32 bits.
pub(super) fn low32(value: u64) -> u32 {
    let bytes = value.to_le_bytes();
    u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}

/// A count that is known to fit into memory.
pub(super) fn length(value: u64) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}

//! Metadata in; its CRC-32C, begun from what tells the file system and the inode from others, out.

/// What a checksum begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ChecksumSeed(u32);

impl ChecksumSeed {
    /// The seed that the superblock names: of the UUID, as `metadata_csum` computes it by itself.
    pub(super) fn of_file_system(uuid: &[u8; 16]) -> Self {
        Self(crc32c(u32::MAX, uuid))
    }

    /// For an inode and the blocks that are its own; its generation is always 0.
    pub(super) fn of_inode(self, number: u32) -> Self {
        Self(crc32c(crc32c(self.0, &number.to_le_bytes()), &0_u32.to_le_bytes()))
    }

    /// For a structure that has a number: a group, a block.
    pub(super) fn with(self, number: &[u8]) -> Self {
        Self(crc32c(self.0, number))
    }

    pub(super) fn of(self, bytes: &[u8]) -> u32 {
        crc32c(self.0, bytes)
    }

    /// The number itself, as the superblock holds it.
    pub(super) fn number(self) -> u32 {
        self.0
    }
}

/// CRC-32C as ext4 uses it: the register as it is given, and as it is left, without the inversions of other formats.
pub(super) fn crc32c(register: u32, bytes: &[u8]) -> u32 {
    !crc32c::crc32c_append(!register, bytes)
}

#[cfg(test)]
mod tests {
    use super::crc32c;

    #[test]
    fn the_check_value_of_the_polynomial_is_met() {
        // RFC 3720, B.4: 32 bytes of zeros.
        assert_eq!(!crc32c(u32::MAX, &[0; 32]), 0x8A91_36AA);
    }
}

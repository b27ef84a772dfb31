//! The build's seed and a purpose in; the UUID or number for that purpose out, the same in every build from the same input.

use uuid::Uuid;

/// 32 bytes derived from everything that decides about an image: its locked packages and its definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seed(pub [u8; 32]);

impl Seed {
    /// The UUID for a purpose, by RFC 9562 version 5 under a namespace that is the seed's own.
    pub fn uuid(&self, purpose: &str) -> Uuid {
        let namespace = Uuid::new_v5(&Uuid::NAMESPACE_OID, &self.0);
        Uuid::new_v5(&namespace, purpose.as_bytes())
    }

    /// Four bytes for a purpose, where a format has no room for a UUID.
    pub fn number(&self, purpose: &str) -> u32 {
        let bytes = self.uuid(purpose).into_bytes();
        // The last bytes hold neither version nor variant.
        u32::from_be_bytes([bytes[12], bytes[13], bytes[14], bytes[15]])
    }
}

#[cfg(test)]
mod tests {
    use super::Seed;

    #[test]
    fn purposes_and_seeds_tell_uuids_apart() {
        let seed = Seed([1; 32]);
        assert_eq!(seed.uuid("disk"), seed.uuid("disk"));
        assert_ne!(seed.uuid("disk"), seed.uuid("root"));
        assert_ne!(seed.uuid("disk"), Seed([2; 32]).uuid("disk"));
        assert_eq!(seed.uuid("disk").get_version_num(), 5);
        assert_ne!(seed.number("esp"), seed.number("other"));
    }
}

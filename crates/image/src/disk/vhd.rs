//! The length of a raw disk in; the footer that makes it a fixed VHD, as Azure takes it, out.

use uuid::Uuid;

/// Bytes of the footer.
const FOOTER: usize = 512;

/// Seconds from 1970 to 2000, from where a VHD counts.
const EPOCH: u64 = 946_684_800;

/// The footer of a fixed disk; `size` is a multiple of one mebibyte, as Azure wants it.
pub(super) fn footer(size: u64, uuid: Uuid, source_date_epoch: u64) -> [u8; FOOTER] {
    let mut bytes = [0; FOOTER];
    let (cylinders, heads, sectors) = geometry(size / 512);
    let mut put = |place: usize, value: &[u8]| bytes[place..place + value.len()].copy_from_slice(value);
    put(0, b"conectix");
    put(8, &2_u32.to_be_bytes());
    put(12, &0x0001_0000_u32.to_be_bytes());
    put(16, &u64::MAX.to_be_bytes());
    put(24, &u32::try_from(source_date_epoch.saturating_sub(EPOCH)).unwrap_or(u32::MAX).to_be_bytes());
    // Readers take the size below as the truth for this creator, and a rounded geometry for others.
    put(28, b"win ");
    put(32, &0x0006_0003_u32.to_be_bytes());
    put(36, b"Wi2k");
    put(40, &size.to_be_bytes());
    put(48, &size.to_be_bytes());
    put(56, &cylinders.to_be_bytes());
    put(58, &[heads, sectors]);
    put(60, &2_u32.to_be_bytes());
    put(68, uuid.as_bytes());
    let sum: u32 = bytes.iter().map(|byte| u32::from(*byte)).sum();
    bytes[64..68].copy_from_slice(&(!sum).to_be_bytes());
    bytes
}

/// Cylinders, heads and sectors of a track, by the appendix of Microsoft's specification.
fn geometry(sectors: u64) -> (u16, u8, u8) {
    let sectors = sectors.min(65_535 * 16 * 255);
    let (mut per_track, mut heads, mut rest);
    if sectors >= 65_535 * 16 * 63 {
        (per_track, heads) = (255, 16);
        rest = sectors / per_track;
    } else {
        per_track = 17;
        rest = sectors / per_track;
        heads = rest.div_ceil(1024).max(4);
        if rest >= heads * 1024 || heads > 16 {
            (per_track, heads) = (31, 16);
            rest = sectors / per_track;
        }
        if rest >= heads * 1024 {
            (per_track, heads) = (63, 16);
            rest = sectors / per_track;
        }
    }
    let byte = |value: u64| u8::try_from(value).unwrap_or(u8::MAX);
    (u16::try_from(rest / heads).unwrap_or(u16::MAX), byte(heads), byte(per_track))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::footer;

    #[test]
    fn the_sum_over_the_footer_is_its_own_complement() {
        let footer = footer(64 << 20, Uuid::from_u128(5), 1_700_000_000);
        let stored = u32::from_be_bytes(footer[64..68].try_into().unwrap());
        let sum: u32 = footer
            .iter()
            .enumerate()
            .filter(|(place, _)| !(64..68).contains(place))
            .map(|(_, byte)| u32::from(*byte))
            .sum();
        assert_eq!(stored, !sum);
        assert_eq!(footer[48..56], (64_u64 << 20).to_be_bytes());
        // 2023-11-14 counted from 2000.
        assert_eq!(footer[24..28], 753_315_200_u32.to_be_bytes());
    }
}

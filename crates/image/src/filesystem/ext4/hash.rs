//! A name in a directory in; the hash by which large directories are ordered (`half_md4` over signed characters) out.

const SHIFTS: [[u32; 4]; 3] = [[3, 7, 11, 19], [3, 5, 9, 13], [3, 9, 11, 15]];
const ORDERS: [[usize; 8]; 3] =
    [[0, 1, 2, 3, 4, 5, 6, 7], [1, 3, 5, 7, 0, 2, 4, 6], [3, 7, 2, 6, 1, 5, 0, 4]];
/// RFC 1320: the square roots of 2 and 3.
const CONSTANTS: [u32; 3] = [0, 0x5A82_7999, 0x6ED9_EBA1];
/// What MD4 begins with, when the seed is all zeros.
const DEFAULT: [u32; 4] = [0x6745_2301, 0xEFCD_AB89, 0x98BA_DCFE, 0x1032_5476];
const WORDS: usize = 8;

/// The hash that leads to a block, with its lowest bit clear, and the one that orders names of equal hash.
pub(super) fn half_md4(name: &[u8], seed: &[u8; 16]) -> (u32, u32) {
    let mut state = [0; 4];
    for (word, bytes) in state.iter_mut().zip(seed.chunks_exact(4)) {
        *word = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    }
    if state == [0; 4] {
        state = DEFAULT;
    }
    let mut rest = name;
    while !rest.is_empty() {
        transform(&mut state, &words(rest));
        rest = &rest[rest.len().min(WORDS * 4)..];
    }
    (state[1] & !1, state[2])
}

/// Eight words of the name; what is missing is its length, repeated.
fn words(name: &[u8]) -> [u32; WORDS] {
    // Names have at most 255 bytes; only the first block of a longer one would differ.
    let length = u32::try_from(name.len()).unwrap_or(u32::MAX);
    let padding = (length & 0xFF) * 0x0101_0101;
    let mut words = [padding; WORDS];
    for (word, bytes) in words.iter_mut().zip(name.chunks(4)) {
        for byte in bytes {
            let signed = i32::from(byte.cast_signed()).cast_unsigned();
            *word = signed.wrapping_add(*word << 8);
        }
    }
    words
}

fn transform(state: &mut [u32; 4], input: &[u32; WORDS]) {
    let [mut a, mut b, mut c, mut d] = *state;
    for round in 0..3 {
        for (step, word) in ORDERS[round].iter().enumerate() {
            let mixed = match round {
                0 => d ^ (b & (c ^ d)),
                1 => (b & c).wrapping_add((b ^ c) & d),
                _ => b ^ c ^ d,
            };
            let sum = a.wrapping_add(mixed).wrapping_add(input[*word]).wrapping_add(CONSTANTS[round]);
            (a, b, c, d) = (d, sum.rotate_left(SHIFTS[round][step % 4]), b, c);
        }
    }
    for (word, add) in state.iter_mut().zip([a, b, c, d]) {
        *word = word.wrapping_add(add);
    }
}

#[cfg(test)]
mod tests {
    use super::half_md4;

    #[test]
    fn hashes_are_those_of_debugfs() {
        let seed =
            [0x23, 0xf3, 0x66, 0x91, 0x11, 0xab, 0x59, 0xe8, 0x87, 0x8e, 0x13, 0x96, 0xa8, 0x0a, 0x56, 0x3e];
        for (name, expected) in EXPECTED {
            assert_eq!(half_md4(name.as_bytes(), &seed), *expected, "{name}");
        }
    }

    /// `dx_hash -h half_md4 -s 23f36691-11ab-59e8-878e-1396a80a563e NAME`
    const EXPECTED: &[(&str, (u32, u32))] = &[
        ("a", (0x60f3_b3bc, 0xf01d_8441)),
        ("passwd", (0x7fa8_efa2, 0xbe7d_c179)),
        ("libc.so.6", (0xc0bf_97de, 0x7156_61ad)),
        ("a-name-of-more-than-thirty-two-bytes.service", (0xd4ae_016e, 0x450a_22f7)),
        ("ümlaut-näme", (0xba10_5ddc, 0x6de7_aa18)),
    ];
}

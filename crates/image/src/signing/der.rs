//! Values, in; their DER encoding (ITU-T X.690), out; and the other way for the few shapes that a certificate has.
//! What is encoded here is always in one way: DER allows no other.

pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const OBJECT: u8 = 0x06;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;

const NULL: [u8; 2] = [0x05, 0];

/// Contents of object identifiers.
pub(super) mod object {
    /// 1.2.840.113549.1.7.1
    pub(in super::super) const DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 1];
    /// 1.2.840.113549.1.7.2
    pub(in super::super) const SIGNED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 2];
    /// 1.2.840.113549.1.9.3
    pub(in super::super) const CONTENT_TYPE: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 3];
    /// 1.2.840.113549.1.9.4
    pub(in super::super) const MESSAGE_DIGEST: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 4];
    /// 1.2.840.113549.1.1.1
    pub(in super::super) const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
    /// 2.16.840.1.101.3.4.2.1
    pub(in super::super) const SHA_256: &[u8] = &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1];
    /// 1.3.6.1.4.1.311.2.1.4
    pub(in super::super) const SPC_INDIRECT_DATA: &[u8] = &[0x2b, 6, 1, 4, 1, 0x82, 0x37, 2, 1, 4];
    /// 1.3.6.1.4.1.311.2.1.15
    pub(in super::super) const SPC_PE_IMAGE_DATA: &[u8] = &[0x2b, 6, 1, 4, 1, 0x82, 0x37, 2, 1, 15];
}

/// The tag of a context's element that holds others.
pub(super) const fn context(number: u8) -> u8 {
    0xa0 | number
}

/// One element.
pub(super) fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut encoded = vec![tag];
    // X.690 8.1.3.4 and 8.1.3.5, 10.1: in as few bytes as possible.
    if let Ok(short @ 0..0x80) = u8::try_from(content.len()) {
        encoded.push(short);
    } else {
        let length: Vec<u8> = content.len().to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect();
        encoded.push(0x80 | u8::try_from(length.len()).unwrap_or(8));
        encoded.extend(length);
    }
    encoded.extend_from_slice(content);
    encoded
}

/// One element that holds others, in this order.
pub(super) fn holding(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    element(tag, &parts.concat())
}

/// An algorithm without parameters.
pub(super) fn algorithm(object: &[u8]) -> Vec<u8> {
    holding(SEQUENCE, &[&element(OBJECT, object), &NULL])
}

/// An element that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Element<'a> {
    pub(super) tag: u8,
    /// With tag and length.
    pub(super) whole: &'a [u8],
    pub(super) content: &'a [u8],
}

/// Takes the next element off the front; none if the bytes end too early or say something that is no DER.
pub(super) fn next<'a>(bytes: &mut &'a [u8]) -> Option<Element<'a>> {
    let (tag, first) = (*bytes.first()?, *bytes.get(1)?);
    let (header, length) = match first {
        0..=0x7f => (2, usize::from(first)),
        0x81..=0x84 => {
            let count = usize::from(first & 0x7f);
            let digits = bytes.get(2..2 + count)?;
            let length = digits.iter().try_fold(0_usize, |sum, digit| {
                sum.checked_mul(256).map(|shifted| shifted + usize::from(*digit))
            })?;
            (2 + count, length)
        }
        _ => return None,
    };
    let end = header.checked_add(length)?;
    let whole = bytes.get(..end)?;
    *bytes = &bytes[end..];
    Some(Element { tag, whole, content: &whole[header..] })
}

/// As `next`, of this tag.
pub(super) fn expect<'a>(bytes: &mut &'a [u8], tag: u8) -> Option<Element<'a>> {
    next(bytes).filter(|element| element.tag == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_take_as_few_bytes_as_possible() {
        for (length, header) in [
            (0, &[4, 0][..]),
            (0x7f, &[4, 0x7f]),
            (0x80, &[4, 0x81, 0x80]),
            (0x100, &[4, 0x82, 1, 0]),
            (0x1_0000, &[4, 0x83, 1, 0, 0]),
        ] {
            let encoded = element(OCTET_STRING, &vec![7; length]);
            assert_eq!(&encoded[..header.len()], header);
            let mut rest = encoded.as_slice();
            let read = next(&mut rest).unwrap();
            assert_eq!((read.tag, read.content.len(), rest.len()), (OCTET_STRING, length, 0));
        }
    }

    #[test]
    fn what_is_cut_or_endless_is_none() {
        for bytes in [
            &[][..],
            &[4],
            &[4, 1],
            &[4, 0x80, 0, 0],
            &[4, 0x85, 0, 0, 0, 0, 0],
            &[4, 0x84, 0xff, 0xff, 0xff, 0xff],
        ] {
            assert_eq!(next(&mut &*bytes), None, "{bytes:?}");
        }
    }
}

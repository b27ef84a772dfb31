//! Numbers and bytes in; one row of bytes out; and back, with an error where it ends early.

use super::RecipeError;

/// Seven bits a byte, the lowest first; the highest bit says that more follow.
pub(super) fn put(output: &mut Vec<u8>, mut number: u64) {
    while let Some(high) = Some(number >> 7).filter(|high| *high > 0) {
        output.push((number & 0x7f) as u8 | 0x80);
        number = high;
    }
    output.push((number & 0x7f) as u8);
}

/// Reads what `put` wrote.
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) fn bytes(&mut self, count: usize) -> Result<&'a [u8], RecipeError> {
        let (bytes, rest) =
            self.rest.split_at_checked(count).ok_or(RecipeError::Damaged("it ends too early"))?;
        self.rest = rest;
        Ok(bytes)
    }

    pub(super) fn array<const COUNT: usize>(&mut self) -> Result<[u8; COUNT], RecipeError> {
        let mut array = [0; COUNT];
        array.copy_from_slice(self.bytes(COUNT)?);
        Ok(array)
    }

    pub(super) fn number(&mut self) -> Result<u64, RecipeError> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let [byte] = self.array()?;
            let bits = u64::from(byte & 0x7f);
            if bits << shift >> shift != bits {
                break;
            }
            number |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(RecipeError::Damaged("a number is too large"))
    }

    pub(super) fn small(&mut self) -> Result<u32, RecipeError> {
        u32::try_from(self.number()?).map_err(|_| RecipeError::Damaged("a number is too large"))
    }

    /// How many things of at least one byte each follow.
    pub(super) fn count(&mut self) -> Result<usize, RecipeError> {
        let count = usize::try_from(self.number()?).unwrap_or(usize::MAX);
        if count > self.rest.len() { Err(RecipeError::Damaged("it ends too early")) } else { Ok(count) }
    }

    pub(super) fn end(&self) -> Result<(), RecipeError> {
        if self.rest.is_empty() { Ok(()) } else { Err(RecipeError::Damaged("something follows its end")) }
    }
}

#[cfg(test)]
mod tests {
    use super::{Reader, put};

    #[test]
    fn numbers_come_back() {
        let numbers = [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX];
        let mut bytes = Vec::new();
        numbers.iter().for_each(|number| put(&mut bytes, *number));
        assert_eq!(bytes[..7], [0, 1, 0x7f, 0x80, 1, 0xac, 2]);
        let mut reader = Reader::new(&bytes);
        numbers.iter().for_each(|number| assert_eq!(reader.number().unwrap(), *number));
        reader.end().unwrap();
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for bytes in [&b"\x80"[..], b"", &[0xff; 11], b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"] {
            assert!(Reader::new(bytes).number().is_err(), "{bytes:x?}");
        }
        assert!(Reader::new(b"\xff\xff\xff\xff\x7f").small().is_err());
        assert!(Reader::new(b"\x03\x00\x00").count().is_err());
    }
}

//! The bytes of a cpio archive, in; its entries' heads, out: newc (070701, 070702) and rpm's stripped form (07070X).

use std::io::{self, BufRead};

const MAGIC_LENGTH: usize = 6;
const NEWC_FIELDS: usize = 13;
/// Position of `c_namesize` among the fields.
const NAME_SIZE: usize = 11;
/// rpm's own limit on a name (`CPIO_NAMESIZE_MAX`).
const LONGEST_NAME: u64 = 4096;
const TRAILER: &[u8] = b"TRAILER!!!";

/// What stands before an entry's bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Head {
    /// The name as in the archive, mostly `./usr/...`. Its size field is not kept: rpm goes by the header alone.
    Named(Vec<u8>),
    /// The position of the file in the header, which knows the size.
    Indexed(u32),
    /// Nothing comes after it.
    End,
}

/// Why bytes are no cpio archive.
#[derive(Debug, thiserror::Error)]
pub enum CpioError {
    /// The bytes end in the middle.
    #[error("the payload ends in the middle of an entry")]
    Truncated,
    /// Unknown magic.
    #[error("an entry starts with {0:?} instead of a cpio magic")]
    Magic(String),
    /// A field that is no hexadecimal number.
    #[error("an entry's head has a field that is no hexadecimal number")]
    Field,
    /// An empty or endless name.
    #[error("an entry's name has {0} bytes")]
    NameLength(u64),
    /// The bytes' source failed.
    #[error("the payload cannot be read")]
    Read(#[source] io::Error),
}

/// Reads heads, and counts bytes for the padding to multiples of four.
pub(super) struct CpioReader<R> {
    inner: R,
    position: u64,
}

impl<R: BufRead> CpioReader<R> {
    pub(super) fn new(inner: R) -> Self {
        CpioReader { inner, position: 0 }
    }

    /// The next entry's head; the bytes of the entry before must have been read.
    pub(super) fn head(&mut self) -> Result<Head, CpioError> {
        self.align()?;
        let mut magic = [0; MAGIC_LENGTH];
        self.exactly(&mut magic)?;
        match &magic {
            b"07070X" => {
                let index = self.number()?;
                self.align()?;
                Ok(if index == u32::MAX { Head::End } else { Head::Indexed(index) })
            }
            b"070701" | b"070702" => self.named(),
            _ => Err(CpioError::Magic(String::from_utf8_lossy(&magic).into_owned())),
        }
    }

    /// Reads an entry's bytes, at most as many as `buffer` holds.
    pub(super) fn exactly(&mut self, buffer: &mut [u8]) -> Result<(), CpioError> {
        self.inner.read_exact(buffer).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => CpioError::Truncated,
            _ => CpioError::Read(error),
        })?;
        self.position += buffer.len() as u64;
        Ok(())
    }

    /// Bytes of the entry that are at hand: at least one, and at most so many. They stay unread until consumed.
    pub(super) fn buffered(&mut self, most: u64) -> Result<&[u8], CpioError> {
        // A call that a signal broke off is tried again, as read_exact does.
        while let Err(error) = self.inner.fill_buf() {
            if error.kind() != io::ErrorKind::Interrupted {
                return Err(CpioError::Read(error));
            }
        }
        let bytes = self.inner.fill_buf().map_err(CpioError::Read)?;
        if bytes.is_empty() {
            return Err(CpioError::Truncated);
        }
        Ok(&bytes[..usize::try_from(most).unwrap_or(usize::MAX).min(bytes.len())])
    }

    /// Takes so many of the bytes at hand as read.
    pub(super) fn consume(&mut self, count: usize) {
        self.inner.consume(count);
        self.position += count as u64;
    }

    fn named(&mut self) -> Result<Head, CpioError> {
        let mut fields = [0; NEWC_FIELDS];
        for field in &mut fields {
            *field = self.number()?;
        }
        let name_length = u64::from(fields[NAME_SIZE]);
        if name_length == 0 || name_length > LONGEST_NAME {
            return Err(CpioError::NameLength(name_length));
        }
        let mut name = vec![0; usize::try_from(name_length).map_err(|_| CpioError::NameLength(name_length))?];
        self.exactly(&mut name)?;
        let end = name.iter().position(|byte| *byte == 0).unwrap_or(name.len());
        name.truncate(end);
        self.align()?;
        Ok(if name == TRAILER { Head::End } else { Head::Named(name) })
    }

    fn number(&mut self) -> Result<u32, CpioError> {
        let mut digits = [0; 8];
        self.exactly(&mut digits)?;
        if !digits.iter().all(u8::is_ascii_hexdigit) {
            return Err(CpioError::Field);
        }
        let text = std::str::from_utf8(&digits).map_err(|_| CpioError::Field)?;
        u32::from_str_radix(text, 16).map_err(|_| CpioError::Field)
    }

    fn align(&mut self) -> Result<(), CpioError> {
        let padding = (4 - self.position % 4) % 4;
        let mut bytes = [0; 3];
        match usize::try_from(padding) {
            Ok(length @ 1..=3) => self.exactly(&mut bytes[..length]),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn newc(magic: &str, name: &str, content: &[u8]) -> Vec<u8> {
        let mut bytes = magic.as_bytes().to_vec();
        let fields = [0, 0o100_644, 0, 0, 1, 0, content.len(), 0, 0, 0, 0, name.len() + 1, 0];
        for field in fields {
            bytes.extend(format!("{field:08x}").bytes());
        }
        bytes.extend(name.bytes());
        bytes.push(0);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes.extend(content);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    #[test]
    fn named_entries_are_read_up_to_the_trailer() {
        let bytes =
            [newc("070701", "./a", b"hello"), newc("070702", "./bc", b""), newc("070701", "TRAILER!!!", b"")]
                .concat();
        let mut reader = CpioReader::new(&bytes[..]);
        assert_eq!(reader.head().unwrap(), Head::Named(b"./a".to_vec()));
        let mut content = [0; 5];
        reader.exactly(&mut content).unwrap();
        assert_eq!(&content, b"hello");
        assert_eq!(reader.head().unwrap(), Head::Named(b"./bc".to_vec()));
        assert_eq!(reader.head().unwrap(), Head::End);
    }

    #[test]
    fn stripped_entries_name_an_index() {
        let bytes = b"07070X0000000a\0\0xyz\x0007070Xffffffff\0\0";
        let mut reader = CpioReader::new(&bytes[..]);
        assert_eq!(reader.head().unwrap(), Head::Indexed(10));
        reader.exactly(&mut [0; 3]).unwrap();
        assert_eq!(reader.head().unwrap(), Head::End);
    }

    #[test]
    fn every_cut_and_odd_head_is_an_error() {
        let whole = newc("070701", "./a", b"");
        for end in 0..whole.len() {
            assert!(matches!(CpioReader::new(&whole[..end]).head(), Err(CpioError::Truncated)), "{end}");
        }
        assert!(matches!(CpioReader::new(&b"070707xxxxx"[..]).head(), Err(CpioError::Magic(_))));
        let mut signed = whole.clone();
        signed[6] = b'+';
        assert!(matches!(CpioReader::new(&signed[..]).head(), Err(CpioError::Field)));
        let mut endless = whole;
        endless[94..102].copy_from_slice(b"ffffffff");
        assert!(matches!(CpioReader::new(&endless[..]).head(), Err(CpioError::NameLength(_))));
    }
}

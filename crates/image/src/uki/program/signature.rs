//! A program, in; the digest that Authenticode signs, and the program with a signature in its place, out.

use sha2::{Digest as _, Sha256};

use super::{PeError, Program, SECURITY, length};

/// Of the file: signatures begin at a multiple of this.
const ALIGNMENT: usize = 8;
/// WIN_CERTIFICATE: its header's size, revision 2.0, and the type of PKCS #7.
const HEADER: usize = 8;
const REVISION: u16 = 0x200;
const PKCS_7: u16 = 2;

impl Program<'_> {
    /// The program with zeros up to where a signature can begin.
    pub(crate) fn filled_up_for_signature(mut self) -> Result<Self, PeError> {
        let (_, directory) = self.places()?;
        if self.number(directory)? != 0 || self.number(directory + 4)? != 0 {
            return Err(PeError::Signed);
        }
        let end = self.bytes.len().next_multiple_of(ALIGNMENT);
        if end != self.bytes.len() {
            self.bytes.to_mut().resize(end, 0);
        }
        Ok(self)
    }

    /// SHA-256 of all that signing does not change: "Calculating the PE Image Hash" in Microsoft's Authenticode paper.
    pub(crate) fn digest(&self) -> Result<[u8; 32], PeError> {
        let (checksum, directory) = self.places()?;
        let headers =
            usize::try_from(self.number(self.optional + 60)?).map_err(|_| PeError::Impossible("headers"))?;
        if headers < directory + 8 {
            return Err(PeError::Impossible("headers"));
        }
        self.contiguous_from(headers)?;
        let mut digest = Sha256::new();
        digest.update(&self.bytes[..checksum]);
        digest.update(&self.bytes[checksum + 4..directory]);
        // Headers, sections and what follows them lie one after the other.
        digest.update(&self.bytes[directory + 8..]);
        Ok(digest.finalize().into())
    }

    /// The program's bytes with this signature at their end.
    pub(crate) fn with_signature(mut self, signature: &[u8]) -> Result<Vec<u8>, PeError> {
        let (_, directory) = self.places()?;
        let start = length(self.bytes.len())?;
        let size = (HEADER + signature.len()).next_multiple_of(ALIGNMENT);
        self.set_number(directory, start);
        self.set_number(directory + 4, length(size)?);
        let mut bytes = self.bytes.into_owned();
        let end = bytes.len() + size;
        bytes.extend(length(size)?.to_le_bytes());
        bytes.extend(REVISION.to_le_bytes());
        bytes.extend(PKCS_7.to_le_bytes());
        bytes.extend_from_slice(signature);
        bytes.resize(end, 0);
        Ok(bytes)
    }

    /// Where the checksum is, and the line of the directory that tells where the signature is.
    fn places(&self) -> Result<(usize, usize), PeError> {
        let directories = usize::try_from(self.number(self.optional + 108)?).unwrap_or(usize::MAX);
        let directory = self.optional + 112 + SECURITY * 8;
        let end = self.sections.min(self.bytes.len());
        if directories <= SECURITY || directory + 8 > end {
            return Err(PeError::Impossible("directories, which have no place for a signature"));
        }
        Ok((self.optional + 64, directory))
    }

    /// Fails if sections overlap or leave gaps: verifiers do not agree on what to make of these bytes.
    fn contiguous_from(&self, headers: usize) -> Result<(), PeError> {
        let mut places = Vec::new();
        for number in 0..self.count {
            let section = self.section(number)?;
            if section.raw_size > 0 {
                places.push((section.raw_start, section.raw_size));
            }
        }
        places.sort_unstable();
        let mut end = headers;
        for (start, size) in places {
            if start != end {
                return Err(PeError::Impossible("sections, which do not follow one another in the file"));
            }
            end = start + size;
        }
        if end > self.bytes.len() { Err(PeError::Impossible("headers")) } else { Ok(()) }
    }
}

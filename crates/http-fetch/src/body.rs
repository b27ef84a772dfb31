//! The content of one answer, no more of it than was promised and no less.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use ureq::http::{HeaderMap, Response};

use crate::extent::extent;
use crate::{Bound, Request, TransferError};

/// The content of one answer.
pub struct Body {
    content: Box<dyn Read>,
    /// Where the content is a file's.
    path: Option<PathBuf>,
    headers: HeaderMap,
    position: u64,
    end: Option<u64>,
    bound: Bound,
}

impl Body {
    pub(crate) fn local(path: PathBuf, start: u64, bound: Bound) -> Result<Body, TransferError> {
        let failed = |problem| unreadable(&path, problem);
        let mut file = File::open(&path).map_err(failed)?;
        let facts = file.metadata().map_err(failed)?;
        if !facts.is_file() {
            return Err(failed(io::Error::other("not a regular file")));
        }
        bound.check_total(facts.len())?;
        if start > facts.len() {
            return Err(TransferError::NoSuchRange);
        }
        file.seek(SeekFrom::Start(start)).map_err(failed)?;
        let (content, headers, end) = (Box::new(file), HeaderMap::new(), Some(facts.len()));
        Ok(Body { content, path: Some(path), headers, position: start, end, bound })
    }

    pub(crate) fn remote(
        response: Response<ureq::Body>,
        request: &Request<'_>,
    ) -> Result<Body, TransferError> {
        let (position, end) = extent(response.status().as_u16(), response.headers(), request)?;
        let (parts, body) = response.into_parts();
        let (content, headers, bound) = (Box::new(body.into_reader()), parts.headers, request.bound);
        Ok(Body { content, path: None, headers, position, end, bound })
    }

    /// Offset in the file of the next byte.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Offset in the file behind the last byte of this answer, where anybody told it.
    pub fn end(&self) -> Option<u64> {
        self.end
    }

    /// A header of the answer; files have none.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The next bytes, and how many they are: none only at the promised end.
    pub fn read(&mut self, buffer: &mut [u8]) -> Result<usize, TransferError> {
        let count = self.piece(buffer)?;
        self.position += count as u64;
        self.bound.check_running(self.position)?;
        match self.end {
            Some(expected) if count == 0 && self.position < expected => {
                Err(TransferError::Truncated { expected, got: self.position })
            }
            _ => Ok(count),
        }
    }

    /// Asks for the end of the content, so that the connection can serve the next request.
    pub fn finish(mut self) -> Result<(), TransferError> {
        self.piece(&mut [0]).map(drop)
    }

    fn piece(&mut self, buffer: &mut [u8]) -> Result<usize, TransferError> {
        loop {
            match (self.content.read(buffer), &self.path) {
                (Ok(count), _) => return Ok(count),
                (Err(error), _) if error.kind() == io::ErrorKind::Interrupted => {}
                (Err(error), Some(path)) => return Err(unreadable(path, error)),
                (Err(error), None) => return Err(TransferError::Connection(error.to_string())),
            }
        }
    }
}

fn unreadable(path: &Path, problem: io::Error) -> TransferError {
    TransferError::LocalFile { path: path.to_owned(), problem }
}

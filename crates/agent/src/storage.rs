//! Bytes at places of a device, read, written and flushed; windows of it that cannot be left.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

/// Something that keeps bytes: a disk, a file, or a test's record of what was written.
pub trait Device: Send + Sync {
    /// Size in bytes.
    fn size(&self) -> u64;

    /// Fills `buffer` from `offset` on.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()>;

    /// Writes all of `bytes` at `offset`; they may be lost, wholly or by sectors, until `flush` came back.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Comes back when everything written before is kept.
    fn flush(&self) -> io::Result<()>;

    /// Forgets copies in memory of what was flushed, so that reading it reads the device.
    fn forget(&self, _offset: u64, _length: u64) {}
}

/// A disk or a file that stands for one.
#[derive(Debug)]
pub struct Disk {
    file: File,
    size: u64,
}

impl Disk {
    /// Opens a disk to read from it.
    pub fn open(path: &Path) -> io::Result<Self> {
        Self::with(File::open(path)?)
    }

    /// Opens a disk to read and write.
    pub fn open_to_write(path: &Path) -> io::Result<Self> {
        Self::with(OpenOptions::new().read(true).write(true).open(path)?)
    }

    fn with(file: File) -> io::Result<Self> {
        // A block device has no length among its attributes; its end can be sought.
        let size = io::Seek::seek(&mut &file, io::SeekFrom::End(0))?;
        Ok(Disk { file, size })
    }

    /// The open file, to lock it.
    pub fn file(&self) -> &File {
        &self.file
    }
}

impl Device for Disk {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(buffer, offset)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all_at(bytes, offset)
    }

    fn flush(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn forget(&self, offset: u64, length: u64) {
        // A kernel that keeps its copies only makes the comparison weaker.
        let length = std::num::NonZeroU64::new(length);
        rustix::fs::fadvise(&self.file, offset, length, rustix::fs::Advice::DontNeed).ok();
    }
}

/// A file or a part of a device, to read from at any place.
pub trait ReadAt: Send + Sync {
    /// Size in bytes.
    fn size(&self) -> u64;
    /// Fills `buffer` from `offset` on.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()>;
}

/// A part of a device to read from: offsets count from its start, and nothing beyond its end can be reached.
#[derive(Clone, Copy)]
pub struct Window<'a> {
    device: &'a dyn Device,
    start: u64,
    size: u64,
}

/// A part of a device to write to.
#[derive(Clone, Copy)]
pub struct WritableWindow<'a>(Window<'a>);

impl<'a> Window<'a> {
    /// The `size` bytes of `device` from `start` on.
    pub fn new(device: &'a dyn Device, start: u64, size: u64) -> io::Result<Self> {
        match start.checked_add(size) {
            Some(end) if end <= device.size() => Ok(Window { device, start, size }),
            _ => Err(beyond(start, size, device.size())),
        }
    }

    fn place(&self, offset: u64, length: usize) -> io::Result<u64> {
        let length = length as u64;
        match offset.checked_add(length) {
            Some(end) if end <= self.size => Ok(self.start + offset),
            _ => Err(beyond(offset, length, self.size)),
        }
    }
}

impl ReadAt for Window<'_> {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.device.read_at(self.place(offset, buffer.len())?, buffer)
    }
}

impl<'a> WritableWindow<'a> {
    /// The `size` bytes of `device` from `start` on.
    pub fn new(device: &'a dyn Device, start: u64, size: u64) -> io::Result<Self> {
        Window::new(device, start, size).map(WritableWindow)
    }

    /// Forgets copies in memory of what was flushed.
    pub fn forget(&self) {
        self.0.device.forget(self.0.start, self.0.size);
    }

    /// The same part, to read from.
    pub fn readable(&self) -> Window<'a> {
        self.0
    }

    /// Writes all of `bytes` at `offset`.
    pub fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.device.write_at(self.0.place(offset, bytes.len())?, bytes)
    }

    /// Comes back when everything written before is kept.
    pub fn flush(&self) -> io::Result<()> {
        self.0.device.flush()
    }
}

fn beyond(offset: u64, length: u64, size: u64) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidInput,
        format!("{length} bytes at {offset} do not lie within the {size} bytes that there are"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_ends_where_it_ends() {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(4096).unwrap();
        let disk = Disk::open_to_write(file.path()).unwrap();
        let window = WritableWindow::new(&disk, 1024, 512).unwrap();
        window.write_at(0, &[7; 512]).unwrap();
        assert_eq!(window.write_at(1, &[7; 512]).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        assert_eq!(window.write_at(u64::MAX, &[7; 2]).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        let mut whole = [0; 4096];
        disk.read_at(0, &mut whole).unwrap();
        assert_eq!(whole.iter().position(|byte| *byte == 7), Some(1024));
        assert_eq!(whole.iter().filter(|byte| **byte == 7).count(), 512);
        assert!(Window::new(&disk, 4096, 1).is_err());
    }
}

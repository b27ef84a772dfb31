//! This machine, in; whether its processor really executes guests, out.
//!
//! `/dev/kvm` can be there and open, and yet only emulate the modes that firmware starts in, and not all of their instructions
//! (software virtualisation in a cloud). So a few instructions are tried, among them one that the kernel's emulator lacks and
//! OVMF begins with. The kernel's interface is memory and ioctl, hence the `unsafe`.
#![allow(unsafe_code)]

use std::fs::OpenOptions;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;

const CREATE_VM: libc::c_ulong = 0xae01;
const GET_VCPU_MMAP_SIZE: libc::c_ulong = 0xae04;
const CREATE_VCPU: libc::c_ulong = 0xae41;
const SET_USER_MEMORY_REGION: libc::c_ulong = 0x4020_ae46;
const RUN: libc::c_ulong = 0xae80;
/// The guest executed HLT.
const EXIT_HLT: u32 = 5;
/// Where `struct kvm_run` says why the guest stopped.
const EXIT_REASON_OFFSET: usize = 8;
const PAGE: usize = 4096;
/// The page that holds the first instruction a processor executes.
const RESET_PAGE: u64 = 0xffff_f000;
/// Where in that page it is.
const RESET_OFFSET: usize = 0xff0;
/// FWAIT, FNINIT, HLT.
const TRIAL: [u8; 4] = [0x9b, 0xdb, 0xe3, 0xf4];

/// Whether the processor executes the trial's instructions to their end.
pub(super) fn works() -> bool {
    cfg!(target_arch = "x86_64") && matches!(first_exit(), Ok(EXIT_HLT))
}

/// Why a guest that executes the trial stopped.
fn first_exit() -> io::Result<u32> {
    let kvm = OpenOptions::new().read(true).write(true).open("/dev/kvm")?;
    let machine = owned(ioctl(kvm.as_raw_fd(), CREATE_VM, 0)?);
    let memory = Mapping::new(PAGE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1)?;
    // SAFETY: the mapping is a page long and writable.
    unsafe { memory.address.byte_add(RESET_OFFSET).cast::<[u8; 4]>().write(TRIAL) };
    // struct kvm_userspace_memory_region: slot, flags, guest address, size, address here.
    let region: [u64; 4] = [0, RESET_PAGE, PAGE as u64, memory.address as u64];
    ioctl(machine.as_raw_fd(), SET_USER_MEMORY_REGION, region.as_ptr() as libc::c_ulong)?;
    let processor = owned(ioctl(machine.as_raw_fd(), CREATE_VCPU, 0)?);
    let size = usize::try_from(ioctl(kvm.as_raw_fd(), GET_VCPU_MMAP_SIZE, 0)?).unwrap_or(PAGE);
    let state = Mapping::new(size, libc::MAP_SHARED, processor.as_raw_fd())?;
    ioctl(processor.as_raw_fd(), RUN, 0)?;
    // SAFETY: the mapping begins with `struct kvm_run`, whose exit reason lies there, aligned.
    Ok(unsafe { state.address.byte_add(EXIT_REASON_OFFSET).cast::<u32>().read_volatile() })
}

struct Mapping {
    address: *mut libc::c_void,
    length: usize,
}

impl Mapping {
    fn new(length: usize, flags: i32, fd: RawFd) -> io::Result<Self> {
        // SAFETY: a new mapping at an address of the kernel's choice touches no memory in use.
        let address =
            unsafe { libc::mmap(ptr::null_mut(), length, libc::PROT_READ | libc::PROT_WRITE, flags, fd, 0) };
        if address == libc::MAP_FAILED {
            Err(io::Error::last_os_error())
        } else {
            Ok(Mapping { address, length })
        }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the mapping was made with this address and length, and nothing refers to it any more.
        unsafe { libc::munmap(self.address, self.length) };
    }
}

fn ioctl(fd: RawFd, request: libc::c_ulong, argument: libc::c_ulong) -> io::Result<RawFd> {
    // SAFETY: the argument is 0 or points to the structure that the request reads.
    let result = unsafe { libc::ioctl(fd, request, argument) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

fn owned(fd: RawFd) -> OwnedFd {
    // SAFETY: the kernel has just made this descriptor for us alone.
    unsafe { OwnedFd::from_raw_fd(fd) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_trial_ends_and_an_absent_device_does_not_work() {
        let exit = first_exit();
        println!("first exit: {exit:?}");
        assert_eq!(works(), matches!(exit, Ok(EXIT_HLT)));
    }
}

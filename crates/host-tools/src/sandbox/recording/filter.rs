//! Which system calls a recorded program is stopped at, as the small program by which the kernel decides.
//!
//! A call that neither names a file nor opens the sandbox up is let through without anyone being asked.

use serde::{Deserialize, Serialize};

use super::numbers::{self, WATCHED};

/// One instruction, laid out as the kernel's `sock_filter`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[repr(C)]
pub(in crate::sandbox) struct Instruction {
    code: u16,
    if_true: u8,
    if_false: u8,
    operand: u32,
}

/// `BPF_LD | BPF_W | BPF_ABS`.
const LOAD: u16 = 0x20;
/// `BPF_ALU | BPF_AND | BPF_K`.
const AND: u16 = 0x54;
/// `BPF_JMP | BPF_JEQ | BPF_K`.
const IF_EQUAL: u16 = 0x15;
/// `BPF_JMP | BPF_JGE | BPF_K`.
const IF_AT_LEAST: u16 = 0x35;
/// `BPF_RET | BPF_K`.
const RETURN: u16 = 0x06;

const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;
/// Numbers from here on belong to the x32 calling convention.
const X32: u32 = 0x4000_0000;

/// New namespaces of any kind (`CLONE_NEW*` that fit `clone`).
const NEW_NAMESPACES: u32 = 0x7e02_0000;
/// `GRND_NONBLOCK | GRND_INSECURE`: names of temporary files and seeds of hash tables.
const NO_SECRET: u32 = 0x0005;
/// `MAP_TYPE`, and its value `MAP_DROPPABLE`: where the C library would keep random numbers that it draws without a call.
const MAPPING_KIND: u32 = 0x0f;
const DROPPABLE: u32 = 0x08;
const SET_FLAGS: u32 = 0x4008_6602;
const SET_EXTENDED_FLAGS: u32 = 0x401c_5820;

const fn argument(index: u32) -> u32 {
    // The low half; both architectures that are recorded are little-endian.
    16 + 8 * index
}

/// The program, or nothing where this machine's calls are not known.
pub(in crate::sandbox) fn filter() -> Option<Vec<Instruction>> {
    let architecture = numbers::ARCHITECTURE?;
    let mut program = Program::default();
    program.load(ARCHITECTURE);
    // Another architecture's calls have other numbers: whoever hears of one gives up.
    program.push(IF_EQUAL, 1, 0, architecture);
    program.give(libc::SECCOMP_RET_USER_NOTIF);
    program.load(NUMBER);
    program.push(IF_AT_LEAST, 0, 1, X32);
    program.give(libc::SECCOMP_RET_USER_NOTIF);
    for number in WATCHED {
        program.if_call(*number, &[libc::SECCOMP_RET_USER_NOTIF]);
    }
    // Its requests cannot be seen.
    program.if_call(libc::SYS_io_uring_setup, &[refuse(libc::ENOSYS)]);
    program.if_argument(libc::SYS_clone, 0, NEW_NAMESPACES, &[0], true);
    program.if_argument(libc::SYS_getrandom, 2, NO_SECRET, &[0], false);
    program.if_argument(libc::SYS_ioctl, 1, u32::MAX, &[SET_FLAGS, SET_EXTENDED_FLAGS], false);
    program.refuse_droppable_memory();
    program.give(libc::SECCOMP_RET_ALLOW);
    Some(program.0)
}

const fn refuse(errno: i32) -> u32 {
    libc::SECCOMP_RET_ERRNO | errno.cast_unsigned()
}

#[derive(Default)]
struct Program(Vec<Instruction>);

impl Program {
    fn push(&mut self, code: u16, if_true: u8, if_false: u8, operand: u32) {
        self.0.push(Instruction { code, if_true, if_false, operand });
    }

    fn load(&mut self, offset: u32) {
        self.push(LOAD, 0, 0, offset);
    }

    fn give(&mut self, action: u32) {
        self.push(RETURN, 0, 0, action);
    }

    fn if_call(&mut self, number: i64, actions: &[u32]) {
        self.push(IF_EQUAL, 0, u8::try_from(actions.len()).unwrap_or(u8::MAX), call(number));
        for action in actions {
            self.give(*action);
        }
    }

    /// Asks about a call whose masked argument is one of `values` (or, `unless`, none of them), and allows it otherwise.
    fn if_argument(&mut self, number: i64, index: u32, mask: u32, values: &[u32], unless: bool) {
        let (hit, other) = if unless {
            (libc::SECCOMP_RET_ALLOW, libc::SECCOMP_RET_USER_NOTIF)
        } else {
            (libc::SECCOMP_RET_USER_NOTIF, libc::SECCOMP_RET_ALLOW)
        };
        let length = u8::try_from(3 + 2 * values.len()).unwrap_or(u8::MAX);
        self.push(IF_EQUAL, 0, length, call(number));
        self.load(argument(index));
        self.push(AND, 0, 0, mask);
        for value in values {
            self.push(IF_EQUAL, 0, 1, *value);
            self.give(hit);
        }
        self.give(other);
    }

    /// Refused, the C library draws random numbers by calls, which can be seen.
    fn refuse_droppable_memory(&mut self) {
        self.push(IF_EQUAL, 0, 5, call(libc::SYS_mmap));
        self.load(argument(3));
        self.push(AND, 0, 0, MAPPING_KIND);
        self.push(IF_EQUAL, 0, 1, DROPPABLE);
        self.give(refuse(libc::EINVAL));
        self.give(libc::SECCOMP_RET_ALLOW);
    }
}

fn call(number: i64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs the program as the kernel would.
    fn decide(architecture: u32, number: i64, arguments: [u32; 6]) -> u32 {
        let program = filter().unwrap();
        let (mut at, mut value) = (0, 0);
        loop {
            let Instruction { code, if_true, if_false, operand } = program[at];
            at += 1;
            match code {
                LOAD if operand == NUMBER => value = call(number),
                LOAD if operand == ARCHITECTURE => value = architecture,
                LOAD => value = arguments[((operand - 16) / 8) as usize],
                AND => value &= operand,
                IF_EQUAL => at += usize::from(if value == operand { if_true } else { if_false }),
                IF_AT_LEAST => at += usize::from(if value >= operand { if_true } else { if_false }),
                RETURN => return operand,
                _ => panic!("unknown instruction"),
            }
        }
    }

    #[test]
    fn calls_that_name_files_are_asked_about_and_others_are_not() {
        let native = numbers::ARCHITECTURE.unwrap();
        let (ask, allow) = (libc::SECCOMP_RET_USER_NOTIF, libc::SECCOMP_RET_ALLOW);
        let plain = |number| decide(native, number, [0; 6]);
        assert_eq!(plain(libc::SYS_openat), ask);
        assert_eq!(plain(libc::SYS_fchmod), ask);
        assert_eq!(plain(libc::SYS_read), allow);
        assert_eq!(plain(libc::SYS_write), allow);
        assert_eq!(plain(libc::SYS_io_uring_setup), refuse(libc::ENOSYS));
        assert_eq!(decide(native ^ 1, libc::SYS_read, [0; 6]), ask);
        assert_eq!(decide(native, i64::from(X32), [0; 6]), ask);
    }

    #[test]
    fn some_calls_depend_on_their_arguments() {
        let native = numbers::ARCHITECTURE.unwrap();
        let (ask, allow) = (libc::SECCOMP_RET_USER_NOTIF, libc::SECCOMP_RET_ALLOW);
        let of = |number, index: usize, value| {
            let mut arguments = [0; 6];
            arguments[index] = value;
            decide(native, number, arguments)
        };
        assert_eq!(of(libc::SYS_clone, 0, 17), allow);
        assert_eq!(of(libc::SYS_clone, 0, libc::CLONE_NEWUSER.cast_unsigned()), ask);
        assert_eq!(of(libc::SYS_getrandom, 2, libc::GRND_NONBLOCK), allow);
        assert_eq!(of(libc::SYS_getrandom, 2, 0), ask);
        assert_eq!(of(libc::SYS_ioctl, 1, 0x5401), allow);
        assert_eq!(of(libc::SYS_ioctl, 1, SET_FLAGS), ask);
        assert_eq!(of(libc::SYS_mmap, 3, 0x22), allow);
        assert_eq!(of(libc::SYS_mmap, 3, 0x28), refuse(libc::EINVAL));
    }
}

//! File capabilities as text (`cap_net_raw=ep`), in; the extended attribute `security.capability`, out.
//!
//! The text is that of cap_from_text(3), the attribute is version 2 of linux/capability.h.

/// In the order of their numbers.
const NAMES: [&str; 41] = [
    "chown",
    "dac_override",
    "dac_read_search",
    "fowner",
    "fsetid",
    "kill",
    "setgid",
    "setuid",
    "setpcap",
    "linux_immutable",
    "net_bind_service",
    "net_broadcast",
    "net_admin",
    "net_raw",
    "ipc_lock",
    "ipc_owner",
    "sys_module",
    "sys_rawio",
    "sys_chroot",
    "sys_ptrace",
    "sys_pacct",
    "sys_admin",
    "sys_boot",
    "sys_nice",
    "sys_resource",
    "sys_time",
    "sys_tty_config",
    "mknod",
    "lease",
    "audit_write",
    "audit_control",
    "setfcap",
    "mac_override",
    "mac_admin",
    "syslog",
    "wake_alarm",
    "block_suspend",
    "audit_read",
    "perfmon",
    "bpf",
    "checkpoint_restore",
];
const REVISION_2: u32 = 0x0200_0000;
const EFFECTIVE: u32 = 1;

/// Why a text names no file capabilities.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CapabilityTextError {
    /// A clause without operator or with an unknown flag.
    #[error("`{0}` is not CAPABILITIES followed by =, + or - and flags of e, i, p")]
    Clause(String),
    /// No such capability.
    #[error("`{0}` is no capability")]
    Name(String),
    /// Files have one bit for all effective capabilities.
    #[error("`{0}` makes only some capabilities effective, which files cannot")]
    Effective(String),
}

#[derive(Default)]
struct Sets {
    effective: u64,
    inheritable: u64,
    permitted: u64,
}

/// The attribute's bytes; `None` for an empty text. A text that grants nothing (`=`) is an attribute too, as in rpm: a file with it
/// differs from one without, and `rpm -V` tells.
pub fn capability_attribute(text: &str) -> Result<Option<Vec<u8>>, CapabilityTextError> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    let mut sets = Sets::default();
    for clause in text.split_whitespace() {
        apply(&mut sets, clause)?;
    }
    let granted = sets.permitted | sets.inheritable;
    if sets.effective != 0 && sets.effective & granted != granted {
        return Err(CapabilityTextError::Effective(text.to_owned()));
    }
    let magic = REVISION_2 | if sets.effective == 0 { 0 } else { EFFECTIVE };
    let (permitted, inheritable) = (sets.permitted.to_le_bytes(), sets.inheritable.to_le_bytes());
    Ok(Some(
        [&magic.to_le_bytes()[..], &permitted[..4], &inheritable[..4], &permitted[4..], &inheritable[4..]]
            .concat(),
    ))
}

fn apply(sets: &mut Sets, clause: &str) -> Result<(), CapabilityTextError> {
    let wrong = || CapabilityTextError::Clause(clause.to_owned());
    let start = clause.find(['=', '+', '-']).ok_or_else(wrong)?;
    let (names, mut actions) = clause.split_at(start);
    let mask =
        mask(names, actions.starts_with('=')).ok_or_else(|| CapabilityTextError::Name(names.to_owned()))?;
    while let Some(operator) = actions.chars().next() {
        let rest = &actions[1..];
        let end = rest.find(['=', '+', '-']).unwrap_or(rest.len());
        if operator == '=' {
            for set in [&mut sets.effective, &mut sets.inheritable, &mut sets.permitted] {
                *set &= !mask;
            }
        }
        for flag in rest[..end].chars() {
            let set = match flag {
                'e' => &mut sets.effective,
                'i' => &mut sets.inheritable,
                'p' => &mut sets.permitted,
                _ => return Err(wrong()),
            };
            if operator == '-' {
                *set &= !mask;
            } else {
                *set |= mask;
            }
        }
        actions = &rest[end..];
    }
    Ok(())
}

fn mask(names: &str, empty_is_all: bool) -> Option<u64> {
    let all = (1u64 << NAMES.len()) - 1;
    if names.is_empty() {
        return empty_is_all.then_some(all);
    }
    names.split(',').try_fold(0, |mask, name| {
        let name = name.to_ascii_lowercase();
        if name == "all" {
            return Some(all);
        }
        let number = NAMES.iter().position(|known| name.strip_prefix("cap_") == Some(known))?;
        Some(mask | 1 << number)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The attributes that setcap(8) writes for these texts, by getfattr(1).
    #[test]
    fn texts_become_the_attributes_that_setcap_writes() {
        for (text, expected) in [
            ("cap_net_raw=ep", "0100000200200000000000000000000000000000"),
            ("cap_net_raw+p", "0000000200200000000000000000000000000000"),
            ("cap_net_admin,cap_net_raw=eip", "0100000200300000003000000000000000000000"),
            ("cap_bpf=ep cap_chown=ep", "0100000201000000000000008000000000000000"),
            ("= cap_net_raw+ep", "0100000200200000000000000000000000000000"),
            ("=", "0000000200000000000000000000000000000000"),
        ] {
            let attribute = capability_attribute(text).unwrap().unwrap();
            assert_eq!(hex::encode(attribute), expected, "{text}");
        }
    }

    #[test]
    fn an_empty_text_is_no_attribute_and_nonsense_is_refused() {
        assert_eq!(capability_attribute("").unwrap(), None);
        assert!(matches!(capability_attribute("cap_net_raw"), Err(CapabilityTextError::Clause(_))));
        assert!(matches!(capability_attribute("cap_net_raw=x"), Err(CapabilityTextError::Clause(_))));
        assert!(matches!(capability_attribute("cap_fly=ep"), Err(CapabilityTextError::Name(_))));
        assert!(matches!(
            capability_attribute("cap_net_raw=ep cap_chown=p"),
            Err(CapabilityTextError::Effective(_))
        ));
    }
}

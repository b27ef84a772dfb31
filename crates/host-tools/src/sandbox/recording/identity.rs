//! A sandbox and a call, in; all that the program is given beside its root, as bytes that differ when anything of it does, out.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use crate::call::{Call, Sink, Stdin};
use crate::sandbox::{Network, Sandbox};

/// What a program is given beside its root, whatever the root's own path is; nothing where it is given what cannot be told.
///
/// Of binds only the places are in it: what they show is the caller's to add.
pub fn identity(sandbox: &Sandbox, call: &Call) -> Option<Vec<u8>> {
    let input = match &call.stdin {
        Stdin::Null => &[][..],
        Stdin::Bytes(bytes) => bytes.as_slice(),
        Stdin::File(_) | Stdin::Inherit | Stdin::Pipe => return None,
    };
    let is_captured = |sink: &Sink| matches!(sink, Sink::Capture { .. } | Sink::SameAsStdout | Sink::Null);
    if sandbox.network != Network::Off || !is_captured(&call.stdout) || !is_captured(&call.stderr) {
        return None;
    }
    let mut bytes = Vec::new();
    put_all(&mut bytes, std::iter::once(&call.program).chain(&call.args).map(|text| text.as_bytes()));
    let mut environment: std::collections::BTreeMap<_, _> = sandbox.env.iter().collect();
    environment.extend(&call.env);
    let variables = environment.iter().flat_map(|(name, value)| [name.as_bytes(), value.as_bytes()]);
    put_all(&mut bytes, variables);
    put_all(&mut bytes, call.directory.iter().map(|path| path.as_os_str().as_bytes()));
    put(&mut bytes, input);
    put_all(&mut bytes, sandbox.empty.iter().map(|path| path.as_os_str().as_bytes()));
    put_all(&mut bytes, sandbox.binds.iter().map(|bind| bind.target.as_os_str().as_bytes()));
    let read_only: Vec<u8> = sandbox.binds.iter().map(|bind| u8::from(bind.read_only)).collect();
    put(&mut bytes, &read_only);
    put(&mut bytes, OsStr::new(&sandbox.hostname).as_bytes());
    let together = matches!(call.stderr, Sink::SameAsStdout);
    put(&mut bytes, &[u8::from(sandbox.read_only_root), u8::from(sandbox.sys), u8::from(together)]);
    Some(bytes)
}

fn put(bytes: &mut Vec<u8>, field: &[u8]) {
    bytes.extend((field.len() as u64).to_le_bytes());
    bytes.extend(field);
}

fn put_all<'a>(bytes: &mut Vec<u8>, fields: impl Iterator<Item = &'a [u8]>) {
    let fields: Vec<&[u8]> = fields.collect();
    bytes.extend((fields.len() as u64).to_le_bytes());
    fields.into_iter().for_each(|field| put(bytes, field));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::Bind;

    #[test]
    fn everything_that_a_program_is_given_makes_a_difference_and_the_root_s_path_does_not() {
        let sandbox = Sandbox::new("/a");
        let call = || Call::new("sh").arg("x").stdin(Stdin::Bytes(b"in".to_vec()));
        let plain = identity(&sandbox, &call()).unwrap();
        assert_eq!(identity(&Sandbox::new("/b"), &call()), Some(plain.clone()));
        let others = [
            (sandbox.clone(), call().arg("y")),
            (sandbox.clone(), call().env("X", "y")),
            (sandbox.clone(), call().directory("/etc")),
            (sandbox.clone(), call().stdin(Stdin::Null)),
            (sandbox.clone(), call().stderr(Sink::SameAsStdout)),
            (sandbox.clone().env("Y", "y"), call()),
            (sandbox.clone().sys(true), call()),
            (sandbox.clone().hostname("x"), call()),
            (sandbox.clone().keep_directory("/run"), call()),
            (sandbox.clone().bind(Bind::read_only("/x", "/dev/x")), call()),
        ];
        let mut seen = std::collections::BTreeSet::from([plain]);
        for (index, (sandbox, call)) in others.iter().enumerate() {
            assert!(seen.insert(identity(sandbox, call).unwrap()), "number {index}");
        }
        assert_eq!(identity(&sandbox, &call().stdin(Stdin::Inherit)), None);
        assert_eq!(identity(&sandbox.network(Network::Host), &call()), None);
    }
}

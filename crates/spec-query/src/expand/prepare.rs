//! `%setup` and `%patch` of a %prep section, in; the shell commands that rpm makes of them, out.

use std::rc::Rc;

use super::{Engine, Expansion, MacroError, shown};
use crate::files::Found;
use crate::macros::table::Entry;
use crate::words::split;

/// First bytes of files that rpm decompresses before it patches.
const COMPRESSED: [&[u8]; 8] = [
    b"BZh",
    b"PK\x03\x04",
    b"\x1f\x8b",
    b"\x1f\x9d",
    b"\xfd7zXZ\0",
    b"\x5d\x00\x00",
    b"\x28\xb5\x2f\xfd",
    b"LZIP",
];

#[derive(Default)]
struct Setup {
    create: bool,
    into: bool,
    keep: bool,
    skip: bool,
    quiet: bool,
    folder: Option<Vec<u8>>,
    before: Vec<u32>,
    after: Vec<u32>,
}

#[derive(Default)]
struct Patch {
    strip: i64,
    reverse: bool,
    remove_empty: bool,
    utc: bool,
    backup: Option<Vec<u8>>,
    folder: Option<Vec<u8>>,
    output: Option<Vec<u8>>,
    fuzz: i64,
    numbers: Vec<Vec<u8>>,
}

impl Engine {
    pub(super) fn expand_setup(
        self: &Rc<Self>,
        out: &mut Expansion,
        arguments: &[Vec<u8>],
    ) -> Result<(), MacroError> {
        let setup = read_setup(arguments)?;
        let folder = match &setup.folder {
            Some(folder) => folder.clone(),
            None => self.expand(b"%{NAME}-%{VERSION}")?,
        };
        self.push(Entry::plain(b"buildsubdir", &folder));
        let mut script = self.expand(b"cd '%{_builddir}'\n")?;
        if !setup.keep {
            script.extend(self.expand(b"rm -rf '%{buildsubdir}'\n")?);
        }
        for number in &setup.before {
            script.extend(self.unpack(*number, &setup, false)?);
        }
        if setup.create {
            script.extend(self.expand(b"%{__mkdir_p} '%{buildsubdir}'\ncd '%{buildsubdir}'\n")?);
        }
        if !setup.skip {
            script.extend(self.unpack(0, &setup, setup.into)?);
        }
        if !setup.create {
            script.extend(self.expand(b"cd '%{buildsubdir}'\n")?);
        }
        for number in &setup.after {
            script.extend(self.unpack(*number, &setup, false)?);
        }
        let fix = self.expand(b"%{?_fixperms}")?;
        if !fix.is_empty() {
            script.extend([fix.as_slice(), b" .\n"].concat());
        }
        out.text.extend(script);
        Ok(())
    }

    fn unpack(self: &Rc<Self>, number: u32, setup: &Setup, into: bool) -> Result<Vec<u8>, MacroError> {
        let path = self.path_of(number, false)?;
        let mut command = b"%{__rpmuncompress} -x ".to_vec();
        command.extend_from_slice(if setup.quiet { b"" } else { b"-v " });
        command.extend_from_slice(if into { b"-C %{buildsubdir} " } else { b"" });
        let mut command = self.expand(&command)?;
        command.extend(super::text::shell_quote(&[path]));
        command.extend_from_slice(b"\nSTATUS=$?\nif [ $STATUS -ne 0 ]; then\n  exit $STATUS\nfi\n");
        Ok(command)
    }

    pub(super) fn expand_patch(
        self: &Rc<Self>,
        out: &mut Expansion,
        arguments: &[Vec<u8>],
    ) -> Result<(), MacroError> {
        let patch = self.read_patch(arguments)?;
        for number in &patch.numbers {
            let wrong = || MacroError::NoSuch(format!("`{}` is no number of a patch", shown(number)));
            let number = number_of(number).ok_or_else(wrong)?;
            let script = self.apply(number, &patch)?;
            out.text.extend(script);
        }
        Ok(())
    }

    fn apply(self: &Rc<Self>, number: u32, patch: &Patch) -> Result<Vec<u8>, MacroError> {
        let path = self.path_of(number, true)?;
        let name = self.sources.borrow().iter().find(|file| file.path == path).map(|file| file.name.clone());
        let mut arguments = self.expand(b"%{?_default_patch_flags}")?;
        arguments.extend(format!(" -p{} ", patch.strip).bytes());
        let mut add = |option: &str, value: &Option<Vec<u8>>| {
            if let Some(value) = value {
                arguments.extend([option.as_bytes(), value].concat());
            }
        };
        add("-b --suffix ", &patch.backup);
        add("", &(patch.fuzz >= 0).then(|| format!(" --fuzz={}", patch.fuzz).into_bytes()));
        add(" -d ", &patch.folder);
        add(" -o ", &patch.output);
        for (given, option) in [(patch.reverse, " -R"), (patch.remove_empty, " -E"), (patch.utc, " -Z")] {
            add(option, &given.then(Vec::new));
        }
        let program = self.expand(b"%{__patch}")?;
        let is_plain = match self.files.find(&String::from_utf8_lossy(&path)) {
            Found::Content(content) => !COMPRESSED.iter().any(|magic| content.starts_with(magic)),
            _ => false,
        };
        let command = if is_plain {
            [program.as_slice(), b" ", &arguments, b" < ", &path].concat()
        } else {
            let decompress = self.expand(b"%{__rpmuncompress}")?;
            [
                b"{ ",
                decompress.as_slice(),
                b" ",
                &path,
                b" || echo patch_fail ; } | ",
                &program,
                b" ",
                &arguments,
            ]
            .concat()
        };
        let head = format!("echo \"Patch #{number} (");
        Ok([head.as_bytes(), &name.unwrap_or_default(), b"):\"\n", &command, b"\n\n"].concat())
    }

    fn path_of(&self, number: u32, is_patch: bool) -> Result<Vec<u8>, MacroError> {
        let sources = self.sources.borrow();
        let found = sources.iter().find(|file| file.is_patch == is_patch && file.number == number);
        let kind = if is_patch { "patch" } else { "source" };
        let missing = || MacroError::NoSuch(format!("there is no {kind} {number}"));
        found.map(|file| file.path.clone()).ok_or_else(missing)
    }

    fn read_patch(self: &Rc<Self>, arguments: &[Vec<u8>]) -> Result<Patch, MacroError> {
        let fuzz = self.expand(b"%{_default_patch_fuzz}")?;
        let mut patch = Patch { fuzz: integer(&fuzz).unwrap_or(0), ..Patch::default() };
        let words = line_words(arguments)?;
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            let Some(letters) = word.strip_prefix(b"-").filter(|letters| !letters.is_empty()) else {
                patch.numbers.push(word);
                continue;
            };
            let mut at = 0;
            while let Some(letter) = letters.get(at) {
                at += 1;
                if matches!(letter, b'R' | b'E' | b'Z') {
                    match letter {
                        b'R' => patch.reverse = true,
                        b'E' => patch.remove_empty = true,
                        _ => patch.utc = true,
                    }
                    continue;
                }
                let rest = &letters[at..];
                let value = if rest.is_empty() { words.next() } else { Some(rest.to_vec()) };
                let wrong = || MacroError::NoSuch(format!("`{}` is no option of %patch", shown(&word)));
                let value = value.ok_or_else(wrong)?;
                match letter {
                    b'P' => patch.numbers.push(value),
                    b'p' => patch.strip = integer(&value).ok_or_else(wrong)?,
                    b'F' => patch.fuzz = integer(&value).ok_or_else(wrong)?,
                    b'b' | b'z' => patch.backup = Some(value),
                    b'd' => patch.folder = Some(value),
                    b'o' => patch.output = Some(value),
                    _ => return Err(wrong()),
                }
                break;
            }
        }
        if patch.numbers.is_empty() {
            let line = shown(&arguments.join(&b' '));
            return Err(MacroError::NoSuch(format!("`%{line}` names no patch by its number")));
        }
        Ok(patch)
    }
}

fn read_setup(arguments: &[Vec<u8>]) -> Result<Setup, MacroError> {
    let line = arguments.join(&b' ');
    let mut setup = Setup { quiet: line.windows(3).any(|part| part == b" -q"), ..Setup::default() };
    let mut words = line_words(arguments)?.into_iter();
    while let Some(word) = words.next() {
        let Some(letters) = word.strip_prefix(b"-") else { continue };
        let mut at = 0;
        while let Some(letter) = letters.get(at) {
            at += 1;
            let wrong = || MacroError::NoSuch(format!("`{}` is no option of %setup", shown(&word)));
            match letter {
                b'c' => setup.create = true,
                b'C' => setup.into = true,
                b'D' => setup.keep = true,
                b'T' => setup.skip = true,
                b'q' => setup.quiet = true,
                b'a' | b'b' | b'n' => {
                    let rest = &letters[at..];
                    let value = if rest.is_empty() { words.next() } else { Some(rest.to_vec()) };
                    let value = value.ok_or_else(wrong)?;
                    match letter {
                        b'a' => setup.after.push(number_of(&value).ok_or_else(wrong)?),
                        b'b' => setup.before.push(number_of(&value).ok_or_else(wrong)?),
                        _ => setup.folder = Some(value),
                    }
                    break;
                }
                _ => return Err(wrong()),
            }
        }
    }
    Ok(setup)
}

fn line_words(arguments: &[Vec<u8>]) -> Result<Vec<Vec<u8>>, MacroError> {
    let line = arguments.get(1..).unwrap_or_default().join(&b' ');
    let wrong = || MacroError::NoSuch(format!("`{}` has quotes that are not closed", shown(&line)));
    split(&line).ok_or_else(wrong)
}

fn number_of(text: &[u8]) -> Option<u32> {
    let text = std::str::from_utf8(text).ok()?;
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

fn integer(text: &[u8]) -> Option<i64> {
    std::str::from_utf8(text).ok()?.trim().parse().ok()
}

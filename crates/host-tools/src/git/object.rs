//! Names of objects, in; their content, out: one process for all that are asked for at once.

use super::{GitError, ObjectId, Repository};

/// An object's content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// What it is.
    pub kind: ObjectKind,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// The kinds of objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ObjectKind {
    /// A file's content.
    Blob,
    /// A folder.
    Tree,
    /// A commit.
    Commit,
    /// An annotated tag.
    Tag,
}

/// A file of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeEntry {
    /// Its path from the root, `/` between names, as the bytes that git keeps.
    pub path: Vec<u8>,
    /// What it is.
    pub kind: TreeEntryKind,
    /// The blob, or the other repository's commit.
    pub id: ObjectId,
}

/// What an entry of a tree is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TreeEntryKind {
    /// A regular file.
    File,
    /// A file that may be executed.
    Program,
    /// A symbolic link.
    Link,
    /// A commit of another repository (a submodule).
    Submodule,
}

/// A commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// Its name.
    pub id: ObjectId,
    /// The tree it records.
    pub tree: ObjectId,
    /// The commits it was made on, the line that it continues first.
    pub parents: Vec<ObjectId>,
    /// Who made the change.
    pub author: Person,
    /// Who made the commit.
    pub committer: Person,
    /// The whole message.
    pub message: String,
}

/// Who did something, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// As written in the commit.
    pub name: String,
    /// As written in the commit.
    pub email: String,
    /// In seconds since 1970-01-01 00:00 UTC.
    pub seconds: i64,
}

impl Repository {
    /// The contents of objects, in the order asked; a query is an id or `COMMIT:PATH`. What is not there is `None`.
    pub fn objects<Q: AsRef<str>>(&self, queries: &[Q]) -> Result<Vec<Option<Object>>, GitError> {
        const WHAT: &str = "read objects";
        if queries.is_empty() {
            return Ok(Vec::new());
        }
        let said = self.ask(WHAT, self.git().args(["cat-file", "--batch"]), lines(queries))?;
        let mut rest = &said[..];
        let mut objects = Vec::with_capacity(queries.len());
        for _query in queries {
            let head = head_line(&mut rest).ok_or_else(|| self.answer(WHAT, "it ends early"))?;
            let Some((_id, kind, size)) = parse_head(head) else {
                objects.push(self.absent(WHAT, head)?);
                continue;
            };
            if rest.len() <= size {
                return Err(self.answer(WHAT, "an object ends early"));
            }
            objects.push(Some(Object { kind, bytes: rest[..size].to_vec() }));
            rest = &rest[size + 1..];
        }
        Ok(objects)
    }

    /// The ids of objects, in the order asked; a query is an id or `COMMIT:PATH`. What is not there is `None`.
    pub fn ids<Q: AsRef<str>>(&self, queries: &[Q]) -> Result<Vec<Option<ObjectId>>, GitError> {
        const WHAT: &str = "find objects";
        if queries.is_empty() {
            return Ok(Vec::new());
        }
        let said = self.ask(WHAT, self.git().args(["cat-file", "--batch-check"]), lines(queries))?;
        let mut rest = &said[..];
        let mut ids = Vec::with_capacity(queries.len());
        for _query in queries {
            let head = head_line(&mut rest).ok_or_else(|| self.answer(WHAT, "it ends early"))?;
            match parse_head(head) {
                Some((id, _kind, _size)) => ids.push(Some(id)),
                None => ids.push(self.absent(WHAT, head)?),
            }
        }
        Ok(ids)
    }

    /// All files of a commit, sorted by path.
    pub fn files(&self, commit: &ObjectId) -> Result<Vec<TreeEntry>, GitError> {
        const WHAT: &str = "list files";
        let call = self.git().args(["ls-tree", "-r", "-z", "--full-tree"]).arg(commit.as_str());
        let said = self.ask(WHAT, call, Vec::new())?;
        let records = said.split(|byte| *byte == 0).filter(|record| !record.is_empty());
        records
            .map(|record| {
                parse_entry(record).ok_or_else(|| self.answer(WHAT, &String::from_utf8_lossy(record)))
            })
            .collect()
    }

    /// The commits of these names, in the order asked.
    pub fn commits(&self, ids: &[ObjectId]) -> Result<Vec<Commit>, GitError> {
        let queries: Vec<&str> = ids.iter().map(ObjectId::as_str).collect();
        let objects = self.objects(&queries)?;
        let missing =
            |id: &ObjectId| GitError::Missing { repository: self.directory.clone(), id: id.to_string() };
        ids.iter()
            .zip(objects)
            .map(|(id, object)| {
                let object = object.ok_or_else(|| missing(id))?;
                parse_commit(id, &object.bytes)
                    .ok_or_else(|| self.answer("read a commit", &String::from_utf8_lossy(&object.bytes)))
            })
            .collect()
    }

    /// An answer that says that there is no such thing.
    fn absent<T>(&self, what: &'static str, head: &[u8]) -> Result<Option<T>, GitError> {
        if head.ends_with(b" missing") {
            return Ok(None);
        }
        Err(self.answer(what, &String::from_utf8_lossy(head)))
    }
}

fn lines<Q: AsRef<str>>(queries: &[Q]) -> Vec<u8> {
    let mut input = Vec::new();
    for query in queries {
        input.extend_from_slice(query.as_ref().as_bytes());
        input.push(b'\n');
    }
    input
}

fn head_line<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let end = rest.iter().position(|byte| *byte == b'\n')?;
    let (line, tail) = rest.split_at(end);
    *rest = &tail[1..];
    Some(line)
}

/// `ID KIND SIZE`.
fn parse_head(line: &[u8]) -> Option<(ObjectId, ObjectKind, usize)> {
    let mut words = std::str::from_utf8(line).ok()?.split(' ');
    let id = ObjectId::parse(words.next()?)?;
    let kind = match words.next()? {
        "blob" => ObjectKind::Blob,
        "tree" => ObjectKind::Tree,
        "commit" => ObjectKind::Commit,
        "tag" => ObjectKind::Tag,
        _ => return None,
    };
    let size = words.next()?.parse().ok()?;
    words.next().is_none().then_some((id, kind, size))
}

/// `MODE KIND ID\tPATH`.
fn parse_entry(record: &[u8]) -> Option<TreeEntry> {
    let tab = record.iter().position(|byte| *byte == b'\t')?;
    let mut words = std::str::from_utf8(&record[..tab]).ok()?.split(' ');
    let kind = match words.next()? {
        "100755" => TreeEntryKind::Program,
        "120000" => TreeEntryKind::Link,
        "160000" => TreeEntryKind::Submodule,
        // 100664 is what old versions of git wrote.
        mode if mode.starts_with("100") => TreeEntryKind::File,
        _ => return None,
    };
    let id = ObjectId::parse(words.nth(1)?)?;
    Some(TreeEntry { path: record[tab + 1..].to_vec(), kind, id })
}

fn parse_commit(id: &ObjectId, bytes: &[u8]) -> Option<Commit> {
    let end = find(bytes, b"\n\n").unwrap_or(bytes.len());
    let (head, message) = (&bytes[..end], bytes.get(end + 2..).unwrap_or_default());
    let (mut tree, mut author, mut committer) = (None, None, None);
    let (mut parents, mut latin) = (Vec::new(), false);
    for line in head.split(|byte| *byte == b'\n') {
        let Some(space) = line.iter().position(|byte| *byte == b' ') else { continue };
        let (key, value) = (&line[..space], &line[space + 1..]);
        match key {
            b"tree" => tree = ObjectId::parse(std::str::from_utf8(value).ok()?),
            b"parent" => parents.push(ObjectId::parse(std::str::from_utf8(value).ok()?)?),
            b"author" if author.is_none() => author = Some(value),
            b"committer" if committer.is_none() => committer = Some(value),
            b"encoding" => latin = is_latin(value),
            _ => {}
        }
    }
    Some(Commit {
        id: id.clone(),
        tree: tree?,
        parents,
        author: parse_person(author?, latin)?,
        committer: parse_person(committer?, latin)?,
        message: decode(message, latin),
    })
}

/// `NAME <EMAIL> SECONDS ZONE`.
fn parse_person(value: &[u8], latin: bool) -> Option<Person> {
    let text = decode(value, latin);
    let open = text.find('<')?;
    let close = open + text[open..].rfind('>')?;
    let seconds = text[close + 1..].split_whitespace().next().unwrap_or("0").parse().ok()?;
    Some(Person {
        name: text[..open].trim().to_owned(),
        email: text[open + 1..close].trim().to_owned(),
        seconds,
    })
}

fn is_latin(encoding: &[u8]) -> bool {
    let name = encoding.to_ascii_lowercase();
    [&b"iso-8859-1"[..], b"iso8859-1", b"latin1", b"latin-1"].contains(&&name[..])
}

/// Text in the commit's own encoding, of which there are two in practice; what is neither becomes U+FFFD.
fn decode(bytes: &[u8], latin: bool) -> String {
    if latin {
        return bytes.iter().map(|byte| char::from(*byte)).collect();
    }
    String::from_utf8_lossy(bytes).into_owned()
}

fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    bytes.windows(needle.len()).position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789012345678901234567890123456789";

    fn id() -> ObjectId {
        ObjectId::parse(ID).unwrap()
    }

    #[test]
    fn a_commit_is_read_past_its_signature() {
        let text = format!(
            "tree {ID}\nparent {ID}\nparent {ID}\nauthor A B <a@b> 12 +0200\ncommitter C <c@d> -3 +0000\n\
             gpgsig -----BEGIN\n author X <x> 1 +0\n -----END\n\nSubject\n\nbody\n"
        );
        let commit = parse_commit(&id(), text.as_bytes()).unwrap();
        assert_eq!(commit.parents.len(), 2);
        assert_eq!(commit.author, Person { name: "A B".into(), email: "a@b".into(), seconds: 12 });
        assert_eq!(commit.committer.seconds, -3);
        assert_eq!(commit.message, "Subject\n\nbody\n");
    }

    #[test]
    fn a_commit_in_latin_1_is_decoded_and_an_unknown_byte_replaced() {
        let commit = |encoding: &str| {
            let mut bytes = format!("tree {ID}\nauthor J").into_bytes();
            bytes.push(0xe9);
            bytes.extend_from_slice(b" <a@b> 1 +0000\ncommitter C <c@d> 1 +0000\n");
            bytes.extend_from_slice(encoding.as_bytes());
            bytes.extend_from_slice(b"\nS\n");
            parse_commit(&id(), &bytes).unwrap().author.name
        };
        assert_eq!(commit("encoding ISO-8859-1\n"), "Jé");
        assert_eq!(commit(""), "J\u{fffd}");
    }

    #[test]
    fn a_person_without_a_name_or_with_angle_brackets_in_it_is_read() {
        let person = parse_person(b"<a@b> 5 +0000", false).unwrap();
        assert_eq!((person.name.as_str(), person.email.as_str()), ("", "a@b"));
        assert_eq!(parse_person(b"A <a@b> x", false), None);
    }

    #[test]
    fn entries_of_a_tree_keep_odd_names() {
        let record = format!("100755 blob {ID}\ta\tb\u{e9}");
        let entry = parse_entry(record.as_bytes()).unwrap();
        assert_eq!((entry.kind, entry.path), (TreeEntryKind::Program, "a\tbé".as_bytes().to_vec()));
        let module = parse_entry(format!("160000 commit {ID}\tat-1").as_bytes()).unwrap();
        assert_eq!(module.kind, TreeEntryKind::Submodule);
    }
}

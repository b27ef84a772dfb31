//! A scriptlet and what it is given, in; the bytes in which it reaches the interpreter's process, out, and back.
//! Scripts and file names are bytes, not text, hence a form of our own: every field is its length and its bytes.

/// What the interpreter's process is told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) description: Vec<u8>,
    pub(super) body: Vec<u8>,
    pub(super) arguments: Vec<Vec<u8>>,
    pub(super) numbers: Vec<Vec<u8>>,
    pub(super) files: Option<Vec<Vec<u8>>>,
    pub(super) prefixes: Vec<Vec<u8>>,
    pub(super) rpm_version: Option<Vec<u8>>,
    pub(super) architecture: Vec<u8>,
    pub(super) definitions: Vec<Vec<u8>>,
}

/// First bytes of every request: one that comes from another version is refused.
const MAGIC: &[u8] = b"lazuli lua 1\n";

impl Request {
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        put(&mut bytes, &self.description);
        put(&mut bytes, &self.body);
        put_list(&mut bytes, &self.arguments);
        put_list(&mut bytes, &self.numbers);
        put_list(&mut bytes, &optional(self.files.as_deref().map(pack)));
        put_list(&mut bytes, &self.prefixes);
        put_list(&mut bytes, &optional(self.rpm_version.clone()));
        put(&mut bytes, &self.architecture);
        put_list(&mut bytes, &self.definitions);
        bytes
    }

    /// `None` where the bytes are no request.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes.strip_prefix(MAGIC)?;
        let request = Self {
            description: take(&mut rest)?,
            body: take(&mut rest)?,
            arguments: take_list(&mut rest)?,
            numbers: take_list(&mut rest)?,
            files: match take_list(&mut rest)?.first() {
                Some(files) => Some(take_list(&mut files.as_slice())?),
                None => None,
            },
            prefixes: take_list(&mut rest)?,
            rpm_version: take_list(&mut rest)?.pop(),
            architecture: take(&mut rest)?,
            definitions: take_list(&mut rest)?,
        };
        rest.is_empty().then_some(request)
    }
}

fn optional(value: Option<Vec<u8>>) -> Vec<Vec<u8>> {
    value.into_iter().collect()
}

fn pack(list: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    put_list(&mut bytes, list);
    bytes
}

fn put(bytes: &mut Vec<u8>, field: &[u8]) {
    bytes.extend((field.len() as u64).to_le_bytes());
    bytes.extend(field);
}

fn put_list(bytes: &mut Vec<u8>, list: &[Vec<u8>]) {
    bytes.extend((list.len() as u64).to_le_bytes());
    list.iter().for_each(|field| put(bytes, field));
}

fn take_length(rest: &mut &[u8]) -> Option<usize> {
    let (length, after) = rest.split_first_chunk()?;
    *rest = after;
    usize::try_from(u64::from_le_bytes(*length)).ok()
}

fn take(rest: &mut &[u8]) -> Option<Vec<u8>> {
    let length = take_length(rest)?;
    let (field, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(field.to_vec())
}

fn take_list(rest: &mut &[u8]) -> Option<Vec<Vec<u8>>> {
    let count = take_length(rest)?;
    let mut list = Vec::new();
    for _ in 0..count {
        list.push(take(rest)?);
    }
    Some(list)
}

#[cfg(test)]
mod tests {
    use super::Request;

    #[test]
    fn requests_come_back_as_they_were() {
        let request = Request {
            body: b"print('\xff')".to_vec(),
            arguments: vec![b"<lua>".to_vec(), Vec::new()],
            files: Some(vec![b"/usr/lib/a\nb".to_vec()]),
            rpm_version: Some(b"4.19.1".to_vec()),
            ..Request::default()
        };
        let bytes = request.to_bytes();
        assert_eq!(Request::parse(&bytes), Some(request));
        assert_eq!(Request::parse(&Request::default().to_bytes()), Some(Request::default()));
        for cut in 0..bytes.len() {
            assert_eq!(Request::parse(&bytes[..cut]), None);
        }
    }
}

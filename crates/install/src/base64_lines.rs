//! Bytes, in; base64 in lines, as rpm breaks it, out.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// rpm's own number of characters a line.
const WIDTH: usize = 64;

/// Lines of a multiple of four characters, each with its newline; a width of 0 is one line without, none or less is rpm's own.
pub(crate) fn base64_lines(bytes: &[u8], width: Option<i64>) -> String {
    let text = STANDARD.encode(bytes);
    let width = match width.map(usize::try_from) {
        Some(Ok(0)) => return text,
        Some(Ok(width)) => width.div_ceil(4) * 4,
        _ => WIDTH,
    };
    text.as_bytes().chunks(width).map(|line| String::from_utf8_lossy(line).into_owned() + "\n").collect()
}

#[cfg(test)]
mod tests {
    use super::base64_lines;

    #[test]
    fn lines_are_broken_where_rpm_breaks_them() {
        assert_eq!(base64_lines(b"abcdef", Some(3)), "YWJj\nZGVm\n");
        assert_eq!(base64_lines(b"abcdef", Some(0)), "YWJjZGVm");
        assert_eq!(base64_lines(b"abcdef", None), "YWJjZGVm\n");
        assert_eq!(base64_lines(b"abcdef", Some(-1)), "YWJjZGVm\n");
    }
}

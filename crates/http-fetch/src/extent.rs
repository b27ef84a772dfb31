//! Status and headers of an answer in; which bytes of the file its content is, or why it is none of them, out.

use ureq::http::{HeaderMap, header};

use crate::{Request, TransferError};

/// Where the content begins in the file, and where it has to end as far as anybody told it.
pub(crate) fn extent(
    status: u16,
    headers: &HeaderMap,
    request: &Request<'_>,
) -> Result<(u64, Option<u64>), TransferError> {
    let Request { start, end, bound, .. } = *request;
    match status {
        200 => {
            let length = number(headers, header::CONTENT_LENGTH);
            length.map_or(Ok(()), |total| bound.check_total(total))?;
            Ok((0, length.or(bound.exactly())))
        }
        206 => {
            let (first, behind, total) = content_range(headers)
                .filter(|(first, behind, _)| *first <= start && *behind > start)
                .ok_or(TransferError::OtherRange)?;
            total.map_or(Ok(()), |total| bound.check_total(total))?;
            let whole = bound.exactly().or(total).filter(|_| end.is_none());
            Ok((first, whole.or(Some(behind.min(bound.most())))))
        }
        416 => Err(TransferError::NoSuchRange),
        status => Err(TransferError::Status { status, retry_after: number(headers, header::RETRY_AFTER) }),
    }
}

/// First byte, the one behind the last and, unless it is `*`, total of `bytes FIRST-LAST/TOTAL`.
fn content_range(headers: &HeaderMap) -> Option<(u64, u64, Option<u64>)> {
    let text = headers.get(header::CONTENT_RANGE)?.to_str().ok()?;
    let (range, total) = text.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let behind = last.trim().parse::<u64>().ok()?.checked_add(1)?;
    Some((first.trim().parse().ok()?, behind, total.trim().parse().ok()))
}

fn number(headers: &HeaderMap, name: header::HeaderName) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Bound::{self, AtMost, Exactly};

    /// What an answer with this header says to one who asked for the bytes from 10 on.
    fn said(status: u16, value: &str, end: Option<u64>, bound: Bound) -> String {
        let name = match status {
            200 => header::CONTENT_LENGTH,
            206 => header::CONTENT_RANGE,
            _ => header::RETRY_AFTER,
        };
        let headers = HeaderMap::from_iter([(name, value.parse().unwrap())]);
        let url = "http://host/file".parse().unwrap();
        let request = Request { url: &url, start: 10, end, bound, stay_on_https: true, headers: &[] };
        match extent(status, &headers, &request) {
            Ok((start, end)) => format!("{start} to {end:?}"),
            Err(error) => format!("{error}, {:?}", error.retry_after()),
        }
    }

    #[test]
    fn answers_tell_where_their_content_lies() {
        for (status, value, end, bound, expected) in [
            (200, "100", None, Exactly(100), "0 to Some(100)"),
            (200, " 99", None, Exactly(100), "wrong size: expected 100 bytes, got 99, None"),
            (200, "101", None, AtMost(100), "larger than the limit of 100 bytes, None"),
            (200, "many", None, Exactly(100), "0 to Some(100)"),
            (200, "-1", None, AtMost(100), "0 to None"),
            (206, "bytes 10-99/100", None, Exactly(100), "10 to Some(100)"),
            (206, "bytes 4-99/100", None, Exactly(100), "4 to Some(100)"),
            (206, "bytes 10-19/100", Some(40), Exactly(100), "10 to Some(20)"),
            (206, "bytes 10-19/100", None, Exactly(100), "10 to Some(100)"),
            (206, "bytes 10-19/50", None, AtMost(100), "10 to Some(50)"),
            (206, "bytes 10-19/*", None, AtMost(100), "10 to Some(20)"),
            (206, "bytes 10-99/101", None, AtMost(100), "larger than the limit of 100 bytes, None"),
            (503, "5", None, AtMost(100), "the server answered 503, Some(5s)"),
            (503, "Fri, 31 Dec 1999", None, AtMost(100), "the server answered 503, None"),
        ] {
            assert_eq!(said(status, value, end, bound), expected, "{status}: {value}");
        }
    }

    #[test]
    fn a_range_without_the_first_byte_that_was_asked_for_is_another_one() {
        for value in ["bytes 11-99/100", "bytes 0-9/100", "bytes 10-18446744073709551615/*", "10-99/100", ""]
        {
            let said = said(206, value, None, Exactly(100));
            assert_eq!(said, "the server sent another range than was asked for, None", "{value}");
        }
    }
}

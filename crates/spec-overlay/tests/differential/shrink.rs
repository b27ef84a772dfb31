//! A case on which two sides disagree, in; a smaller one on which they still do, out.

use crate::case::Case;

/// Leaves out overlays, lines and files as long as `still_wrong` holds.
pub fn shrink(mut case: Case, still_wrong: &mut dyn FnMut(&Case) -> bool) -> Case {
    loop {
        let before = size(&case);
        case = fewer(case, |case| &mut case.overlays, still_wrong);
        case = fewer_lines(case, still_wrong);
        case = fewer(case, |case| &mut case.files, still_wrong);
        if size(&case) == before {
            return case;
        }
    }
}

fn size(case: &Case) -> (usize, usize, usize) {
    (case.overlays.len(), case.spec.len(), case.files.len())
}

fn fewer<T: Clone>(
    mut case: Case,
    part: impl Fn(&mut Case) -> &mut Vec<T>,
    still_wrong: &mut dyn FnMut(&Case) -> bool,
) -> Case {
    let mut at = part(&mut case).len();
    while at > 0 {
        at -= 1;
        let mut smaller = case.clone();
        part(&mut smaller).remove(at);
        if still_wrong(&smaller) {
            case = smaller;
        }
    }
    case
}

fn fewer_lines(mut case: Case, still_wrong: &mut dyn FnMut(&Case) -> bool) -> Case {
    let mut lines: Vec<Vec<u8>> =
        case.spec.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    let mut step = lines.len().div_ceil(2);
    while step > 0 {
        let mut at = 0;
        while at < lines.len() {
            let end = (at + step).min(lines.len());
            let rest: Vec<Vec<u8>> = lines[..at].iter().chain(&lines[end..]).cloned().collect();
            let smaller = Case { spec: rest.concat(), ..case.clone() };
            if still_wrong(&smaller) {
                case = smaller;
                lines = rest;
            } else {
                at = end;
            }
        }
        step /= 2;
    }
    case
}

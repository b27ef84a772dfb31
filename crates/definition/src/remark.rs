//! What is allowed and hardly meant: findings of the stricter look at a definition.
//! Nothing here reads a disk.

use std::fmt;

use serde::Serialize;

use crate::decode::choice;
use crate::place::{Place, Sources};
use crate::problem::Problem;

choice! {
    /// The kinds of remarks.
    pub enum RemarkKind {
        /// A pattern that no text can match.
        "never-matches" => NeverMatches,
        /// Something stated that changes nothing.
        "no-effect" => NoEffect,
        /// Something stated that another file or table overrides.
        "shadowed" => Shadowed,
        /// A group or pattern that selects nothing.
        "selects-nothing" => SelectsNothing,
        /// A change that does not say why it is made.
        "no-description" => NoDescription,
        /// A change of which nobody said how far it is on its way upstream.
        "no-upstream-status" => NoUpstreamStatus,
        /// A replacement that looks as if it referred to a group of its pattern; replacements are literal.
        "literal-replacement" => LiteralReplacement,
        /// Something that azldev would refuse, in a definition that has its name.
        "addition" => Addition,
        /// An old name.
        "deprecated" => Deprecated,
        /// Something that work on the sources will need.
        "incomplete" => Incomplete,
    }
}

/// Every kind of remark.
pub const REMARK_KINDS: &[RemarkKind] = &[
    RemarkKind::NeverMatches,
    RemarkKind::NoEffect,
    RemarkKind::Shadowed,
    RemarkKind::SelectsNothing,
    RemarkKind::NoDescription,
    RemarkKind::NoUpstreamStatus,
    RemarkKind::LiteralReplacement,
    RemarkKind::Addition,
    RemarkKind::Deprecated,
    RemarkKind::Incomplete,
];

/// Something that is allowed and hardly meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Remark {
    /// Its kind.
    pub kind: RemarkKind,
    /// What it is about.
    #[serde(flatten)]
    pub problem: Problem,
}

impl fmt::Display for Remark {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.problem.print(&format!("warning[{}]", self.kind), formatter)
    }
}

/// A remark before its file is at hand.
#[derive(Debug)]
pub(crate) struct PlacedRemark {
    pub(crate) kind: RemarkKind,
    pub(crate) place: Place,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

/// Remarks in the order of files and lines, none twice.
pub(crate) fn in_order(mut placed: Vec<PlacedRemark>, sources: &Sources) -> Vec<Remark> {
    placed.sort_by(|a, b| (a.place, a.kind, &a.message).cmp(&(b.place, b.kind, &b.message)));
    let remarks = placed.into_iter().map(|remark| {
        let problem = sources.problem(remark.place, remark.message);
        let problem = match remark.hint {
            Some(hint) => problem.with_hint(hint),
            None => problem,
        };
        Remark { kind: remark.kind, problem }
    });
    let mut remarks: Vec<Remark> = remarks.collect();
    remarks.dedup();
    remarks
}

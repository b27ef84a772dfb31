//! Text and header bytes in, and out: NEVRA, EVR order, capabilities, rich dependencies, package records.

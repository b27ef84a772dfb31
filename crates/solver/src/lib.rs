//! A package set and a request in; the transaction, or a conflict that explains itself, out.

//! `lazuli release key new FILE` and `lazuli release key show KEY`

use release_repository::PublicKey;
use release_repository::key::{Algorithm, generate};
use serde::Serialize;

use crate::cli::{Global, ReleaseKeyAlgorithm, ReleaseKeyNew, ReleaseKeyShow};
use crate::failure::Failure;
use crate::output;

#[derive(Serialize)]
struct Shown {
    id: String,
    algorithm: &'static str,
    public: String,
}

/// Makes a key.
pub fn new(global: &Global, options: &ReleaseKeyNew) -> Result<(), Failure> {
    let algorithm = match options.algorithm {
        ReleaseKeyAlgorithm::Ed25519 => Algorithm::Ed25519,
        ReleaseKeyAlgorithm::EcdsaP256 => Algorithm::EcdsaP256,
    };
    let key = generate(&options.file, algorithm).map_err(|error| super::key_failure(&error))?;
    print(global, key.public())
}

/// Prints a key's public half; the id goes to the talk, so that the data is a PEM file.
pub fn show(global: &Global, options: &ReleaseKeyShow) -> Result<(), Failure> {
    print(global, super::load_key(&options.key)?.public())
}

fn print(global: &Global, key: &PublicKey) -> Result<(), Failure> {
    let shown = Shown {
        id: key.id().to_owned(),
        algorithm: key.algorithm(),
        public: key.to_pem().unwrap_or_default(),
    };
    if global.format == output::Format::Text && !global.quiet {
        output::say(&format!("{} key {}", shown.algorithm, shown.id));
    }
    output::print(global.format, &shown, |shown| shown.public.clone())
}

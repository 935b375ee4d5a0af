//! What can be wrong with a picture.

/// Why a picture cannot be read or written, in words for people.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    /// No format that Weft reads.
    #[error("this is no PNG, JPEG or WebP picture")]
    Unknown,
    /// More bytes than a picture may have.
    #[error("the file has {bytes} bytes; at most 64 MB are read")]
    TooLong { bytes: usize },
    /// More pixels than a picture may have.
    #[error("the picture claims {width} × {height} pixels; at most 200 megapixels are read")]
    TooManyPixels { width: u32, height: u32 },
    /// No pixel at all, or not as many bytes as the size says.
    #[error("{width} × {height} pixels need {wanted} bytes, not {found}")]
    Size { width: u32, height: u32, wanted: u64, found: usize },
    /// The container is cut off or contradicts itself.
    #[error("the {format} file is broken: {what}")]
    Container { format: &'static str, what: String },
    /// The pixels cannot be read.
    #[error("the pixels cannot be read: {0}")]
    Pixels(#[from] image::ImageError),
    /// The pixels cannot be written.
    #[error("the picture cannot be written: {0}")]
    Write(String),
}

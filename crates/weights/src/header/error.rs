//! One variant for each way a header can be bad; each message says what is wrong and what to do.

use super::{MAX_DIMS, MAX_HEADER, MAX_METADATA_VALUE, MAX_NAME, MAX_TENSORS};
use crate::source::ReadError;
use crate::text::shown;

/// Why a file has no usable safetensors header.
#[derive(Debug, thiserror::Error)]
pub enum HeaderError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("the file has only {len} bytes, a safetensors file has at least 10; it is empty or its download was cut off, fetch it again")]
    TooShort { len: u64 },
    #[error("the file ends too early: {need} bytes are needed, {have} are there; its download or copy was cut off, fetch it again")]
    Truncated { need: u64, have: u64 },
    #[error("the header claims {len} bytes, more than the {MAX_HEADER} allowed; this is no safetensors file, or it is damaged")]
    HeaderTooLarge { len: u64 },
    #[error("this is a pickle or zip file (.ckpt, .pt, .zip), which can run code when opened; convert it to safetensors first")]
    Pickle,
    #[error("this is a GGUF file; only safetensors files are read")]
    Gguf,
    #[error("the header is no JSON object: {detail}; this is no safetensors file, or it is damaged")]
    NotJson { detail: String },
    #[error("the header is nested too deeply; the file is damaged or made to do harm")]
    TooDeep,
    #[error("the header lists more than {MAX_TENSORS} tensors, no adapter has as many; the file is refused")]
    TooManyTensors,
    #[error("a name in the header has {len} bytes, more than {MAX_NAME}; the file is refused")]
    NameTooLong { len: usize },
    #[error("the key {} stands twice in the header; it is not clear which one counts, save the file anew from its source", shown(.key))]
    DuplicateKey { key: String },
    #[error("tensor {} has no {field}; the header is damaged", shown(.key))]
    MissingField { key: String, field: &'static str },
    #[error("tensor {} has a {field} that cannot be read: {detail}; the header is damaged", shown(.key))]
    BadField { key: String, field: &'static str, detail: String },
    #[error("tensor {} has the number type {}, which Weft does not know; convert the file to F16, BF16 or F32", shown(.key), shown(.dtype))]
    UnknownDtype { key: String, dtype: String },
    #[error("tensor {} has more than {MAX_DIMS} dimensions; the file is refused", shown(.key))]
    TooManyDims { key: String },
    #[error("tensor {} has a shape whose size overflows; the header is damaged or made to do harm", shown(.key))]
    SizeOverflow { key: String },
    #[error("tensor {} begins at {start}, after its end at {end}; the header is damaged", shown(.key))]
    Backwards { key: String, start: u64, end: u64 },
    #[error("tensor {} reaches to byte {end} of the data, the file has only {available}; its download or copy was cut off, or the header is wrong", shown(.key))]
    OutOfFile { key: String, end: u64, available: u64 },
    #[error("tensor {} needs {expected} bytes by its shape and type, the header gives it {actual}; the header is damaged", shown(.key))]
    WrongSize { key: String, expected: u64, actual: u64 },
    #[error("tensors {} and {} share bytes; the header is damaged or made to do harm", shown(.first), shown(.second))]
    Overlap { first: String, second: String },
    #[error("the metadata is no list of texts: {detail}; save the file anew without it")]
    BadMetadata { detail: String },
    #[error("the metadata value {} has {len} bytes, more than the {MAX_METADATA_VALUE} allowed; remove it from the file", shown(.key))]
    MetadataTooLarge { key: String, len: usize },
}

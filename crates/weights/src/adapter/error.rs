//! Why a readable safetensors file is no adapter.

/// The file has a sound header but holds nothing that could be applied to a model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AdapterError {
    #[error("the file holds no tensors at all")]
    Empty,
    #[error("this is {looks_like}, not an adapter: none of its {keys} keys is that of a LoRA or a related kind (first key: {example})")]
    NotAnAdapter { looks_like: &'static str, keys: usize, example: String },
    /// Every key is of a method that is known by name only.
    #[error("this is an adapter of the kind {method}, which cannot be used here: {why} (first key: {example})")]
    Unsupported { method: &'static str, why: &'static str, example: String },
}

//! Models: their files, their networks, and the pipeline that makes pictures with them.

mod adapter;
mod clip;
mod compute;
mod config;
mod error;
mod flux;
mod layer;
mod load;
mod norm;
mod pipeline;
mod resnet;
mod t5;
mod taesd;
mod unet;
mod vae;
mod weights;

pub use adapter::{AdapterFile, AdapterReport, AdapterUse, Schedule, Skipped};
pub use clip::{ClipText, Encoded, Take};
pub use compute::Compute;
pub use config::{Config, Configs, METADATA};
pub use error::ModelError;
pub use flux::{Flux, FluxCondition};
pub use load::{Denoiser, Footprint, LoadOptions, Model, usual_size};
pub use pipeline::{
    ClipTokens, Conditioning, Edit, LatentColours, MAX_BATCH, MAX_SIDE, Picture, PictureRequest, PromptTokens, Start, Weigh, Words,
};
pub use t5::T5;
pub use taesd::TinyDecoder;
pub use unet::{Condition, Unet, UnetConfig};
pub use vae::{Tiling, Vae};
pub use weights::{ModelFiles, ModelPaths};

//! Noise levels: what a model's time steps mean, and which of them a picture visits.

mod levels;
mod path;
mod quantile;
mod spacing;

pub use levels::{Betas, Levels, flux_shift};
pub use path::{Path, Prediction};
pub use spacing::{plan, sigmas};

//! What somebody asks to be painted. What is left open gets the default of the checkpoint's family.

use super::{Axis, Dialect, NoiseSource, Sampler, Schedule};
use crate::ids::{AdapterId, CheckpointId, PictureId};
use crate::merge::ProfileValues;
use serde::{Deserialize, Serialize};

/// Most pictures of one request.
pub const MAX_PICTURES: usize = 256;
/// Most bytes of a prompt.
pub const MAX_PROMPT: usize = 64 * 1024;
/// Most adapters on one picture.
pub const MAX_ADAPTERS: usize = 32;

/// One adapter on a picture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AdapterUse {
    pub adapter: AdapterId,
    /// In the image model, −2 to 2.
    #[serde(default = "whole")]
    pub weight: f64,
    /// In the text encoders; None: as `weight`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text_weight: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<ProfileValues>,
    /// Share of the steps after which it begins, 0 to 1.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub start: f64,
    /// Share of the steps after which it ends, 0 to 1.
    #[serde(default = "whole", skip_serializing_if = "is_one")]
    pub stop: f64,
}

/// Noise that is turned towards that of a second seed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Variation {
    pub seed: u64,
    /// 0: the first seed, 1: the second.
    pub strength: f64,
}

/// A picture to begin with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StartPicture {
    pub picture: PictureId,
    /// How far it is dissolved into noise, 0 to 1.
    #[serde(default = "half")]
    pub denoise: f64,
    /// Where to paint: a PNG as `data:image/png;base64,…`, white is painted, black stays; any size. None: everywhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mask: Option<String>,
}

/// A wish for pictures.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct GenerationRequest {
    /// May hold weights, `BREAK`, `{a|b}`, wildcards and `<lora:name:0.8>`.
    pub prompt: String,
    pub negative: String,
    /// Names of styles that are put around the prompt, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub styles: Vec<String>,
    pub dialect: Dialect,
    /// None: the one used last, else the demonstration model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<CheckpointId>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub adapters: Vec<AdapterUse>,
    /// Pixels; both or none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sampler: Option<Sampler>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Schedule>,
    /// The numbers of `generation::parameter::GENERATION` by their names; what is not named keeps its default.
    #[serde(flatten)]
    pub numbers: Numbers,
    /// Seed of the first picture; the next ones count up. None: drawn at random.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variation: Option<Variation>,
    pub noise: NoiseSource,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<StartPicture>,
    /// Pictures of one prompt; 0 means 1. With axes: pictures per cell is always 1.
    pub count: u32,
    /// At most two: a sheet of every value of the first by every value of the second.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub axes: Vec<Axis>,
    /// The picture that this one was made from: shown as its parent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<PictureId>,
}

/// The numbers of a picture, each None where the default holds. Names and ranges: `generation::parameter::GENERATION`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct Numbers {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steps: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cfg: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cfg_rescale: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guidance: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clip_skip: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eta: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub s_noise: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub s_churn: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shift: Option<f64>,
}

const fn whole() -> f64 {
    1.0
}

const fn half() -> f64 {
    0.6
}

// Generic, so that serde's references to small values are no lint on any target.
fn is_zero<T: Copy + Into<f64>>(value: &T) -> bool {
    (*value).into() == 0.0
}

fn is_one<T: Copy + Into<f64>>(value: &T) -> bool {
    (*value).into() == 1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prompt_alone_is_a_request_and_numbers_lie_flat() {
        let request: GenerationRequest = serde_json::from_str(r#"{"prompt":"a fox","steps":12,"cfg":4.5}"#).expect("a request");
        assert_eq!((request.prompt.as_str(), request.numbers.steps, request.numbers.cfg), ("a fox", Some(12), Some(4.5)));
        let text = serde_json::to_string(&request).expect("JSON");
        assert!(text.contains(r#""steps":12"#) && !text.contains("sampler"), "{text}");
        assert_eq!(serde_json::from_str::<GenerationRequest>(&text).expect("a request"), request);
        let used: AdapterUse = serde_json::from_str(r#"{"adapter":3}"#).expect("an adapter");
        assert_eq!((used.weight, used.start, used.stop), (1.0, 0.0, 1.0));
    }
}

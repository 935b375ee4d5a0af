//! What can be done with checkpoints: adapters baked in and taken out, an adapter extracted. Each gives a new file or folder and leaves the
//! old ones as they are.

use crate::Problem;
use crate::ids::{CheckpointId, RootId};
use crate::merge::{OutDtype, Strand};
use crate::operation::OperationRequest;
use serde::{Deserialize, Serialize};

/// Number type of the checkpoint that a bake writes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum StoreAs {
    /// Every tensor keeps its own.
    #[default]
    Keep,
    F16,
    Bf16,
    F32,
    /// 8 bits, 3 of them mantissa.
    #[serde(rename = "f8_e4m3")]
    F8E4m3,
    /// 8 bits, 2 of them mantissa.
    #[serde(rename = "f8_e5m2")]
    F8E5m2,
}

impl StoreAs {
    /// All, in menu order.
    pub const ALL: [Self; 6] = [Self::Keep, Self::F16, Self::Bf16, Self::F32, Self::F8E4m3, Self::F8E5m2];

    /// The word that REST and the command line use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
            Self::F32 => "f32",
            Self::F8E4m3 => "f8_e4m3",
            Self::F8E5m2 => "f8_e5m2",
        }
    }

    /// Name for people.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Keep => "as it is",
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
            Self::F32 => "f32",
            Self::F8E4m3 => "8 bits (e4m3)",
            Self::F8E5m2 => "8 bits (e5m2)",
        }
    }
}

/// Adapters and the checkpoint they go into, or come out of.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Bake {
    pub checkpoint: CheckpointId,
    /// Weight and profile as for a merge.
    pub adapters: Vec<Strand>,
    #[serde(default)]
    pub dtype: StoreAs,
    /// Round changed values up or down by chance, so that small changes survive in coarse types on average.
    #[serde(default)]
    pub stochastic: bool,
    /// Of the stochastic rounding: the same gives the same bytes.
    #[serde(default)]
    pub seed: u32,
    /// Take adapters that were made for another model too, as far as their modules find a weight.
    #[serde(default)]
    pub misfits: bool,
}

/// What sets one checkpoint apart from another. A rank, an energy, or both (then the energy within the rank) must be given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Extract {
    pub tuned: CheckpointId,
    /// What it was tuned from.
    pub base: CheckpointId,
    /// Largest rank of a module.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rank: Option<u32>,
    /// Share of each module's energy to keep, above 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub energy: Option<f64>,
    #[serde(default)]
    pub dtype: OutDtype,
    /// Take the text encoders too.
    #[serde(default = "yes")]
    pub text_encoders: bool,
    /// Take biases and norms too, as stored differences.
    #[serde(default)]
    pub vectors: bool,
    /// Weights with ‖ΔW‖ below this part of ‖W‖ count as unchanged.
    #[serde(default)]
    pub threshold: f64,
    /// Cut the factors' values at this quantile of their size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clamp: Option<f64>,
    /// Of the randomised decomposition: the same gives the same bytes.
    #[serde(default)]
    pub seed: u32,
}

fn yes() -> bool {
    true
}

impl Extract {
    /// The difference between two checkpoints at a rank, everything else as it is by default.
    #[must_use]
    pub fn of_rank(tuned: CheckpointId, base: CheckpointId, rank: u32) -> Self {
        Self {
            tuned,
            base,
            rank: Some(rank),
            energy: None,
            dtype: OutDtype::default(),
            text_encoders: true,
            vectors: false,
            threshold: 0.0,
            clamp: None,
            seed: 0,
        }
    }
}

/// What is done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "operation", rename_all = "snake_case")]
pub enum ModelOperation {
    /// W + Σ w·ΔW. The job's result is a [`BakeOutcome`].
    Bake(Bake),
    /// W − Σ w·ΔW: takes out what was baked in, up to rounding. The job's result is a [`BakeOutcome`].
    Unbake(Bake),
    /// An adapter of the difference. The job's result is a [`crate::merge::MergeOutcome`].
    Extract(Extract),
}

/// Does it and saves the result as a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ModelRequest {
    #[serde(flatten)]
    pub operation: ModelOperation,
    /// Name of the result: its title and, made safe, its file or folder name.
    pub name: String,
    pub root: RootId,
    /// Folder below the root, `/`-separated; made when it is not there.
    #[serde(default)]
    pub folder: String,
}

/// A module that a bake left out, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LeftOut {
    pub module: String,
    pub reason: String,
}

/// What became of one adapter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BakedAdapter {
    pub name: String,
    /// Modules whose ΔW was added.
    pub applied: u32,
    /// Modules of weight 0.
    pub zero: u32,
    /// Modules without a place in the checkpoint, all of them.
    pub unplaced: u32,
    /// The first of those.
    pub left_out: Vec<LeftOut>,
}

/// What a finished bake left: the job's `result`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BakeOutcome {
    /// In the library, once it is indexed.
    pub checkpoint: Option<CheckpointId>,
    pub path: String,
    /// Of the result.
    pub bytes: u64,
    /// Tensors whose values changed.
    pub changed: u32,
    /// Tensors brought to another type without a change.
    pub converted: u32,
    /// Tensors copied byte for byte.
    pub copied: u32,
    pub adapters: Vec<BakedAdapter>,
    /// Values beyond the range of an 8-bit type, stored as its largest.
    pub saturated: u64,
    /// Who computed and why: the processor, or a graphics card that measured faster.
    #[serde(default)]
    pub device: String,
    pub warnings: Vec<String>,
}

/// The body of `POST /operations`: the word `operation` decides.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(untagged)]
pub enum AnyRequest {
    /// `resize`, `edit`, `convert`.
    Adapter(OperationRequest),
    /// `bake`, `unbake`, `extract`.
    Model(ModelRequest),
}

impl AnyRequest {
    /// Reads a body; the error names what is wrong with the operation that was meant.
    ///
    /// # Errors
    /// A [`Problem`] of the kind "invalid".
    pub fn read(body: serde_json::Value) -> Result<Self, Problem> {
        let word = body.get("operation").and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
        let read = match word.as_str() {
            "bake" | "unbake" | "extract" => serde_json::from_value(body).map(Self::Model),
            "resize" | "edit" | "convert" => serde_json::from_value(body).map(Self::Adapter),
            _ => {
                return Err(
                    Problem::invalid("operation", "Which operation?").hint("It is one of resize, edit, convert, bake, unbake, extract.")
                );
            }
        };
        read.map_err(|error| Problem::invalid("operation", format!("This {word} cannot be read.")).detail(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_word_decides_and_the_error_speaks_of_it() {
        let bake = json!({ "operation": "bake", "checkpoint": 2, "adapters": [{ "id": 5, "weight": 0.8 }], "name": "Mine", "root": 1 });
        let Ok(AnyRequest::Model(ModelRequest { operation: ModelOperation::Bake(bake), .. })) = AnyRequest::read(bake) else {
            panic!("a bake")
        };
        assert_eq!((bake.checkpoint, bake.adapters[0].adapter.0, bake.dtype, bake.stochastic), (CheckpointId(2), 5, StoreAs::Keep, false));
        let resize = json!({ "operation": "resize", "adapter": 3, "keep": { "rank": 8 }, "name": "thin", "root": 1 });
        assert!(matches!(AnyRequest::read(resize), Ok(AnyRequest::Adapter(_))));
        let broken = AnyRequest::read(json!({ "operation": "extract", "tuned": 1, "name": "x", "root": 1 })).expect_err("no base");
        assert!(broken.detail.expect("why").contains("base"));
        for odd in [json!({}), json!([]), json!({ "operation": "explode" }), json!({ "operation": 3 })] {
            assert_eq!(AnyRequest::read(odd).expect_err("no operation").field.as_deref(), Some("operation"));
        }
    }

    #[test]
    fn a_request_comes_back_from_its_own_words() {
        let request = ModelRequest {
            operation: ModelOperation::Extract(Extract::of_rank(CheckpointId(1), CheckpointId(2), 16)),
            name: "x".into(),
            root: RootId(1),
            folder: String::new(),
        };
        let text = serde_json::to_value(&request).expect("words");
        assert_eq!(text["operation"], "extract");
        assert_eq!(AnyRequest::read(text), Ok(AnyRequest::Model(request)));
    }
}

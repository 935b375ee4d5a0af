//! Experiment sheets: what changes from column to column and from row to row.

use super::{Sampler, Schedule};
use crate::ids::{AdapterId, CheckpointId};
use crate::merge::ProfileValues;
use serde::{Deserialize, Serialize};

/// One axis of a sheet with its values in order. `strand` is the place of an adapter in the request's list, from 0.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "axis", rename_all = "snake_case")]
pub enum Axis {
    Checkpoint {
        values: Vec<CheckpointId>,
    },
    /// Another adapter in a strand's place, at its weight.
    Adapter {
        strand: usize,
        values: Vec<AdapterId>,
    },
    Weight {
        strand: usize,
        values: Vec<f64>,
    },
    /// The factor of one slot of the layout (`IN04`, `OUT03`, …).
    Block {
        strand: usize,
        slot: String,
        values: Vec<f64>,
    },
    Profile {
        strand: usize,
        values: Vec<ProfileValues>,
    },
    Sampler {
        values: Vec<Sampler>,
    },
    Schedule {
        values: Vec<Schedule>,
    },
    Seed {
        values: Vec<u64>,
    },
    /// A number of `generation::parameter::GENERATION` by its name.
    Number {
        name: String,
        values: Vec<f64>,
    },
    /// Other words in the place of `find`.
    Words {
        find: String,
        values: Vec<String>,
    },
}

impl Axis {
    /// How many values it has.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Checkpoint { values } => values.len(),
            Self::Adapter { values, .. } => values.len(),
            Self::Weight { values, .. } | Self::Block { values, .. } | Self::Number { values, .. } => values.len(),
            Self::Profile { values, .. } => values.len(),
            Self::Sampler { values } => values.len(),
            Self::Schedule { values } => values.len(),
            Self::Seed { values } => values.len(),
            Self::Words { values, .. } => values.len(),
        }
    }

    /// Whether it has no value.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

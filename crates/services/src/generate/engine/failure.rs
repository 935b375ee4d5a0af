//! What went wrong in a model, for a person.

use super::super::generator::Unpainted;
use crate::weave::plan::sentence;
use weft_diffusion::model::ModelError;
use weft_domain::{Problem, ProblemKind};

/// A panic inside of a model.
pub(super) fn broken() -> Problem {
    Problem::internal().detail("The engine broke down over this picture and was started anew.")
}

/// The model's error as a problem with a title.
pub(super) fn problem(error: ModelError) -> Problem {
    let text = sentence(&capital(&error.to_string()));
    match error {
        ModelError::Checkpoint(_) | ModelError::Read(_) | ModelError::Config { .. } | ModelError::Missing { .. } | ModelError::Shape { .. } => {
            Problem::conflict("The checkpoint cannot be read.").detail(text).hint("If its file was moved or changed, scan the folder again.")
        }
        ModelError::NoPart { .. } => Problem::conflict("The checkpoint is not complete.").detail(text).hint(
            "Put the missing file beside the checkpoint or into the folder models of Weft's data folder; docs/generating.md names the files.",
        ),
        ModelError::Unsupported(_) => Problem::invalid("checkpoint", "This checkpoint cannot paint here.").detail(text),
        ModelError::Budget { .. } => Problem::new(ProblemKind::Unavailable, "There is not enough memory for this.")
            .detail(text)
            .hint("The setting model_memory says how much may be used."),
        ModelError::Request(_) => Problem::invalid("request", "This picture cannot be painted.").detail(text),
        ModelError::Adapter { .. } => Problem::conflict("An adapter cannot be read.").detail(text),
        ModelError::Misfit { .. } => Problem::invalid("adapters", "An adapter does not fit this checkpoint.").detail(text),
        ModelError::NotFinite { .. } => Problem::conflict("The picture came to nothing.").detail(text),
        ModelError::Tensor(_) if text.to_lowercase().contains("out of memory") => {
            Problem::new(ProblemKind::Unavailable, "The graphics card ran out of memory.")
                .detail(text)
                .hint("Choose a smaller picture, or close what else uses the card.")
        }
        ModelError::Tensor(_) => crate::problem::internal("the tensor library refused", &text),
        ModelError::Cancelled(_) => Problem::new(ProblemKind::Unavailable, "The work was stopped."),
    }
}

pub(super) fn unpainted(error: ModelError) -> Unpainted {
    match error {
        ModelError::Cancelled(_) => Unpainted::Cancelled,
        other => Unpainted::Refused(problem(other)),
    }
}

fn capital(text: &str) -> String {
    // Names of files keep their case.
    let first = text.split_whitespace().next().unwrap_or_default();
    if first.contains(['.', '_', '/']) {
        return text.to_owned();
    }
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |c| c.to_uppercase().chain(letters).collect())
}

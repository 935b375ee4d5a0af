//! Making pictures: the words for samplers, schedules, noise and prompt dialects, every number that goes with them, what is asked
//! for, and the pictures that are kept.

mod dialect;
mod gallery;
pub mod parameter;
mod picture;
mod queue;
mod request;
mod sampler;
mod schedule;
mod sheet;
mod style;

pub use dialect::{Dialect, NoiseSource};
pub use gallery::{PictureAdapter, PictureAdapters, Trash};
pub use picture::{
    PictureCard, PictureDetails, PictureEdit, PicturePage, PictureQuery, PictureSort, PictureSource, Recipe, UsedAdapter, UsedCheckpoint,
};
pub use queue::{Defaults, GenerationView, Painting, PromptText, PromptView, QueueItem, QueueView};
pub use request::{AdapterUse, GenerationRequest, MAX_ADAPTERS, MAX_PICTURES, MAX_PROMPT, Numbers, StartPicture, Variation};
pub use sampler::Sampler;
pub use schedule::Schedule;
pub use sheet::Axis;
pub use style::{Style, Styles};

/// A name as it is compared: lower case letters and digits, `+` read as `p`, nothing else.
fn plain(name: &str) -> String {
    let letters = name.chars().flat_map(char::to_lowercase);
    letters.filter_map(|c| if c == '+' { Some('p') } else { c.is_ascii_alphanumeric().then_some(c) }).collect()
}

//! Making pictures: the words for samplers, schedules, noise and prompt dialects, and every number that goes with them.

mod dialect;
pub mod parameter;
mod sampler;
mod schedule;

pub use dialect::{Dialect, NoiseSource};
pub use sampler::Sampler;
pub use schedule::Schedule;

/// A name as it is compared: lower case letters and digits, `+` read as `p`, nothing else.
fn plain(name: &str) -> String {
    let letters = name.chars().flat_map(char::to_lowercase);
    letters.filter_map(|c| if c == '+' { Some('p') } else { c.is_ascii_alphanumeric().then_some(c) }).collect()
}

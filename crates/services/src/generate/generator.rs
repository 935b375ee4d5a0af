//! What paints. The engine of this machine is the first that does; nodes elsewhere will be others.

use async_trait::async_trait;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use weft_domain::Problem;
use weft_domain::generation::Recipe;
use weft_pictures::Pixels;

/// One picture to paint. The recipe says everything; the files are where its names lie on this machine.
#[derive(Debug, Clone)]
pub struct Shot {
    pub recipe: Recipe,
    pub checkpoint: PathBuf,
    /// One per adapter of the recipe, in its order.
    pub adapters: Vec<PathBuf>,
    pub start: Option<Arc<StartPixels>>,
}

/// A picture to begin with, and where to paint on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartPixels {
    pub image: Pixels,
    /// Width, height and values from 0 (stays) to 255 (is painted).
    pub mask: Option<(u32, u32, Vec<u8>)>,
}

/// A finished picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Painted {
    pub image: Pixels,
    /// Program, device and number type that painted it.
    pub engine: String,
    /// What somebody may want to know: modules of an adapter that found no place.
    pub notes: Vec<String>,
}

/// Why there is no picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unpainted {
    /// [`Watch::cancelled`] said so.
    Cancelled,
    /// It cannot be painted like this, in words for people.
    Refused(Problem),
}

impl From<Problem> for Unpainted {
    fn from(problem: Problem) -> Self {
        Self::Refused(problem)
    }
}

/// What a generator knows of a checkpoint without loading it.
#[derive(Debug, Clone, PartialEq)]
pub struct Able {
    /// Family id (`sd1`).
    pub family: String,
    /// Sides are multiples of this many pixels.
    pub side_step: u32,
    /// Multiples of this many pixels are halved without a remainder inside of it.
    pub even_step: u32,
    /// Width and height that it is made for.
    pub size: (u32, u32),
    /// It takes a guidance as an input (Flux dev).
    pub guided: bool,
    /// It is taught to paint in a few steps (Flux schnell, LCM, Turbo, Lightning).
    pub quick: bool,
    /// A prompt that shows what it can do, where its file names one.
    pub example: Option<String>,
    /// The guidance that it was tuned for, where its file names one.
    pub cfg: Option<f64>,
    /// Why it cannot paint here: too little memory, no tokenizer.
    pub refused: Option<Problem>,
}

/// Who looks on while a picture is painted. Called from the thread that paints: must not wait.
pub trait Watch: Send + Sync {
    /// True when the work should stop between two steps.
    fn cancelled(&self) -> bool;
    /// What happens before the first step: `done` of `total` of something.
    fn preparing(&self, done: u64, total: u64, what: &str);
    /// `step` of `of` steps are done. `look` makes a rough picture of what is there so far.
    fn step(&self, step: u32, of: u32, look: &mut dyn FnMut() -> Option<Pixels>);
}

/// Looks at nothing and never stops.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unwatched;

impl Watch for Unwatched {
    fn cancelled(&self) -> bool {
        false
    }
    fn preparing(&self, _: u64, _: u64, _: &str) {}
    fn step(&self, _: u32, _: u32, _: &mut dyn FnMut() -> Option<Pixels>) {}
}

/// Something that paints pictures, one after another.
#[async_trait]
pub trait Generator: Send + Sync + std::fmt::Debug + 'static {
    /// Device and number type, for people.
    fn label(&self) -> String;

    /// What can be done with a checkpoint, from its headers alone; `size` (width, height) is looked at for its memory, None: the usual one.
    ///
    /// # Errors
    /// A [`Problem`] for what is no model that this generator runs.
    async fn able(&self, checkpoint: &Path, size: Option<(u32, u32)>) -> Result<Able, Problem>;

    /// Paints one picture. The same shot gives the same bytes on the same device.
    ///
    /// # Errors
    /// [`Unpainted`]. The generator is ready for the next shot whatever happened.
    async fn paint(&self, shot: Shot, watch: Arc<dyn Watch>) -> Result<Painted, Unpainted>;
}

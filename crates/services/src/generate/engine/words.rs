//! From a prompt's text to the tokens of a model's encoders.

use std::sync::Arc;
use weft_diffusion::model::{ClipTokens, Denoiser, Model, PromptTokens, Words as Chunk};
use weft_diffusion::prompt::chunk::{Frame, chunks};
use weft_diffusion::prompt::{Item, Prompt, parse};
use weft_diffusion::tokenizer::{Clip, Slot, T5};
use weft_domain::generation::Dialect;
use weft_weights::family::Family;

/// Tokens that Flux's T5 reads: dev, and schnell.
const T5_ROOM: (usize, usize) = (512, 256);

/// The tokenizers of one model.
#[derive(Debug, Clone)]
pub(super) struct Words {
    pub(super) clip: Arc<Clip>,
    pub(super) t5: Option<Arc<T5>>,
}

/// Padding of the `n`-th encoder of a family: OpenCLIP takes 0, CLIP-L its own end.
pub(super) fn frame(clip: &Clip, family: Family, n: usize) -> Frame {
    let open = family == Family::Sd2 || (family == Family::Sdxl && n == 1);
    let frame = clip.frame();
    Frame { pad: if open { 0 } else { frame.pad }, ..frame }
}

impl Words {
    /// Tokens of a text for every encoder of `model`.
    pub(super) fn tokens(&self, model: &Model, text: &str, dialect: Dialect, skip: usize) -> PromptTokens {
        let prompt = parse(text, dialect);
        let clip = (0..model.clip().len()).map(|n| self.clip_tokens(frame(&self.clip, model.family(), n), &prompt, dialect));
        let clip = clip.collect();
        let t5 = match (&self.t5, model.denoiser()) {
            (Some(t5), Denoiser::Flux(flux)) => {
                let room = if flux.is_guided() { T5_ROOM.0 } else { T5_ROOM.1 };
                t5.padded(&plain(&prompt), room).0
            }
            _ => Vec::new(),
        };
        PromptTokens { clip, t5, skip }
    }

    fn clip_tokens(&self, frame: Frame, prompt: &Prompt, dialect: Dialect) -> ClipTokens {
        let mut encode = |text: &str| self.clip.encode(text);
        let ids = |slots: &[Slot]| slots.iter().map(|slot| if let Slot::Id(id) = slot { *id } else { frame.pad }).collect::<Vec<u32>>();
        let cut = chunks(prompt, dialect, frame, &mut encode);
        let empty = chunks(&Prompt::default(), dialect, frame, &mut encode);
        ClipTokens {
            chunks: cut.iter().map(|c| Chunk { ids: ids(&c.slots), weights: c.weights.clone() }).collect(),
            empty: empty.first().map(|c| ids(&c.slots)).unwrap_or_default(),
            learned: Vec::new(),
        }
    }
}

/// The words alone: T5 knows neither weights nor chunks.
fn plain(prompt: &Prompt) -> String {
    prompt.items.iter().map(|item| if let Item::Text(part) = item { part.text.as_str() } else { " " }).collect()
}

//! What became of a prompt's text: for a form that shows it while one types.

use super::words::{chosen_styles, styles_of};
use super::{Generating, check};
use crate::access::Reader;
use crate::problem::{ForPeople as _, blocking};
use weft_diffusion::prompt::chunk::chunks;
use weft_diffusion::prompt::{apply_styles, parse};
use weft_domain::Problem;
use weft_domain::generation::{MAX_PROMPT, PromptText, PromptView};
use weft_weights::checkpoint::Checkpoint;

/// Pieces and notices that are told.
const TOLD: usize = 200;

impl Generating {
    /// Tokens (with the words of its styles), chunks, weights and named adapters of a text. Weights, adapters and notices are those of the
    /// text itself: they have a place in it.
    pub async fn prompt_view(&self, _: &Reader, text: PromptText) -> Result<PromptView, Problem> {
        if text.prompt.len() > MAX_PROMPT {
            return Err(Problem::invalid("prompt", format!("A prompt has at most {} KiB.", MAX_PROMPT / 1024)));
        }
        check::styles(&text.styles)?;
        let parsed = parse(&text.prompt, text.dialect);
        let names: Vec<String> = parsed.adapters.iter().map(|tag| tag.name.clone()).collect();
        let known = self.inner.store.adapters().named(&names).await.for_people("looking up adapters by name")?;
        let mut view = PromptView {
            chunks: 1,
            named: names.iter().take(TOLD).map(|name| (name.clone(), known.contains_key(name))).collect(),
            notices: parsed.notices.iter().take(TOLD).map(|notice| notice.message.clone()).collect(),
            ..PromptView::default()
        };
        let weighted = parsed.parts().filter(|part| part.weight != 1.0 && !part.text.is_empty());
        view.weighted = weighted
            .take(TOLD)
            .map(|part| {
                let typed = part.source(0..part.text.len());
                (small(typed.start), small(typed.end), part.weight)
            })
            .collect();
        match self.counted(text).await {
            Ok((tokens, chunks)) => (view.tokens, view.chunks) = (tokens, chunks),
            Err(problem) => view.notices.push(problem.title),
        }
        Ok(view)
    }

    async fn counted(&self, text: PromptText) -> Result<(u32, u32), Problem> {
        let PromptText { prompt, negative, dialect, styles, checkpoint } = text;
        let Some(id) = self.usual(checkpoint).await? else { return Err(super::no_checkpoint()) };
        let path = self.checkpoint_path(id).await?;
        let (tokenizers, data) = (self.inner.tokenizers.clone(), self.inner.data.clone());
        blocking(move || {
            // On every pause while one types: their file is read only where one is chosen.
            let styles = if styles.is_empty() { Vec::new() } else { chosen_styles(&styles_of(&data), &styles)? };
            let said = if negative { apply_styles(&styles, "", &prompt).1 } else { apply_styles(&styles, &prompt, "").0 };
            let opened = Checkpoint::open(&path).map_err(|e| Problem::conflict("The checkpoint cannot be read.").detail(e.to_string()))?;
            let clip = tokenizers.clip(&opened)?;
            let cut = chunks(&parse(&said, dialect), dialect, clip.frame(), &mut |text| clip.encode(text));
            Ok((small(cut.iter().map(|chunk| chunk.used).sum()), small(cut.len())))
        })
        .await?
    }
}

fn small(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

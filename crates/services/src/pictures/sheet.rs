//! A generation as one picture with its labels.

use super::{PictureFile, Pictures};
use crate::access::Reader;
use crate::problem::{ForPeople as _, blocking, internal};
use weft_domain::Problem;
use weft_domain::generation::{Axis, GenerationView, Recipe};
use weft_pictures::sheet::{Sheet, SheetWords};

impl Pictures {
    /// The pictures of a generation in rows and columns, with the labels of its axes, and its prompt and settings below. Cells whose
    /// picture is not painted yet (or in the trash) stay open. One picture at a time is in memory beside the sheet.
    pub async fn sheet(&self, _: &Reader, view: &GenerationView) -> Result<PictureFile, Problem> {
        let Some(first) = view.pictures.first() else {
            return Err(Problem::conflict("There is no picture to put on the sheet yet.").hint("Wait for the first one."));
        };
        let _one_at_a_time = self.inner.making.lock().await;
        let recipe = self.repo().details(first.id).await.for_people("reading a picture")?.ok_or_else(super::no_such_picture)?.recipe;
        let words = SheetWords {
            columns: view.columns.clone(),
            rows: view.rows.clone(),
            axes: view.axes.clone(),
            caption: caption(&recipe, &view.request.axes),
        };
        let count = usize::try_from(view.total).unwrap_or(usize::MAX).min(weft_domain::generation::MAX_PICTURES);
        let mut sheet = Sheet::new(&words, count, first.width, first.height);
        for card in &view.pictures {
            let pixels = self.pixels(card.id).await?;
            let cell = usize::try_from(card.shot).unwrap_or(usize::MAX);
            let put = blocking(move || sheet.put(cell, &pixels).map(|()| sheet)).await?;
            sheet = put.map_err(|error| internal("a sheet cannot be drawn", &error))?;
        }
        let png = blocking(move || sheet.png()).await?.map_err(|error| internal("a sheet cannot be written", &error))?;
        // It changes while pictures come and go.
        let etag = view.pictures.iter().fold(view.pictures.len() as u64, |tag, card| tag.wrapping_mul(1_000_003) ^ card.id.0 as u64);
        Ok(PictureFile {
            bytes: png.into(),
            content_type: "image/png",
            etag: format!("{}-{etag:x}", view.id),
            name: format!("weft-sheet-{:05}.png", view.id.0),
        })
    }
}

/// Prompt, negative prompt and one line of settings; what an axis changes is left out.
pub(crate) fn caption(recipe: &Recipe, axes: &[Axis]) -> Vec<String> {
    let varies = |is: &dyn Fn(&Axis) -> bool| axes.iter().any(is);
    let number = |wanted: &str| varies(&|axis| matches!(axis, Axis::Number { name, .. } if name == wanted));
    let mut parts: Vec<String> = Vec::new();
    let mut part = |shown: bool, text: Option<String>| parts.extend(text.filter(|text| shown && !text.is_empty()));
    let checkpoint = Some(recipe.checkpoint.name.clone());
    part(!varies(&|axis| matches!(axis, Axis::Checkpoint { .. })), checkpoint);
    for (at, adapter) in recipe.adapters.iter().enumerate() {
        let other = varies(&|axis| matches!(axis, Axis::Adapter { strand, .. } if *strand == at));
        let weight = varies(&|axis| matches!(axis, Axis::Weight { strand, .. } if *strand == at));
        part(!other, Some(if weight { adapter.name.clone() } else { format!("{} {}", adapter.name, adapter.weight) }));
    }
    part(!varies(&|axis| matches!(axis, Axis::Sampler { .. })), recipe.sampler.map(|sampler| sampler.label().to_owned()));
    part(!varies(&|axis| matches!(axis, Axis::Schedule { .. })), recipe.schedule.map(|schedule| schedule.label().to_owned()));
    part(!number("steps"), recipe.numbers.steps.map(|steps| format!("{steps} steps")));
    part(!number("cfg"), recipe.numbers.cfg.map(|cfg| format!("cfg {cfg}")));
    part(!number("guidance"), recipe.numbers.guidance.map(|guidance| format!("guidance {guidance}")));
    // A plain request counts the seed up from picture to picture; the axes of a sheet share one.
    let seeds = varies(&|axis| matches!(axis, Axis::Seed { .. }));
    part(!seeds, recipe.seed.map(|seed| if axes.is_empty() { format!("seeds from {seed}") } else { format!("seed {seed}") }));
    part(true, Some(format!("{} × {}", recipe.width, recipe.height)));
    let mut lines = vec![recipe.typed.clone().filter(|_| !axes.is_empty()).unwrap_or_else(|| recipe.prompt.clone())];
    if !recipe.negative.is_empty() {
        lines.push(format!("Negative: {}", recipe.negative));
    }
    lines.push(parts.join(" · "));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use weft_domain::generation::{Numbers, Sampler, UsedAdapter};

    #[test]
    fn what_an_axis_changes_is_not_said_below() {
        let mut recipe = Recipe { prompt: "a fox".into(), negative: "dark".into(), width: 512, height: 768, ..Recipe::default() };
        recipe.numbers = Numbers { steps: Some(20), cfg: Some(7.5), ..Numbers::default() };
        (recipe.seed, recipe.sampler) = (Some(9), Some(Sampler::Euler));
        recipe.adapters = vec![UsedAdapter { name: "ink".into(), weight: 0.5, ..UsedAdapter::default() }];
        let plain = caption(&recipe, &[]);
        assert_eq!(plain, ["a fox", "Negative: dark", "ink 0.5 · Euler · 20 steps · cfg 7.5 · seeds from 9 · 512 × 768"]);
        let axes = [Axis::Weight { strand: 0, values: vec![0.5] }, Axis::Number { name: "cfg".into(), values: vec![7.5] }];
        assert_eq!(caption(&recipe, &axes)[2], "ink · Euler · 20 steps · seed 9 · 512 × 768");
    }
}

//! `weft compare`.

use super::input::{self, Input};
use super::output::{self, Bar};
use anyhow::Result;
use std::path::PathBuf;
use std::process::ExitCode;
use weft_weights::compare::{CompareOptions, Comparison, PairRelation, compare};
use weft_weights::delta::Base;

/// Tell how adapters relate: the same training, independent, or fighting, and where
#[derive(Debug, clap::Args)]
pub(super) struct Compare {
    /// Two or more adapters
    #[arg(value_name = "FILE", required = true, num_args = 2..)]
    files: Vec<PathBuf>,
    /// Base checkpoint, for the kinds whose effect depends on it (DoRA, (IA)³, OFT, BOFT, GLoRA)
    #[arg(long, value_name = "CHECKPOINT")]
    base: Option<PathBuf>,
    /// Rows of each weight on which signs are compared; 0 leaves that out
    #[arg(long, default_value_t = 16, value_name = "ROWS")]
    sample_rows: usize,
    /// Chooses the sampled rows
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Machine-readable output: everything, down to single weights
    #[arg(long)]
    json: bool,
}

impl Compare {
    pub(super) fn run(self) -> Result<ExitCode> {
        let opened = self.files.iter().map(|path| Input::open(path)).collect::<Result<Vec<_>>>()?;
        let base = self.base.as_deref().map(input::checkpoint).transpose()?;
        let options = CompareOptions {
            names: opened.iter().map(|input| input.label.clone()).collect(),
            seed: self.seed,
            sample_rows: self.sample_rows,
            base: base.as_ref().map(|b| b as &dyn Base),
        };
        let members: Vec<_> = opened.iter().map(Input::member).collect();
        let bar = Bar::new();
        let found = compare(&members, &options, &bar);
        bar.clear();
        let found = found?;
        if self.json {
            println!("{}", serde_json::to_string_pretty(&found)?);
        } else {
            print(&found);
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn print(found: &Comparison) {
    for sentence in &found.sentences {
        println!("{}", output::plain(sentence));
    }
    for pair in &found.pairs {
        println!("\n{} and {}", output::plain(&found.names[pair.a]), output::plain(&found.names[pair.b]));
        table(pair);
    }
    for note in &found.notes {
        println!("note: {}", output::plain(note));
    }
}

fn table(pair: &PairRelation) {
    println!("  {:<8} {:>10} {:>10} {:>8} {:>7} {:>7} {:>7}", "", "‖A‖", "‖B‖", "cosine", "input", "output", "signs");
    let share = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |v| format!("{v:.3}"));
    let all = [("all".to_owned(), &pair.denoiser)];
    let te = pair.text_encoders.iter().map(|r| ("text".to_owned(), r));
    let slots = pair.slots.iter().map(|s| (s.slot.clone(), &s.relation));
    for (name, r) in all.into_iter().chain(te).chain(slots) {
        let (input, out) = (r.input.as_ref().map(|o| o.mean), r.output.as_ref().map(|o| o.mean));
        println!(
            "  {name:<8} {:>10.4} {:>10.4} {:>8} {:>7} {:>7} {:>7}",
            r.norm_a,
            r.norm_b,
            share(r.cosine),
            share(input),
            share(out),
            share(r.sign_conflict)
        );
    }
}

//! Parameters of the methods on the command line. What is not given keeps the method's own default.

use serde::de::DeserializeOwned;
use weft_domain::merge::{Divisor, Elect, Form, Inner, Options, Scope, Share, Vote};

/// A word of the recipe: `--elect total`.
fn word<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    // The words are those of the recipe; serde's message lists them.
    serde_json::from_value(text.to_lowercase().into()).map_err(|error| error.to_string())
}

/// Parameters of the methods; docs/merging.md says which method uses which
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Parameters of the methods")]
pub(super) struct OptionArgs {
    /// average, slerp, karcher: divide by the weights of all inputs (weights), or only of those that have the module (present)
    #[arg(long, value_parser = word::<Divisor>)]
    divisor: Option<Divisor>,
    /// slerp, karcher, norm_equal: one set of coefficients for each module, block, or for the whole (global)
    #[arg(long, value_parser = word::<Scope>)]
    scope: Option<Scope>,
    /// Part of the elements that is kept (ties, dare, dare_ties, della, magnitude_prune, breadcrumbs, sce, knots, core)
    #[arg(long)]
    density: Option<f64>,
    /// della: how far keep probabilities reach around the density
    #[arg(long)]
    epsilon: Option<f64>,
    /// breadcrumbs: part of the elements, the largest, that is dropped
    #[arg(long)]
    gamma: Option<f64>,
    /// dare, della: do not scale up what is kept
    #[arg(long)]
    no_rescale: bool,
    /// Seed of everything random
    #[arg(long)]
    seed: Option<u64>,
    /// How signs are decided where inputs differ: none, total or frequency
    #[arg(long, value_parser = word::<Elect>)]
    elect: Option<Elect>,
    /// Whether weights count in that: weighted (as mergekit) or plain (as PEFT)
    #[arg(long, value_parser = word::<Vote>)]
    vote: Option<Vote>,
    /// What agreeing elements are divided by: count, weights or none
    #[arg(long, value_parser = word::<Share>)]
    share: Option<Share>,
    /// knots, core: what is done inside: ties, sum, tsv or iso
    #[arg(long, value_parser = word::<Inner>)]
    inner: Option<Inner>,
    /// null_space: strength of the projection; without it the hard one
    #[arg(long)]
    mu: Option<f64>,
    /// Scale every block down until its joint norm is at most this many times its strongest input's
    #[arg(long, value_name = "LIMIT")]
    tame: Option<f64>,
    /// With --rank: the rank is a mean, modules share the file's size out where they keep most
    #[arg(long)]
    spread: bool,
    /// Store low-rank pairs (lora) or whole differences (diff)
    #[arg(long, value_parser = word::<Form>)]
    form: Option<Form>,
    /// ties and its kin: the exact decomposition instead of the randomised one; slow
    #[arg(long)]
    exact: bool,
}

impl From<&OptionArgs> for Options {
    fn from(args: &OptionArgs) -> Self {
        let own = Self::default();
        Self {
            divisor: args.divisor.unwrap_or(own.divisor),
            scope: args.scope.unwrap_or(own.scope),
            density: args.density,
            epsilon: args.epsilon.unwrap_or(own.epsilon),
            gamma: args.gamma.unwrap_or(own.gamma),
            rescale: !args.no_rescale,
            seed: args.seed.unwrap_or(own.seed),
            elect: args.elect,
            vote: args.vote.unwrap_or(own.vote),
            share: args.share.unwrap_or(own.share),
            inner: args.inner.unwrap_or(own.inner),
            mu: args.mu,
            tame: args.tame,
            spread: args.spread,
            form: args.form.unwrap_or(own.form),
            exact: args.exact,
        }
    }
}

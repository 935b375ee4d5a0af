//! UniPC (Zhao et al. 2023): a predictor and a corrector of third order that share the model's guesses.

use super::mix::mix;
use super::rules::History;
use super::walk::{Error, Walk};

const ORDER: usize = 3;

/// The function B(h) of the paper.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// B(h) = h.
    Bh1,
    /// B(h) = e^h − 1.
    Bh2,
}

/// One call of the model a step: the guess at the predicted latent corrects it and serves the next prediction. Orders fall towards the
/// end (third, second, first); the last step is the model's guess.
pub fn unipc<E>(walk: &mut Walk<'_, E>, form: Form) -> Result<(), Error<E>> {
    let steps = walk.steps();
    if steps == 0 {
        return Ok(());
    }
    // Never a higher order than the levels that are not the last allow, as in ComfyUI.
    let most = ORDER.min(steps - 1).max(1);
    let mut guesses = History::new(ORDER);
    let mut lambdas: Vec<f64> = Vec::with_capacity(steps);
    let mut base = vec![0.0; walk.x.len()];
    walk.look(0, walk.sigmas[0])?;
    for i in 0..steps {
        let (sigma, next) = walk.levels(i);
        guesses.push(&walk.clean);
        lambdas.insert(0, walk.path.lambda(sigma));
        if next == 0.0 {
            walk.straight(sigma, next);
            break;
        }
        let order = most.min(i + 1).min(steps - i);
        let step = Step::new(walk, form, &lambdas[..order], sigma, next);
        base.copy_from_slice(walk.x);
        mix(&mut base, next / sigma, [(step.of_guess, guesses.get(0))]);
        walk.x.copy_from_slice(&base);
        differences(walk.x, step.scale, &step.predictor(), &step.ratios, &guesses);
        if i + 1 == steps {
            break;
        }
        walk.look(i + 1, next)?;
        walk.x.copy_from_slice(&base);
        let weights = step.corrector();
        differences(walk.x, step.scale, &weights[..order - 1], &step.ratios, &guesses);
        let newest = step.scale * weights[order - 1];
        mix(walk.x, 1.0, [(newest, &walk.clean), (-newest, guesses.get(0))]);
    }
    Ok(())
}

/// x ← x + scale·Σ weight·(older guess − newest guess)/ratio.
fn differences(x: &mut [f32], scale: f64, weights: &[f64], ratios: &[f64], guesses: &History) {
    for (age, (weight, ratio)) in weights.iter().zip(ratios).enumerate() {
        let w = scale * weight / ratio;
        mix(x, 1.0, [(w, guesses.get(age + 1)), (-w, guesses.get(0))]);
    }
}

/// Numbers of one step.
struct Step {
    /// (λ of an older guess − λ now) / h, the newest first.
    ratios: Vec<f64>,
    /// −α'·B(h).
    scale: f64,
    /// Weight of the newest guess in the first-order step.
    of_guess: f64,
    /// Right sides φ of the equations for the weights.
    sides: [f64; ORDER],
}

impl Step {
    fn new<E>(walk: &Walk<'_, E>, form: Form, lambdas: &[f64], sigma: f64, next: f64) -> Self {
        let h = walk.path.lambda(next) - lambdas[0];
        let alpha = walk.path.alpha(next);
        let phi1 = (-h).exp_m1();
        let b = if form == Form::Bh1 { -h } else { phi1 };
        let mut sides = [0.0; ORDER];
        let (mut phi, mut factorial) = (phi1 / -h - 1.0, 1.0);
        for (k, side) in sides.iter_mut().enumerate() {
            *side = phi * factorial / b;
            factorial *= (k + 2) as f64;
            phi = phi / -h - 1.0 / factorial;
        }
        let ratios = lambdas[1..].iter().map(|lambda| (lambda - lambdas[0]) / h).collect();
        // α' − α·σ'/σ, which is −α'·(e^(−h) − 1) and, at a flow's first level, still exact.
        Self { ratios, scale: -alpha * b, of_guess: alpha - walk.path.alpha(sigma) * next / sigma, sides }
    }

    fn predictor(&self) -> Vec<f64> {
        match self.ratios.len() {
            0 => Vec::new(),
            1 => vec![0.5],
            n => solve(&self.ratios, &self.sides[..n]),
        }
    }

    fn corrector(&self) -> Vec<f64> {
        if self.ratios.is_empty() {
            return vec![0.5];
        }
        let nodes: Vec<f64> = self.ratios.iter().copied().chain([1.0]).collect();
        solve(&nodes, &self.sides[..nodes.len()])
    }
}

/// Solves Σ nodes[k]^row · w[k] = sides[row]: a Vandermonde system of two or three unknowns, by elimination with pivots.
fn solve(nodes: &[f64], sides: &[f64]) -> Vec<f64> {
    let n = nodes.len();
    let mut rows: Vec<Vec<f64>> =
        (0..n).map(|power| nodes.iter().map(|node| node.powi(power as i32)).chain([sides[power]]).collect()).collect();
    for column in 0..n {
        let pivot = (column..n).max_by(|a, b| rows[*a][column].abs().total_cmp(&rows[*b][column].abs())).unwrap_or(column);
        rows.swap(column, pivot);
        let lead = rows[column].clone();
        for (at, row) in rows.iter_mut().enumerate() {
            if at != column {
                let factor = row[column] / lead[column];
                row.iter_mut().zip(&lead).for_each(|(x, l)| *x -= factor * l);
            }
        }
    }
    (0..n).map(|k| rows[k][n] / rows[k][k]).collect()
}

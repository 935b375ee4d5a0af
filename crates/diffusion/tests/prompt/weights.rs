//! What weights do to embeddings.

use weft_diffusion::prompt::{weigh, weigh_a1111, weigh_comfy};
use weft_domain::generation::Dialect;

#[test]
fn a1111_multiplies_and_keeps_the_mean() {
    let mut z = [1.0, 2.0, 3.0, 6.0, -1.0, 1.0];
    weigh_a1111(&mut z, &[1.0, 2.0, 1.0]);
    // Mean 2 before; 1, 2, 6, 12, −1, 1 have mean 3.5.
    let want = [1.0, 2.0, 6.0, 12.0, -1.0, 1.0].map(|x: f32| x * 2.0 / 3.5);
    assert!(z.iter().zip(want).all(|(a, b)| (a - b).abs() < 1e-6), "{z:?}");
    let mut still = [0.1, 0.7, 0.3];
    weigh_a1111(&mut still, &[1.0, 1.0, 1.0]);
    assert_eq!(still, [0.1, 0.7, 0.3]);
    let mut none = [1.0, -1.0];
    weigh_a1111(&mut none, &[2.0, 2.0]);
    assert_eq!(none, [2.0, -2.0]);
}

#[test]
fn comfy_moves_away_from_the_empty_prompt() {
    let mut z = [1.0, 2.0, 3.0, 4.0];
    weigh_comfy(&mut z, &[0.0, 1.0, 1.0, 1.0], &[1.0, 1.5]);
    assert_eq!(z, [1.0, 2.0, 4.0, 5.5]);
    let mut gone = [3.0, 4.0];
    weigh(Dialect::ComfyUi, &mut gone, &[0.5, 0.25], &[0.0]);
    assert_eq!(gone, [0.5, 0.25]);
}

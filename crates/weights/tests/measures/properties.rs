//! What must hold for every file: independence of the gauge, of fusing, of the order; linearity of inner products.

use super::build::{Build, Noise, Opened, between, close};
use proptest::prelude::*;
use weft_weights::compare::{CompareOptions, Comparison, Kinship, compare};
use weft_weights::measures::{FileMeasures, MeasureOptions, measures};
use weft_weights::progress::Silent;
use weft_weights::relations::gram_set;
use weft_weights::strength::strengths;

const Q: &str = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q";
const K2: &str = "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn2_to_k";

fn measured(file: &Opened) -> FileMeasures {
    measures(&file.adapter, &file.source, None, &MeasureOptions::default(), &Silent).unwrap()
}

fn compared(files: &[&Opened]) -> Comparison {
    let members: Vec<_> = files.iter().map(|f| f.member()).collect();
    compare(&members, &CompareOptions::default(), &Silent).unwrap()
}

/// Two modules of rank `r`; component k of the first has its B times and its A divided by 2^`gauge[k]`.
fn file(seed: u64, r: usize, gauge: &[i32], alpha: f32) -> Opened {
    let mut rng = Noise(seed);
    let (m, n) = (30, 44);
    let (mut b, mut a) = (rng.many(m * r), rng.many(r * n));
    for (k, power) in gauge.iter().take(r).enumerate() {
        let factor = 2f32.powi(*power);
        b.iter_mut().skip(k).step_by(r).for_each(|v| *v *= factor);
        a[k * n..(k + 1) * n].iter_mut().for_each(|v| *v /= factor);
    }
    Build::default().pair(Q, (m, r, n), &b, &a, alpha).pair(K2, (20, 3, 768), &rng.many(60), &rng.many(3 * 768), 1.0).open("a")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn nothing_depends_on_the_gauge(seed in 1u64..1000, r in 1usize..9, gauge in proptest::collection::vec(-9i32..9, 8)) {
        let (plain, bent, other) = (file(seed, r, &[], 2.0), file(seed, r, &gauge, 2.0), file(seed + 5000, 4, &[], 1.0));
        let (x, y) = (measured(&plain), measured(&bent));
        let (s, t) = (x.denoiser.spectrum.unwrap(), y.denoiser.spectrum.unwrap());
        close(y.denoiser.frobenius, x.denoiser.frobenius, 1e-12, "frobenius");
        close(y.denoiser.spectral, x.denoiser.spectral, 1e-10, "spectral");
        close(t.effective_rank, s.effective_rank, 1e-9, "effective rank");
        prop_assert_eq!((s.rank, s.rank_90, s.rank_99), (t.rank, t.rank_90, t.rank_99));
        let (p, q) = (compared(&[&plain, &other]), compared(&[&bent, &other]));
        let (p, q) = (&p.pairs[0].denoiser, &q.pairs[0].denoiser);
        between(q.cosine.unwrap(), p.cosine.unwrap(), 1e-12, "cosine");
        between(q.input.as_ref().unwrap().mean, p.input.as_ref().unwrap().mean, 1e-8, "input overlap");
        between(q.output.as_ref().unwrap().mean, p.output.as_ref().unwrap().mean, 1e-8, "output overlap");
        between(q.sign_conflict.unwrap(), p.sign_conflict.unwrap(), 1e-5, "signs");
        let same = compared(&[&plain, &bent]);
        prop_assert_eq!(same.pairs[0].kinship, Kinship::Equal);
        prop_assert!(same.pairs[0].denoiser.relative_distance < 1e-6);
    }

    #[test]
    fn a_file_with_itself(seed in 1u64..1000, r in 1usize..9) {
        let (one, two) = (file(seed, r, &[], 2.0), file(seed, r, &[], 1.0));
        let same = compared(&[&one, &one]);
        let relation = &same.pairs[0].denoiser;
        close(relation.cosine.unwrap(), 1.0, 1e-12, "cosine");
        prop_assert!(relation.relative_distance < 1e-10, "{}", relation.relative_distance);
        prop_assert_eq!(relation.sign_conflict, Some(0.0));
        close(relation.input.as_ref().unwrap().mean, 1.0, 1e-9, "input");
        close(same.total_growth.growth, 2.0, 1e-12, "growth");
        // The order of two files does not matter.
        let (ab, ba) = (compared(&[&one, &two]), compared(&[&two, &one]));
        close(ba.pairs[0].denoiser.inner, ab.pairs[0].denoiser.inner, 1e-12, "inner");
        close(ba.pairs[0].denoiser.distance, ab.pairs[0].denoiser.distance, 1e-9, "distance");
        // Measures, strengths and Gram matrices say the same.
        let gram = gram_set(&[one.member()], &["one"], &Silent).unwrap();
        let whole: f64 = (0..gram.slots.len()).map(|s| gram.at(s, 0, 0)).sum();
        let strength = strengths(&one.adapter, &one.source, &Silent).unwrap();
        close(whole.sqrt(), measured(&one).denoiser.frobenius, 1e-12, "gram");
        close(strength.frobenius, measured(&one).denoiser.frobenius, 1e-6, "strength");
    }

    /// A concatenation is the sum: ⟨A+B, A⟩ = ‖A‖² + ⟨A, B⟩, and its cosines follow.
    #[test]
    fn a_concatenation_is_the_sum(seed in 1u64..1000, r in 1usize..5, s in 1usize..5) {
        let mut rng = Noise(seed);
        let (m, n) = (30, 44);
        let (b1, a1, b2, a2) = (rng.many(m * r), rng.many(r * n), rng.many(m * s), rng.many(s * n));
        let b: Vec<f32> = b1.chunks(r).zip(b2.chunks(s)).flat_map(|(x, y)| x.iter().chain(y).copied().collect::<Vec<_>>()).collect();
        let a: Vec<f32> = a1.iter().chain(&a2).copied().collect();
        let one = Build::default().pair(Q, (m, r, n), &b1, &a1, r as f32).open("one");
        let two = Build::default().pair(Q, (m, s, n), &b2, &a2, s as f32).open("two");
        let sum = Build::default().pair(Q, (m, r + s, n), &b, &a, (r + s) as f32).open("sum");
        let c = compared(&[&one, &two, &sum]);
        let of = |x, y| &c.pairs.iter().find(|p| (p.a, p.b) == (x, y)).unwrap().denoiser;
        let (aa, bb, ab) = (of(0, 1).norm_a.powi(2), of(0, 1).norm_b.powi(2), of(0, 1).inner);
        let whole = (aa + bb + 2.0 * ab).sqrt();
        close(of(0, 2).norm_b, whole, 1e-10, "norm of the sum");
        close(of(0, 2).cosine.unwrap(), (aa + ab) / (aa.sqrt() * whole), 1e-9, "cosine");
        close(of(0, 2).distance, bb.sqrt(), 1e-9, "what is left of the sum");
        // Its spaces hold those of both.
        close(of(0, 2).input.as_ref().unwrap().mean, 1.0, 1e-9, "input");
        close(of(1, 2).output.as_ref().unwrap().mean, 1.0, 1e-9, "output");
    }

    /// ‖fused‖² = Σ‖leaves‖², and a fused file equals its split form.
    #[test]
    fn fused_and_split_are_one(seed in 1u64..1000, r in 1usize..5) {
        let mut rng = Noise(seed);
        let h = 48;
        let (b, a) = (rng.many(3 * h * r), rng.many(r * h));
        let fused = Build::default()
            .pair("lora_unet_double_blocks_2_img_attn_qkv", (3 * h, r, h), &b, &a, r as f32)
            .pair("lora_unet_single_blocks_0_linear2", (h, 1, 5 * h), &rng.many(h), &rng.many(5 * h), 1.0)
            .open("fused");
        let mut split = Build::default();
        for (i, leaf) in ["to_q", "to_k", "to_v"].iter().enumerate() {
            let stem = format!("transformer.transformer_blocks.2.attn.{leaf}");
            split = split
                .tensor(&format!("{stem}.lora_A.weight"), &[r, h], &a)
                .tensor(&format!("{stem}.lora_B.weight"), &[h, r], &b[i * h * r..(i + 1) * h * r]);
        }
        let split = split
            .tensor("transformer.single_transformer_blocks.0.proj_mlp.lora_A.weight", &[1, h], &vec![0.0; h])
            .tensor("transformer.single_transformer_blocks.0.proj_mlp.lora_B.weight", &[4 * h, 1], &vec![0.0; 4 * h])
            .open("split");
        let d02 = |m: &FileMeasures| m.slots.iter().find(|s| s.label == "D02").unwrap().measures.clone();
        let (x, y) = (d02(&measured(&fused)), d02(&measured(&split)));
        close(y.frobenius, x.frobenius, 1e-12, "energy of the leaves");
        close(y.rms, x.rms, 1e-12, "rms");
        let c = compared(&[&fused, &split]);
        let slot = c.pairs[0].slots.iter().find(|s| s.slot == "D02").unwrap();
        close(slot.relation.cosine.unwrap(), 1.0, 1e-12, "cosine");
        prop_assert!(slot.relation.relative_distance < 1e-9, "{}", slot.relation.relative_distance);
        // The leaves share one A: the row space is that of the fused form, not three of it.
        let input = slot.relation.input.as_ref().unwrap();
        close(input.mean, 1.0, 1e-7, "input overlap");
        close(input.chance, r as f64 / h as f64, 1e-12, "chance");
    }
}

#[test]
fn samples_depend_on_the_seed_alone() {
    let (one, two) = (file(1, 4, &[], 1.0), file(2, 4, &[], 1.0));
    let conflict = |seed, sample_rows| {
        let options = CompareOptions { seed, sample_rows, ..CompareOptions::default() };
        compare(&[one.member(), two.member()], &options, &Silent).unwrap().pairs[0].denoiser.sign_conflict
    };
    assert_eq!(conflict(7, 5), conflict(7, 5));
    assert_ne!(conflict(7, 5), conflict(8, 5));
    assert_eq!(conflict(7, 0), None);
    assert_eq!(conflict(1, usize::MAX), conflict(2, usize::MAX));
}

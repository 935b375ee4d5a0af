//! Sentences and refusals.

use super::build::{Build, Noise, Opened, close};
use weft_weights::adapter::Target;
use weft_weights::compare::{CompareError, CompareOptions, Kinship, compare};
use weft_weights::delta::{Base, Dense};
use weft_weights::measures::{MeasureOptions, measures};
use weft_weights::progress::Silent;
use weft_weights::relations::{compatible, compatible_with};
use weft_weights::source::ReadError;

const K2: &str = "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn2_to_k";

fn sd1(seed: u64, factor: f32) -> Opened {
    let mut rng = Noise(seed);
    let b: Vec<f32> = rng.many(80).iter().map(|v| v * factor).collect();
    Build::default().pair(K2, (20, 4, 768), &b, &rng.many(4 * 768), 4.0).open("x.safetensors")
}

fn dora(seed: u64) -> Opened {
    let mut rng = Noise(seed);
    Build::default()
        .pair(K2, (20, 4, 768), &rng.many(80), &rng.many(4 * 768), 4.0)
        .tensor(&format!("{K2}.dora_scale"), &[20, 1], &rng.many(20))
        .open("dora.safetensors")
}

fn wan(noise: &str) -> Opened {
    let mut rng = Noise(3);
    Build::default()
        .meta("ss_output_name", noise)
        .pair("lora_unet_blocks_0_self_attn_q", (5120, 1, 5120), &rng.many(5120), &rng.many(5120), 1.0)
        .pair("lora_unet_blocks_39_ffn_0", (13824, 1, 5120), &rng.many(13824), &rng.many(5120), 1.0)
        .open(&format!("wan22_{noise}.safetensors"))
}

#[test]
fn scaled_copies_and_opposites_are_recognised() {
    let of = |a: &Opened, b: &Opened| compare(&[a.member(), b.member()], &CompareOptions::default(), &Silent).unwrap();
    let half = of(&sd1(1, 1.0), &sd1(1, 0.5));
    assert_eq!(half.pairs[0].kinship, Kinship::Scaled);
    assert!(half.sentences[0].contains("file 2 is file 1 at 0.50 times the strength"), "{:?}", half.sentences);
    close(half.total_growth.growth, 1.5, 1e-9, "growth");
    let against = of(&sd1(1, 1.0), &sd1(1, -1.0));
    assert!(against.sentences[0].contains("at -1.00 times"), "{:?}", against.sentences);
    assert!(against.total_growth.growth < 1e-6);
    let nothing = of(&sd1(1, 1.0), &sd1(1, 0.0));
    assert_eq!(nothing.pairs[0].kinship, Kinship::Empty);
    assert!(nothing.sentences[0].contains("file 2 changes nothing"), "{:?}", nothing.sentences);
    assert!(matches!(compare(&[sd1(1, 1.0).member()], &CompareOptions::default(), &Silent), Err(CompareError::TooFew)));
}

#[test]
fn high_and_low_noise_never_go_into_one_file() {
    let (high, low) = (wan("high_noise"), wan("low_noise"));
    let verdict = compatible(&[("high", &high.adapter), ("low", &low.adapter)]);
    assert!(!verdict.fits && verdict.reasons[0].contains("high-noise"), "{verdict:?}");
    assert!(compatible(&[("one", &high.adapter), ("two", &high.adapter)]).fits);
}

/// One weight of ones.
struct Ones;

impl Base for Ones {
    fn weight(&self, _: &Target, m: usize, n: usize) -> Result<Option<Dense>, ReadError> {
        Ok(Some(Dense { m, n, values: vec![1.0; m * n] }))
    }
}

#[test]
fn kinds_that_need_the_base_say_so() {
    let (plain, dora) = (sd1(1, 1.0), dora(2));
    let verdict = compatible(&[("plain", &plain.adapter), ("dora", &dora.adapter)]);
    assert!(!verdict.fits && verdict.reasons[0].contains("DoRA") && verdict.reasons[0].contains("checkpoint"), "{verdict:?}");
    assert!(compatible_with(&[("plain", &plain.adapter), ("dora", &dora.adapter)], true).fits);
    let found = compare(&[plain.member(), dora.member()], &CompareOptions::default(), &Silent).unwrap();
    assert!(found.notes[0].contains("file 2") && found.notes[0].contains("checkpoint"), "{:?}", found.notes);
    let measured = measures(&dora.adapter, &dora.source, None, &MeasureOptions::default(), &Silent).unwrap();
    assert!(measured.modules[0].measures.is_none() && measured.modules[0].problem.as_ref().unwrap().contains("DoRA"));
}

#[test]
fn relative_to_the_base() {
    let plain = sd1(1, 1.0);
    let measured = measures(&plain.adapter, &plain.source, Some(&Ones), &MeasureOptions::default(), &Silent).unwrap();
    let weight = (20.0f64 * 768.0).sqrt();
    close(measured.denoiser.relative.unwrap(), measured.denoiser.frobenius / weight, 1e-12, "relative");
    assert_eq!(measured.denoiser.relative_modules, 1);
    assert_eq!(measures(&plain.adapter, &plain.source, None, &MeasureOptions::default(), &Silent).unwrap().denoiser.relative, None);
}

#[test]
fn damaged_modules_are_left_out_and_named() {
    let mut rng = Noise(5);
    let mut b = rng.many(80);
    b[3] = f32::NAN;
    let bad = Build::default().pair(K2, (20, 4, 768), &b, &rng.many(4 * 768), 4.0).open("bad.safetensors");
    let measured = measures(&bad.adapter, &bad.source, None, &MeasureOptions::default(), &Silent).unwrap();
    assert!(measured.modules[0].problem.as_ref().unwrap().contains("lora_up"), "{:?}", measured.modules[0].problem);
    let found = compare(&[sd1(1, 1.0).member(), bad.member()], &CompareOptions::default(), &Silent).unwrap();
    assert!(found.notes[0].contains("NaN"), "{:?}", found.notes);
}

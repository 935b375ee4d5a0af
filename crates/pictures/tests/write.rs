//! What is written is read back: by Weft as it was, by others as far as their text goes.
#![expect(clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;
use weft_domain::generation::{
    Dialect, NoiseSource, Numbers, PictureSource, Recipe, Sampler, Schedule, UsedAdapter, UsedCheckpoint, Variation,
};
use weft_domain::{AdapterId, CheckpointId};
use weft_pictures::{Format, Pixels, decode, encode, infotext, inspect, parse_infotext, thumbnail};

fn pixels(width: u32, height: u32) -> Pixels {
    let rgb = (0..width * height * 3).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    Pixels::new(width, height, rgb).unwrap()
}

fn rich() -> Recipe {
    Recipe {
        prompt: "a (fox:1.2), at night,\n\"by the sea\" 夜 🦊".into(),
        negative: "blurry".into(),
        typed: Some("a {fox|cat}".into()),
        typed_negative: Some(String::new()),
        styles: vec!["Ink, thin".into(), "夜".into()],
        dialect: Some(Dialect::A1111),
        checkpoint: UsedCheckpoint { id: None, name: "Dream, 8".into(), family: "sd1".into(), hash: Some("ab".repeat(32)) },
        adapters: vec![
            UsedAdapter {
                name: "Ink: thin".into(),
                hash: Some("0123456789ab".into()),
                weight: 0.8,
                range: Some((0.25, 1.0)),
                ..Default::default()
            },
            UsedAdapter { name: "paper".into(), weight: -1.5, text_weight: Some(0.5), ..Default::default() },
        ],
        width: 512,
        height: 768,
        sampler: Some(Sampler::Dpmpp2m),
        schedule: Some(Schedule::Karras),
        numbers: Numbers { steps: Some(20), cfg: Some(7.0), clip_skip: Some(2), eta: Some(0.1), shift: Some(3.0), ..Numbers::default() },
        seed: Some(u64::MAX),
        variation: Some(Variation { seed: 7, strength: 0.1 }),
        noise: Some(NoiseSource::Cpu),
        denoise: Some(0.6),
        inpainted: true,
        engine: "Weft 0.1.0, CPU, f32".into(),
        other: [("Hires upscaler".to_owned(), "4x, sharp".to_owned())].into(),
    }
}

#[test]
fn a_recipe_comes_back_whole_from_every_format() {
    let mut recipe = rich();
    let bare = recipe.clone();
    recipe.checkpoint.id = Some(CheckpointId(3));
    recipe.adapters[0].id = Some(AdapterId(4));
    for format in Format::ALL {
        let bytes = encode(&pixels(64, 48), &recipe, format).unwrap();
        let found = inspect(&bytes).unwrap();
        assert_eq!((found.format, found.source, found.width, found.height), (format, PictureSource::Weft, 64, 48));
        // Ids are those of one library and stay in it.
        assert_eq!(found.recipe, bare, "{format:?}");
        if format != Format::Jpeg {
            assert_eq!(decode(&bytes).unwrap(), pixels(64, 48), "{format:?} is exact");
        }
    }
}

#[test]
fn the_text_is_a1111s() {
    let text = infotext(&rich());
    let want = "a (fox:1.2), at night,\n\"by the sea\" 夜 🦊 <lora:Ink thin:0.8><lora:paper:0.5:-1.5>\nNegative prompt: blurry\n\
                Steps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7, Seed: 18446744073709551615, Size: 512x768, \
                Model hash: ababababab, Model: \"Dream, 8\", Variation seed: 7, Variation seed strength: 0.1, Denoising strength: 0.6, \
                Clip skip: 2, RNG: CPU, Eta: 0.1, Shift: 3, Lora hashes: \"Ink thin: 0123456789ab\", Hires upscaler: \"4x, sharp\", \
                Version: \"Weft 0.1.0, CPU, f32\"";
    assert_eq!(text, want);
    let back = parse_infotext(&text).unwrap();
    assert_eq!((back.prompt, back.seed, back.numbers), (rich().prompt, rich().seed, rich().numbers));
    assert_eq!(
        infotext(&Recipe {
            prompt: "<lora:ink:1> fox".into(),
            adapters: vec![UsedAdapter { name: "ink".into(), weight: 1.0, ..Default::default() }],
            ..Default::default()
        }),
        "<lora:ink:1> fox"
    );
}

/// What is too long for the one segment that EXIF has in a JPEG.
#[test]
fn a_long_recipe_loses_its_json_in_a_jpeg_and_nothing_else() {
    let mut recipe = rich();
    recipe.typed = Some("x".repeat(65_000));
    let found = inspect(&encode(&pixels(8, 8), &recipe, Format::Jpeg).unwrap()).unwrap();
    assert_eq!((found.source, found.recipe.typed), (PictureSource::Weft, None));
    assert_eq!(found.recipe.prompt, recipe.prompt);
    (recipe.prompt, recipe.negative) = ("é".repeat(20_000), "ü".repeat(20_000));
    let found = inspect(&encode(&pixels(8, 8), &recipe, Format::Jpeg).unwrap()).unwrap();
    assert_eq!(found.source, PictureSource::Unknown);
    let whole = inspect(&encode(&pixels(8, 8), &recipe, Format::Webp).unwrap()).unwrap();
    assert_eq!(whole.recipe, recipe);
}

#[test]
fn hostile_files_are_refused() {
    let good = encode(&pixels(64, 64), &rich(), Format::Png).unwrap();
    for bytes in [&b""[..], b"<svg onload=alert(1)>", b"GIF89a", &good[..40]] {
        assert!(inspect(bytes).is_err() && decode(bytes).is_err());
    }
    // Half a file still says how it was made, and has no pixels.
    let half = &good[..good.len() / 2];
    assert_eq!(inspect(half).unwrap().recipe.seed, rich().seed);
    assert!(decode(half).is_err() && thumbnail(half, 160).is_err());
    // A header that promises 60,000 × 60,000 pixels in a few bytes.
    let mut bomb = good;
    bomb[16..20].copy_from_slice(&60_000u32.to_be_bytes());
    bomb[20..24].copy_from_slice(&60_000u32.to_be_bytes());
    let mut sum = flate2::Crc::new();
    sum.update(&bomb[12..29]);
    bomb[29..33].copy_from_slice(&sum.sum().to_be_bytes());
    let said = inspect(&bomb).unwrap_err().to_string();
    assert!(said.contains("60000 × 60000"), "{said}");
    assert!(Pixels::new(2, 2, vec![0; 11]).is_err() && Pixels::new(0, 2, Vec::new()).is_err());
}

#[test]
fn thumbnails_keep_shape_and_transparency() {
    let wide = encode(&pixels(900, 300), &Recipe::default(), Format::Png).unwrap();
    let small = thumbnail(&wide, 320).unwrap();
    assert_eq!(small.format, Format::Jpeg);
    let seen = decode(&small.bytes).unwrap();
    assert_eq!((seen.width, seen.height), (320, 107));
    assert_eq!(decode(&thumbnail(&wide, 1280).unwrap().bytes).unwrap().width, 900, "never enlarged");
    assert_eq!(Pixels::new(2, 1, vec![255, 0, 0, 0, 0, 255]).unwrap().colour(), "#800080");
}

fn word() -> impl Strategy<Value = String> {
    "[ -~äß夜\n]{0,40}".prop_map(|text| text.trim().to_owned())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_recipe_survives_a_png(prompt in word(), negative in word(), name in "[A-Za-z][A-Za-z0-9 ,:_-]{0,20}", weight in -200..200i32, seed: u64, steps in 1..200u32, key in "[A-Z][a-z]{2,9}", value in word()) {
        // JSON gives numbers of up to fifteen digits back as they were.
        let weight = f64::from(weight) / 100.0;
        let recipe = Recipe {
            prompt, negative, seed: Some(seed), width: 8, height: 8,
            adapters: vec![UsedAdapter { name, weight, ..UsedAdapter::default() }],
            numbers: Numbers { steps: Some(steps), ..Numbers::default() },
            other: [(key, value)].into(),
            ..Recipe::default()
        };
        let found = inspect(&encode(&pixels(8, 8), &recipe, Format::Png).unwrap()).unwrap();
        prop_assert_eq!(found.recipe, recipe);
    }

    #[test]
    fn the_text_alone_keeps_words_and_numbers(prompt in "[a-z(),.:0-9 ]{1,60}", negative in "[a-z(), ]{0,40}", weight in -2.0..2.0f64, cfg in 0.0..30.0f64, seed: u64, other in word()) {
        let (prompt, negative) = (prompt.trim().to_owned(), negative.trim().to_owned());
        let mut recipe = Recipe { prompt, negative, seed: Some(seed), width: 640, height: 512, sampler: Some(Sampler::Euler), schedule: Some(Schedule::Beta), ..Recipe::default() };
        recipe.numbers.steps = Some(20);
        recipe.numbers.cfg = Some(cfg);
        recipe.adapters = vec![UsedAdapter { name: "ink".into(), weight, ..UsedAdapter::default() }];
        recipe.other = [("Extra".to_owned(), other)].into_iter().filter(|(_, value)| !value.is_empty()).collect();
        let back = parse_infotext(&infotext(&recipe)).unwrap();
        recipe.dialect = Some(Dialect::A1111);
        recipe.noise = Some(NoiseSource::Gpu);
        prop_assert_eq!(back, recipe);
    }

    #[test]
    fn no_bytes_bring_it_down(bytes in proptest::collection::vec(any::<u8>(), 0..600), at in 0..400usize) {
        let mut file = encode(&pixels(8, 8), &rich(), Format::Jpeg).unwrap();
        let end = file.len().min(at + bytes.len());
        if at < end {
            file[at..end].copy_from_slice(&bytes[..end - at]);
        }
        let _ = inspect(&file);
        let _ = inspect(&bytes);
        let _ = parse_infotext(&String::from_utf8_lossy(&bytes));
    }
}

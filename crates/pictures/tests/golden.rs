//! Pictures made by golden/make.py in the way of each program, and what Weft reads out of them.
#![expect(clippy::unwrap_used, reason = "tests")]

use serde_json::{Value, json};
use weft_domain::generation::{Dialect, NoiseSource, PictureSource, Recipe, Sampler, Schedule, Variation};
use weft_pictures::{Format, Inspected, decode, inspect};

fn open(name: &str) -> Inspected {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("golden").join(name);
    let bytes = std::fs::read(path).unwrap();
    let found = inspect(&bytes).unwrap();
    let pixels = decode(&bytes).unwrap();
    assert_eq!((pixels.width, pixels.height), (found.width, found.height), "{name}");
    found
}

fn read(name: &str, source: PictureSource) -> Recipe {
    let found = open(name);
    assert_eq!(found.source, source, "{name}: {:#?}", found.recipe);
    found.recipe
}

fn png_with(key: &str, text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, 1, 1);
    encoder.add_text_chunk(key.to_owned(), text.to_owned()).unwrap();
    encoder.write_header().unwrap().write_image_data(&[0]).unwrap();
    out
}

fn other<'a>(recipe: &'a Recipe, key: &str) -> &'a str {
    recipe.other.get(key).map_or("", String::as_str)
}

fn adapters(recipe: &Recipe) -> Vec<(&str, f64, Option<f64>, &str)> {
    let one = |a: &'_ weft_domain::generation::UsedAdapter| (a.weight, a.text_weight);
    recipe.adapters.iter().map(|a| (a.name.as_str(), one(a).0, one(a).1, a.hash.as_deref().unwrap_or(""))).collect()
}

#[test]
fn a1111_in_every_wrapping() {
    let first = read("a1111.png", PictureSource::A1111);
    assert_eq!(first.prompt, "a (fox:1.2),  at night,\nby the sea");
    assert_eq!(first.negative, "blurry, (low quality:1.4),\ntext");
    assert_eq!(adapters(&first), [("ink", 0.8, None, "0123456789ab"), ("paper, thin", 1.0, Some(0.5), "fedcba987654")]);
    assert_eq!((first.sampler, first.schedule), (Some(Sampler::Dpmpp2mSde), Some(Schedule::Karras)));
    assert_eq!((first.numbers.steps, first.numbers.cfg, first.numbers.clip_skip), (Some(28), Some(6.5), Some(2)));
    assert_eq!((first.seed, first.width, first.height), (Some(4_294_967_297), 512, 768));
    assert_eq!(first.variation, Some(Variation { seed: 77, strength: 0.25 }));
    assert_eq!((first.checkpoint.name.as_str(), first.checkpoint.hash.as_deref()), ("dream_8", Some("6ce0161689")));
    assert_eq!((first.noise, first.dialect), (Some(NoiseSource::Cpu), Some(Dialect::A1111)));
    assert_eq!(first.engine, "A1111 v1.10.1");
    // A second pass dissolved its own first one, not a picture that somebody gave.
    assert_eq!((first.denoise, other(&first, "Denoising strength")), (None, "0.45"));
    assert_eq!((other(&first, "Hires upscaler"), other(&first, "ENSD")), ("4x, sharp", "31337"));
    assert_eq!(other(&first, "ADetailer prompt"), "face, \"smile\": yes");
    assert_eq!(other(&first, "TI hashes"), "easy: c74b4e810b03");
    for same in ["a1111.jpg", "a1111.webp", "a1111-itxt-zip.png"] {
        assert_eq!(read(same, PictureSource::A1111), first, "{same}");
    }
    assert_eq!(open("a1111.jpg").format, Format::Jpeg);
}

#[test]
fn old_and_new_kin_of_a1111() {
    let old = read("a1111-old.png", PictureSource::A1111);
    assert_eq!((old.sampler, old.schedule), (Some(Sampler::EulerA), Some(Schedule::Normal)));
    assert_eq!((old.checkpoint.hash.as_deref(), old.numbers.clip_skip), (Some("81761151"), Some(2)));
    // A1111 as it comes draws its noise on the card.
    assert_eq!((old.noise, old.seed), (Some(NoiseSource::Gpu), Some(5)));
    for same in ["a1111-ztxt.png", "a1111-ascii.jpg"] {
        assert_eq!(read(same, PictureSource::A1111), old, "{same}");
    }
    for hidden in ["a1111-stealth.png", "a1111-stealth-rgb.png"] {
        assert_eq!(read(hidden, PictureSource::A1111), old, "{hidden}");
    }
    let forge = read("forge.png", PictureSource::A1111);
    assert_eq!(forge.prompt, "ein Fuchs, 夜, smile");
    assert_eq!((forge.numbers.guidance, forge.numbers.cfg), (Some(3.5), Some(1.0)));
    assert_eq!((forge.engine.as_str(), other(&forge, "Template")), ("f2.0.1v1.10.1-previous-665-gae278f79", "ein __tier__"));
    assert_eq!(read("a1111-le.jpg", PictureSource::A1111), forge);
}

#[test]
fn a_graph_of_comfyui_with_adapters_and_a_second_pass() {
    let recipe = read("comfyui.png", PictureSource::ComfyUi);
    assert_eq!((recipe.prompt.as_str(), recipe.negative.as_str()), ("a fox, (night:1.2)", "blurry"));
    assert_eq!((recipe.seed, recipe.numbers.steps, recipe.numbers.cfg), (Some(987_654_321_987_654), Some(25), Some(7.5)));
    assert_eq!((recipe.sampler, recipe.schedule), (Some(Sampler::Dpmpp2m), Some(Schedule::Karras)));
    assert_eq!((recipe.width, recipe.height, recipe.denoise), (512, 768, None));
    assert_eq!(recipe.checkpoint.name, "dream_8");
    assert_eq!(adapters(&recipe), [("ink", 0.8, Some(0.5), ""), ("paper", -0.25, None, "")]);
    assert_eq!((recipe.numbers.clip_skip, recipe.dialect, recipe.noise), (Some(2), Some(Dialect::ComfyUi), Some(NoiseSource::Cpu)));
    assert_eq!(read("comfyui.webp", PictureSource::ComfyUi), recipe);
    // A text for people says more than a graph.
    let both = read("comfyui-with-parameters.png", PictureSource::ComfyUi);
    assert_eq!((both.prompt.as_str(), both.seed), ("a fox", Some(5)));
}

#[test]
fn graphs_of_comfyui_in_pieces() {
    let flux = read("comfyui-flux.png", PictureSource::ComfyUi);
    assert_eq!((flux.prompt.as_str(), flux.negative.as_str()), ("a fox, at night", ""));
    assert_eq!((flux.seed, flux.numbers.steps, flux.numbers.guidance), (Some(42), Some(20), Some(3.5)));
    assert_eq!((flux.sampler, flux.schedule), (Some(Sampler::Euler), Some(Schedule::Simple)));
    assert_eq!((flux.checkpoint.name.as_str(), flux.numbers.shift), ("flux1-dev", Some(1.15)));
    assert_eq!((adapters(&flux), flux.width), (vec![("ink", 0.9, None, "")], 1024));

    let again = read("comfyui-img2img.png", PictureSource::ComfyUi);
    assert_eq!((again.prompt.as_str(), again.negative.as_str(), again.denoise), ("a fox", "", Some(0.75)));
    assert_eq!((again.sampler, again.schedule), (Some(Sampler::Dpmpp3mSde), Some(Schedule::Exponential)));
    // The file's own size, as the graph names none.
    assert_eq!((again.width, again.height), (8, 8));

    let screen = read("comfyui-workflow.png", PictureSource::ComfyUi);
    assert_eq!((screen.prompt.as_str(), screen.negative.as_str()), ("a castle", "text, watermark"));
    assert_eq!((screen.seed, screen.numbers.steps, screen.numbers.cfg), (Some(156_680_208_700_286), Some(20), Some(8.0)));
    assert_eq!((screen.sampler, screen.schedule), (Some(Sampler::EulerA), Some(Schedule::Normal)));
    assert_eq!((screen.width, screen.height, screen.checkpoint.name.as_str()), (640, 512, "v1-5"));
    assert_eq!(adapters(&screen), [("moss", 0.6, None, "")]);
}

#[test]
fn subgraphs_of_comfyui_with_values_typed_outside() {
    let recipe = read("comfyui-subgraph.png", PictureSource::ComfyUi);
    assert_eq!((recipe.prompt.as_str(), recipe.negative.as_str(), recipe.seed), ("a lighthouse", "fog", Some(77)));
    assert_eq!((recipe.sampler, recipe.schedule), (Some(Sampler::Dpmpp2m), Some(Schedule::Karras)));
    assert_eq!((recipe.numbers.steps, recipe.numbers.cfg), (Some(12), Some(6.5)));
    assert_eq!((recipe.width, recipe.height, recipe.checkpoint.name.as_str()), (512, 768, "v1-5"));
    assert_eq!(adapters(&recipe), [("moss", 0.6, None, "")]);
}

/// Sixteen levels of ten uses each, and a text of a megabyte at the bottom, in a file of a megabyte.
#[test]
fn subgraphs_that_multiply_end() {
    let level = |n: usize| {
        let nodes: Vec<Value> = (0..10).map(|id| json!({"id": id, "type": format!("s{}", n + 1)})).collect();
        json!({"id": format!("s{n}"), "nodes": nodes, "links": [], "inputs": []})
    };
    let text = json!({"id": 1, "type": "CLIPTextEncode", "widgets_values": ["x".repeat(1 << 20)]});
    let last = json!({"id": "s16", "nodes": [text], "links": [], "inputs": []});
    let defined: Vec<Value> = (0..16).map(level).chain([last]).collect();
    let first = json!({"id": 1, "type": "s0"});
    let graph = json!({"nodes": [first], "links": [], "definitions": {"subgraphs": defined}}).to_string();
    let file = png_with("workflow", &graph);
    // Without a bound this would not come back: 10^16 uses.
    assert_eq!(inspect(&file).unwrap().recipe.prompt, "");
}

#[test]
fn swarmui_with_hashes_of_its_models() {
    let recipe = read("swarmui.png", PictureSource::SwarmUi);
    assert_eq!((recipe.prompt.as_str(), recipe.negative.as_str(), recipe.seed), ("a fox", "blurry", Some(123)));
    assert_eq!((recipe.sampler, recipe.schedule), (Some(Sampler::Dpmpp2mSde), Some(Schedule::Karras)));
    assert_eq!((recipe.checkpoint.name.as_str(), recipe.checkpoint.hash.clone()), ("dream", Some("ab".repeat(32))));
    let hash = "cd".repeat(32);
    assert_eq!(adapters(&recipe), [("ink", 0.7, None, hash.as_str()), ("paper", 1.0, None, "")]);
    assert_eq!((recipe.denoise, recipe.engine.as_str()), (Some(0.6), "SwarmUI 0.9.7.0"));
    assert_eq!(other(&recipe, "automaticvae"), "true");
    assert_eq!(read("swarmui.jpg", PictureSource::SwarmUi), recipe);
}

#[test]
fn invokeai_of_three_ages() {
    let new = read("invokeai.png", PictureSource::InvokeAi);
    assert_eq!((new.prompt.as_str(), new.negative.as_str(), new.seed), ("a fox", "blurry", Some(99)));
    assert_eq!((new.sampler, new.schedule), (Some(Sampler::Dpmpp2m), Some(Schedule::Karras)));
    assert_eq!((new.numbers.cfg_rescale, new.numbers.clip_skip, new.denoise), (Some(0.7), Some(2), Some(0.65)));
    assert_eq!((new.checkpoint.name.as_str(), adapters(&new)), ("dream", vec![("ink", 0.75, None, "")]));
    assert_eq!((new.width, new.height, new.engine.as_str()), (1024, 768, "InvokeAI 5.4.2"));

    let middle = read("invokeai-2.png", PictureSource::InvokeAi);
    assert_eq!((middle.prompt.as_str(), middle.negative.as_str(), middle.seed), ("a fox", "blurry", Some(42)));
    assert_eq!((middle.sampler, middle.width, middle.numbers.steps), (Some(Sampler::EulerA), 640, Some(50)));

    let first = read("invokeai-dream.png", PictureSource::InvokeAi);
    assert_eq!((first.prompt.as_str(), first.negative.as_str()), ("a fox", "blurry, dark"));
    assert_eq!((first.sampler, first.seed, first.height, first.numbers.cfg), (Some(Sampler::Lms), Some(42), 704, Some(7.5)));
}

#[test]
fn novelai_said_and_hidden() {
    let said = read("novelai.png", PictureSource::NovelAi);
    assert_eq!((said.prompt.as_str(), said.negative.as_str()), ("1girl, {{fox}}", "lowres"));
    assert_eq!((said.sampler, said.schedule), (Some(Sampler::EulerA), Some(Schedule::Karras)));
    assert_eq!((said.checkpoint.name.as_str(), said.checkpoint.hash.as_deref()), ("Stable Diffusion XL", Some("7bccaa2c")));
    assert_eq!((said.width, said.height, said.numbers.cfg, said.numbers.cfg_rescale), (832, 1216, Some(5.0), Some(0.2)));
    let hidden = read("novelai-stealth.png", PictureSource::NovelAi);
    assert_eq!((hidden.prompt.as_str(), hidden.negative.as_str()), ("two foxes\nred fox", "lowres, dark"));
    assert_eq!((hidden.checkpoint.name.as_str(), hidden.seed), ("NovelAI Diffusion V4", Some(3_312_345)));
}

#[test]
fn fooocus_in_its_own_scheme() {
    let recipe = read("fooocus.png", PictureSource::Fooocus);
    assert_eq!((recipe.prompt.as_str(), recipe.seed), ("a fox", Some(8_123_456_789_012_345_678)));
    assert_eq!((recipe.width, recipe.height, recipe.numbers.cfg), (1152, 896, Some(4.0)));
    assert_eq!(adapters(&recipe), [("offset", 0.1, None, "4852686128")]);
    assert_eq!(other(&recipe, "sharpness"), "2");
}

#[test]
fn pictures_without_parameters_are_pictures() {
    for name in ["plain.png", "plain.jpg"] {
        let recipe = read(name, PictureSource::Unknown);
        assert_eq!(recipe, Recipe { width: 8, height: 8, ..Recipe::default() });
    }
}

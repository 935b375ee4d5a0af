//! A labelled set of adapter headers: the weights of real models (`models.json`, made by diffusers), in the namings of trainers, whole and
//! in parts, as LoRA, LoHa and LoKr. Every family must be told rightly, or the file must be called what it is: one that fits several.
#![expect(clippy::unwrap_used, reason = "tests")]

mod header;
mod models;

use header::{Kind, header};
use models::{Model, Weight, models};
use std::collections::BTreeMap;
use weft_weights::adapter::{Adapter, Component, Target};
use weft_weights::family::Family;
use weft_weights::keys::names;
use weft_weights::layout::{Layout, SlotRef};

/// What of a model an adapter changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Content {
    /// Everything inside of blocks.
    Full,
    /// Everything, embedders and heads too.
    Outside,
    Attention,
    /// Attention of three blocks.
    Few,
    FeedForward,
    /// The double blocks' attention, or the single blocks', where there are both.
    Double,
    Single,
}

impl Content {
    const ALL: [Self; 7] = [Self::Full, Self::Outside, Self::Attention, Self::Few, Self::FeedForward, Self::Double, Self::Single];

    fn takes(self, w: &Weight) -> bool {
        let attention = ["attn", "attention"].iter().any(|a| w.name.contains(a)) && !w.name.contains("norm") && !w.name.contains("refiner");
        let single = w.name.starts_with("single_");
        let double = ["double_", "transformer_blocks.", "joint_transformer_blocks."].iter().any(|s| w.name.starts_with(s));
        match self {
            Self::Full => w.block.is_some(),
            Self::Outside => true,
            Self::Attention => w.block.is_some() && attention,
            Self::Few => matches!(w.block, Some(1 | 2 | 4)) && attention,
            Self::FeedForward => w.block.is_some() && ["ff", "mlp", "feed_forward"].iter().any(|f| w.name.contains(f)),
            Self::Double => double && attention,
            Self::Single => single && attention,
        }
    }
}

/// How a trainer calls the weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Naming {
    Diffusers,
    Peft,
    SimpleTuner,
    OneTrainer,
    Kohya,
    Comfy,
    /// Bare original names, as DiffSynth and BFL write them.
    Bare,
    Xlabs,
}

impl Naming {
    const ALL: [Self; 8] =
        [Self::Diffusers, Self::Peft, Self::SimpleTuner, Self::OneTrainer, Self::Kohya, Self::Comfy, Self::Bare, Self::Xlabs];

    /// True when the weights' names are those of the original code.
    fn is_native(self) -> bool {
        matches!(self, Self::Kohya | Self::Comfy | Self::Bare | Self::Xlabs)
    }

    fn stem(self, family: Family, name: &str) -> Option<String> {
        let flat = name.replace('.', "_");
        let unet = family.is_unet();
        let root = if unet {
            "unet"
        } else if family == Family::Cascade {
            "prior"
        } else {
            "transformer"
        };
        Some(match self {
            Self::Diffusers => format!("{root}.{name}"),
            Self::Peft => format!("base_model.model.{name}"),
            Self::SimpleTuner => format!("lycoris_{flat}"),
            Self::OneTrainer if unet => format!("lora_unet_{flat}"),
            Self::OneTrainer if family == Family::Cascade => format!("lora_prior_unet_{flat}"),
            Self::OneTrainer => format!("lora_transformer_{flat}"),
            Self::Kohya if family == Family::Cascade => format!("lora_prior_unet_{flat}"),
            Self::Kohya => format!("lora_unet_{flat}"),
            Self::Comfy => format!("diffusion_model.{name}"),
            Self::Bare => name.to_owned(),
            Self::Xlabs => {
                let (block, part) = name.split_at(name.match_indices('.').nth(1)?.0);
                let leaf = [(".img_attn.qkv", "qkv_lora1"), (".txt_attn.qkv", "qkv_lora2"), (".img_attn.proj", "proj_lora1")];
                let (_, leaf) = leaf.iter().find(|(p, _)| *p == part).filter(|_| family == Family::Flux1)?;
                format!("{block}.processor.{leaf}")
            }
        })
    }

    fn kinds(self) -> &'static [Kind] {
        match self {
            Self::SimpleTuner => &[Kind::Lokr],
            Self::Kohya => &[Kind::Lora, Kind::Loha, Kind::Lokr],
            Self::Xlabs => &[Kind::Xlabs],
            Self::OneTrainer => &[Kind::Lora],
            _ => &[Kind::Peft],
        }
    }
}

struct Case {
    family: Family,
    size: String,
    layout: Option<&'static str>,
    what: String,
    adapter: Adapter,
    told: Adapter,
}

/// The original names of a model's weights; for SDXL the LDM names, by the rule of the names module.
fn native(model: &Model) -> Vec<Weight> {
    if model.family.is_unet() {
        let rename = |w: &Weight| {
            let target = Target { component: Component::Denoiser, path: w.name.replace('.', "_"), rows: None };
            let name = if model.family == Family::Sdxl { names::native(model.family, &target) } else { Some(w.name.clone()) };
            Some(Weight { name: name?, ..w.clone() })
        };
        return model.weights.iter().filter_map(rename).collect();
    }
    let catalogue = names::catalogue(model.family);
    let own = catalogue.iter().find(|c| c.size == model.size).unwrap_or_else(|| panic!("{:?} {}", model.family, model.size));
    let weight = |w: &names::Weight| Some(Weight::new(w.native.clone(), vec![w.shape?.0, w.shape?.1]));
    own.weights.iter().filter_map(weight).collect()
}

/// Two headers: one that says nothing of the model, one with the architecture in its metadata.
fn case(model: &Model, naming: Naming, content: Content, kind: Kind, weights: &[Weight]) -> Option<Case> {
    let stems: Vec<(String, Vec<usize>)> =
        weights.iter().filter(|w| content.takes(w)).filter_map(|w| Some((naming.stem(model.family, &w.name)?, w.shape.clone()))).collect();
    if stems.len() < 3 {
        return None;
    }
    let what = format!("{} {} {naming:?} {content:?} {kind:?}", model.family.id(), model.size);
    let open = |metadata: &[(&str, &str)]| {
        let header = header(&stems, kind, metadata);
        Adapter::from_header(header, Some("my_file.safetensors"), None).unwrap_or_else(|e| panic!("{what}: {e}"))
    };
    let architecture = format!("{}/lora", model.family.id());
    Some(Case {
        family: model.family,
        size: model.size.clone(),
        layout: layout(model),
        adapter: open(&[]),
        told: open(&[("modelspec.architecture", &architecture)]),
        what,
    })
}

fn layout(model: &Model) -> Option<&'static str> {
    let own = names::catalogue(model.family).into_iter().find(|c| c.size == model.size).map(|c| c.layout);
    own.or_else(|| Layout::for_family(model.family).next().map(|l| l.id))
}

fn cases() -> Vec<Case> {
    let mut out = Vec::new();
    for model in &models() {
        let native = native(model);
        for naming in Naming::ALL {
            let weights = if naming.is_native() { &native } else { &model.weights };
            for content in Content::ALL {
                for kind in naming.kinds() {
                    out.extend(case(model, naming, content, *kind, weights));
                }
            }
        }
    }
    out
}

#[derive(Default)]
struct Score {
    right: usize,
    /// The label among several that fit, with a confidence that says so.
    open: usize,
    wrong: Vec<String>,
    /// Wrong ones count once, wrong and confident ones twice.
    penalty: usize,
    confusion: BTreeMap<(Family, Family), usize>,
}

impl Score {
    fn add(&mut self, case: &Case, adapter: &Adapter) {
        let d = &adapter.detection;
        *self.confusion.entry((case.family, d.family)).or_default() += 1;
        // An answer with rivals must not sound sure.
        let honest = d.rivals.is_empty() || d.confidence <= 0.6;
        if d.family == case.family && honest && d.layout.map(|l| l.id) == case.layout {
            self.right += 1;
        } else if d.rivals.contains(&case.family) && honest {
            self.open += 1;
        } else {
            self.penalty += if d.confidence > 0.6 { 2 } else { 1 };
            let layout = d.layout.map_or("-", |l| l.id);
            self.wrong.push(format!("{}: {:?} {layout} {:.2} {:?} {:?}", case.what, d.family, d.confidence, d.rivals, d.evidence));
        }
    }
}

#[test]
fn families_are_told_rightly_or_left_open() {
    let cases = cases();
    let (mut silent, mut told) = (Score::default(), Score::default());
    for case in &cases {
        silent.add(case, &case.adapter);
        told.add(case, &case.told);
    }
    for (name, score) in [("without metadata", &silent), ("with metadata", &told)] {
        let n = cases.len();
        println!(
            "{name}: {n} headers, {} right, {} left open, {} wrong (penalty {})",
            score.right,
            score.open,
            score.wrong.len(),
            score.penalty
        );
        for ((label, found), count) in score.confusion.iter().filter(|((l, f), _)| l != f) {
            println!("    {} taken for {}: {count}", label.id(), found.id());
        }
        score.wrong.iter().take(25).for_each(|w| println!("    {w}"));
    }
    assert!(cases.len() >= 300, "{}", cases.len());
    let share = |n: usize| n as f64 / cases.len() as f64;
    assert!(
        share(silent.penalty) <= 0.02 && share(silent.open) <= 0.15,
        "{} of {} wrong, {} open",
        silent.wrong.len(),
        cases.len(),
        silent.open
    );
    assert!(share(told.penalty) <= 0.02 && share(told.open) <= 0.005, "{} of {} wrong, {} open", told.wrong.len(), cases.len(), told.open);
}

/// Nothing of a model is without a place, and every block that is changed is counted in its own slot.
#[test]
fn whole_adapters_fill_their_layout() {
    for model in models() {
        let Some(case) = case(&model, Naming::Diffusers, Content::Outside, Kind::Peft, &model.weights) else { continue };
        let layout = case.told.detection.layout.unwrap();
        let mut seen = vec![0usize; layout.slots.len()];
        let mut other = Vec::new();
        for m in &case.told.modules {
            match m.slot {
                Some(SlotRef::Block(i)) => seen[usize::from(i)] += 1,
                Some(SlotRef::Extra(weft_weights::layout::Extra::Other)) => other.push(m.name.as_str()),
                Some(SlotRef::Extra(_)) => {}
                None => panic!("{}: {} has no slot", case.what, m.name),
            }
        }
        assert!(seen.iter().all(|n| *n > 0), "{}: empty slots in {}: {seen:?}", case.what, layout.id);
        // Wan VACE's second column of blocks, and what stands between the levels of Cascade.
        let known = |n: &str| n.contains("vace_blocks") || n.contains("downscalers") || n.contains("upscalers");
        assert!(other.iter().all(|n| known(n)), "{} {}: {other:?}", case.what, case.size);
    }
}

#[test]
fn files_with_text_encoders_only() {
    let clip = |prefix: &str, h: usize, layers: usize| -> Vec<(String, Vec<usize>)> {
        let name = |i: usize, leaf: &str| format!("{prefix}text_model_encoder_layers_{i}_{leaf}");
        (0..layers).flat_map(|i| [(name(i, "self_attn_q_proj"), vec![h, h]), (name(i, "mlp_fc1"), vec![4 * h, h])]).collect()
    };
    let t5 = |prefix: &str| vec![(format!("{prefix}encoder_block_0_layer_0_SelfAttention_q"), vec![4096, 4096])];
    let gemma = |prefix: &str| {
        vec![
            (format!("{prefix}layers_0_self_attn_q_proj"), vec![2048, 2304]),
            (format!("{prefix}layers_0_mlp_gate_proj"), vec![9216, 2304]),
        ]
    };
    for (stems, family, rivals) in [
        (clip("lora_te_", 768, 12), Family::Sd1, true),
        (clip("lora_te_", 1024, 23), Family::Sd2, false),
        ([clip("lora_te1_", 768, 12), clip("lora_te2_", 1280, 32)].concat(), Family::Sdxl, false),
        (clip("lora_te2_", 1280, 32), Family::Sdxl, false),
        (clip("lora_te1_", 768, 12), Family::Unknown, true),
        ([clip("lora_te1_", 768, 12), t5("lora_te3_")].concat(), Family::Flux1, true),
        ([clip("lora_te1_", 768, 12), clip("lora_te2_", 1280, 32), t5("lora_te3_")].concat(), Family::Sd3, true),
        (t5("lora_te3_"), Family::Unknown, false),
        (gemma("lora_te_"), Family::Lumina2, false),
    ] {
        let d = Adapter::from_header(header(&stems, Kind::Lora, &[]), None, None).unwrap().detection;
        assert_eq!((d.family, !d.rivals.is_empty()), (family, rivals), "{}: {:?}", stems[0].0, d.evidence);
        assert!(d.confidence <= 0.7);
    }
}

//! The weights of each model family with their real names and shapes.

use crate::adapter::{Component, Target};
use crate::family::Family;
use crate::family::model::{self, Dim, Leaf, Section, Size, Twin};
use crate::keys::names;

/// One weight that a sample can change.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Place {
    /// Dotted path in the diffusers model.
    pub(super) diffusers: Option<String>,
    /// Dotted path in the original model.
    pub(super) native: Option<String>,
    pub(super) m: usize,
    pub(super) n: usize,
    /// Position along the network, 0 to 1.
    pub(super) depth: f64,
    /// 0 the one module that stands for its block, 1 the rest of attention, 2 everything else.
    pub(super) tier: u8,
    /// Prefix of kohya's flattened name.
    kohya: &'static str,
    family: Family,
}

impl Place {
    /// kohya's key stem.
    pub(super) fn kohya(&self) -> Option<String> {
        let flat = |p: &String| p.replace('.', "_");
        let path = if self.family.is_unet() || self.is_te() { self.diffusers.as_ref().map(flat) } else { self.native.as_ref().map(flat) }?;
        if self.family != Family::Sdxl || self.is_te() {
            return Some(format!("{}{path}", self.kohya));
        }
        Some(names::kohya_stem(self.family, &Target { component: Component::Denoiser, path, rows: None }))
    }

    pub(super) fn is_te(&self) -> bool {
        self.kohya.starts_with("lora_te")
    }

    /// Number of the text encoder; 0 for the denoiser.
    pub(super) fn encoder(&self) -> u8 {
        match self.kohya {
            "lora_te_" | "lora_te1_" => 1,
            "lora_te2_" => 2,
            _ => 0,
        }
    }
}

/// Which of the two sizes a family has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scale {
    Common,
    Large,
}

/// All weights that adapters of this family usually change, in the order of the network; text encoders last.
pub(super) fn places(family: Family, scale: Scale) -> Vec<Place> {
    let mut out = Builder { family, out: Vec::new() };
    match family {
        Family::Sd1 => out.sd(768, 768, 12),
        Family::Sd2 => out.sd(1024, 1024, 23),
        Family::Sdxl => out.sdxl(),
        Family::Sd3 if scale == Scale::Large => out.sd3(38, 2432),
        Family::Sd3 => out.sd3(24, 1536),
        Family::Wan if scale == Scale::Large => out.wan(40, 5120, 13824),
        Family::Wan => out.wan(30, 1536, 8960),
        Family::Flux1 => out.flux(),
        _ => out.table(scale),
    }
    out.out
}

struct Builder {
    family: Family,
    out: Vec<Place>,
}

impl Builder {
    fn add(&mut self, diffusers: Option<String>, native: Option<String>, (m, n): (usize, usize), depth: f64, tier: u8) {
        let family = self.family;
        let kohya = if family == Family::Cascade { "lora_prior_unet_" } else { "lora_unet_" };
        self.out.push(Place { diffusers, native, m, n, depth, tier, kohya, family });
    }

    /// One transformer of a UNet: `count` blocks of width `d` with a context of width `ctx`.
    fn unet(&mut self, stem: &str, d: usize, ctx: usize, count: usize, depth: f64) {
        let mut add = |path: String, shape, tier| self.add(Some(format!("{stem}.{path}")), None, shape, depth, tier);
        for i in 0..count {
            let block = |part: &str| format!("transformer_blocks.{i}.{part}");
            let lead = u8::from(i > 0);
            add(block("attn1.to_q"), (d, d), 1);
            add(block("attn1.to_k"), (d, d), 1);
            add(block("attn1.to_v"), (d, d), 1);
            add(block("attn1.to_out.0"), (d, d), 1);
            add(block("attn2.to_q"), (d, d), 1);
            add(block("attn2.to_k"), (d, ctx), lead);
            add(block("attn2.to_v"), (d, ctx), 1);
            add(block("attn2.to_out.0"), (d, d), 1);
            add(block("ff.net.0.proj"), (8 * d, d), 2);
            add(block("ff.net.2"), (d, 4 * d), 2);
        }
    }

    fn sd(&mut self, ctx: usize, te: usize, layers: usize) {
        for (i, d) in [320, 640, 1280].into_iter().enumerate() {
            for j in 0..2 {
                self.unet(&format!("down_blocks.{i}.attentions.{j}"), d, ctx, 1, (1 + 3 * i + j) as f64 / 24.0);
            }
        }
        self.unet("mid_block.attentions.0", 1280, ctx, 1, 0.5);
        for (i, d) in [(1, 1280), (2, 640), (3, 320)] {
            for j in 0..3 {
                self.unet(&format!("up_blocks.{i}.attentions.{j}"), d, ctx, 1, (13 + 3 * i + j) as f64 / 24.0);
            }
        }
        self.text_encoder("lora_te_", te, layers);
    }

    fn sdxl(&mut self) {
        for (i, d, depth) in [(1, 640, 2), (2, 1280, 10)] {
            for j in 0..2 {
                self.unet(&format!("down_blocks.{i}.attentions.{j}"), d, 2048, depth, (1 + 3 * i + j) as f64 / 18.0);
            }
        }
        self.unet("mid_block.attentions.0", 1280, 2048, 10, 0.5);
        for (i, d, depth) in [(0, 1280, 10), (1, 640, 2)] {
            for j in 0..3 {
                self.unet(&format!("up_blocks.{i}.attentions.{j}"), d, 2048, depth, (10 + 3 * i + j) as f64 / 18.0);
            }
        }
        self.text_encoder("lora_te1_", 768, 12);
        self.text_encoder("lora_te2_", 1280, 32);
    }

    fn text_encoder(&mut self, kohya: &'static str, d: usize, layers: usize) {
        let family = self.family;
        for i in 0..layers {
            for (part, m, n, tier) in
                [("self_attn.q_proj", d, d, 1), ("self_attn.v_proj", d, d, 1), ("mlp.fc1", 4 * d, d, 2), ("mlp.fc2", d, 4 * d, 2)]
            {
                let diffusers = Some(format!("text_model.encoder.layers.{i}.{part}"));
                self.out.push(Place { diffusers, native: None, m, n, depth: i as f64 / layers as f64, tier, kohya, family });
            }
        }
    }

    fn sd3(&mut self, blocks: usize, h: usize) {
        for i in 0..blocks {
            let depth = i as f64 / (blocks - 1) as f64;
            let (s, j) = (format!("transformer_blocks.{i}"), format!("joint_blocks.{i}"));
            for (leaf, tier) in [("attn.to_q", 0), ("attn.to_k", 1), ("attn.to_v", 1)] {
                self.add(Some(format!("{s}.{leaf}")), None, (h, h), depth, tier);
            }
            self.add(Some(format!("{s}.attn.to_out.0")), Some(format!("{j}.x_block.attn.proj")), (h, h), depth, 0);
            self.add(None, Some(format!("{j}.x_block.attn.qkv")), (3 * h, h), depth, 1);
            self.add(None, Some(format!("{j}.context_block.attn.qkv")), (3 * h, h), depth, 1);
            self.add(Some(format!("{s}.ff.net.0.proj")), Some(format!("{j}.x_block.mlp.fc1")), (4 * h, h), depth, 2);
            self.add(Some(format!("{s}.ff.net.2")), Some(format!("{j}.x_block.mlp.fc2")), (h, 4 * h), depth, 2);
        }
    }

    fn wan(&mut self, blocks: usize, h: usize, ffn: usize) {
        for i in 0..blocks {
            let depth = i as f64 / (blocks - 1) as f64;
            for (a, b) in [("attn1", "self_attn"), ("attn2", "cross_attn")] {
                for (x, y) in [("to_q", "q"), ("to_k", "k"), ("to_v", "v"), ("to_out.0", "o")] {
                    let tier = u8::from(!(a == "attn2" && y == "k"));
                    self.add(Some(format!("blocks.{i}.{a}.{x}")), Some(format!("blocks.{i}.{b}.{y}")), (h, h), depth, tier);
                }
            }
            self.add(Some(format!("blocks.{i}.ffn.net.0.proj")), Some(format!("blocks.{i}.ffn.0")), (ffn, h), depth, 2);
            self.add(Some(format!("blocks.{i}.ffn.net.2")), Some(format!("blocks.{i}.ffn.2")), (h, ffn), depth, 2);
        }
    }

    /// A family that is a table: the weights of its blocks, with both names where they are known.
    fn table(&mut self, scale: Scale) {
        let Some(model) = model::of(self.family) else { return };
        let by_width = |s: &&&Size| s.widths[0];
        let size = match scale {
            Scale::Common => model.sizes.iter().min_by_key(|s| by_width(&s)),
            Scale::Large => model.sizes.iter().max_by_key(|s| by_width(&s)),
        };
        let Some(size) = size else { return };
        let counts = || model.sections.iter().zip(size.counts).filter(|(s, _)| matches!(s.place, model::Place::Slots { .. }));
        let total: u16 = counts().map(|(_, n)| *n).sum();
        let mut before = 0;
        for (section, count) in counts() {
            for i in 0..*count {
                let depth = f64::from(before + i) / f64::from(total.max(2) - 1);
                section.leaves_of(i.into()).for_each(|leaf| self.leaf(section, leaf, size, i, depth));
            }
            before += count;
        }
    }

    fn leaf(&mut self, section: &Section, leaf: &Leaf, size: &Size, i: u16, depth: f64) {
        let widths = |out: Dim, inp: Dim| Some((out.value(&size.widths)?, inp.value(&size.widths)?)).filter(|(m, n)| m * n > 0);
        let native = format!("{}{i}.{}", section.native, leaf.native);
        let diffusers = |name: &str| Some(format!("{}{i}.{name}", section.diffusers));
        // One weight of attention stands for its block.
        let tier = |name: &str| match name {
            n if n.contains("linear1") => 1,
            n if ["attn", "attention"].iter().all(|a| !n.contains(a)) => 2,
            n if n.ends_with("to_q") || n.ends_with("proj") || n.ends_with(".o") || n.ends_with("out") => 0,
            _ => 1,
        };
        let shape = widths(leaf.out, leaf.inp);
        match leaf.twin {
            Twin::Split(parts) => {
                parts.iter().for_each(|p| {
                    if let Some(shape) = widths(p.out, leaf.inp) {
                        self.add(diffusers(p.name), None, shape, depth, tier(p.name));
                    }
                });
                if let Some(shape) = shape {
                    self.add(None, Some(native), shape, depth, tier(leaf.native).max(1));
                }
            }
            twin => {
                let name = match twin {
                    Twin::Same => diffusers(leaf.native),
                    Twin::As(name) | Twin::Swapped(name) | Twin::SwappedLast(name) => diffusers(name),
                    _ => None,
                };
                if let Some(shape) = shape {
                    self.add(name, Some(native), shape, depth, tier(leaf.native));
                }
            }
        }
    }

    fn flux(&mut self) {
        let h = 3072;
        for i in 0..19 {
            let depth = i as f64 / 56.0;
            let (d, b) = (format!("transformer_blocks.{i}"), format!("double_blocks.{i}"));
            for (leaf, tier) in [("to_q", 1), ("to_k", 1), ("to_v", 1), ("add_q_proj", 1), ("add_k_proj", 1), ("add_v_proj", 1)] {
                self.add(Some(format!("{d}.attn.{leaf}")), None, (h, h), depth, tier);
            }
            for (half, out, ff, tier, norm) in
                [("img", "to_out.0", "ff", 0, "norm1"), ("txt", "to_add_out", "ff_context", 1, "norm1_context")]
            {
                let native = |part: &str| Some(format!("{b}.{half}_{part}"));
                self.add(None, native("attn.qkv"), (3 * h, h), depth, 1);
                self.add(Some(format!("{d}.attn.{out}")), native("attn.proj"), (h, h), depth, tier);
                self.add(Some(format!("{d}.{ff}.net.0.proj")), native("mlp.0"), (4 * h, h), depth, 2);
                self.add(Some(format!("{d}.{ff}.net.2")), native("mlp.2"), (h, 4 * h), depth, 2);
                self.add(Some(format!("{d}.{norm}.linear")), native("mod.lin"), (6 * h, h), depth, 2);
            }
        }
        for i in 0..38 {
            let depth = (19 + i) as f64 / 56.0;
            let (d, b) = (format!("single_transformer_blocks.{i}"), format!("single_blocks.{i}"));
            for (leaf, tier) in [("to_q", 0), ("to_k", 1), ("to_v", 1)] {
                self.add(Some(format!("{d}.attn.{leaf}")), None, (h, h), depth, tier);
            }
            self.add(Some(format!("{d}.proj_mlp")), None, (4 * h, h), depth, 2);
            self.add(None, Some(format!("{b}.linear1")), (7 * h, h), depth, 1);
            self.add(Some(format!("{d}.proj_out")), Some(format!("{b}.linear2")), (h, 5 * h), depth, 2);
            self.add(Some(format!("{d}.norm.linear")), Some(format!("{b}.modulation.lin")), (3 * h, h), depth, 2);
        }
    }
}

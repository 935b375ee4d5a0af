//! The bytes of a sample.

use super::curve::Curve;
use super::rng::Rng;
use super::shapes::{Place, Scale, places};
use super::words::{Words, words};
use super::{SampleFile, SampleOptions, SampleSize, SampleSpec};
use crate::adapter::{Kind, Naming};
use crate::dtype::{Dtype, encode_f32};
use crate::family::Family;
use crate::linalg::par_map;
use crate::progress::{Cancelled, Progress};
use crate::write::{AtomicFile, Planned, TensorWriter, WriteError, header_bound};
use std::collections::BTreeMap;
use std::io::{self, Seek, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

/// Why samples could not be written.
#[derive(Debug, thiserror::Error)]
pub enum SampleError {
    /// The folder could not be made.
    #[error("could not make the folder {path}: {source}")]
    Folder {
        /// The folder.
        path: String,
        /// The system's reason.
        source: io::Error,
    },
    /// A file could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The caller asked to stop; the files written so far stay.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

/// Writes samples into `dir`, which is made if it is missing. Files that are there already are left alone. The same options give the same files.
pub fn write_samples(dir: &Path, options: &SampleOptions, progress: &dyn Progress) -> Result<Vec<SampleFile>, SampleError> {
    std::fs::create_dir_all(dir).map_err(|source| SampleError::Folder { path: dir.display().to_string(), source })?;
    let done = AtomicU64::new(0);
    let indices: Vec<usize> = (0..options.count).collect();
    let files = par_map(&indices, |&index| {
        Cancelled::check(progress)?;
        let file = SampleSpec::nth(options, index).write_named(dir)?;
        progress.step(done.fetch_add(1, Ordering::Relaxed) + 1, options.count as u64, "writing samples");
        Ok(file)
    });
    files.into_iter().collect()
}

/// One tensor of a sample, with what its numbers are drawn from.
struct Tensor {
    name: String,
    dtype: Dtype,
    shape: Vec<usize>,
    fill: Fill,
}

enum Fill {
    Value(f32),
    /// Standard deviation.
    Normal(f64),
}

impl SampleSpec {
    /// Writes the sample under its own name into `dir`. Not forced to the disk: a lost sample can be written again.
    fn write_named(&self, dir: &Path) -> Result<SampleFile, SampleError> {
        let words = self.words();
        let path = dir.join(format!("{}_{}.safetensors", words.title.to_lowercase().replace(' ', "_"), self.family.id()));
        let file =
            |bytes, written| SampleFile { path: path.clone(), family: self.family, kind: self.kind, naming: self.naming, bytes, written };
        if let Ok(found) = path.symlink_metadata() {
            return Ok(file(found.len(), false));
        }
        let target = AtomicFile::create(&path, false)?;
        self.write_with(target.file()?, &words)?;
        let bytes = target.file()?.metadata().map_or(0, |m| m.len());
        target.publish(false)?;
        Ok(file(bytes, true))
    }

    /// Writes the sample's bytes.
    pub fn write<W: Write + Seek>(&self, out: W) -> Result<W, WriteError> {
        self.write_with(out, &self.words())
    }

    fn write_with<W: Write + Seek>(&self, out: W, words: &Words) -> Result<W, WriteError> {
        let io = |source| WriteError::Io { path: "the sample".into(), source };
        let mut rng = Rng::new(self.seed, self.index as u64 * 2 + 2);
        let tensors = self.tensors(&mut rng);
        let metadata = self.metadata(words);
        let planned: Vec<Planned> =
            tensors.iter().map(|t| Planned { name: t.name.clone(), dtype: t.dtype, shape: t.shape.clone() }).collect();
        let mut writer = TensorWriter::new(out, header_bound(&planned, &metadata)).map_err(io)?;
        let mut bytes = Vec::new();
        for t in &tensors {
            let values = match t.fill {
                Fill::Value(v) => vec![v],
                Fill::Normal(std) => rng.normal(t.shape.iter().product(), std),
            };
            bytes.clear();
            // Only F32, F16, BF16 and F8_E4M3 are ever chosen, and those can be written.
            encode_f32(t.dtype, &values, &mut bytes).map_err(|e| io(io::Error::other(e)))?;
            writer.tensor(&t.name, t.dtype, &t.shape, &bytes).map_err(io)?;
        }
        writer.finish(&metadata)
    }

    fn words(&self) -> Words {
        words(self.index, self.seed, &mut Rng::new(self.seed, self.index as u64 * 2 + 1))
    }

    /// All tensors; the alphas, of another width, stand first.
    fn tensors(&self, rng: &mut Rng) -> Vec<Tensor> {
        let curve = Curve::random(rng);
        let te = Curve::random(rng);
        let mut out = Vec::new();
        for (place, stem) in self.chosen() {
            let base = if place.is_te() { 0.3 * te.at(place.depth) } else { curve.at(place.depth) };
            let strength = base * (0.7 + 0.6 * rng.unit());
            self.module(&place, &stem, strength, &mut out);
        }
        out.sort_by_key(|t| matches!(t.fill, Fill::Normal(_)));
        out
    }

    /// The places of this sample with their key stems.
    fn chosen(&self) -> Vec<(Place, String)> {
        let scale = if self.large { Scale::Large } else { Scale::Common };
        let mut all: Vec<(Place, String)> = places(self.family, scale)
            .into_iter()
            .filter(|p| self.size == SampleSize::Full || p.tier < 2 || self.size == SampleSize::Tiny)
            .filter(|p| self.text_encoders || !p.is_te())
            .filter_map(|p| stem(&p, self.naming).map(|s| (p, s)))
            .collect();
        if self.naming == Naming::Xlabs {
            // Its single-block module covers q, k and v of linear1 only.
            all.iter_mut().filter(|(_, s)| s.ends_with(".qkv_lora")).for_each(|(p, _)| p.m = 3 * p.n);
        }
        match self.size {
            SampleSize::Tiny => smallest_of_each_block(all),
            SampleSize::Small => thinned(all, BUDGET / (self.dtype.size() * self.rank)),
            SampleSize::Full => all,
        }
    }

    fn module(&self, place: &Place, stem: &str, strength: f64, out: &mut Vec<Tensor>) {
        let (m, n, r) = (place.m, place.n, self.rank);
        let mut add = |name: &str, shape: &[usize], std: f64| {
            out.push(Tensor { name: format!("{stem}{name}"), dtype: self.dtype, shape: shape.to_vec(), fill: Fill::Normal(std) });
        };
        let root = |x: usize| (x as f64).sqrt();
        let mut scale = if self.naming == Naming::Kohya { self.scale } else { 1.0 };
        match self.kind {
            Kind::Loha => {
                // Entries of each product have the deviation σ√r; ‖ΔW‖ = s·√(mn)·σ₁σ₂r.
                let first = 0.3;
                let second = strength / (scale * root(m * n) * first * first * r as f64);
                add(".hada_w1_a", &[m, r], first);
                add(".hada_w1_b", &[r, n], first);
                add(".hada_w2_a", &[m, r], second.sqrt());
                add(".hada_w2_b", &[r, n], second.sqrt());
            }
            Kind::Lokr => {
                // ‖ΔW‖ = s·‖w1‖·‖w2‖; every width of these models is a multiple of 8.
                let rest = strength / (scale * 8.0 * 0.3) / (root(m / 8) * root(n / 8) * root(r));
                add(".lokr_w1", &[8, 8], 0.3);
                add(".lokr_w2_a", &[m / 8, r], rest.sqrt());
                add(".lokr_w2_b", &[r, n / 8], rest.sqrt());
            }
            _ => {
                let (down, up) = roles(self.naming);
                let mut std = (1.0 / root(n), strength / (root(m) * root(r) * scale));
                if self.dtype == Dtype::F8E4M3 {
                    // f8 holds nothing below 0.002: the factors stay near 1 and alpha carries the size.
                    std = (0.5, 0.5);
                    scale = strength / (0.25 * root(m * n * r));
                }
                add(down, &[r, n], std.0);
                add(up, &[m, r], std.1);
            }
        }
        if self.naming == Naming::Kohya {
            let dtype = if self.dtype == Dtype::F16 { Dtype::F16 } else { Dtype::F32 };
            out.push(Tensor { name: format!("{stem}.alpha"), dtype, shape: vec![], fill: Fill::Value((scale * r as f64) as f32) });
        }
    }

    fn metadata(&self, words: &Words) -> BTreeMap<String, String> {
        let (base, architecture) = match self.family {
            Family::Sd1 => ("sd_v1", "stable-diffusion-v1/lora"),
            Family::Sd2 => ("sd_v2", "stable-diffusion-v2-512/lora"),
            Family::Sdxl => ("sdxl_base_v1-0", "stable-diffusion-xl-v1-base/lora"),
            Family::Sd3 if self.large => ("sd3.5_large", "stable-diffusion-3-5-large/lora"),
            Family::Sd3 => ("sd3_medium", "stable-diffusion-3-medium/lora"),
            Family::Flux1 => ("flux1", "flux-1-dev/lora"),
            Family::Wan if self.large => ("wan", "wan-2_1-text2video-14b/lora"),
            Family::Wan => ("wan", "wan-2_1-text2video-1_3b/lora"),
            other => (other.id(), ""),
        };
        let own = format!("{}/lora", self.family.id());
        let architecture = if architecture.is_empty() { own.as_str() } else { architecture };
        let about =
            "Synthetic sample written by Weft for trying it out. Its numbers are random; it was not trained and is of no use in a picture.";
        let alpha = (self.scale * self.rank as f64).to_string();
        let network = if self.kind == Kind::Lora { "networks.lora" } else { "lycoris.kohya" };
        let algorithm = if self.kind == Kind::Loha { r#"{"algo":"loha"}"# } else { r#"{"algo":"lokr"}"# };
        let mut out: BTreeMap<String, String> = [
            ("format", "pt"),
            ("weft.synthetic", "true"),
            ("modelspec.sai_model_spec", "1.0.1"),
            ("modelspec.architecture", architecture),
            ("modelspec.title", &format!("{} (sample)", words.title)),
            ("modelspec.description", about),
            ("modelspec.author", "Weft samples"),
            ("modelspec.license", "CC0-1.0"),
            ("modelspec.trigger_phrase", &words.trigger),
            ("modelspec.tags", &words.tags.join(", ")),
            ("ss_base_model_version", base),
            ("ss_output_name", &words.title.to_lowercase().replace(' ', "_")),
            ("ss_network_module", network),
            ("ss_network_dim", &self.rank.to_string()),
            ("ss_network_alpha", &alpha),
            ("ss_tag_frequency", &words.frequency),
        ]
        .into_iter()
        .map(|(k, v)| (k.to_owned(), v.to_owned()))
        .collect();
        if self.kind != Kind::Lora {
            out.insert("ss_network_args".into(), algorithm.into());
        }
        if self.naming != Naming::Kohya {
            // Those trainers write no kohya keys.
            out.retain(|k, _| !k.starts_with("ss_network"));
        }
        out
    }
}

/// Bytes of factors in a small sample, about.
const BUDGET: usize = 2_200_000;

/// Leaves out modules until `values` numbers per rank are enough: every second of those that their block can spare, then more. Real files lack
/// modules too.
fn thinned(all: Vec<(Place, String)>, values: usize) -> Vec<(Place, String)> {
    let weight = |list: &[(Place, String)]| list.iter().map(|(p, _)| p.m + p.n).sum::<usize>();
    let mut kept = all.clone();
    for step in [2, 3, 4, 8, 16] {
        if weight(&kept) <= values {
            return kept;
        }
        let needed: std::collections::BTreeSet<String> = smallest_of_each_block(all.clone()).into_iter().map(|(_, s)| s).collect();
        kept = all.iter().enumerate().filter(|(i, (_, s))| i % step == 0 || needed.contains(s)).map(|(_, v)| v.clone()).collect();
    }
    kept
}

/// The weight with the fewest values of every block. Flux' single blocks only have large ones under most namings: every second is left out.
fn smallest_of_each_block(all: Vec<(Place, String)>) -> Vec<(Place, String)> {
    let mut best: BTreeMap<u64, (Place, String)> = BTreeMap::new();
    for (place, stem) in all {
        let key = (place.depth * 1e6) as u64 + u64::from(place.encoder()) * 10_000_000;
        match best.get(&key) {
            Some((old, _)) if old.m + old.n <= place.m + place.n => {}
            _ => {
                best.insert(key, (place, stem));
            }
        }
    }
    let large = |i: usize, p: &Place| i % 2 == 1 && p.m + p.n > 12_000;
    best.into_values().enumerate().filter(|(i, (p, _))| !large(*i, p)).map(|(_, v)| v).collect()
}

/// Suffixes of the down and the up factor.
fn roles(naming: Naming) -> (&'static str, &'static str) {
    match naming {
        Naming::Kohya => (".lora_down.weight", ".lora_up.weight"),
        Naming::Peft | Naming::ComfyUi => (".lora_A.weight", ".lora_B.weight"),
        Naming::DiffusersLegacy | Naming::Xlabs => (".down.weight", ".up.weight"),
    }
}

/// Key stem of a place under a naming; None where that naming has no key for it.
fn stem(place: &Place, naming: Naming) -> Option<String> {
    let native = || place.native.as_ref().filter(|_| !place.is_te());
    match naming {
        Naming::Kohya => place.kohya(),
        Naming::Peft => place.diffusers.as_ref().map(|p| format!("{}.{p}", root(place))),
        Naming::ComfyUi => native().map(|p| format!("diffusion_model.{p}")),
        Naming::DiffusersLegacy => legacy(place.diffusers.as_ref().filter(|_| !place.is_te())?).map(|p| format!("unet.{p}")),
        Naming::Xlabs => xlabs(native()?),
    }
}

fn root(place: &Place) -> &'static str {
    match place.encoder() {
        1 => "text_encoder",
        2 => "text_encoder_2",
        _ if place.native.is_none() && place.diffusers.as_ref().is_some_and(|p| p.contains(".attentions.")) => "unet",
        _ => "transformer",
    }
}

/// `….attn1.to_q` → `….attn1.processor.to_q_lora`.
fn legacy(path: &str) -> Option<String> {
    let path = path.strip_suffix(".0").unwrap_or(path);
    let (stem, leaf) = path.rsplit_once('.')?;
    leaf.starts_with("to_").then(|| format!("{stem}.processor.{leaf}_lora"))
}

fn xlabs(path: &str) -> Option<String> {
    let (block, part) = path.split_at(path.match_indices('.').nth(1)?.0);
    let leaf = match part {
        ".img_attn.qkv" => "qkv_lora1",
        ".txt_attn.qkv" => "qkv_lora2",
        ".img_attn.proj" => "proj_lora1",
        ".txt_attn.proj" => "proj_lora2",
        ".linear1" => "qkv_lora",
        ".linear2" => "proj_lora",
        _ => return None,
    };
    Some(format!("{block}.processor.{leaf}"))
}

//! Flux's two kinds of blocks.

use super::super::compute::Compute;
use super::super::error::Result;
use super::super::layer::Linear;
use super::super::norm::{LayerNorm, activate, attend};
use super::super::weights::Loader;
use super::rope::Rope;
use super::{EPSILON, modulated, split};
use crate::kernel::{Activation, Mask};
use candle_core::{D, Tensor};

/// Picture and text each with weights of their own, looking at both.
#[derive(Debug)]
pub(super) struct Double {
    img: Stream,
    txt: Stream,
}

#[derive(Debug)]
struct Stream {
    modulation: Linear,
    qkv: Linear,
    norms: Norms,
    proj: Linear,
    mlp: (Linear, Linear),
}

/// Picture and text as one sequence with one set of weights.
#[derive(Debug)]
pub(super) struct Single {
    modulation: Linear,
    linear1: Linear,
    linear2: Linear,
    norms: Norms,
    width: usize,
}

/// Norms of queries and keys, head by head.
#[derive(Debug)]
struct Norms {
    q: LayerNorm,
    k: LayerNorm,
    head: usize,
}

impl Norms {
    fn load(l: &Loader<'_>, head: usize) -> Result<Self> {
        Ok(Self { q: l.rms_norm("query_norm", head, EPSILON)?, k: l.rms_norm("key_norm", head, EPSILON)?, head })
    }

    /// q, k, v out of batch × tokens × 3·width (or more).
    fn apart(&self, x: &Tensor, width: usize) -> Result<[Tensor; 3]> {
        let part = |i: usize| -> Result<Tensor> { Ok(x.narrow(D::Minus1, i * width, width)?.contiguous()?) };
        let by_head = |x: Tensor, norm: &LayerNorm| -> Result<Tensor> {
            let (b, t, _) = x.dims3()?;
            Ok(norm.forward(&x.reshape((b, t, width / self.head, self.head))?)?.reshape((b, t, width))?)
        };
        Ok([by_head(part(0)?, &self.q)?, by_head(part(1)?, &self.k)?, part(2)?])
    }
}

fn look(compute: &Compute, [q, k, v]: [Tensor; 3], rope: &Rope, heads: usize) -> Result<Tensor> {
    let (q, k) = (rope.turn(compute, &q, heads)?, rope.turn(compute, &k, heads)?);
    let scale = 1.0 / ((q.dim(2)? / heads) as f32).sqrt();
    attend(compute, &q, &k, &v, heads, scale, Mask::All)
}

impl Stream {
    fn load(l: &Loader<'_>, side: &str, width: usize, head: usize) -> Result<Self> {
        let name = |rest: &str| format!("{side}_{rest}");
        let first = l.linear(&name("mlp_0"), width)?;
        let inner = first.0.n;
        Ok(Self {
            modulation: l.linear(&name("mod_lin"), width)?,
            qkv: l.linear(&name("attn_qkv"), width)?,
            norms: Norms::load(&l.at(name("attn_norm")), head)?,
            proj: l.linear(&name("attn_proj"), width)?,
            mlp: (first, l.linear(&name("mlp_2"), inner)?),
        })
    }

    fn after(&self, compute: &Compute, x: &Tensor, seen: &Tensor, parts: &[Tensor]) -> Result<Tensor> {
        let x = (x + self.proj.forward(seen, None)?.broadcast_mul(&parts[2])?)?;
        let y = self.mlp.0.forward(&modulated(compute, &x, &parts[3], &parts[4])?, None)?;
        let y = self.mlp.1.forward(&activate(compute, &y, Activation::GeluTanh)?, None)?;
        Ok((x + y.broadcast_mul(&parts[5])?)?)
    }
}

impl Double {
    pub(super) fn load(l: &Loader<'_>, width: usize, head: usize) -> Result<Self> {
        Ok(Self { img: Stream::load(l, "img", width, head)?, txt: Stream::load(l, "txt", width, head)? })
    }

    pub(super) fn forward(
        &self,
        compute: &Compute,
        img: &Tensor,
        txt: &Tensor,
        vector: &Tensor,
        rope: &Rope,
        heads: usize,
    ) -> Result<(Tensor, Tensor)> {
        let width = img.dim(2)?;
        let before = |stream: &Stream, x: &Tensor| -> Result<(Vec<Tensor>, [Tensor; 3])> {
            let parts = split(&stream.modulation.forward(vector, None)?, 6)?;
            let qkv = stream.qkv.forward(&modulated(compute, x, &parts[0], &parts[1])?, None)?;
            Ok((parts, stream.norms.apart(&qkv, width)?))
        };
        let (img_parts, of_img) = before(&self.img, img)?;
        let (txt_parts, of_txt) = before(&self.txt, txt)?;
        let joined = |i: usize| Tensor::cat(&[&of_txt[i], &of_img[i]], 1);
        let seen = look(compute, [joined(0)?, joined(1)?, joined(2)?], rope, heads)?;
        let (written, drawn) = (txt.dim(1)?, img.dim(1)?);
        let part = |first: usize, len: usize| -> Result<Tensor> { Ok(seen.narrow(1, first, len)?.contiguous()?) };
        let img = self.img.after(compute, img, &part(written, drawn)?, &img_parts)?;
        Ok((img, self.txt.after(compute, txt, &part(0, written)?, &txt_parts)?))
    }
}

impl Single {
    pub(super) fn load(l: &Loader<'_>, width: usize, head: usize) -> Result<Self> {
        let linear1 = l.linear("linear1", width)?;
        let inner = linear1.0.n.saturating_sub(3 * width);
        Ok(Self {
            modulation: l.linear("modulation_lin", width)?,
            linear2: l.linear("linear2", width + inner)?,
            norms: Norms::load(&l.at("norm"), head)?,
            linear1,
            width,
        })
    }

    pub(super) fn forward(&self, compute: &Compute, x: &Tensor, vector: &Tensor, rope: &Rope, heads: usize) -> Result<Tensor> {
        let parts = split(&self.modulation.forward(vector, None)?, 3)?;
        let y = self.linear1.forward(&modulated(compute, x, &parts[0], &parts[1])?, None)?;
        let seen = look(compute, self.norms.apart(&y, self.width)?, rope, heads)?;
        let inner = y.dim(2)? - 3 * self.width;
        let wide = activate(compute, &y.narrow(D::Minus1, 3 * self.width, inner)?.contiguous()?, Activation::GeluTanh)?;
        let y = self.linear2.forward(&Tensor::cat(&[&seen, &wide], D::Minus1)?, None)?;
        Ok((x + y.broadcast_mul(&parts[2])?)?)
    }
}

//! Noise, levels, walks and tokens against torch, k-diffusion, diffusers, SciPy, transformers and SentencePiece. `golden/README.md` says how the data is made.
#![expect(clippy::unwrap_used, reason = "tests")]

mod levels;
mod noise;
mod read;
mod tokens;
mod walks;

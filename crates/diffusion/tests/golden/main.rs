//! Noise, levels and walks against torch, k-diffusion, diffusers and SciPy. `golden/README.md` says how the data is made.
#![expect(clippy::unwrap_used, reason = "tests")]

mod levels;
mod noise;
mod read;
mod walks;

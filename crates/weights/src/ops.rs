//! Operations on whole files: what the command line and the jobs call.

pub mod fits;

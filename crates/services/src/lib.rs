//! Use cases: the library and its folders, weaving, previews, jobs and events.
//!
//! [`Services`] is what every door (page, REST, command line) holds; [`Services::open`] wires it, the same for all of them. A method
//! takes the token of the role it needs ([`access`]), so a door that forgot to ask does not compile. Everything answers a
//! [`weft_domain::Problem`] for people; what only a log needs is logged where it happened. Knows no HTTP and no HTML.

pub mod access;
mod cache;
pub mod card;
mod clock;
pub mod events;
pub mod generate;
pub mod health;
pub mod jobs;
pub mod library;
mod measure;
pub mod models;
mod names;
pub mod operate;
pub mod pictures;
pub mod previews;
mod problem;
mod produce;
pub mod roots;
pub mod samples;
mod scan;
mod services;
pub mod weave;

pub use access::{Access, Admin, Editor, Reader};
pub use events::Events;
pub use generate::Generating;
pub use health::HealthCheck;
pub use jobs::{Jobs, Workers};
pub use library::{FileHandle, Library};
pub use models::{Checkpoints, Measuring};
pub use operate::Operations;
pub use pictures::Pictures;
pub use previews::{Picture, Previews};
pub use roots::Roots;
pub use samples::Samples;
pub use services::{OpenError, ServiceSettings, Services};
pub use weave::{Together, Weaving};

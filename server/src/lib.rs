//! The `weft` program: command line, routes, REST, start-up. Everything it can do is a call to a service.

pub mod cli;
pub mod config;
pub mod http;
pub mod start;

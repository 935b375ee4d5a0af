//! `weft serve`.

use crate::config::{GlobalOptions, Settings};
use crate::start;
use anyhow::{Context, Result};
use std::net::SocketAddr;
use std::process::ExitCode;
use tokio::net::TcpListener;

/// Open the workbench in the browser: serves the page and the REST interface
#[derive(Debug, clap::Args)]
pub(super) struct Serve {
    /// Address of this machine to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
}

impl Serve {
    pub(super) fn run(&self, global: &GlobalOptions) -> Result<ExitCode> {
        let settings = Settings::load(global, self.listen)?;
        let address = settings.check_listen()?;
        super::with_runtime(&settings, || async {
            let listener = TcpListener::bind(address).await.with_context(|| {
                format!("{address} cannot be used. Perhaps Weft runs already: open http://{address}, or take another port with --listen 127.0.0.1:0")
            })?;
            let services = start::open_services(&settings).await?;
            println!("Weft is ready: http://{}", listener.local_addr()?);
            start::serve(listener, services, start::stop_signal()).await
        })?;
        Ok(ExitCode::SUCCESS)
    }
}

//! The one builder: assembles the application for serving and for command-line work alike.

use crate::config::{LogFormat, Settings};
use crate::http::{AppState, router};
use anyhow::{Context, Result};
use std::net::SocketAddr;
use tokio::net::TcpListener;
use weft_services::{ServiceSettings, Services};

/// Opens database, blobs and services as the settings say.
pub async fn open_services(settings: &Settings) -> Result<Services> {
    let wanted = ServiceSettings {
        data_dir: settings.data_dir.value.clone(),
        database_url: settings.database_url.value.clone(),
        cpu_workers: settings.cpu_workers.value,
        io_workers: settings.io_workers.value,
        model_memory: settings.model_memory.value.map(|bytes| bytes.0),
        samples: settings.samples.value,
    };
    Services::open(wanted).await.context("Weft cannot open its data")
}

/// Serves until `stop` resolves; running jobs go back to the queue, so that the next start finishes them.
pub async fn serve(listener: TcpListener, services: Services, stop: impl Future<Output = ()> + Send + 'static) -> Result<()> {
    let workers = services.start();
    let app = router(AppState::new(services)).into_make_service_with_connect_info::<SocketAddr>();
    let (ask, stopped) = tokio::sync::oneshot::channel::<()>();
    let server = axum::serve(listener, app).with_graceful_shutdown(async move {
        let _ = stopped.await;
    });
    let server = tokio::spawn(server.into_future());
    stop.await;
    let _ = ask.send(());
    workers.stop().await;
    // Event streams never end by themselves: give ordinary requests a moment, then go.
    if let Ok(ended) = tokio::time::timeout(std::time::Duration::from_secs(2), server).await {
        ended.context("the server stopped")??;
    }
    Ok(())
}

/// Ctrl-C, or the signal a service manager sends.
pub async fn stop_signal() {
    let interrupt = async {
        let _ = tokio::signal::ctrl_c().await;
    };
    #[cfg(unix)]
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => drop(signal.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminate = std::future::pending::<()>();
    tokio::select! {
        () = interrupt => {}
        () = terminate => {}
    }
}

/// Log lines go to stderr: stdout belongs to answers.
pub fn start_log(settings: &Settings) -> Result<()> {
    use tracing_subscriber::EnvFilter;
    let filter = EnvFilter::try_new(&settings.log.value).with_context(|| format!("log filter {:?}", settings.log.value))?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match settings.log_format.value {
        LogFormat::Json => lines.json().try_init(),
        LogFormat::Text => lines.with_target(false).try_init(),
    }
    .map_err(|error| anyhow::anyhow!("cannot start the log: {error}"))
}

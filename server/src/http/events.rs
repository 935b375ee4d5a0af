//! `/api/v1/events`: the one event stream, as server-sent events with resume.
//!
//! The browser reconnects by itself and sends the id of the last event it saw (`Last-Event-ID`); what it missed is replayed, or a
//! `reset` tells it to ask anew. The first time it names the newest event of when its page was made (`?after=`): nothing that happens
//! before it listens is lost.

use super::AppState;
use super::door::Door;
use axum::Router;
use axum::extract::{Query, State};
use axum::response::sse::{Event as SseEvent, KeepAlive, Sse};
use axum::routing::get;
use futures::{Stream, StreamExt};
use http::HeaderMap;
use serde::Deserialize;
use std::convert::Infallible;
use std::time::Duration;
use weft_services::access::Reader;

pub(super) fn router() -> Router<AppState> {
    Router::new().route("/", get(stream))
}

/// Where a listener begins that has not heard anything yet.
#[derive(Debug, Deserialize)]
struct Since {
    #[serde(default)]
    after: Option<String>,
}

async fn stream(
    State(state): State<AppState>,
    Door(_reader): Door<Reader>,
    Query(since): Query<Since>,
    headers: HeaderMap,
) -> Sse<impl Stream<Item = Result<SseEvent, Infallible>>> {
    let last = headers.get("last-event-id").and_then(|value| value.to_str().ok()).or(since.after.as_deref());
    let events = state.services.events.subscribe(last).map(|(id, event)| {
        // Serialising our own enum of plain data cannot fail; an empty comment keeps the stream alive if it ever does.
        Ok(SseEvent::default().id(id).event("weft").json_data(&event).unwrap_or_else(|_| SseEvent::default().comment("unreadable")))
    });
    let hello = futures::stream::once(async { Ok(SseEvent::default().retry(Duration::from_secs(1)).comment("weft")) });
    Sse::new(hello.chain(events)).keep_alive(KeepAlive::new().interval(Duration::from_secs(15)))
}

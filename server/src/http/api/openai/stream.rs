//! Pictures as they form: OpenAI's `image_generation.partial_image` and `image_generation.completed`.

use super::{Image, Images, Refusal, encoded};
use crate::http::AppState;
use axum::response::sse::{Event as SseEvent, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures::{Stream, StreamExt, stream};
use serde_json::{Value, json};
use std::convert::Infallible;
use std::future::ready;
use weft_domain::generation::{GenerationView, Painting, PictureCard};
use weft_domain::{Event, GenerationId, Problem};
use weft_pictures::Format;
use weft_services::access::Reader;

/// Most rough pictures before the finished one, as there.
pub(super) const MOST_PARTIAL: u32 = 3;

/// Which rough pictures of a generation are sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Partial {
    /// How many of each picture, spread evenly over its steps.
    wanted: u32,
    shot: u32,
    sent: u32,
}

impl Partial {
    /// `wanted` of each picture.
    pub(super) fn new(wanted: u32) -> Result<Self, Problem> {
        if wanted > MOST_PARTIAL {
            return Err(Problem::invalid("partial_images", format!("At most {MOST_PARTIAL} rough pictures are sent before each picture.")));
        }
        Ok(Self { wanted, shot: 0, sent: 0 })
    }

    /// The event of this step, where one is due and there is something to see.
    fn take(&mut self, painting: &Painting, created: i64) -> Option<Value> {
        if painting.shot != self.shot {
            (self.shot, self.sent) = (painting.shot, 0);
        }
        let due = self.sent < self.wanted && painting.step >= painting.steps * (self.sent + 1) / (self.wanted + 1);
        let (kind, text) = painting.preview.as_deref().filter(|_| due)?.strip_prefix("data:image/")?.split_once(";base64,")?;
        self.sent += 1;
        Some(json!({
            "type": "image_generation.partial_image",
            "b64_json": text,
            "partial_image_index": self.sent - 1,
            "created_at": created,
            "size": format!("{}x{}", painting.width, painting.height),
            "output_format": kind,
            "background": "opaque",
        }))
    }
}

/// The rough pictures of `asked`, out of `events`, then the finished ones, or why there are none.
pub(super) fn told(
    state: AppState,
    reader: Reader,
    asked: &GenerationView,
    events: impl Stream<Item = (String, Event)> + Send + 'static,
    mut partial: Partial,
    format: Format,
) -> Response {
    let (id, created) = (asked.id, asked.created_ms / 1000);
    let rough = events.filter_map(move |(_, event)| {
        ready(match event {
            Event::Painting { painting } if painting.generation == id => partial.take(&painting, created),
            _ => None,
        })
    });
    let last = async move { finished(&state, &reader, id, format).await.unwrap_or_else(|problem| vec![failed(problem)]) };
    let all = stream::unfold(Some((Box::pin(rough), Box::pin(last))), |both| async move {
        let (mut rough, mut last) = both?;
        tokio::select! {
            biased;
            Some(event) = rough.next() => Some((vec![event], Some((rough, last)))),
            events = &mut last => Some((events, None)),
        }
    });
    let all = all.flat_map(stream::iter).map(|event| Ok::<_, Infallible>(event_of(&event)));
    Sse::new(all).keep_alive(KeepAlive::default()).into_response()
}

async fn finished(state: &AppState, reader: &Reader, id: GenerationId, format: Format) -> Result<Vec<Value>, Problem> {
    let view = state.services.generating.finished(reader, id).await?;
    let cards = super::pictures(&view)?;
    let Images { created, data } = encoded(state, reader, &view, cards, format).await?;
    let completed = |(card, image): (&PictureCard, Image)| {
        json!({
            "type": "image_generation.completed",
            "b64_json": image.b64_json,
            "created_at": created,
            "size": format!("{}x{}", card.width, card.height),
            "output_format": format.as_str(),
            "background": "opaque",
        })
    };
    Ok(cards.iter().zip(data).map(completed).collect())
}

fn failed(problem: Problem) -> Value {
    let (_, error) = Refusal(problem).parts();
    json!({ "type": "error", "error": error })
}

fn event_of(event: &Value) -> SseEvent {
    SseEvent::default().event(event["type"].as_str().unwrap_or_default()).data(event.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rough_pictures_are_spread_over_the_steps() {
        let painting = |shot, step, seen: bool| Painting {
            generation: GenerationId(1),
            job: weft_domain::JobId(1),
            shot,
            step,
            steps: 8,
            width: 64,
            height: 64,
            preview: seen.then(|| "data:image/png;base64,AAAA".to_owned()),
        };
        let mut partial = Partial::new(3).expect("three");
        let steps = [(0, true), (1, true), (2, true), (3, true), (4, false), (5, true), (6, true), (7, true), (8, true)];
        let sent: Vec<u32> =
            steps.iter().filter(|(step, seen)| partial.take(&painting(0, *step, *seen), 0).is_some()).map(|s| s.0).collect();
        assert_eq!(sent, [2, 5, 6], "what cannot be seen at its step comes with the next");
        let again = partial.take(&painting(1, 2, true), 9).expect("a new picture begins anew");
        assert_eq!((&again["partial_image_index"], &again["output_format"], &again["created_at"]), (&json!(0), &json!("png"), &json!(9)));
        assert!(Partial::new(4).is_err());
        assert!(Partial::new(0).expect("none").take(&painting(0, 8, true), 0).is_none());
    }
}

//! The picture itself: zoom at the pointer, pan, pinch, swipe, and a second picture under a slider.

use super::Viewer;
use super::versus::Captions;
use crate::dom;
use crate::kit::{Glyph, IconButton};
use crate::picture::{alt, file};
use leptos::{html, prelude::*};
use weft_domain::generation::PictureCard;

/// Largest magnification.
const MOST: f64 = 16.0;
/// One press or one notch of a wheel.
const NOTCH: f64 = 1.25;
/// A swipe is at least so long, in CSS pixels.
const SWIPE: f64 = 56.0;

/// What part of the picture is seen: magnification, and how far its middle is from that of the stage, in CSS pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Look {
    zoom: f64,
    x: f64,
    y: f64,
}

impl Look {
    const WHOLE: Self = Self { zoom: 1.0, x: 0.0, y: 0.0 };

    /// Magnified by `factor` so that the place at (`px`, `py`) from the stage's middle stays where it is.
    fn scaled(self, factor: f64, px: f64, py: f64) -> Self {
        let zoom = (self.zoom * factor).clamp(1.0, MOST);
        if zoom <= 1.0 {
            return Self::WHOLE;
        }
        let grown = zoom / self.zoom;
        Self { zoom, x: px - (px - self.x) * grown, y: py - (py - self.y) * grown }
    }
}

/// A finger or the mouse.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Touch {
    id: i32,
    x: f64,
    y: f64,
}

#[component]
pub(super) fn Stage() -> impl IntoView {
    let viewer = expect_context::<Viewer>();
    let node = NodeRef::<html::Div>::new();
    let look = RwSignal::new(Look::WHOLE);
    let split = RwSignal::new(0.5_f64);
    let pair = Memo::new(move |_| {
        viewer.desk.viewing.with(|v| {
            let v = v.as_ref()?;
            let card = v.among.iter().find(|c| c.id == v.id).cloned();
            let card = card.or_else(|| viewer.details.with(|d| d.as_ref().map(|d| d.card.clone()).filter(|c| c.id == v.id)));
            Some((card.unwrap_or_else(|| PictureCard { id: v.id, ..PictureCard::default() }), v.against.clone()))
        })
    });
    // Another picture is seen whole.
    Effect::new(move |_| {
        viewer.id.track();
        look.set(Look::WHOLE);
    });
    Effect::new(move |_| {
        let (look, split) = (look.get(), split.get());
        if let Some(node) = node.get() {
            dom::set_var(&node, "--zoom", &format!("{:.4}", look.zoom));
            dom::set_var(&node, "--x", &format!("{:.1}px", look.x));
            dom::set_var(&node, "--y", &format!("{:.1}px", look.y));
            dom::set_var(&node, "--split", &format!("{:.2}%", split * 100.0));
        }
    });
    let middle = move |x: f64, y: f64| {
        let rect = node.get_untracked().map(|n| n.get_bounding_client_rect());
        rect.map_or((0.0, 0.0), |r| (x - r.left() - r.width() / 2.0, y - r.top() - r.height() / 2.0))
    };
    let wheel = move |event: web_sys::WheelEvent| {
        event.prevent_default();
        let (px, py) = middle(f64::from(event.client_x()), f64::from(event.client_y()));
        let factor = if event.delta_y() < 0.0 { NOTCH } else { 1.0 / NOTCH };
        look.update(|l| *l = l.scaled(factor, px, py));
    };
    let twice = move |event: web_sys::MouseEvent| {
        let (px, py) = middle(f64::from(event.client_x()), f64::from(event.client_y()));
        look.update(|l| *l = if l.zoom > 1.0 { Look::WHOLE } else { l.scaled(3.0, px, py) });
    };
    let zoom_keys = move |event: web_sys::KeyboardEvent| {
        let step = 60.0;
        match event.key().as_str() {
            "+" | "=" => look.update(|l| *l = l.scaled(NOTCH, 0.0, 0.0)),
            "-" => look.update(|l| *l = l.scaled(1.0 / NOTCH, 0.0, 0.0)),
            "ArrowLeft" if look.get_untracked().zoom > 1.0 => look.update(|l| l.x += step),
            "ArrowRight" if look.get_untracked().zoom > 1.0 => look.update(|l| l.x -= step),
            "ArrowUp" if look.get_untracked().zoom > 1.0 => look.update(|l| l.y += step),
            "ArrowDown" if look.get_untracked().zoom > 1.0 => look.update(|l| l.y -= step),
            _ => return,
        }
        event.prevent_default();
    };
    let both = Memo::new(move |_| pair.with(|p| p.as_ref().is_some_and(|(_, second)| second.is_some())));
    let slid = move |text: &str| {
        if let Ok(v) = text.parse::<f64>() {
            split.set(v);
        }
    };
    let hand = hand(viewer, node, look, split, both);
    view! {
        <div
            class="stage-field"
            class:magnified=move || look.with(|l| l.zoom > 1.0)
            class:compared=move || both.get()
            node_ref=node
            tabindex="0"
            role="group"
            aria-label="Picture. Plus and minus zoom, arrows move it."
            on:wheel=wheel
            on:dblclick=twice
            on:keydown=zoom_keys
            on:pointerdown=move |ev| hand.run(("down", ev))
            on:pointermove=move |ev| hand.run(("move", ev))
            on:pointerup=move |ev| hand.run(("up", ev))
            on:pointercancel=move |ev| hand.run(("up", ev))
        >
            {move || pair.get().map(|(card, second)| {
                view! {
                    <img class="stage-pic" src=file(card.id) alt=alt(&card) draggable="false"/>
                    {second.map(|second| view! {
                        <div class="stage-over"><img class="stage-pic" src=file(second.id) alt=format!("Compared with: {}", alt(&second)) draggable="false"/></div>
                        <span class="split-line" aria-hidden="true"></span>
                    })}
                }
            })}
            <Show when=move || both.get()><Captions/></Show>
        </div>
        <div class="stage-tools">
            <Show when=move || both.get()>
                <input
                    type="range"
                    class="range split-range"
                    min="0"
                    max="1"
                    step="0.01"
                    aria-label="Where the second picture begins"
                    prop:value=move || split.get().to_string()
                    on:input=move |event| slid(&event_target_value(&event))
                />
                <IconButton glyph=Glyph::Close label="End the comparison (C)" on:click=move |_| viewer.against(None)/>
            </Show>
            <span class="num stage-zoom">{move || magnified(look.get().zoom)}</span>
            <IconButton glyph=Glyph::Plus label="Zoom in (+)" on:click=move |_| look.update(|l| *l = l.scaled(NOTCH * NOTCH, 0.0, 0.0))/>
            <IconButton glyph=Glyph::Fit label="Whole picture" disabled=Signal::derive(move || look.get() == Look::WHOLE) on:click=move |_| look.set(Look::WHOLE)/>
        </div>
    }
}

/// How large it is seen, against the whole picture in the stage.
fn magnified(zoom: f64) -> String {
    if zoom <= 1.0 { "whole".to_owned() } else { format!("{zoom:.1}×") }
}

/// Pointers on the stage: one pans a magnified picture, moves the split or swipes; two pinch.
fn hand(
    viewer: Viewer,
    node: NodeRef<html::Div>,
    look: RwSignal<Look>,
    split: RwSignal<f64>,
    both: Memo<bool>,
) -> Callback<(&'static str, web_sys::PointerEvent)> {
    let touches = StoredValue::new(Vec::<Touch>::new());
    let begun = StoredValue::new(None::<(f64, f64)>);
    let to_split = move |x: f64| {
        if let Some(rect) = node.get_untracked().map(|n| n.get_bounding_client_rect()) {
            split.set(((x - rect.left()) / rect.width()).clamp(0.0, 1.0));
        }
    };
    Callback::new(move |(what, event): (&'static str, web_sys::PointerEvent)| {
        let touch = Touch { id: event.pointer_id(), x: f64::from(event.client_x()), y: f64::from(event.client_y()) };
        let before = touches.get_value();
        let former = before.iter().find(|t| t.id == touch.id).copied();
        match what {
            "down" => {
                if let Some(node) = node.get_untracked() {
                    // Without capture a drag ends at the edge; nothing else is lost.
                    drop(node.set_pointer_capture(touch.id));
                }
                touches.update_value(|t| t.push(touch));
                begun.set_value(before.is_empty().then_some((touch.x, touch.y)));
                if both.get_untracked() && look.get_untracked().zoom <= 1.0 {
                    to_split(touch.x);
                }
            }
            "move" => {
                let Some(former) = former else { return };
                touches.update_value(|t| {
                    if let Some(t) = t.iter_mut().find(|t| t.id == touch.id) {
                        *t = touch;
                    }
                });
                match before.iter().find(|t| t.id != touch.id) {
                    Some(other) => {
                        let apart = |t: &Touch| ((t.x - other.x).powi(2) + (t.y - other.y).powi(2)).sqrt().max(1.0);
                        let rect = node.get_untracked().map(|n| n.get_bounding_client_rect());
                        let (mx, my) = ((touch.x + other.x) / 2.0, (touch.y + other.y) / 2.0);
                        let (px, py) = rect.map_or((0.0, 0.0), |r| (mx - r.left() - r.width() / 2.0, my - r.top() - r.height() / 2.0));
                        look.update(|l| *l = l.scaled(apart(&touch) / apart(&former), px, py));
                    }
                    None if look.get_untracked().zoom > 1.0 => look.update(|l| {
                        l.x += touch.x - former.x;
                        l.y += touch.y - former.y;
                    }),
                    None if both.get_untracked() => to_split(touch.x),
                    None => {}
                }
            }
            _ => {
                touches.update_value(|t| t.retain(|t| t.id != touch.id));
                let from = begun.get_value();
                begun.set_value(None);
                let Some((x, y)) = from.filter(|_| before.len() == 1 && look.get_untracked().zoom <= 1.0 && !both.get_untracked()) else {
                    return;
                };
                let (dx, dy) = (touch.x - x, touch.y - y);
                if event.pointer_type() != "mouse" && dx.abs() > SWIPE && dx.abs() > dy.abs() * 1.5 {
                    viewer.go(if dx < 0.0 { 1 } else { -1 });
                }
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_under_the_pointer_stays() {
        let look = Look::WHOLE.scaled(2.0, 100.0, -40.0);
        // A place p of the picture is seen at zoom·p + offset.
        assert_eq!((look.zoom * 100.0 + look.x, look.zoom * -40.0 + look.y), (100.0, -40.0));
        let nearer = look.scaled(1.5, 10.0, 10.0);
        assert!(((10.0 - nearer.x) / nearer.zoom - (10.0 - look.x) / look.zoom).abs() < 1e-9);
        assert_eq!(nearer.scaled(0.01, 3.0, 3.0), Look::WHOLE);
        assert!((nearer.scaled(1e9, 0.0, 0.0).zoom - MOST).abs() < 1e-9);
    }
}

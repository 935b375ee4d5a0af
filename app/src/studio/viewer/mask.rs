//! The mask brush: where the picture is to be painted anew.

use super::Viewer;
use crate::dom;
use crate::kit::{Button, Glyph, IconButton, Look, Slider};
use crate::picture::file;
use leptos::{html, prelude::*};
use wasm_bindgen::JsCast;
use web_sys::{CanvasRenderingContext2d, HtmlCanvasElement};
use weft_domain::generation::StartPicture;
use weft_domain::parameter::Number;

/// Diameter of the brush, in hundredths of the longer side.
const BRUSH: Number =
    Number { name: "brush", label: "Brush", min: 1.0, max: 50.0, default: 12.0, step: 1.0, digits: 0, help: "Size of the brush." };

fn context(canvas: &HtmlCanvasElement) -> Option<CanvasRenderingContext2d> {
    canvas.get_context("2d").ok().flatten()?.dyn_into().ok()
}

/// A stroke from one place to another, in the canvas' own pixels; white, or cleared.
fn stroke(canvas: &HtmlCanvasElement, from: (f64, f64), to: (f64, f64), width: f64, erase: bool) {
    let Some(draw) = context(canvas) else { return };
    // Fails only for words that the standard does not have.
    drop(draw.set_global_composite_operation(if erase { "destination-out" } else { "source-over" }));
    draw.set_stroke_style_str("#fff");
    draw.set_line_width(width);
    draw.set_line_cap("round");
    draw.begin_path();
    draw.move_to(from.0, from.1);
    // A line of no length draws nothing in some browsers.
    draw.line_to(to.0 + 0.01, to.1);
    draw.stroke();
}

/// The mask as a PNG: white where it was painted on black. None while nothing was.
fn mask(canvas: &HtmlCanvasElement) -> Option<String> {
    let out: HtmlCanvasElement = document().create_element("canvas").ok()?.dyn_into().ok()?;
    out.set_width(canvas.width());
    out.set_height(canvas.height());
    let draw = context(&out)?;
    draw.set_fill_style_str("#000");
    draw.fill_rect(0.0, 0.0, f64::from(canvas.width()), f64::from(canvas.height()));
    draw.draw_image_with_html_canvas_element(canvas, 0.0, 0.0).ok()?;
    out.to_data_url_with_type("image/png").ok()
}

#[component]
pub(super) fn MaskBrush() -> impl IntoView {
    let viewer = expect_context::<Viewer>();
    let canvas = NodeRef::<html::Canvas>::new();
    let size = RwSignal::new(BRUSH.default);
    let erase = RwSignal::new(false);
    let touched = RwSignal::new(false);
    let last = StoredValue::new(None::<(f64, f64)>);
    let (width, height) = untrack(|| viewer.known()).map_or((512, 512), |d| (d.card.width.max(1), d.card.height.max(1)));
    let id = viewer.id.get_untracked();
    let brush = move || size.get_untracked() / 100.0 * f64::from(width.max(height));
    let place = move |event: &web_sys::PointerEvent| {
        let rect = canvas.get_untracked()?.get_bounding_client_rect();
        let x = (f64::from(event.client_x()) - rect.left()) / rect.width() * f64::from(width);
        let y = (f64::from(event.client_y()) - rect.top()) / rect.height() * f64::from(height);
        Some((x, y))
    };
    let dab = move |to: (f64, f64)| {
        if let Some(canvas) = canvas.get_untracked() {
            stroke(&canvas, last.get_value().unwrap_or(to), to, brush(), erase.get_untracked());
            last.set_value(Some(to));
            touched.set(true);
        }
    };
    let down = move |event: web_sys::PointerEvent| {
        event.prevent_default();
        if let Some(canvas) = canvas.get_untracked() {
            drop(canvas.set_pointer_capture(event.pointer_id()));
        }
        last.set_value(None);
        if let Some(at) = place(&event) {
            dab(at);
        }
    };
    let moved = move |event: web_sys::PointerEvent| {
        if event.buttons() & 1 == 1
            && let Some(at) = place(&event)
        {
            dab(at);
        }
    };
    // By keyboard: arrows move the brush, Space paints.
    let hand = StoredValue::new((f64::from(width) / 2.0, f64::from(height) / 2.0));
    let keys = move |event: web_sys::KeyboardEvent| {
        let step = brush() / 2.0;
        let (x, y) = hand.get_value();
        let next = match event.key().as_str() {
            "ArrowLeft" => (x - step, y),
            "ArrowRight" => (x + step, y),
            "ArrowUp" => (x, y - step),
            "ArrowDown" => (x, y + step),
            " " => {
                event.prevent_default();
                last.set_value(None);
                return dab((x, y));
            }
            _ => return,
        };
        event.prevent_default();
        hand.set_value((next.0.clamp(0.0, f64::from(width)), next.1.clamp(0.0, f64::from(height))));
    };
    let clear = move |_| {
        if let Some((canvas, draw)) = canvas.get_untracked().and_then(|c| context(&c).map(|d| (c, d))) {
            draw.clear_rect(0.0, 0.0, f64::from(canvas.width()), f64::from(canvas.height()));
            touched.set(false);
        }
    };
    let invert = move |_| {
        if let Some((canvas, draw)) = canvas.get_untracked().and_then(|c| context(&c).map(|d| (c, d))) {
            drop(draw.set_global_composite_operation("xor"));
            draw.set_fill_style_str("#fff");
            draw.fill_rect(0.0, 0.0, f64::from(canvas.width()), f64::from(canvas.height()));
            touched.set(true);
        }
    };
    let done = move |_| {
        let (Some(picture), Some(mask)) = (id, canvas.get_untracked().and_then(|c| mask(&c))) else { return };
        let recipe = viewer.details.with_untracked(|d| d.as_ref().map(|d| d.recipe.clone())).unwrap_or_default();
        viewer.desk.edit(|f| {
            f.start = Some(StartPicture { picture, denoise: 0.75, mask: Some(mask) });
            f.parent = Some(picture);
            f.size = Some((width, height));
            if f.prompt.trim().is_empty() {
                f.prompt.clone_from(&recipe.prompt);
            }
        });
        viewer.desk.close_view();
        dom::focus("#studio-prompt");
        viewer.toasts.say("Say what is to be there, then paint.");
    };
    let aspect = NodeRef::<html::Div>::new();
    Effect::new(move |_| {
        if let Some(node) = aspect.get() {
            dom::set_var(&node, "--aspect", &format!("{:.5}", f64::from(width) / f64::from(height)));
        }
    });
    view! {
        <div class="stage-field masking">
            <div class="mask-box" node_ref=aspect>
                {id.map(|id| view! { <img src=file(id) alt="" draggable="false"/> })}
                <canvas
                    node_ref=canvas
                    class="mask-canvas"
                    width=width
                    height=height
                    tabindex="0"
                    role="application"
                    aria-label="Mask. Paint over what is to be painted anew; by keyboard arrows move the brush and Space paints."
                    on:pointerdown=down
                    on:pointermove=moved
                    on:keydown=keys
                ></canvas>
            </div>
        </div>
        <div class="stage-tools mask-tools">
            <Slider spec=BRUSH label="Brush" value=size on_input=move |v: f64| size.set(v)/>
            <IconButton glyph=Glyph::Eraser label="Erase" pressed=erase on:click=move |_| erase.update(|e| *e = !*e)/>
            <Button look=Look::Quiet on:click=invert>"Invert"</Button>
            <Button look=Look::Quiet on:click=clear>"Clear"</Button>
            <Button on:click=move |_| viewer.masking.set(false)>"Cancel"</Button>
            <Button look=Look::Primary disabled=Signal::derive(move || !touched.get()) on:click=done>"Use this mask"</Button>
        </div>
    }
}

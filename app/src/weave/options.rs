//! Parameters of the chosen method: only those it has, each from the one registry.

use super::loom::Loom;
use super::state::WeaveState;
use crate::kit::{NumberField, Segmented, Select};
use leptos::prelude::*;
use weft_domain::merge::{Divisor, Elect, Form, Inner, Method, Options, Scope, Share, Vote};
use weft_domain::parameter::{DENSITY, EPSILON, GAMMA, MU, Number, SEED};

/// A choice of words, stored in the options.
fn choice<T: Copy + PartialEq + Send + Sync + 'static>(
    label: &'static str,
    all: Vec<(T, &'static str, &'static str)>,
    read: impl Fn(&WeaveState) -> T + Copy + Send + Sync + 'static,
    write: impl Fn(&mut Options, T) + Copy + Send + Sync + 'static,
) -> AnyView {
    let loom = expect_context::<Loom>();
    let options = all.iter().map(|(_, word, label)| ((*word).to_owned(), (*label).to_owned())).collect::<Vec<_>>();
    let words = all.clone();
    let value = Signal::derive(move || {
        let now = loom.state.with(read);
        words.iter().find(|(v, ..)| *v == now).map_or_else(String::new, |(_, word, _)| (*word).to_owned())
    });
    let on_change = move |key: String| {
        if let Some((chosen, ..)) = all.iter().find(|(_, word, _)| *word == key) {
            let chosen = *chosen;
            loom.edit(label, move |s| write(&mut s.options, chosen));
        }
    };
    view! { <Select label=label show_label=true options value on_change/> }.into_any()
}

/// A number, stored in the options.
fn figure(
    spec: Number,
    read: impl Fn(&WeaveState) -> f64 + Copy + Send + Sync + 'static,
    write: impl Fn(&mut Options, f64) + Copy + Send + Sync + 'static,
) -> AnyView {
    let loom = expect_context::<Loom>();
    view! {
        <label class="select-row">
            <span class="form-label">{spec.label}</span>
            <NumberField
                spec
                label=spec.label
                value=Signal::derive(move || loom.state.with(read))
                on_change=move |v: f64| loom.edit(spec.name, move |s| write(&mut s.options, v))
            />
        </label>
        <p class="form-help">{spec.help}</p>
    }
    .into_any()
}

macro_rules! all {
    ($choice:ident) => {
        $choice::ALL.iter().map(|v| (*v, v.as_str(), v.label())).collect()
    };
}

/// The fields of the method.
#[component]
pub(super) fn MethodOptions() -> impl IntoView {
    let loom = expect_context::<Loom>();
    let method = Memo::new(move |_| loom.state.with(|s| s.method));
    move || fields(method.get()).collect_view()
}

fn fields(method: Method) -> impl Iterator<Item = AnyView> {
    let mean = matches!(method, Method::Average | Method::Slerp | Method::Karcher);
    let spherical = matches!(method, Method::Slerp | Method::Karcher | Method::NormEqual);
    let mut out: Vec<AnyView> = Vec::new();
    if method.has_density() {
        out.push(figure(DENSITY, |s| s.options.density.unwrap_or(s.method.density()), |o, v| o.density = Some(v)));
    }
    match method {
        Method::Della => out.push(figure(EPSILON, |s| s.options.epsilon, |o, v| o.epsilon = v)),
        Method::Breadcrumbs => out.push(figure(GAMMA, |s| s.options.gamma, |o, v| o.gamma = v)),
        Method::NullSpace => out.push(projection()),
        Method::Core => out.push(choice("Inside", all!(Inner), |s| s.options.inner, |o, v| o.inner = v)),
        Method::Knots => {
            let all = [Inner::Ties, Inner::Sum].map(|v| (v, v.as_str(), v.label())).to_vec();
            out.push(choice("Inside", all, |s| s.options_in_use().inner, |o, v| o.inner = v));
        }
        _ => {}
    }
    if mean {
        out.push(choice("Divided by the weights of", all!(Divisor), |s| s.options.divisor, |o, v| o.divisor = v));
    }
    if spherical {
        out.push(choice("Angles and lengths of", all!(Scope), |s| s.options.scope, |o, v| o.scope = v));
    }
    if method.is_dense() && method != Method::Sce {
        out.push(choice("Signs decided by", all!(Elect), |s| s.options.elect.unwrap_or(s.method.elect()), |o, v| o.elect = Some(v)));
    }
    if method.is_dense() {
        out.push(choice("Votes", all!(Vote), |s| s.options.vote, |o, v| o.vote = v));
        out.push(choice("Agreeing parts divided by", all!(Share), |s| s.options.share, |o, v| o.share = v));
        out.push(choice("Stored as", all!(Form), |s| s.options.form, |o, v| o.form = v));
    }
    if method.is_random() {
        out.push(figure(SEED, |s| s.options.seed as f64, |o, v| o.seed = v as u64));
    }
    out.into_iter()
}

/// Hard, or soft by a number.
fn projection() -> AnyView {
    let loom = expect_context::<Loom>();
    let soft = Memo::new(move |_| loom.state.with(|s| s.options.mu.is_some()));
    view! {
        <Segmented
            name="weave-projection"
            label="Projection"
            choices=vec![("hard", "Hard", None), ("soft", "Soft", None)]
            value=Signal::derive(move || if soft.get() { "soft".to_owned() } else { "hard".to_owned() })
            on_change=move |key: String| loom.edit("mu", move |s| s.options.mu = (key == "soft").then_some(MU.default))
        />
        <Show when=move || soft.get()>
            {figure(MU, |s| s.options.mu.unwrap_or(MU.default), |o, v| o.mu = Some(v))}
        </Show>
    }
    .into_any()
}

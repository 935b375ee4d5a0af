//! One pair: what is said of it, its figures, and its blocks as a chart or a table.

use super::chart::PairChart;
use super::figures::Figures;
use super::numbers::Compared;
use super::table::{PairTable, csv};
use crate::blocks::colour;
use crate::dom;
use crate::kit::{Button, CopyButton, Glyph, Look, TabPanel, Tabs};
use leptos::prelude::*;

/// The pair that is chosen.
#[component]
pub(super) fn PairView(compared: StoredValue<Compared>, chosen: RwSignal<usize>) -> impl IntoView {
    let tab = RwSignal::new("bars".to_owned());
    let table = Signal::derive(move || compared.with_value(|c| csv(c, chosen.get())));
    let names = Memo::new(move |_| {
        compared.with_value(|c| c.comparison.pairs.get(chosen.get()).map(|p| [(p.a, c.name(p.a)), (p.b, c.name(p.b))]).unwrap_or_default())
    });
    let download = move |_| {
        let [(_, a), (_, b)] = names.get_untracked();
        let plain = |name: &str| {
            name.chars().map(|c| if c.is_alphanumeric() || " ._-+".contains(c) { c } else { '-' }).take(60).collect::<String>()
        };
        dom::download(&format!("{} and {}.csv", plain(&a), plain(&b)), "text/csv", &table.get_untracked());
    };
    // With two adapters the verdict above says the same.
    let said = move || {
        compared.with_value(|c| if c.cards.len() > 2 { c.comparison.pairs.get(chosen.get()).map(|p| p.sentences.clone()) } else { None })
    };
    view! {
        <section class="panel pair" aria-label="The pair">
            <header class="pair-head">
                <h2>
                    {move || {
                        let [(a, first), (b, second)] = names.get();
                        view! {
                            <span><i class=format!("dot {}", colour(a)) aria-hidden="true"></i><bdi>{first}</bdi></span>
                            <span class="pair-and">" and "</span>
                            <span><i class=format!("dot {}", colour(b)) aria-hidden="true"></i><bdi>{second}</bdi></span>
                        }
                    }}
                </h2>
                <div class="block-tools">
                    <Tabs id="pair" label="Form" tabs=vec![("bars", "Blocks"), ("table", "Table")] value=tab/>
                    <CopyButton text=table what="as CSV"/>
                    <Button look=Look::Quiet icon=Glyph::Download on:click=download>"CSV"</Button>
                </div>
            </header>
            {move || said().unwrap_or_default().into_iter().map(|text| view! { <p class="pair-said"><bdi>{text}</bdi></p> }).collect_view()}
            {move || compared.with_value(|c| c.comparison.pairs.get(chosen.get()).cloned()).map(|pair| view! { <Figures pair/> })}
            <TabPanel id="pair" key="bars" value=tab><PairChart compared chosen/></TabPanel>
            <TabPanel id="pair" key="table" value=tab><PairTable compared chosen/></TabPanel>
        </section>
    }
}

//! A profile in and out of the page: the community's text, JSON and CSV, pasted, dropped, opened, copied, downloaded.
//!
//! The same notations as the command line reads. JSON and CSV name the slots; text is told by the number of its values.

use super::{Change, Profiled, factors, profile};
use crate::dom;
use crate::kit::{Button, CopyButton, Glyph, Look, Select, TextField};
use leptos::prelude::*;
use leptos::task::spawn_local;
use weft_weights::layout::Layout;
use weft_weights::profile::{Profile, ProfileError, to_text};

/// Files above this are no profiles: nothing of them is read.
const FILE_MAX: f64 = 1_048_576.0;

/// Reads a profile in any of its notations: `{…` is JSON, `slot,value` lines are CSV, all else is the community's text.
fn read(text: &str, layout: &'static Layout) -> Result<(Option<String>, Profile), ProfileError> {
    let text = text.trim_start_matches('\u{feff}').trim();
    if text.starts_with('{') {
        let profile = Profile::from_json(text)?;
        let found = profile.layout().id;
        if found != layout.id {
            return Err(ProfileError::OtherLayout { found: found.to_owned(), wanted: layout.id });
        }
        return Ok((None, profile));
    }
    if is_table(text) {
        return Ok((None, Profile::from_csv(text, layout)?));
    }
    let mut lines = Profile::parse_lines(text, layout, None)?;
    match (lines.pop(), lines.len()) {
        (Some(only), 0) => Ok((only.name, only.profile)),
        (Some(_), more) => Err(ProfileError::Text(format!("there are {} profiles in it; take one line", more + 1))),
        (None, _) => Err(ProfileError::Text("there is no value in it".to_owned())),
    }
}

/// Whether every line is a name and a value.
fn is_table(text: &str) -> bool {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).peekable();
    lines.peek().is_some()
        && lines.all(|line| {
            let mut cells = line.split([',', ';', '\t']);
            let name = cells.next().unwrap_or_default().trim().trim_matches('"');
            cells.count() == 1 && !name.contains(':') && name.starts_with(|c: char| c.is_ascii_alphabetic()) && name != "R"
        })
}

/// Way in and out for a profile.
#[derive(Debug, Clone, Copy)]
pub(super) struct Exchange {
    profiled: Profiled,
    /// Why the last one was not taken.
    error: RwSignal<Option<String>>,
    open: RwSignal<bool>,
}

impl Exchange {
    pub(super) fn new(profiled: Profiled) -> Self {
        Self { profiled, error: RwSignal::new(None), open: RwSignal::new(false) }
    }

    /// Makes what a text says the profile; says why not where it cannot.
    fn take(self, text: &str) -> bool {
        let Some(layout) = self.profiled.layout.get_untracked() else { return false };
        match read(text, layout) {
            Ok((preset, read)) => {
                self.error.set(None);
                let factors = factors(&read, &self.profiled.labels());
                self.profiled.on_change.run(Change { what: "paste".to_owned(), preset, factors });
                true
            }
            Err(why) => {
                self.refuse(capital(&format!("{why}.")));
                false
            }
        }
    }

    fn refuse(self, why: String) {
        self.error.set(Some(why));
        self.open.set(true);
    }

    /// Reads the first of some files.
    pub(super) fn take_file(self, files: Option<web_sys::FileList>) {
        let Some(file) = files.and_then(|files| files.get(0)) else { return };
        if file.size() > FILE_MAX {
            return self.refuse(format!("{} is too long for a profile.", file.name()));
        }
        spawn_local(async move {
            let text = dom::text_of(&file).await;
            // The editor may be gone by now.
            if self.error.try_get_untracked().is_none() {
                return;
            }
            match text {
                Some(text) => drop(self.take(&text)),
                None => self.refuse(format!("{} cannot be read.", file.name())),
            }
        });
    }

    fn with_profile<T>(self, write: impl FnOnce(&Profile) -> T) -> Option<T> {
        let layout = self.profiled.layout.get()?;
        Some(self.profiled.factors.with(|factors| write(&profile(layout, factors))))
    }

    fn download(self, extension: &str, mime: &str, write: fn(&Profile) -> String) {
        if let Some(text) = untrack(move || self.with_profile(write)) {
            dom::download(&file_name(&self.profiled.name.get_untracked(), extension), mime, &text);
        }
    }
}

/// Whether something that is dragged is a file.
pub(crate) fn carries_files(event: &web_sys::DragEvent) -> bool {
    event.data_transfer().is_some_and(|data| data.types().includes(&"Files".into(), 0))
}

/// A name that every system takes.
fn file_name(name: &str, extension: &str) -> String {
    let plain: String = name.chars().map(|c| if c.is_alphanumeric() || " ._-+".contains(c) { c } else { '-' }).take(80).collect();
    let plain = plain.trim_matches([' ', '.']);
    format!("{}.profile.{extension}", if plain.is_empty() { "weft" } else { plain })
}

/// Paste, open, copy and download.
#[component]
pub(super) fn Exchanging(
    exchange: Exchange,
    /// Unique on the page.
    id: &'static str,
) -> impl IntoView {
    let Exchange { profiled, error, open } = exchange;
    let layout = profiled.layout.get_untracked();
    let pasted = RwSignal::new(String::new());
    let counts =
        layout.map(|l| l.views().map(|v| format!("{} ({})", v.entries.len(), v.id)).collect::<Vec<_>>().join(", ")).unwrap_or_default();
    let apply = move |ev: web_sys::SubmitEvent| {
        ev.prevent_default();
        if exchange.take(&pasted.get_untracked()) {
            pasted.set(String::new());
        }
    };
    // A field of one line would join the lines of a table.
    let paste = move |ev: web_sys::ClipboardEvent| {
        let text = ev.clipboard_data().and_then(|data| data.get_data("text/plain").ok()).unwrap_or_default();
        if text.trim().contains('\n') || text.trim_start().starts_with('{') {
            ev.prevent_default();
            exchange.take(&text);
        }
    };
    let chosen = move |ev: web_sys::Event| {
        let input = event_target::<web_sys::HtmlInputElement>(&ev);
        exchange.take_file(input.files());
        // The same file can be chosen again.
        input.set_value("");
    };
    view! {
        <details class="as-text" prop:open=open on:toggle=move |ev| open.set(event_target::<web_sys::Element>(&ev).has_attribute("open"))>
            <summary>"Paste, open, copy or download"</summary>
            <form class="paste" on:submit=apply on:paste=paste>
                <TextField
                    id=format!("{id}-text")
                    label="Paste block weights"
                    value=pasted
                    on_input=move |v: String| { pasted.set(v); error.set(None); }
                    placeholder="NAME:1,0.5,0,…"
                    help=format!("Values between -2 and 2, with commas between. What fits: {counts}. JSON and CSV too; files can be dropped here.")
                    error
                    mono=true
                />
                <Button kind="submit" disabled=Signal::derive(move || pasted.with(|p| p.trim().is_empty()))>"Apply"</Button>
            </form>
            <div class="profile-files">
                <label class="btn btn-quiet file-btn">
                    "Open file"
                    <input type="file" class="sr-only" accept=".json,.csv,.txt" on:change=chosen/>
                </label>
                <Button look=Look::Quiet icon=Glyph::Download on:click=move |_| exchange.download("json", "application/json", Profile::to_json)>"JSON"</Button>
                <Button look=Look::Quiet icon=Glyph::Download on:click=move |_| exchange.download("csv", "text/csv", Profile::to_csv)>"CSV"</Button>
            </div>
            <AsText exchange/>
        </details>
    }
}

/// The profile in one of the community's notations.
#[component]
fn AsText(exchange: Exchange) -> impl IntoView {
    let layout = exchange.profiled.layout.get_untracked();
    let first = layout.and_then(|l| l.views().next()).map(|v| v.id.to_owned()).unwrap_or_default();
    let view = RwSignal::new(first);
    let options = layout
        .map(|l| l.views().map(|v| (v.id.to_owned(), format!("{} · {} values", v.id, v.entries.len()))).collect::<Vec<_>>())
        .unwrap_or_default();
    let written = Memo::new(move |_| {
        let view = layout?.views().find(|v| view.with(|id| v.id == id))?;
        exchange.with_profile(|profile| to_text(profile, view))
    });
    let text = Signal::derive(move || written.with(|w| w.as_ref().map(|(text, _)| text.clone()).unwrap_or_default()));
    let exact = Memo::new(move |_| written.with(|w| w.as_ref().is_none_or(|(_, exact)| *exact)));
    view! {
        <div class="copy-text">
            <Select label="Notation" options value=view on_change=move |v: String| view.set(v)/>
            <code class="num">{text}</code>
            <CopyButton text what="the profile as text"/>
        </div>
        <Show when=move || !exact.get()>
            <p class="form-help">"This notation cannot say all of this profile: where one value stands for several blocks it is their mean, and blocks it does not name are left out."</p>
        </Show>
    }
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn flux() -> &'static Layout {
        Layout::by_id("flux_unet_57").unwrap_or_else(|| unreachable!("a layout of the table"))
    }

    fn some_factors() -> BTreeMap<String, f64> {
        [("D03".to_owned(), 0.5), ("S37".to_owned(), -1.25)].into()
    }

    #[test]
    fn json_and_csv_come_back_as_they_went() {
        let wanted = profile(flux(), &some_factors());
        for text in [wanted.to_json(), wanted.to_csv(), wanted.to_csv().replace('\n', "\r\n"), format!("\u{feff}{}", wanted.to_csv())] {
            assert_eq!(read(&text, flux()).map(|(_, profile)| profile), Ok(wanted.clone()), "{text}");
        }
    }

    #[test]
    fn each_notation_is_told_apart() {
        let ones = vec!["1"; 57].join(",");
        assert_eq!(read(&format!("LOUD:{ones}"), flux()).map(|(name, _)| name), Ok(Some("LOUD".to_owned())));
        assert!(read("slot,value\nD03,0.5", flux()).is_ok_and(|(_, p)| p == profile(flux(), &[("D03".to_owned(), 0.5)].into())));
        assert!(read("D03;0.5\nS00;0", flux()).is_ok());
        assert!(matches!(read("1,1,1", flux()), Err(ProfileError::Text(_) | ProfileError::Count { .. })));
        assert!(read(&format!("A:{ones}\nB:{ones}"), flux()).is_err());
        assert!(read("", flux()).is_err() && read("{}", flux()).is_err());
    }

    #[test]
    fn a_profile_of_another_layout_is_refused() {
        let Some(other) = Layout::by_id("sdxl_unet_19") else { return assert_eq!("no layout", "") };
        let json = Profile::neutral(other).to_json();
        assert!(matches!(read(&json, flux()), Err(ProfileError::OtherLayout { .. })));
        assert!(matches!(read(&Profile::neutral(other).to_csv(), flux()), Err(ProfileError::OtherLayout { .. })));
    }

    #[test]
    fn names_of_files_are_tame() {
        assert_eq!(file_name("Nordic / ../Aurora: \"x\"", "csv"), "Nordic - ..-Aurora- -x-.profile.csv");
        assert_eq!(file_name("...", "json"), "weft.profile.json");
    }
}

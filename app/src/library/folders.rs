//! Watched folders: add one, see all, scan, remove.

use super::state::Gallery;
use crate::api::{self, ApiError};
use crate::format;
use crate::kit::{Badge, Button, Dialog, EmptyState, Glyph, Icon, IconButton, Look, ProblemView, Shape, Skeleton, TextField, Toasts, Tone};
use crate::shell::Live;
use leptos::prelude::*;
use leptos::task::spawn_local;
use weft_domain::root::AddRoot;
use weft_domain::{Event, RootId, RootState, RootView};

/// Which of the folder windows is open.
#[derive(Debug, Clone, Copy)]
pub struct FolderWindows {
    pub add: RwSignal<bool>,
    pub manage: RwSignal<bool>,
}

impl Default for FolderWindows {
    fn default() -> Self {
        Self { add: RwSignal::new(false), manage: RwSignal::new(false) }
    }
}

/// Asks for a path. What is wrong with it stands below the field.
#[component]
pub(crate) fn AddFolder() -> impl IntoView {
    let open = expect_context::<FolderWindows>().add;
    view! {
        <Dialog id="add-folder" title="Add a folder" open shape=Shape::Modal>
            <AddFolderForm/>
        </Dialog>
    }
}

#[component]
fn AddFolderForm() -> impl IntoView {
    let windows = expect_context::<FolderWindows>();
    let toasts = expect_context::<Toasts>();
    let gallery = expect_context::<Gallery>();
    let path = RwSignal::new(String::new());
    let busy = RwSignal::new(false);
    let error = RwSignal::new(None::<ApiError>);
    let in_field = Signal::derive(move || error.get().map(|error: ApiError| error.to_string()));
    let send = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        busy.set(true);
        error.set(None);
        let root = AddRoot { path: path.get_untracked().trim().to_owned(), name: None };
        spawn_local(async move {
            match api::root_add(root).await {
                Ok(root) => {
                    windows.add.set(false);
                    toasts.say(format!("Watching {}. The first scan runs.", root.name));
                    gallery.refresh_soon();
                }
                Err(problem) => error.set(Some(problem)),
            }
            let _gone = busy.try_set(false);
        });
    };
    let typed = Callback::new(move |value| {
        path.set(value);
        error.set(None);
    });
    let example = move |text: &'static str| view! { <button type="button" class="chip num" on:click=move |_| path.set(text.to_owned())>{text}</button> };
    view! {
        <form on:submit=send>
            <TextField
                id="folder-path"
                label="Folder on the machine that runs Weft"
                value=path
                on_input=typed
                error=in_field
                placeholder="/home/you/ComfyUI/models/loras"
                help="An absolute path; ~ stands for your home folder. Subfolders are included. Files are only read."
                mono=true
                autofocus=true
            />
            <div class="chips" role="group" aria-label="Examples">
                {["~/ComfyUI/models/loras", "~/stable-diffusion-webui/models/Lora", "~/Downloads"].map(example).collect_view()}
            </div>
            <div class="dialog-foot">
                <Button look=Look::Quiet on:click=move |_| windows.add.set(false)>"Cancel"</Button>
                <Button kind="submit" look=Look::Primary busy disabled=Signal::derive(move || path.with(|p| p.trim().is_empty()))>"Add folder"</Button>
            </div>
        </form>
    }
}

/// All watched folders.
#[component]
pub(super) fn ManageFolders() -> impl IntoView {
    let open = expect_context::<FolderWindows>().manage;
    view! {
        <Dialog id="folders" title="Watched folders" open shape=Shape::Wide>
            <FolderList/>
        </Dialog>
    }
}

#[component]
fn FolderList() -> impl IntoView {
    let windows = expect_context::<FolderWindows>();
    let roots = RwSignal::new(None::<Result<Vec<RootView>, ApiError>>);
    let load = move || {
        spawn_local(async move {
            let answer = api::root_list().await;
            let _gone = roots.try_set(Some(answer));
        });
    };
    Effect::new(move |_| load());
    expect_context::<Live>().on_event(move |event| {
        if matches!(event, Event::RootsChanged | Event::Reset) {
            load();
        }
    });
    let list = move |roots: Vec<RootView>| {
        if roots.is_empty() {
            return view! {
                <EmptyState title="No folder yet" glyph=Glyph::Folder><p>"Weft shows what lies in the folders that you add."</p></EmptyState>
            }
            .into_any();
        }
        let rows = roots.into_iter().map(|root| view! { <FolderRow root on_done=Callback::new(move |()| load())/> }).collect_view();
        view! { <ul class="folder-list">{rows}</ul> }.into_any()
    };
    view! {
        {move || match roots.get() {
            None => view! { <Skeleton lines=3 class="skeleton-row"/> }.into_any(),
            Some(Err(error)) => view! { <ProblemView error/> }.into_any(),
            Some(Ok(roots)) => list(roots),
        }}
        <div class="dialog-foot">
            <Button icon=Glyph::FolderPlus on:click=move |_| { windows.manage.set(false); windows.add.set(true); }>"Add a folder"</Button>
        </div>
    }
}

#[component]
fn FolderRow(root: RootView, on_done: Callback<()>) -> impl IntoView {
    let live = expect_context::<Live>();
    let toasts = expect_context::<Toasts>();
    let RootView { id, path, name, state, adapters, scanned_ms, scanning, samples } = root;
    let scan = move |_| {
        spawn_local(async move {
            match api::root_scan(id).await {
                Ok(job) => live.heard(job),
                Err(error) => toasts.problem(&error),
            }
            on_done.try_run(());
        });
    };
    let removed = StoredValue::new((name.clone(), path.clone()));
    let remove = move |_| remove_root(id, removed.get_value(), toasts, on_done);
    let scanned = match scanned_ms {
        _ if scanning => "scanning".to_owned(),
        Some(ms) => format!("scanned {} UTC", format::date_time(ms)),
        None => "not scanned yet".to_owned(),
    };
    view! {
        <li class="folder-row">
            <Icon glyph=Glyph::Folder/>
            <div class="folder-text">
                <b>{name.clone()}</b>
                {samples.then(|| view! { <Badge>"samples"</Badge> })}
                {(state == RootState::Offline).then(|| view! { <Badge tone=Tone::Warn>"offline"</Badge> })}
                <code class="wrap">{path}</code>
                <small>{format::plural(adapters, "adapter")}" · "{scanned}</small>
            </div>
            <IconButton glyph=Glyph::Refresh label=format!("Scan {name}") on:click=scan/>
            <IconButton glyph=Glyph::Trash label=format!("Stop watching {name}") on:click=remove/>
        </li>
    }
}

/// Forgets a folder, and offers to add it again: what was written about its adapters comes back with it.
pub(super) fn remove_root(id: RootId, (name, path): (String, String), toasts: Toasts, on_done: Callback<()>) {
    spawn_local(async move {
        match api::root_remove(id).await {
            Ok(()) => {
                let back = AddRoot { path, name: Some(name.clone()) };
                toasts.undo(format!("{name} is no longer watched. Its files are untouched."), move || {
                    let back = back.clone();
                    spawn_local(async move {
                        if let Err(error) = api::root_add(back).await {
                            toasts.problem(&error);
                        }
                    });
                });
            }
            Err(error) => toasts.problem(&error),
        }
        on_done.try_run(());
    });
}

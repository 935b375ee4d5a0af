//! Nothing gets lost: the address follows the weave, a draft is kept, leaving with unsaved changes asks.

use super::loom::Loom;
use crate::dom;
use crate::kit::{Button, Dialog, Look};
use leptos::__reexports::send_wrapper::SendWrapper;
use leptos::prelude::*;
use leptos_router::hooks::use_navigate;
use std::time::Duration;
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;

/// Key of the draft in local storage: the query string of the weave.
const DRAFT: &str = "weft-weave-draft";
/// Browsers limit how often the address may change.
const PAUSE: Duration = Duration::from_millis(250);

/// The draft of an earlier visit. Only in the browser.
#[must_use]
pub(super) fn draft() -> Option<String> {
    dom::stored(DRAFT).filter(|d| d.starts_with("ids="))
}

/// Forgets the draft.
pub(super) fn forget_draft() {
    dom::store(DRAFT, "");
}

/// Keeps address and draft in step with the weave.
pub(super) fn keep(loom: Loom) {
    let latest = StoredValue::new(0u64);
    Effect::new(move |former: Option<String>| {
        let (address, unsaved) = (loom.address(), loom.unsaved());
        let key = format!("{unsaved} {address}");
        if former.is_none() || former.as_ref() == Some(&key) {
            return key;
        }
        let now = latest.try_update_value(|n| {
            *n += 1;
            *n
        });
        let write = move || {
            // A page that is gone has nothing to write; a newer change writes itself.
            if latest.try_get_value() != now {
                return;
            }
            let query = address.strip_prefix("/weave?").unwrap_or_default();
            dom::store(DRAFT, if unsaved { query } else { "" });
            dom::replace_url(&address);
        };
        set_timeout(write, PAUSE);
        key
    });
}

/// Where the visitor was about to go.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Way {
    /// By a link on the page.
    To(String),
    /// By the browser's Back or Forward.
    Back,
}

/// Asks before unsaved changes are left behind: by the browser when the page closes, by us when a link, Back or Forward leads elsewhere.
#[component]
pub(super) fn LeaveGuard() -> impl IntoView {
    let loom = expect_context::<Loom>();
    let asking = RwSignal::new(false);
    let way = RwSignal::new(Way::Back);
    let leaving = StoredValue::new(false);
    let unsaved = move || loom.state.try_get_untracked().is_some() && untrack(move || loom.unsaved());
    let ask = move |to: Way| {
        way.set(to);
        asking.set(true);
    };
    let navigate = use_navigate();
    Effect::new(move |_| {
        let handle = window_event_listener(leptos::ev::beforeunload, move |event| {
            if untrack(move || loom.unsaved()) {
                event.prevent_default();
            }
        });
        on_cleanup(move || handle.remove());
    });
    catch("click", move |event: web_sys::MouseEvent| {
        if let Some(href) = leads_to(&event).filter(|_| unsaved()) {
            event.prevent_default();
            event.stop_propagation();
            ask(Way::To(href));
        }
    });
    catch("popstate", move |event: web_sys::PopStateEvent| {
        if !leaving.get_value() && unsaved() && !is_weave(&dom::address(), &untrack(move || loom.address())) {
            // The browser has gone already: the weave is put on top of where it went, and from there one step back leads there again.
            event.stop_immediate_propagation();
            dom::push_url(&untrack(move || loom.address()));
            ask(Way::Back);
        }
    });
    let leave = StoredValue::new(move || {
        asking.set(false);
        match way.get_untracked() {
            Way::To(href) => navigate(&href, leptos_router::NavigateOptions::default()),
            Way::Back => {
                leaving.set_value(true);
                dom::go_back();
            }
        }
    });
    view! {
        <Dialog id="leave" title="Leave this weave?" open=asking>
            <p>"It has changes that are not saved as an adapter yet. A draft stays in this browser and is offered when you come back."</p>
            <div class="dialog-foot">
                <Button look=Look::Quiet on:click=move |_| leave.with_value(|leave| leave())>"Leave without saving"</Button>
                <Button look=Look::Primary on:click=move |_| asking.set(false)>"Stay"</Button>
            </div>
        </Dialog>
    }
}

/// Hears of a window's event before the router does, as long as the component lives.
fn catch<E: JsCast + 'static>(name: &'static str, heard: impl Fn(E) + Copy + 'static) {
    Effect::new(move |_| {
        let listener = move |event: web_sys::Event| heard(event.unchecked_into());
        let closure = SendWrapper::new(Closure::<dyn Fn(web_sys::Event)>::new(listener));
        // In the capture phase. Adding and removing fail only for a name that is no string.
        drop(window().add_event_listener_with_callback_and_bool(name, closure.as_ref().unchecked_ref(), true));
        on_cleanup(move || {
            drop(window().remove_event_listener_with_callback_and_bool(name, closure.as_ref().unchecked_ref(), true));
        });
    });
}

/// Whether an address is that of this weave, so that nothing is left by going there: a jump to a place on the page, or the address as it
/// was before the last change was written into it.
fn is_weave(address: &str, weave: &str) -> bool {
    let strands = |url: &str| {
        let url = url.split('#').next().unwrap_or_default();
        let (path, query) = url.split_once('?').unwrap_or((url, ""));
        let ids = query.split('&').find_map(|pair| pair.strip_prefix("ids=")).unwrap_or_default().replace("%2C", ",");
        (path.to_owned(), ids)
    };
    strands(address) == strands(weave)
}

/// Where a click leads, when it leads to another page in this window.
fn leads_to(event: &web_sys::MouseEvent) -> Option<String> {
    if event.button() != 0 || event.ctrl_key() || event.meta_key() || event.shift_key() || event.alt_key() {
        return None;
    }
    let element = event.target()?.dyn_into::<web_sys::Element>().ok()?;
    let link = element.closest("a[href]").ok()??.dyn_into::<web_sys::HtmlAnchorElement>().ok()?;
    let elsewhere = !link.target().is_empty() && link.target() != "_self";
    let here = link.origin() == window().location().origin().ok()?;
    let same = link.pathname() == window().location().pathname().ok()? && !link.hash().is_empty();
    (here && !elsewhere && !same && !link.has_attribute("download")).then(|| format!("{}{}{}", link.pathname(), link.search(), link.hash()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jump_on_the_page_leaves_nothing() {
        let weave = "/weave?ids=3,7&w=0.8,1";
        assert!(is_weave("/weave?ids=3,7&w=0.8,1#main", weave));
        assert!(is_weave("/weave?ids=3%2C7", weave));
        assert!(!is_weave("/weave?ids=3,8", weave));
        assert!(!is_weave("/weave#main", weave));
        assert!(!is_weave("/", weave));
        assert!(!is_weave("/adapters/3?ids=3,7", weave));
    }
}

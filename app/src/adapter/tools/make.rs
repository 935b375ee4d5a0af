//! The end of every tool: the operation is started with a name and a place.

use super::super::save::Saving;
use crate::api::operation_start;
use crate::making::{Ending, MakeForm, Making, Target, new_adapter};
use leptos::prelude::*;
use weft_domain::operation::{Operation, OperationRequest};

/// Starts an operation.
#[component]
pub(super) fn Make(
    /// None: nothing would change, so there is nothing to start.
    #[prop(into)]
    operation: Signal<Option<Operation>>,
    /// Name of the result while the user gives none.
    #[prop(into)]
    suggested: Signal<String>,
    /// What the button says.
    button: &'static str,
) -> impl IntoView {
    let adapter = expect_context::<Saving>().details.with_untracked(|d| d.card.id);
    let making = Making::new();
    let on_start = Callback::new(move |Target { name, root, folder }| {
        if let Some(operation) = operation.get_untracked() {
            making.start(operation_start(OperationRequest { adapter, operation, name, root, folder }), || ());
        }
    });
    let ready = Signal::derive(move || operation.with(Option::is_some));
    let ending = Ending { making, ready, suggested, on_start, button, example: "made", id: "tool", done: new_adapter };
    view! { <MakeForm ending/> }
}

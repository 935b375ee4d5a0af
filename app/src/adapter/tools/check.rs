//! Is the file whole, is it what it says, will it do something? Findings in plain words.

use super::super::save::Saving;
use crate::api::adapter_check;
use crate::format;
use crate::kit::{Badge, Button, CopyButton, Glyph, Icon, Look, ProblemView, Tone};
use crate::making::{Making, Progressing};
use crate::shell::Live;
use leptos::prelude::*;
use weft_domain::operation::{CheckOutcome, Finding, Severity};
use weft_domain::{AdapterId, JobId, JobKind, JobState, JobView};

/// The newest check of this adapter among the jobs: one that runs, or one that has ended.
fn last(jobs: &[JobView], adapter: AdapterId) -> Option<JobId> {
    let about = |job: &&JobView| {
        let id = job.result.as_ref().and_then(|r| r.get("adapter")).and_then(serde_json::Value::as_i64);
        job.kind == JobKind::Check && job.state == JobState::Done && id == Some(adapter.0)
    };
    jobs.iter().filter(about).max_by_key(|job| job.finished_ms).map(|job| job.id)
}

/// The button, and what was found last.
#[component]
pub(super) fn Check() -> impl IntoView {
    let adapter = expect_context::<Saving>().details.with_untracked(|d| d.card.id);
    let live = expect_context::<Live>();
    let making = Making::new();
    let shown = Memo::new(move |_| making.job.get().or_else(|| live.jobs.with(|jobs| last(jobs, adapter))));
    let start = move |_| making.start(adapter_check(adapter), || ());
    view! {
        <div class="tool-form tool-wide">
            <p class="tool-lead">"Reads the whole file once: its hashes against those that it, its name and the files beside it state; its structure; every single value."</p>
            <div class="tool-row">
                <Button look=Look::Primary icon=Glyph::Shield disabled=Signal::derive(move || making.busy()) busy=making.sending on:click=start>
                    {move || if shown.get().is_some() { "Check again" } else { "Check the file" }}
                </Button>
            </div>
            {move || making.error.get().map(|error| view! { <ProblemView error/> })}
            {move || shown.get().map(|id| view! { <Progressing id done=|result| serde_json::from_value(result).ok().map(report).into_any()/> })}
        </div>
    }
}

/// What was found.
fn report(outcome: CheckOutcome) -> AnyView {
    let CheckOutcome { sound, bytes, tensors, modules, sha256, findings, .. } = outcome;
    let count = |severity: Severity| findings.iter().filter(|f| f.severity == severity).count();
    let warnings = count(Severity::Warning);
    let (class, glyph, title) = match (sound, warnings) {
        (true, 0) => ("verdict verdict-good", Glyph::Check, "The file is sound.".to_owned()),
        (true, n) => ("verdict verdict-warn", Glyph::Warning, format!("It loads, with {}.", format::plural(n as u64, "warning"))),
        (false, _) => ("verdict verdict-bad", Glyph::Broken, "The file must not be used as it is.".to_owned()),
    };
    let facts = format!(
        "{} read · {} · {}",
        format::bytes(bytes),
        format::plural(u64::from(tensors), "tensor"),
        format::plural(u64::from(modules), "module")
    );
    let clean = findings.is_empty();
    view! {
        <div class=class>
            <Icon glyph/>
            <div>
                <p class="verdict-title">{title}</p>
                <p class="num hint">{facts}</p>
                {clean.then(|| view! { <p>"Structure, stated hashes and every value: nothing to complain of."</p> })}
                {sha256.map(|hash| view! { <p class="hash"><code class="wrap">{hash.clone()}</code><CopyButton text=hash what="SHA-256"/></p> })}
            </div>
        </div>
        <ul class="findings">{findings.into_iter().map(finding).collect_view()}</ul>
    }
    .into_any()
}

fn finding(found: Finding) -> impl IntoView {
    let Finding { severity, code, key, text, advice } = found;
    let (tone, word) = match severity {
        Severity::Error => (Tone::Bad, "error"),
        Severity::Warning => (Tone::Warn, "warning"),
        Severity::Note => (Tone::Plain, "note"),
    };
    view! {
        <li class="finding">
            <Badge tone>{word}</Badge>
            <div>
                <p>{text}</p>
                <p class="hint">{sentence(&advice)}</p>
                <p class="num hint wrap">{code}{key.map(|key| format!(" · {key}"))}</p>
            </div>
        </li>
    }
}

/// With a capital and a full stop.
fn sentence(text: &str) -> String {
    let mut chars = text.trim().chars();
    let Some(first) = chars.next() else { return String::new() };
    let text: String = first.to_uppercase().chain(chars).collect();
    if text.ends_with(['.', '!', '?']) { text } else { text + "." }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_is_a_sentence() {
        assert_eq!([sentence("get it again"), sentence("Done."), sentence("")], ["Get it again.", "Done.", ""]);
    }
}

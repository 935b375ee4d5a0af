//! Styles: kept in the user's own file, taken out of it again, and put around a prompt.

use crate::paint::Studio;
use std::sync::Arc;
use weft_domain::generation::{GenerationRequest, Style};
use weft_domain::{JobState, ProblemKind};

fn style(name: &str, prompt: &str, negative: &str) -> Style {
    Style { name: name.to_owned(), prompt: prompt.to_owned(), negative: negative.to_owned() }
}

#[tokio::test]
async fn a_style_is_kept_painted_with_and_taken_out() {
    let studio = Studio::new().await;
    let generating = studio.bench.services.generating.clone();
    let (reader, editor) = (studio.bench.reader(), studio.bench.editor());
    let none = generating.styles(&reader).await.unwrap();
    assert!(none.items.is_empty() && none.file.ends_with("styles.csv"), "{none:?}");
    let path = std::path::PathBuf::from(&none.file);
    let ink = style(" Ink ", "ink of {prompt}", "photo");
    let kept = generating.keep_style(&editor, ink).await.unwrap();
    assert_eq!(kept.items, [style("Ink", "ink of {prompt}", "photo")]);
    let twin = generating.keep_style(&editor, style("Ink", "other", "")).await.unwrap_err();
    assert_eq!(twin.kind, ProblemKind::Conflict, "{twin}");
    let view =
        studio.start(GenerationRequest { styles: vec!["Ink".to_owned()], negative: "dark".to_owned(), ..studio.request("a fox") }).await;
    let view = studio.ended(view.id).await;
    assert_eq!(view.job.as_ref().map(|job| job.state), Some(JobState::Done), "{view:?}");
    let details = studio.bench.services.pictures.details(&reader, view.pictures[0].id).await.unwrap();
    let recipe = details.recipe;
    assert_eq!((recipe.prompt.as_str(), recipe.typed.as_deref()), ("ink of a fox", Some("a fox")));
    assert_eq!((recipe.negative.as_str(), recipe.typed_negative.as_deref()), ("dark, photo", Some("dark")));
    assert_eq!(recipe.styles, ["Ink"]);
    // Somebody edits the line: what is taken back is no longer there, and nothing changes.
    let text = std::fs::read_to_string(&path).unwrap().replace("photo", "photograph");
    std::fs::write(&path, &text).unwrap();
    let gone = generating.remove_style(&editor, style("Ink", "ink of {prompt}", "photo")).await.unwrap_err();
    assert_eq!(gone.kind, ProblemKind::Conflict, "{gone}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    let left = generating.remove_style(&editor, style("Ink", "ink of {prompt}", "photograph")).await.unwrap();
    assert!(left.items.is_empty());
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "name,prompt,negative_prompt\n");
}

/// Links are those of Unix.
#[cfg(unix)]
#[tokio::test]
async fn many_at_once_lose_nothing_and_what_cannot_be_read_is_left_alone() {
    let studio = Studio::new().await;
    let generating = Arc::new(studio.bench.services.generating.clone());
    let path = std::path::PathBuf::from(generating.styles(&studio.bench.reader()).await.unwrap().file);
    // A link into another program's folder stays one.
    let theirs = studio.bench.folder.path().join("theirs.csv");
    std::fs::write(&theirs, "name,prompt,negative_prompt\r\nTheirs,a,b\r\n").unwrap();
    std::os::unix::fs::symlink(&theirs, &path).unwrap();
    let tasks: Vec<_> = (0..12)
        .map(|n| {
            let (generating, editor) = (Arc::clone(&generating), studio.bench.editor());
            tokio::spawn(async move { generating.keep_style(&editor, style(&format!("Style {n}"), "x", "")).await })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    let styles = generating.styles(&studio.bench.reader()).await.unwrap();
    assert_eq!(styles.items.len(), 13);
    assert!(path.symlink_metadata().unwrap().is_symlink());
    assert!(std::fs::read_to_string(&theirs).unwrap().starts_with("name,prompt,negative_prompt\r\nTheirs,a,b\r\n"));
    std::fs::write(&theirs, b"name,prompt\nGr\xfcn,x\n").unwrap();
    let refused = generating.keep_style(&studio.bench.editor(), style("New", "x", "")).await.unwrap_err();
    assert_eq!(refused.kind, ProblemKind::Conflict, "{refused}");
    assert_eq!(std::fs::read(&theirs).unwrap(), b"name,prompt\nGr\xfcn,x\n");
}

//! Folders become libraries, and nothing a person wrote is lost on the way.

use crate::common::{Bench, name, write};
use std::fs;
use std::path::Path;
use weft_domain::root::AddRoot;
use weft_domain::{AdapterEdit, FileState, ProblemKind, RootState};
use weft_weights::family::Family;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_becomes_a_library_and_a_second_scan_opens_nothing() {
    let bench = Bench::new().await;
    bench.samples(6, Family::Sd1);
    fs::create_dir(bench.root().join("deep")).unwrap();
    write(&bench.root().join("deep"), 3, Family::Flux1, 2);
    let root = bench.add().await;
    let cards = bench.cards().await;
    assert_eq!(cards.len(), 9);
    assert!(cards.iter().all(|c| c.state == FileState::Ready && c.name.contains("(sample)")), "{cards:#?}");
    assert_eq!(cards.iter().filter(|c| c.family == "flux1" && c.folder == "deep").count(), 3);
    assert!(cards.iter().all(|c| c.has_block_weights), "every file was measured");
    let details = bench.services.library.details(&bench.reader(), cards[0].id).await.unwrap();
    assert_eq!(details.hashes.sha256.unwrap().len(), 64);
    assert!(details.synthetic && details.frobenius.unwrap() > 0.0 && !details.blocks.is_empty());
    let again = bench.scan(&root).await;
    assert_eq!((again["unchanged"].as_u64(), again["added"].as_u64(), again["updated"].as_u64()), (Some(9), Some(0), Some(0)));
    assert_eq!(bench.cards().await, cards);
    let overview = bench.services.library.overview(&bench.reader()).await.unwrap();
    assert_eq!((overview.adapters, overview.unmeasured, overview.scanned), (9, 0, true));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_person_wrote_outlives_change_loss_return_and_moving() {
    let bench = Bench::new().await;
    let files = bench.samples(3, Family::Sd1);
    let root = bench.add().await;
    let id = bench.card(&name(&files[0])).await.id;
    let edit = AdapterEdit {
        name: Some("Mine".into()),
        tags: Some(vec!["ink".into()]),
        notes: Some("dear".into()),
        rating: Some(4),
        version: Some(0),
    };
    bench.services.library.edit(&bench.editor(), id, edit.clone()).await.unwrap();
    let stale = bench.services.library.edit(&bench.editor(), id, edit).await.unwrap_err();
    assert_eq!(stale.kind, ProblemKind::Stale);

    // Another content under the same name.
    let other = write(bench.folder.path(), 5, Family::Sd1, 77).pop().unwrap();
    fs::copy(&other, &files[0]).unwrap();
    let scanned = bench.scan(&root).await;
    assert_eq!((scanned["updated"].as_u64(), scanned["unchanged"].as_u64()), (Some(1), Some(2)));

    // Gone, and back.
    let kept = bench.folder.path().join("kept");
    fs::rename(&files[0], &kept).unwrap();
    bench.scan(&root).await;
    assert_eq!(bench.card(&name(&files[0])).await.state, FileState::Missing);
    let problem = bench.services.library.file(&bench.reader(), id).await.unwrap_err();
    assert_eq!(problem.kind, ProblemKind::NotFound);
    fs::rename(&kept, &files[0]).unwrap();
    assert_eq!(bench.scan(&root).await["back"].as_u64(), Some(1));

    // Moved into a folder under another name.
    fs::create_dir(bench.root().join("new")).unwrap();
    fs::rename(&files[0], bench.root().join("new/renamed.safetensors")).unwrap();
    assert_eq!(bench.scan(&root).await["moved"].as_u64(), Some(1));
    let details = bench.services.library.details(&bench.reader(), id).await.unwrap();
    assert_eq!((details.card.name.as_str(), details.card.rating, details.notes.as_str()), ("Mine", Some(4), "dear"));
    assert_eq!((details.card.tags, details.card.file_name.as_str()), (vec!["ink".to_owned()], "renamed.safetensors"));
    assert_eq!(bench.cards().await.len(), 3, "no double row");
    assert!(bench.services.library.file(&bench.reader(), id).await.unwrap().path.ends_with("new/renamed.safetensors"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drive_that_is_off_takes_nothing_along() {
    let bench = Bench::new().await;
    let files = bench.samples(3, Family::Sdxl);
    let root = bench.add().await;
    let id = bench.card(&name(&files[0])).await.id;
    let edit = AdapterEdit { rating: Some(5), ..AdapterEdit::default() };
    bench.services.library.edit(&bench.editor(), id, edit).await.unwrap();
    let away = bench.folder.path().join("away");
    fs::rename(bench.root(), &away).unwrap();
    // Looking at the list notices it and scans.
    let listed = bench.services.roots.list(&bench.reader()).await.unwrap();
    assert_eq!(listed[0].state, RootState::Offline);
    bench.idle().await;
    assert_eq!(bench.count(FileState::Missing).await, 3);
    // The empty place where a drive would be mounted is no empty library.
    fs::create_dir(bench.root()).unwrap();
    assert!(bench.scan(&root).await["offline"].is_string());
    assert_eq!(bench.count(FileState::Missing).await, 3);
    fs::remove_dir(bench.root()).unwrap();
    fs::rename(&away, bench.root()).unwrap();
    bench.services.roots.list(&bench.reader()).await.unwrap();
    bench.idle().await;
    assert_eq!(bench.count(FileState::Ready).await, 3);
    assert_eq!(bench.card(&name(&files[0])).await.rating, Some(5));

    // A root that is removed and added again brings all of it back.
    bench.services.roots.remove(&bench.admin(), root.id).await.unwrap();
    assert!(bench.cards().await.is_empty());
    bench.add().await;
    let card = bench.card(&name(&files[0])).await;
    assert_eq!((card.id, card.rating, card.state), (id, Some(5), FileState::Ready));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn broken_files_are_listed_with_their_reason_and_disturb_nobody() {
    let bench = Bench::new().await;
    let files = bench.samples(2, Family::Sd1);
    let good = fs::read(&files[0]).unwrap();
    let put = |name: &str, bytes: &[u8]| fs::write(bench.root().join(name), bytes).unwrap();
    put("truncated.safetensors", &good[..good.len() / 2]);
    put("empty.safetensors", b"");
    put("huge.safetensors", &[&(1u64 << 63).to_le_bytes()[..], b"{}"].concat());
    put("text.safetensors", b"<html>not found</html>");
    put("note.txt", b"x");
    fs::create_dir(bench.root().join("folder.safetensors")).unwrap();
    let root = bench.add().await;
    let cards = bench.cards().await;
    assert_eq!(cards.len(), 6);
    for card in &cards {
        let broken = ["truncated", "empty", "huge", "text"].iter().any(|n| card.file_name.starts_with(n));
        assert_eq!(card.state == FileState::Broken, broken, "{card:?}");
        assert_eq!(card.error.as_ref().is_some_and(|e| e.len() > 10), broken, "{card:?}");
        // Even a broken one has a picture.
        let picture = bench.services.previews.picture(&bench.reader(), card.id, 160).await.unwrap();
        assert_eq!(picture.content_type, "image/svg+xml");
    }
    // Mended under the same name.
    put("truncated.safetensors", &good);
    bench.scan(&root).await;
    assert_eq!(bench.card("truncated.safetensors").await.state, FileState::Ready);
    let notes = bench.scan(&root).await["notes"].to_string();
    assert!(notes.contains("folder.safetensors is a folder"), "{notes}");
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_names_are_only_names_and_links_lead_nowhere() {
    use std::os::unix::ffi::OsStrExt as _;
    use std::os::unix::fs::symlink;
    let bench = Bench::new().await;
    let files = bench.samples(1, Family::Sd1);
    let outside = bench.folder.path().join("outside");
    fs::create_dir(&outside).unwrap();
    let secret = write(&outside, 1, Family::Sdxl, 5).pop().unwrap();
    let names = [
        "<img src=x onerror=alert(1)>.safetensors",
        "line\nbreak.safetensors",
        "right\u{202e}left.safetensors",
        "quote'\"; DROP TABLE adapters;--.safetensors",
        "% _ \\.safetensors",
    ];
    for name in names {
        fs::copy(&files[0], bench.root().join(name)).unwrap();
    }
    let odd = bench.root().join(std::ffi::OsStr::from_bytes(b"caf\xe9.safetensors"));
    fs::copy(&files[0], &odd).unwrap();
    symlink(&secret, bench.root().join("link.safetensors")).unwrap();
    symlink(&outside, bench.root().join("way")).unwrap();
    symlink("/dev/zero", bench.root().join("zero.safetensors")).unwrap();
    bench.add().await;
    let cards = bench.cards().await;
    assert_eq!(cards.len(), 1 + names.len() + 1, "{cards:#?}");
    assert!(cards.iter().all(|c| c.state == FileState::Ready && c.family == "sd1" && c.has_block_weights));
    for name in names {
        assert!(cards.iter().any(|c| c.file_name == name), "{name}");
    }
    let shown = cards.iter().find(|c| c.file_name == "caf\u{fffd}.safetensors").unwrap();
    assert_eq!(bench.services.library.file(&bench.reader(), shown.id).await.unwrap().path, odd);

    // A file that is replaced by a link after the scan is not handed out.
    let handle = bench.services.library.file(&bench.reader(), bench.card(names[0]).await.id).await.unwrap();
    fs::remove_file(&handle.path).unwrap();
    symlink(&secret, &handle.path).unwrap();
    let id = bench.card(names[0]).await.id;
    assert!(bench.services.library.file(&bench.reader(), id).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn folders_that_overlap_or_are_weft_s_own_are_refused() {
    let bench = Bench::new().await;
    fs::create_dir_all(bench.root().join("inner")).unwrap();
    bench.add().await;
    let add = async |path: &Path| bench.services.roots.add(&bench.admin(), AddRoot { path: path.display().to_string(), name: None }).await;
    assert_eq!(add(&bench.root()).await.unwrap_err().kind, ProblemKind::Conflict);
    for path in [
        bench.root().join("inner"),
        bench.folder.path().to_owned(),
        bench.folder.path().join("data/blobs"),
        bench.folder.path().join("gone"),
    ] {
        let problem = add(&path).await.unwrap_err();
        assert_eq!((problem.kind, problem.field.as_deref()), (ProblemKind::Invalid, Some("path")), "{path:?}: {problem}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pictures_beside_the_file_win_over_the_portrait() {
    let bench = Bench::new().await;
    let files = bench.samples(3, Family::Sd1);
    image::RgbImage::from_pixel(400, 300, image::Rgb([200, 80, 40])).save(files[0].with_extension("preview.png")).unwrap();
    fs::write(files[1].with_extension("png"), b"no picture at all").unwrap();
    fs::write(files[2].with_extension("json"), r#"{"activation text":"copper ink, paper","description":"soft"}"#).unwrap();
    let root = bench.add().await;
    let picture =
        async |file: &Path, width| bench.services.previews.picture(&bench.reader(), bench.card(&name(file)).await.id, width).await.unwrap();
    let small = picture(&files[0], 160).await;
    assert_eq!(small.content_type, "image/jpeg");
    let decoded = image::load_from_memory(&small.bytes).unwrap();
    assert_eq!((decoded.width(), decoded.height()), (160, 120));
    assert_eq!(bench.card(&name(&files[0])).await.preview, weft_domain::adapter::PreviewKind::Image);
    let portrait = picture(&files[1], 160).await;
    assert_eq!(portrait.content_type, "image/svg+xml");
    assert_ne!(portrait.etag, picture(&files[2], 160).await.etag);
    let details = bench.services.library.details(&bench.reader(), bench.card(&name(&files[2])).await.id).await.unwrap();
    assert!(details.trigger_words.contains(&"copper ink".to_owned()), "{:?}", details.trigger_words);

    // A new picture is noticed although the adapter has not changed.
    image::RgbImage::from_pixel(80, 80, image::Rgb([1, 2, 3])).save(files[1].with_extension("webp")).unwrap_or_else(|_| {
        image::RgbImage::from_pixel(80, 80, image::Rgb([1, 2, 3])).save(files[1].with_extension("jpg")).unwrap();
    });
    fs::remove_file(files[1].with_extension("png")).unwrap();
    bench.scan(&root).await;
    assert_eq!(picture(&files[1], 320).await.content_type, "image/jpeg");
    // And one that goes makes room for the portrait again.
    fs::remove_file(files[0].with_extension("preview.png")).unwrap();
    bench.scan(&root).await;
    assert_eq!(picture(&files[0], 320).await.content_type, "image/svg+xml");
}

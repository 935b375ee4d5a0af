use crate::support::{Fixture, facts, file, on_both, root};
use weft_domain::query::Facet;
use weft_domain::{AdapterEdit, LibraryQuery, Sort};
use weft_storage::{AdapterFacts, NewFile, Store, Strengths, WorkKind};

on_both!(
    words_are_found_as_people_type_them,
    any_text_is_safe,
    every_filter_counts_under_all_the_others,
    every_order_is_total_and_turns_round,
    windows_cover_everything_once,
);

async fn total(store: &Store, text: &str) -> u64 {
    store.adapters().query(&LibraryQuery { text: text.into(), ..Default::default() }).await.unwrap().total
}

async fn words_are_found_as_people_type_them(fixture: &Fixture) {
    let store = &fixture.store;
    let root = root(store, "/r").await;
    let named = |path: &str, title: &str, trigger: &str| {
        file(path, AdapterFacts { title: Some(title.into()), trigger_words: vec![trigger.into()], ..facts("sdxl") })
    };
    let files = [
        named("Styles/NordicInk_v2.safetensors", "Nordic Ink", "nrdnk style"),
        named("Styles/cafe-noir.safetensors", "Café Noir", "cfnoir"),
        named("people/JaneDoe3000.safetensors", "", "jndoe"),
        named("cjk/水墨.safetensors", "水墨画 Ink", "ｓｕｉｂｏｋｕ"),
        named("misc/2e5_0x1f_1.5.safetensors", "Numbers", "x-y"),
    ];
    store.adapters().upsert(root.id, &files, 10).await.unwrap();
    for (text, found) in [
        ("ink", 2),
        ("INK nord", 1),
        ("nordicink", 1),
        ("NordicInk", 1),
        ("v2", 1),
        ("ink v2", 1),
        ("inkv2", 0),
        ("cafe", 1),
        ("CAFÉ noir", 1),
        ("jane", 1),
        ("doe 3000", 1),
        ("doe3", 1),
        ("janedoe30", 1),
        ("styles", 2),
        ("nrd sty", 1),
        ("水墨", 1),
        ("墨", 1),
        ("suiboku", 1),
        ("2e5", 1),
        ("2e", 1),
        ("0x1f", 1),
        ("1.5", 1),
        ("safetensors", 5),
        ("nk", 0),
        ("ink paper", 0),
        ("   ", 5),
    ] {
        assert_eq!(total(store, text).await, found, "{text:?}");
    }
}

async fn any_text_is_safe(fixture: &Fixture) {
    let store = &fixture.store;
    let root = root(store, "/r").await;
    store.adapters().upsert(root.id, &[file("or_and_not_near.safetensors", facts("sd1"))], 10).await.unwrap();
    for text in
        ["or", "AND NOT", "NEAR(or and)", "or* ^or", "\"or\"", "or\" OR \"x", "search_text:or", "{or and}", "or + and", "-or", "or AND"]
    {
        let rows = total(store, text).await;
        assert!(rows <= 1, "{text:?} found {rows}");
    }
    assert_eq!(total(store, "NEAR not").await, 1);
    let million = "or\" ".repeat(262_144);
    for text in ["'", "''", "\\", "%", "_", "🔥🔥", "\0", "a\0b", ":*", "!&|()", "'or':* & !'x'", "\u{202e}ro", &million, "ﷺ"] {
        total(store, text).await;
    }
    let odd = LibraryQuery {
        family: vec!["' OR 1=1 --".into(), String::new()],
        tag: vec!["\0".into(), "%".into()],
        root: vec!["1; DROP TABLE roots".into()],
        blocks: vec!["nonsense".into()],
        ..Default::default()
    };
    assert_eq!(store.adapters().query(&odd).await.unwrap().total, 0);
    assert_eq!(total(store, "").await, 1);
}

fn counts(facet: &[Facet]) -> Vec<(&str, u64)> {
    facet.iter().map(|facet| (facet.value.as_str(), facet.count)).collect()
}

async fn every_filter_counts_under_all_the_others(fixture: &Fixture) {
    let store = &fixture.store;
    let (one, two) = (root(store, "/one").await, root(store, "/two").await);
    let make = |name: &str, family: &str, kind: &str, tags: &[&str]| {
        let tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
        file(name, AdapterFacts { kind: kind.into(), tags, ..facts(family) })
    };
    let files = [
        make("ink1.safetensors", "sd1", "lora", &["ink", "line"]),
        make("ink2.safetensors", "sdxl", "lora", &["ink"]),
        make("ink3.safetensors", "sdxl", "loha", &["line"]),
        make("oil1.safetensors", "sd1", "loha", &[]),
    ];
    store.adapters().upsert(one.id, &files, 10).await.unwrap();
    store.adapters().upsert(two.id, &[make("ink9.safetensors", "flux1", "lora", &["ink"])], 10).await.unwrap();
    let items = store.adapters().pending(WorkKind::Strengths, one.id, None, 2).await.unwrap();
    store.adapters().set_strengths(&items[0], &Strengths { has_block_weights: true, ..Default::default() }, 20).await.unwrap();
    store.adapters().set_strengths_failed(&items[1], "no", 20).await.unwrap();

    let query = LibraryQuery { text: "ink".into(), family: vec!["sdxl".into()], kind: vec!["lora".into()], ..Default::default() };
    let page = store.adapters().query(&query).await.unwrap();
    assert_eq!(page.total, 1);
    let facets = page.facets.unwrap();
    assert_eq!(counts(&facets.family), [("flux1", 1), ("sd1", 1), ("sdxl", 1)], "under ink and lora");
    assert_eq!(counts(&facets.kind), [("loha", 1), ("lora", 1)], "under ink and sdxl");
    assert_eq!(counts(&facets.layout), [("sdxl_layout", 1)]);
    assert_eq!(counts(&facets.tag), [("ink", 1)]);
    assert_eq!(counts(&facets.root), [(one.id.to_string().as_str(), 1)]);
    assert_eq!(facets.root[0].label, "one");
    assert_eq!((facets.kind[1].label.as_str(), facets.family[0].label.as_str()), ("LoRA", "FLUX1"));

    let tagged = LibraryQuery { tag: vec!["line".into(), "none such".into()], ..Default::default() };
    let page = store.adapters().query(&tagged).await.unwrap();
    assert_eq!(page.total, 2);
    let facets = page.facets.unwrap();
    assert_eq!(counts(&facets.tag), [("ink", 3), ("line", 2), ("none such", 0)], "tags are not narrowed by themselves");
    assert_eq!(counts(&facets.kind), [("loha", 1), ("lora", 1)]);

    let blocks = |words: &[&str]| LibraryQuery { blocks: words.iter().map(|w| (*w).into()).collect(), ..Default::default() };
    assert_eq!(store.adapters().query(&blocks(&["real"])).await.unwrap().total, 1);
    assert_eq!(store.adapters().query(&blocks(&["fallback"])).await.unwrap().total, 1);
    assert_eq!(store.adapters().query(&blocks(&["real", "fallback"])).await.unwrap().total, 2);
    let gone = LibraryQuery { family: vec!["wan".into()], root: vec![two.id.to_string()], ..Default::default() };
    let page = store.adapters().query(&gone).await.unwrap();
    assert_eq!(counts(&page.facets.unwrap().family), [("flux1", 1), ("wan", 0)], "what is chosen stays to be unchosen");
}

async fn every_order_is_total_and_turns_round(fixture: &Fixture) {
    let store = &fixture.store;
    let root = root(store, "/r").await;
    let make =
        |name: &str, size, modified_ms, rank| NewFile { size, modified_ms, ..file(name, AdapterFacts { rank_max: rank, ..facts("sd1") }) };
    let files = [make("b10.safetensors", 3, 1, Some(8)), make("B2.safetensors", 1, 3, None), make("á.safetensors", 2, 2, Some(64))];
    let ids: Vec<_> = store.adapters().upsert(root.id, &files, 10).await.unwrap().into_iter().map(|done| done.id).collect();
    for (id, stars) in [(ids[1], 5), (ids[2], 1)] {
        store.adapters().edit(id, &AdapterEdit { rating: Some(stars), ..Default::default() }, 20).await.unwrap();
    }
    let items = store.adapters().pending(WorkKind::Strengths, root.id, None, 9).await.unwrap();
    for (item, frobenius) in [(&items[0], 1.5), (&items[2], 9.0)] {
        store.adapters().set_strengths(item, &Strengths { frobenius: Some(frobenius), ..Default::default() }, 30).await.unwrap();
    }
    let order = async |sort, reverse| {
        let page = store.adapters().query(&LibraryQuery { sort, reverse, ..Default::default() }).await.unwrap();
        page.items.into_iter().map(|card| card.name).collect::<Vec<_>>().join(" ")
    };
    for (sort, forward, backward) in [
        (Sort::Name, "á B2 b10", "b10 B2 á"),
        (Sort::Added, "á B2 b10", "b10 B2 á"),
        (Sort::Size, "b10 á B2", "B2 á b10"),
        (Sort::Modified, "B2 á b10", "b10 á B2"),
        (Sort::Rank, "á b10 B2", "b10 á B2"),
        (Sort::Rating, "B2 á b10", "á B2 b10"),
        (Sort::Strength, "á b10 B2", "b10 á B2"),
    ] {
        assert_eq!(order(sort, false).await, forward, "{sort:?}");
        assert_eq!(order(sort, true).await, backward, "{sort:?} turned round");
    }
}

async fn windows_cover_everything_once(fixture: &Fixture) {
    let store = &fixture.store;
    let root = root(store, "/r").await;
    let files: Vec<NewFile> = (0..250).map(|n| file(&format!("same name/{n}/x.safetensors"), facts("sd1"))).collect();
    store.adapters().upsert(root.id, &files, 10).await.unwrap();
    let mut seen = std::collections::HashSet::new();
    let mut query = LibraryQuery { limit: 100, sort: Sort::Rating, ..Default::default() };
    for expected in [100, 100, 50, 0] {
        let page = store.adapters().query(&query).await.unwrap();
        assert_eq!((page.items.len(), page.total, page.facets.is_some()), (expected, 250, query.offset == 0));
        seen.extend(page.items.iter().map(|card| card.id));
        query.offset += 100;
    }
    assert_eq!(seen.len(), 250);
    assert_eq!(store.adapters().recent(7).await.unwrap().len(), 7);
    let ids: Vec<_> = seen.iter().copied().collect();
    let cards = store.adapters().cards(&ids).await.unwrap();
    assert_eq!(cards.iter().map(|card| card.id).collect::<Vec<_>>(), ids, "in the order asked for");
}

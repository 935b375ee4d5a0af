//! Texts as block vectors, preset files, tables and stored profiles, for every layout. What was read is written and read again as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use weft_weights::layout::{Layout, views};
use weft_weights::profile::{Profile, to_text};

fuzz_target!(|data: &[u8]| {
    let Some((first, rest)) = data.split_first() else { return };
    let Ok(text) = std::str::from_utf8(rest) else { return };
    let all: Vec<&'static Layout> = views().iter().filter_map(|v| Layout::by_id(v.layout)).collect();
    let layout = all[usize::from(*first) % all.len()];
    let _ = Layout::alias(text);
    let _ = Layout::by_id(text);
    if let Ok(named) = Profile::parse(text, layout, Some(7)) {
        check(&named.profile, layout);
    }
    for named in Profile::parse_lines(text, layout, None).into_iter().flatten() {
        check(&named.profile, layout);
    }
    if let Ok(profile) = Profile::from_csv(text, layout) {
        check(&profile, layout);
    }
    if let Ok(profile) = Profile::from_json(text) {
        check(&profile, profile.layout());
    }
});

fn check(profile: &Profile, layout: &'static Layout) {
    assert_eq!(Profile::from_json(&profile.to_json()).as_ref(), Ok(profile));
    assert_eq!(Profile::from_csv(&profile.to_csv(), layout).as_ref(), Ok(profile));
    for view in layout.views() {
        let _ = to_text(profile, view);
    }
}

use super::*;

fn layout(id: &str) -> &'static Layout {
    Layout::by_id(id).unwrap()
}

fn block(profile: &Profile, label: &str) -> f64 {
    profile.factor(SlotRef::Block(profile.layout().slot(label).unwrap().id))
}

#[test]
fn lbw17_names_the_attention_blocks() {
    let read = Profile::parse("MIDD:0.5,0,0,0,1,1,1,2,1,1,1,1,0,0,0,0,-1 # note", layout("sd_unet_25"), None).unwrap();
    assert_eq!((read.name.as_deref(), read.view), (Some("MIDD"), "lbw17"));
    let p = read.profile;
    assert_eq!((p.base(), block(&p, "IN01"), block(&p, "IN05"), block(&p, "M00"), block(&p, "OUT11")), (0.5, 0.0, 1.0, 2.0, -1.0));
    assert_eq!(block(&p, "IN00"), 1.0, "not named by the notation");
}

#[test]
fn flux_19_drives_a_double_and_its_two_singles() {
    let text: Vec<String> = (0..19).map(|i| format!("{}", f64::from(i) / 10.0)).collect();
    let p = Profile::parse(&text.join(","), layout("flux_unet_57"), None).unwrap().profile;
    assert_eq!((block(&p, "D03"), block(&p, "S06"), block(&p, "S07"), block(&p, "S08")), (0.3, 0.3, 0.3, 0.4));
}

#[test]
fn flux_61_sets_clip_and_t5() {
    let mut values = vec!["1"; 61];
    (values[0], values[1], values[2], values[60]) = ("0.1", "0.2", "0.3", "0.4");
    let p = Profile::parse(&values.join(","), layout("flux_unet_57"), None).unwrap().profile;
    let of = |e| p.factor(SlotRef::Extra(e));
    assert_eq!((of(Extra::Te1), of(Extra::Te3), of(Extra::In), of(Extra::Out), of(Extra::Mod)), (0.1, 0.2, 0.3, 0.4, 1.0));
}

#[test]
fn a_count_that_fits_nothing_says_what_does() {
    let e = Profile::parse("1,1,1", layout("sdxl_unet_19"), None).unwrap_err().to_string();
    assert!(e.contains("3 values") && e.contains("12 (lbw12)") && e.contains("20 (lbw20)"), "{e}");
    // A count alone never picks another layout: 17 is SD's, not SDXL's.
    assert!(Profile::parse(&["1"; 17].join(","), layout("sdxl_unet_19"), None).is_err());
}

#[test]
fn symbols_and_bad_values_are_refused_with_a_reason() {
    let l = layout("sdxl_unet_19");
    let with = |v: &str| Profile::parse(&format!("{v},1,1,1,1,1,1,1,1,1,1,1"), l, None).unwrap_err().to_string();
    assert!(with("R").contains("random") && with("U").contains("random") && with("X").contains("grid"));
    assert!(with("2.5").contains("between -2 and 2") && with("NaN").contains("between") && with("a").contains("no number"));
    assert!(with("").contains("no number") && with("inf").contains("between"));
    let (a, b) = (Profile::parse(&["R"; 12].join(","), l, Some(1)), Profile::parse(&["R"; 12].join(","), l, Some(1)));
    assert_eq!(a, b);
    assert_ne!(a, Profile::parse(&["R"; 12].join(","), l, Some(2)));
}

#[test]
fn preset_files_name_the_wrong_line() {
    let l = layout("sdxl_unet_19");
    let ones = ["1"; 12].join(",");
    let read = Profile::parse_lines(&format!("# mine\n\nA:{ones}\nB:{ones}\n"), l, None).unwrap();
    assert_eq!(read.iter().map(|p| p.name.as_deref()).collect::<Vec<_>>(), [Some("A"), Some("B")]);
    assert!(Profile::parse_lines(&format!("A:{ones}\nB:1,2"), l, None).unwrap_err().to_string().starts_with("line 2"));
}

#[test]
fn text_round_trips_in_every_notation() {
    for l in &crate::layout::LAYOUTS {
        for view in l.views() {
            let values: Vec<String> = (0..view.entries.len()).map(|i| format!("{}", f64::from(i as u32 % 7) * 0.25 - 0.5)).collect();
            // In the finer notation several values fall into one block; those must agree.
            let values = if view.id == "unet_57" { vec!["0.5".to_owned(); 57] } else { values };
            let p = Profile::parse(&values.join(","), l, None).unwrap().profile;
            let (text, exact) = to_text(&p, view);
            assert!(exact, "{}", view.id);
            assert_eq!(Profile::parse(&text, l, None).unwrap().profile, p, "{}", view.id);
        }
    }
}

#[test]
fn a_notation_that_cannot_say_it_all_admits_it() {
    let l = layout("flux_unet_57");
    let view = l.views().find(|v| v.id == "fl19").unwrap();
    let mut p = Profile::neutral(l);
    assert!(to_text(&p, view).1);
    p.set_named("s01", 0.0).unwrap();
    assert!(!to_text(&p, view).1);
}

#[test]
fn json_and_csv_round_trip_with_names() {
    for l in &crate::layout::LAYOUTS {
        let mut p = Profile::neutral(l);
        p.set_base(0.25).unwrap();
        p.set_named(l.slots[3].label, -1.5).unwrap();
        p.set_named("te1", 0.5).unwrap();
        assert_eq!(Profile::from_json(&p.to_json()).unwrap(), p);
        assert_eq!(Profile::from_csv(&p.to_csv(), l).unwrap(), p);
        assert!(p.to_json().contains(&format!("\"{}\": -1.5", l.slots[3].label)));
    }
    // Order does not matter, names do; what is not named stays 1.
    let p = Profile::from_json(r#"{"layout":"sdxl_unet_19","version":1,"blocks":{"OUT00":0.5,"IN04":0}}"#).unwrap();
    assert_eq!((block(&p, "OUT00"), block(&p, "IN04"), block(&p, "M00"), p.base()), (0.5, 0.0, 1.0, 1.0));
}

#[test]
fn wrong_tables_are_refused() {
    let l = layout("sdxl_unet_19");
    assert!(Profile::from_csv("slot,value\nIN11,1", l).unwrap_err().to_string().contains("IN11 is no block"));
    assert!(Profile::from_csv("IN00,1\nin00,1", l).unwrap_err().to_string().contains("twice"));
    assert!(Profile::from_csv("LAYOUT,flux_unet_57", l).unwrap_err().to_string().contains("flux_unet_57"));
    assert!(Profile::from_csv("IN00,9", l).is_err() && Profile::from_csv("", l).is_err());
    for bad in [
        "[]",
        r#"{"layout":"x","version":1}"#,
        r#"{"layout":"sdxl_unet_19","version":2}"#,
        r#"{"layout":"sdxl_unet_19","version":1,"blocks":{"D00":1}}"#,
        r#"{"layout":"sdxl_unet_19","version":1,"blocks":{"IN00":3}}"#,
    ] {
        assert!(Profile::from_json(bad).is_err(), "{bad}");
    }
}

#[test]
fn presets_match_the_communitys_vectors() {
    let l = layout("sd_unet_25");
    let view = l.views().find(|v| v.id == "lbw17").unwrap();
    let text = |name: &str| to_text(&presets(l).into_iter().find(|p| p.name == name).unwrap().profile, view).0;
    assert_eq!(text("INS"), "1,1,1,1,0,0,0,0,0,0,0,0,0,0,0,0,0");
    assert_eq!(text("IND"), "1,0,0,0,1,1,1,0,0,0,0,0,0,0,0,0,0");
    assert_eq!(text("MIDD"), "1,0,0,0,1,1,1,1,1,1,1,1,0,0,0,0,0");
    assert_eq!(text("OUTS"), "1,0,0,0,0,0,0,0,0,0,0,0,1,1,1,1,1");
    assert_eq!(text("NONE"), "0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0");
    for l in &crate::layout::LAYOUTS {
        let all = presets(l);
        assert!(all.iter().any(|p| p.profile.is_neutral()));
        for (i, a) in all.iter().enumerate() {
            assert!(all[..i].iter().all(|b| b.profile != a.profile && b.name != a.name), "{} {}", l.id, a.name);
        }
    }
}

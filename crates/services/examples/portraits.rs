//! Draws a contact sheet of woven portraits: `cargo run -p weft-services --example portraits -- sheet.html`.
//!
//! For looking at the drawing while changing it. Strengths are smooth random curves of every layout.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fmt::Write as _;
use weft_services::previews::portrait::{Subject, Warp, draw};
use weft_weights::layout::LAYOUTS;

/// A number between 0 and 1 from a counter.
fn noise(n: u64) -> f64 {
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((n ^ (n >> 31)) >> 11) as f64 / (1u64 << 53) as f64
}

fn main() -> std::io::Result<()> {
    let out = std::env::args().nth(1).unwrap_or_else(|| "portraits.html".to_owned());
    let kinds = ["lora", "lora", "lora", "locon", "loha", "lokr", "dora"];
    let (mut large, mut small) = (String::new(), String::new());
    for n in 0..28u64 {
        let layout = &LAYOUTS[n as usize % LAYOUTS.len()];
        let count = layout.slots.len() as f64;
        let (turns, phase) = (0.6 + 2.0 * noise(n * 31 + 1), noise(n * 31 + 2) * 6.3);
        let strength = |i: usize| {
            let wave = (i as f64 / count * 6.3 * turns + phase).sin();
            (0.12 + 0.88 * wave * wave) * (0.35 + 0.65 * noise(n * 1000 + i as u64))
        };
        let absent = |i: usize| n % 5 == 4 && (i as f64 / count - 0.5).abs() > 0.32;
        let mut groups: Vec<&str> = Vec::new();
        let warps: Vec<Warp> = layout
            .slots
            .iter()
            .enumerate()
            .map(|(i, slot)| {
                if groups.last() != Some(&slot.group.id()) {
                    groups.push(slot.group.id());
                }
                Warp { rms: (!absent(i)).then(|| strength(i).powi(2)), group: u8::try_from(groups.len()).unwrap_or(u8::MAX) - 1 }
            })
            .collect();
        let svg = draw(&Subject {
            warps: &warps,
            measured: n % 13 != 12,
            family: layout.family.id(),
            kind: kinds[n as usize % kinds.len()],
            rank: Some(4 << (n % 6)),
            seed: n.wrapping_mul(0x9e37_79b9_7f4a_7c15),
        });
        let address = format!("data:image/svg+xml;base64,{}", STANDARD.encode(&svg));
        let _infallible =
            write!(large, "<figure><img src='{address}'><figcaption>{} · {} bytes</figcaption></figure>", layout.id, svg.len());
        let _infallible = write!(small, "<span><img src='{address}'></span>");
    }
    let page = format!(
        "<!doctype html><meta charset=utf-8><style>body{{margin:16px;background:#0e0f12;color:#888;font:11px sans-serif}}figure{{display:inline-block;margin:8px}}\
         figure img{{display:block;width:206px;height:222px;border-radius:14px}}span img{{width:60px;height:65px;border-radius:8px;margin:4px}}</style>{large}<br>{small}"
    );
    std::fs::write(&out, page)
}

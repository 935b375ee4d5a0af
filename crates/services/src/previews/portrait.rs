//! The drawn picture of an adapter: a piece of cloth woven from its block strengths.
//!
//! Warp threads are the blocks in layout order: width and light are their strength (square root of rms over the strongest). Groups are
//! parted by a gap and lean to their own hue; a block that the file has nothing in is a bare place with the weft showing. The number of
//! weft threads follows the rank, the way they cross follows the kind, hue and stripes follow family and content. Two adapters look
//! alike only if they are alike. Without strengths the cloth is grey and dashed.
//!
//! An SVG of a few kilobytes, the same for the same input, without scripts, styles or text of the file in it: safe to serve as it is.

use super::palette::{Palette, Random};
use super::pattern::weave_of;
use std::fmt::Write as _;

/// Width of the picture's own coordinates.
pub const WIDTH: f64 = 320.0;
/// Height of the picture's own coordinates.
pub const HEIGHT: f64 = 344.0;

/// One warp thread.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Warp {
    /// Root mean square of ΔW in the block, any unit. None: the file has nothing there.
    pub rms: Option<f64>,
    /// Number of the display group, counted from 0 in layout order.
    pub group: u8,
}

/// What a picture is drawn from.
#[derive(Debug, Clone, PartialEq)]
pub struct Subject<'a> {
    /// Blocks in layout order; none present draws a plain neutral cloth.
    pub warps: &'a [Warp],
    /// The strengths are real. False draws the neutral cloth.
    pub measured: bool,
    /// Family id: `sdxl`, `flux1`…
    pub family: &'a str,
    /// Kind id: `lora`, `loha`…
    pub kind: &'a str,
    /// Largest rank, for the density of the weft.
    pub rank: Option<u32>,
    /// From the content of the file: the same for a renamed copy.
    pub seed: u64,
}

/// Draws the picture.
#[must_use]
pub fn draw(subject: &Subject<'_>) -> String {
    Loom::set_up(subject).weave()
}

/// A thread on the loom.
#[derive(Debug, Clone, Copy)]
struct Thread {
    /// Centre.
    x: f64,
    /// Room it has, gap included.
    pitch: f64,
    /// 0 weak to 1 strongest; None absent.
    value: Option<f64>,
    group: u8,
}

/// Steps of light that threads are sorted into, so that one path draws many.
const LEVELS: usize = 7;

#[derive(Debug)]
struct Loom {
    threads: Vec<Thread>,
    rows: usize,
    /// For row phase p and column i: does the weft pass over?
    over: fn(usize, usize) -> bool,
    /// Rows until the crossing pattern repeats.
    period: usize,
    palette: Palette,
    measured: bool,
    random: Random,
}

impl Loom {
    fn set_up(subject: &Subject<'_>) -> Self {
        let mut random = Random(subject.seed);
        let plain: Vec<Warp>;
        let warps = if subject.warps.iter().all(|w| w.rms.is_none()) {
            plain = vec![Warp { rms: Some(1.0), group: 0 }; 20];
            &plain
        } else {
            subject.warps
        };
        let measured = subject.measured && subject.warps.iter().any(|w| w.rms.is_some_and(|v| v.is_finite() && v > 0.0));
        let palette = Palette::new(subject.family, measured, &mut random);
        let threads = warp(warps, measured, &mut random);
        let (over, period) = weave_of(if measured { subject.kind } else { "" });
        let rank = f64::from(subject.rank.unwrap_or(8).clamp(1, 512));
        let rows = (13.0 + 2.1 * rank.log2() + 0.16 * threads.len() as f64).round() as usize;
        Self { threads, rows, over, period, palette, measured, random }
    }

    fn weave(mut self) -> String {
        let mut svg = String::with_capacity(10_000);
        let _ = write!(svg, r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 320 344" width="320" height="344"><defs>"#);
        self.light(&mut svg);
        let body = if self.measured { self.warp_shapes(&mut svg) } else { self.neutral_warp() };
        let rows = self.row_groups(&mut svg);
        svg.push_str("</defs>");
        let ground = self.palette.tone(0.16, 0.03, self.palette.warp);
        let _ = write!(svg, r#"<path fill="{ground}" d="M0 0h320v344H0z"/>"#);
        self.hidden_weft(&mut svg);
        svg.push_str(&body);
        svg.push_str(&rows);
        svg.push_str(r#"<path fill="url(#s)" d="M0 0h320v344H0z"/><path fill="url(#v)" d="M0 0h320v344H0z"/></svg>"#);
        svg
    }

    /// A soft sheen across the cloth, darker edges, and the twist of the yarn.
    fn light(&mut self, svg: &mut String) {
        let (x, y) = (self.random.between(0.2, 0.8), self.random.between(0.1, 0.45));
        let sheen = self.palette.tone(0.93, 0.05, self.palette.warp);
        let _ = write!(
            svg,
            r##"<radialGradient id="s" cx="{x:.2}" cy="{y:.2}" r=".8"><stop stop-color="{sheen}" stop-opacity=".12"/><stop offset=".6" stop-color="{sheen}" stop-opacity="0"/></radialGradient><radialGradient id="v" r=".8"><stop offset=".5" stop-opacity="0"/><stop offset="1" stop-opacity=".45"/></radialGradient><pattern id="t" width="4" height="3" patternUnits="userSpaceOnUse"><path d="M-1 3.5L5-.5" stroke="#000" stroke-opacity=".28" stroke-width=".8"/></pattern>"##
        );
    }

    fn pitch(&self) -> f64 {
        HEIGHT / self.rows as f64
    }

    /// The weft where it lies under the warp: seen in the gaps.
    fn hidden_weft(&self, svg: &mut String) {
        let mut d = String::new();
        for row in 0..self.rows {
            let _ = write!(d, "M0 {}h320", num((row as f64 + 0.5) * self.pitch()));
        }
        let colour = self.palette.weft(0, 0.1, -0.03);
        if self.measured {
            let _ = write!(svg, r#"<path stroke="{colour}" stroke-width="{}" d="{d}"/>"#, num(self.pitch() * 0.26));
        }
    }

    /// Shapes of the warp into the defs, one per group and level; gives back what draws them: body, twist, light and shade.
    fn warp_shapes(&self, svg: &mut String) -> String {
        let (mut draw, mut bright, mut shade) = (String::new(), String::new(), String::new());
        svg.push_str(r#"<g id="w">"#);
        for group in 0..=self.threads.iter().map(|t| t.group).max().unwrap_or(0) {
            for level in 0..LEVELS {
                let mut d = String::new();
                for (thread, v) in self.threads.iter().filter(|t| t.group == group).filter_map(|t| Some((t, t.value?))) {
                    if level_of(v) == level {
                        let width = thread_width(thread, v);
                        column(&mut d, thread.x - width * 0.5, width);
                        column(&mut bright, thread.x - width * 0.26, width * 0.24);
                        column(&mut shade, thread.x + width * 0.22, width * 0.28);
                    }
                }
                if !d.is_empty() {
                    let _ = write!(svg, r#"<path id="w{group}-{level}" d="{d}"/>"#);
                    let colour = self.palette.warp(group, level_value(level), 0.0);
                    let _ = write!(draw, r##"<use href="#w{group}-{level}" fill="{colour}"/>"##);
                }
            }
        }
        svg.push_str("</g>");
        let _ = write!(
            draw,
            r##"<use href="#w" fill="url(#t)"/><path fill="#fff" fill-opacity=".2" d="{bright}"/><path fill-opacity=".3" d="{shade}"/>"##
        );
        draw
    }

    /// The warp of the neutral cloth: a dash wherever the thread would lie above.
    fn neutral_warp(&self) -> String {
        let pitch = self.pitch();
        let mut svg = String::from(r#"<g fill="none" stroke-linecap="round">"#);
        for side in 0..2 {
            let mut d = String::new();
            for (_, thread) in self.threads.iter().enumerate().filter(|(i, t)| i % 2 == side && t.value.is_some()) {
                let _ = write!(d, "M{} 0v344", num(thread.x));
            }
            let width = self.threads.first().map_or(4.0, |t| t.pitch * 0.34).min(pitch * 0.5);
            let dash = (pitch * 1.16 - width).max(pitch * 0.3);
            // Row r passes over column i where r + i is even: the warp shows around the odd ones.
            let offset = pitch * (0.5 - side as f64) + dash / 2.0;
            let _ = write!(
                svg,
                r#"<path stroke="{}" stroke-width="{}" stroke-dasharray="{} {}" stroke-dashoffset="{}" d="{d}"/>"#,
                self.palette.tone(0.54, 0.34, self.palette.warp),
                num(width),
                num(dash),
                num(pitch * 2.0 - dash),
                num(offset)
            );
        }
        svg + "</g>"
    }

    /// Writes the floats of each phase and one group per phase and weft colour into the defs; gives back the uses that lay them row by row.
    fn row_groups(&mut self, svg: &mut String) -> String {
        let pitch = self.pitch();
        for phase in 0..self.period {
            self.float_shapes(svg, phase);
        }
        let mut made = std::collections::BTreeSet::new();
        let mut uses = String::new();
        for row in 0..self.rows {
            let (phase, which) = (row % self.period, self.palette.stripes[row % self.palette.stripes.len()]);
            if made.insert((phase, which)) {
                self.row(svg, phase, which, pitch * 0.62);
            }
            let y = (row as f64 + 0.5 + self.random.between(-0.06, 0.06)) * pitch;
            let _ = write!(uses, r##"<use href="#r{phase}{which}" y="{}"/>"##, num(y));
        }
        format!(r#"<g fill="none" stroke-linecap="round">{uses}</g>"#)
    }

    /// Where the weft of a phase lies above, by level of light, around y = 0.
    fn float_shapes(&self, svg: &mut String, phase: usize) {
        let floats = self.floats(phase);
        let _ = write!(svg, r#"<g id="f{phase}">"#);
        for level in 0..LEVELS {
            let mut d = String::new();
            for (from, to, _) in floats.iter().filter(|(_, _, v)| level_of(*v) == level) {
                let _ = write!(d, "M{} 0h{}", num(*from), num(to - from));
            }
            if !d.is_empty() {
                let _ = write!(svg, r#"<path id="f{phase}-{level}" d="{d}"/>"#);
            }
        }
        svg.push_str("</g>");
    }

    /// One row around y = 0: shadow below, thread in its light, shade along its lower and light along its upper side.
    fn row(&self, svg: &mut String, phase: usize, which: u8, body: f64) {
        if !self.measured {
            let colour = self.palette.tone(if which == 0 { 0.40 } else { 0.46 }, 0.34, self.palette.warp);
            let _ = write!(
                svg,
                r##"<g id="r{phase}{which}"><use href="#f{phase}" stroke="{colour}" stroke-width="{}"/></g>"##,
                num(body * 0.42)
            );
            return;
        }
        let _ = write!(
            svg,
            r##"<g id="r{phase}{which}"><use href="#f{phase}" y="{}" stroke="#000" stroke-opacity=".42" stroke-width="{}"/><g stroke-width="{}">"##,
            num(body * 0.14),
            num(body * 1.24),
            num(body)
        );
        let used: std::collections::BTreeSet<usize> = self.floats(phase).iter().map(|(_, _, v)| level_of(*v)).collect();
        for level in used {
            let colour = self.palette.weft(which, level_value(level), 0.0);
            let _ = write!(svg, r##"<use href="#f{phase}-{level}" stroke="{colour}"/>"##);
        }
        let _ = write!(
            svg,
            r##"</g><use href="#f{phase}" y="{}" stroke="#000" stroke-opacity=".26" stroke-width="{}"/><use href="#f{phase}" y="{}" stroke="#fff" stroke-opacity=".3" stroke-width="{}"/></g>"##,
            num(body * 0.28),
            num(body * 0.4),
            num(body * -0.2),
            num(body * 0.2)
        );
    }

    /// Stretches of a row that lie above: (from, to, light).
    fn floats(&self, phase: usize) -> Vec<(f64, f64, f64)> {
        let cap = self.pitch() * 0.31;
        let mut out: Vec<(f64, f64, f64)> = Vec::new();
        let mut joined = false;
        for (column, thread) in self.threads.iter().enumerate() {
            let over = (self.over)(phase, column);
            if let (true, Some(v)) = (over, thread.value) {
                let half = thread.pitch * 0.56;
                let (from, to) = (thread.x - half, thread.x + half);
                match out.last_mut() {
                    Some(last) if joined && from - last.1 < 1.0 => {
                        last.1 = to;
                        last.2 = (last.2 + v) / 2.0;
                    }
                    _ => out.push((from, to, v)),
                }
                joined = true;
            } else {
                joined = false;
            }
        }
        // Round ends must not reach farther than the thread does.
        for (from, to, _) in &mut out {
            let cut = cap.min((*to - *from) * 0.38);
            *from += cut;
            *to -= cut;
        }
        out
    }
}

/// Width of a warp thread.
fn thread_width(thread: &Thread, v: f64) -> f64 {
    thread.pitch * (0.30 + 0.62 * v)
}

fn level_of(v: f64) -> usize {
    ((v * LEVELS as f64) as usize).min(LEVELS - 1)
}

fn level_value(level: usize) -> f64 {
    (level as f64 + 0.5) / LEVELS as f64
}

/// Places the threads: even room, wider gaps between groups.
fn warp(warps: &[Warp], measured: bool, random: &mut Random) -> Vec<Thread> {
    let strongest = warps.iter().filter_map(|w| w.rms).filter(|v| v.is_finite()).fold(0.0, f64::max);
    let gaps = warps.windows(2).filter(|w| w[0].group != w[1].group).count() as f64;
    let gap = 0.55;
    let pitch = WIDTH / (warps.len() as f64 + gaps * gap);
    let mut x = 0.0;
    let mut before = warps.first().map_or(0, |w| w.group);
    let mut threads = Vec::with_capacity(warps.len());
    for w in warps {
        if w.group != before {
            x += gap * pitch;
            before = w.group;
        }
        let value = match w.rms {
            None => None,
            Some(_) if !measured => Some(0.5),
            Some(v) => Some((v.max(0.0) / strongest).sqrt().clamp(0.0, 1.0)),
        };
        let jitter = random.between(-0.03, 0.03) * pitch;
        threads.push(Thread { x: x + pitch / 2.0 + jitter, pitch, value, group: w.group });
        x += pitch;
    }
    threads
}

/// One upright stretch from top to bottom.
fn column(d: &mut String, left: f64, width: f64) {
    let w = num(width);
    let _ = write!(d, "M{} 0h{w}v344h-{w}", num(left));
}

/// A coordinate with one digit, as short as it goes.
fn num(v: f64) -> String {
    let v = (v * 10.0).round() / 10.0;
    let text = format!("{v:.1}");
    let text = text.strip_suffix(".0").unwrap_or(&text);
    match (text.strip_prefix("0."), text.strip_prefix("-0.")) {
        _ if text == "-0" => "0".to_owned(),
        (Some(rest), _) => format!(".{rest}"),
        (_, Some(rest)) => format!("-.{rest}"),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn warps(count: usize, f: impl Fn(usize) -> Option<f64>) -> Vec<Warp> {
        (0..count).map(|i| Warp { rms: f(i), group: u8::from(i >= count / 3) }).collect()
    }

    fn subject<'a>(warps: &'a [Warp], seed: u64) -> Subject<'a> {
        Subject { warps, measured: true, family: "flux1", kind: "lora", rank: Some(16), seed }
    }

    #[test]
    fn the_same_adapter_always_looks_the_same_and_others_differ() {
        let one = warps(57, |i| Some(0.1 + (i as f64 * 0.7).sin().abs()));
        let other = warps(57, |i| Some(0.1 + (i as f64 * 0.4).sin().abs()));
        assert_eq!(draw(&subject(&one, 7)), draw(&subject(&one, 7)));
        assert_ne!(draw(&subject(&one, 7)), draw(&subject(&one, 8)));
        assert_ne!(draw(&subject(&one, 7)), draw(&subject(&other, 7)));
        let scaled: Vec<Warp> = one.iter().map(|w| Warp { rms: w.rms.map(|v| v * 1e-6), ..*w }).collect();
        assert_eq!(draw(&subject(&one, 7)), draw(&subject(&scaled, 7)), "the unit does not count");
    }

    #[test]
    fn every_layout_and_kind_fits_a_small_file() {
        for count in [1, 19, 24, 25, 30, 38, 40, 57] {
            let all = warps(count, |i| Some((i as f64 * 12.9898).sin().abs()));
            for kind in ["lora", "locon", "loha", "lokr", "dora", "oft", "full", "?"] {
                for rank in [None, Some(1), Some(512), Some(u32::MAX)] {
                    let svg = draw(&Subject { kind, rank, ..subject(&all, count as u64) });
                    assert!(svg.len() < 18_000, "{count} {kind} {rank:?}: {} bytes", svg.len());
                    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>"));
                    assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
                }
            }
        }
    }

    #[test]
    fn absent_blocks_are_bare_and_what_is_unmeasured_is_grey() {
        let absent = warps(19, |i| (i > 8).then_some(1.0));
        let full = warps(19, |_| Some(1.0));
        assert!(draw(&subject(&absent, 1)).len() < draw(&subject(&full, 1)).len());
        let neutral = draw(&Subject { measured: false, ..subject(&full, 1) });
        assert!(neutral.contains("stroke-dasharray"));
        assert!(!draw(&subject(&full, 1)).contains("stroke-dasharray"));
        // Neutral too: nothing known of the layout, strengths that are zero or no numbers.
        for warps in [vec![], warps(19, |_| Some(0.0)), warps(19, |_| Some(f64::NAN)), warps(19, |_| None)] {
            assert!(draw(&subject(&warps, 1)).contains("stroke-dasharray"));
        }
    }

    #[test]
    fn coordinates_are_short() {
        let all = [0.0, -0.04, 0.25, -0.25, 10.5, 100.04, 7.0];
        assert_eq!(all.map(num), ["0", "0", ".3", "-.3", "10.5", "100", "7"].map(str::to_owned));
    }
}

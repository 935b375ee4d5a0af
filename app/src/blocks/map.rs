//! The blocks laid out in the shape of the network: a U for UNets, ladders for transformers. Bars of one or more colours lie on it.

use super::axis::{Axis, Run};
use super::plot::{Picker, number, push_rect};
use leptos::prelude::*;

/// Width of the map in its own units.
const WIDTH: f64 = 720.0;

/// Place of one block: a bar that grows from `x` to the right, to the left, or both ways.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Node {
    pub slot: usize,
    x: f64,
    y: f64,
    thick: f64,
    /// Longest bar.
    pub room: f64,
    grows: Grows,
    /// Where its label stands; None where there is no room for it.
    label: Option<(f64, &'static str)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Grows {
    Left,
    Right,
    Both,
}

/// A map: places, lines of the network, headings.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Plan {
    pub nodes: Vec<Node>,
    lines: String,
    skips: String,
    heads: Vec<(f64, f64, &'static str)>,
    height: f64,
}

/// The shape of the network that these blocks make; without places where it is none that is known.
pub(crate) fn plan(axis: &Axis) -> Plan {
    let run = |group: &str| axis.runs.iter().find(|r| r.group == group);
    let mut plan = match (run("in"), run("mid"), run("out"), run("double"), run("single"), run("blocks")) {
        (Some(input), mid, Some(output), ..) => unet(input, mid, output),
        (_, _, _, Some(double), Some(single), _) => ladders(double, single),
        (.., Some(blocks)) => ladder(blocks),
        _ => Plan::default(),
    };
    if let Some(extra) = run("extra") {
        outside(&mut plan, extra);
    }
    plan
}

/// Input blocks go down on the left, output blocks come up on the right, each pair joined by its skip connection; levels step inwards.
fn unet(input: &Run, mid: Option<&Run>, output: &Run) -> Plan {
    let (n, pitch, top) = (input.end - input.start, 22.0, 34.0);
    let mut plan = Plan { heads: vec![(150.0, 16.0, "Input"), (570.0, 16.0, "Output")], ..Plan::default() };
    for i in 0..n {
        let y = top + i as f64 * pitch;
        let inward = (i / 3) as f64 * 22.0;
        let (left, right) = (236.0 + inward, 484.0 - inward);
        plan.nodes.push(Node {
            slot: input.start + i,
            x: left,
            y,
            thick: 14.0,
            room: 210.0,
            grows: Grows::Left,
            label: Some((left + 6.0, "start")),
        });
        plan.nodes.push(Node {
            slot: output.end - 1 - i,
            x: right,
            y,
            thick: 14.0,
            room: 210.0,
            grows: Grows::Right,
            label: Some((right - 6.0, "end")),
        });
        plan.skips += &format!("M{} {}H{}", left + 52.0, y, right - 52.0);
        if i + 1 < n {
            let next = ((i + 1) / 3) as f64 * 22.0;
            plan.lines += &format!(
                "M{left} {}V{}H{}M{right} {}V{}H{}",
                y + 7.0,
                y + pitch / 2.0,
                236.0 + next,
                y + 7.0,
                y + pitch / 2.0,
                484.0 - next
            );
            plan.lines += &format!(
                "M{} {}V{}M{} {}V{}",
                236.0 + next,
                y + pitch / 2.0,
                y + pitch - 7.0,
                484.0 - next,
                y + pitch / 2.0,
                y + pitch - 7.0
            );
        }
    }
    let bottom = top + n as f64 * pitch + 14.0;
    if let Some(mid) = mid {
        let inward = ((n - 1) / 3) as f64 * 22.0;
        plan.nodes.push(Node {
            slot: mid.start,
            x: WIDTH / 2.0,
            y: bottom,
            thick: 14.0,
            room: 210.0,
            grows: Grows::Both,
            label: Some((WIDTH / 2.0, "middle")),
        });
        let y = top + (n - 1) as f64 * pitch + 7.0;
        plan.lines += &format!("M{} {y}V{bottom}H{}V{y}", 236.0 + inward, 484.0 - inward);
    }
    plan.height = bottom + 30.0;
    plan
}

/// Double-stream blocks left, with a rail for the picture and one for the text; single-stream blocks right.
fn ladders(double: &Run, single: &Run) -> Plan {
    let mut plan = Plan {
        heads: vec![(190.0, 16.0, "Double stream: picture and text apart"), (545.0, 16.0, "Single stream: together")],
        ..Plan::default()
    };
    let top = 38.0;
    let tall = 18.0 * 19.0;
    rungs(&mut plan, double, 52.0, 280.0, top, tall);
    rungs(&mut plan, single, 412.0, 280.0, top, tall);
    plan.lines += &format!("M52 {0}V{1}M336 {0}V{1}M412 {0}V{1}", top - 12.0, top + tall);
    plan.lines += &way_across(top, tall);
    plan.height = top + tall + 26.0;
    plan
}

/// One kind of block: one ladder, or two columns where there are many.
fn ladder(blocks: &Run) -> Plan {
    let count = blocks.end - blocks.start;
    let mut plan = Plan { heads: vec![(190.0, 16.0, "First blocks")], ..Plan::default() };
    let top = 38.0;
    let half = count.div_ceil(2);
    let tall = half as f64 * 17.0;
    let (first, second) = (Run { end: blocks.start + half, ..blocks.clone() }, Run { start: blocks.start + half, ..blocks.clone() });
    plan.heads.push((545.0, 16.0, "Last blocks"));
    rungs(&mut plan, &first, 52.0, 280.0, top, tall);
    rungs(&mut plan, &second, 412.0, 280.0, top, tall);
    plan.lines = format!("M52 {0}V{1}M412 {0}V{1}", top - 12.0, top + tall);
    plan.lines += &way_across(top, tall);
    plan.height = top + tall + 26.0;
    plan
}

/// From the foot of the left ladder up to the head of the right one.
fn way_across(top: f64, tall: f64) -> String {
    format!("M52 {}v6q0 8 8 8H350q8 0 8 -8V{}q0 -8 8 -8H404q8 0 8 8", top + tall, top - 12.0)
}

fn rungs(plan: &mut Plan, run: &Run, x: f64, room: f64, top: f64, tall: f64) {
    let count = run.end - run.start;
    let pitch = tall / count.max(1) as f64;
    for i in 0..count {
        let labelled = pitch >= 14.0 || i % 5 == 0;
        plan.nodes.push(Node {
            slot: run.start + i,
            x: x + 4.0,
            y: top + i as f64 * pitch,
            thick: (pitch * 0.68).min(12.0),
            room,
            grows: Grows::Right,
            label: labelled.then_some((x - 8.0, "end")),
        });
    }
}

/// Parts outside of the blocks, side by side below.
fn outside(plan: &mut Plan, extra: &Run) {
    let count = extra.end - extra.start;
    let wide = (WIDTH - 40.0) / count.max(1) as f64;
    plan.heads.push((WIDTH / 2.0, plan.height + 14.0, "Outside of the blocks"));
    for i in 0..count {
        let x = 20.0 + i as f64 * wide;
        plan.nodes.push(Node {
            slot: extra.start + i,
            x: x + 52.0,
            y: plan.height + 36.0,
            thick: 12.0,
            room: (wide - 64.0).max(20.0),
            grows: Grows::Right,
            label: Some((x + 46.0, "end")),
        });
    }
    plan.height += 52.0;
}

impl Node {
    /// Adds a bar of `length`, divided by `parts` (which add up to 1) and pushed into one path each.
    pub(crate) fn push_bar<'a>(&self, length: f64, parts: impl Iterator<Item = (&'a mut String, f64)>) {
        let mut at = if self.grows == Grows::Both { self.x - length / 2.0 } else { self.x };
        for (d, part) in parts {
            let size = length * part;
            let x = if self.grows == Grows::Left { at - size } else { at };
            push_rect(d, x, self.y - self.thick / 2.0, size, self.thick);
            at += if self.grows == Grows::Left { -size } else { size };
        }
    }
}

/// The map: network, tracks, labels, the `layers` of bars, and one tab stop over all of it.
#[component]
pub(crate) fn NetworkMap<L, V>(
    #[prop(into)] axis: Signal<Axis>,
    /// The block that is pointed at.
    active: RwSignal<Option<usize>>,
    /// Name of the map for assistive technology.
    #[prop(into)]
    label: Signal<String>,
    /// Exact values of a block in words.
    #[prop(into)]
    text: Callback<usize, String>,
    /// Draws the bars on the plan.
    layers: L,
) -> impl IntoView
where
    L: FnOnce(Memo<Plan>) -> V + Send + 'static,
    V: IntoView + 'static,
{
    let plan = Memo::new(move |_| axis.with(plan));
    view! {
        <div class="map-frame"><Picker axis active free=true label text>
            <svg class="map" viewBox=move || plan.with(|p| format!("0 0 {WIDTH} {}", number(p.height))) aria-hidden="true">
                <path class="skips" d=move || plan.with(|p| p.skips.clone())></path>
                <path class="lines" d=move || plan.with(|p| p.lines.clone())></path>
                {move || plan.with(|p| p.heads.iter().map(|(x, y, text)| view! { <text class="head" x=number(*x) y=number(*y)>{*text}</text> }).collect_view())}
                {move || plan.with(|p| p.nodes.iter().map(|node| place(axis, *node)).collect_view())}
                {layers(plan)}
                {move || plan.with(|p| p.nodes.iter().map(|node| hit(active, *node)).collect_view())}
            </svg>
        </Picker></div>
    }
}

/// Left edge and width of everything a node may cover.
fn reach(node: Node) -> (f64, f64) {
    match node.grows {
        Grows::Right => (node.x, node.room),
        Grows::Left => (node.x - node.room, node.room),
        Grows::Both => (node.x - node.room / 2.0, node.room),
    }
}

/// The empty track of a node and its label.
fn place(axis: Signal<Axis>, node: Node) -> impl IntoView + use<> {
    let (x, width) = reach(node);
    let name = axis.with_untracked(|axis| axis.cells.get(node.slot).map(|c| c.label.clone()).unwrap_or_default());
    let below = node.grows == Grows::Both;
    let label = node.label.map(|(x, anchor)| {
        let y = if below { node.y + 21.0 } else { node.y + 4.0 };
        view! { <text class=format!("name {anchor}") x=number(x) y=number(y)>{name}</text> }
    });
    view! {
        <rect class="track" x=number(x) y=number(node.y - node.thick / 2.0) width=number(width) height=number(node.thick) rx="1.5"></rect>
        {label}
    }
}

/// What the pointer finds, and the frame of the block it found.
fn hit(active: RwSignal<Option<usize>>, node: Node) -> impl IntoView + use<> {
    let (x, width) = reach(node);
    view! {
        <rect
            class="hit"
            class:on=move || active.get() == Some(node.slot)
            x=number(x - 2.0)
            y=number(node.y - node.thick / 2.0 - 2.0)
            width=number(width + 4.0)
            height=number(node.thick + 4.0)
            rx="3"
            on:pointerenter=move |_| active.set(Some(node.slot))
            on:pointerdown=move |_| active.set(Some(node.slot))
        ></rect>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(runs: &[(&str, usize)]) -> Axis {
        Axis::new(runs.iter().flat_map(|(group, n)| (0..*n).map(move |i| (format!("{group}{i:02}"), (*group).to_owned()))))
    }

    #[test]
    fn every_block_has_one_place_inside_the_map() {
        let all: [&[(&str, usize)]; 5] = [
            &[("in", 12), ("mid", 1), ("out", 12), ("extra", 1)],
            &[("in", 9), ("mid", 1), ("out", 9)],
            &[("double", 19), ("single", 38), ("extra", 6)],
            &[("blocks", 24)],
            &[("blocks", 40), ("extra", 2)],
        ];
        for runs in all {
            let axis = axis(runs);
            let plan = plan(&axis);
            let mut slots: Vec<usize> = plan.nodes.iter().map(|n| n.slot).collect();
            slots.sort_unstable();
            assert_eq!(slots, (0..axis.count()).collect::<Vec<_>>(), "{runs:?}");
            for node in &plan.nodes {
                let (x, width) = reach(*node);
                assert!(x >= 0.0 && x + width <= WIDTH && node.y + node.thick < plan.height, "{runs:?} {node:?}");
            }
        }
    }

    #[test]
    fn skip_connections_join_first_and_last() {
        let plan = plan(&axis(&[("in", 9), ("mid", 1), ("out", 9)]));
        let at = |slot: usize| plan.nodes.iter().find(|n| n.slot == slot).map(|n| n.y);
        assert_eq!((at(0), at(8)), (at(18), at(10)));
    }
}

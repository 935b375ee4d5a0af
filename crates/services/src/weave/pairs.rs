//! Inner products of adapters kept in memory, pair by pair: taking a strand away, or asking again in another order, reads no file.

use std::collections::{BTreeMap, HashMap};
use weft_weights::gram::{GramSet, GramSlot};
use weft_weights::layout::{Extra, Layout};

/// Most pairs that are kept. One takes a few kilobytes.
const PAIRS_MAX: usize = 2_000;

/// Which content a number was computed from: id, size, time and header of the file.
pub(crate) type ContentKey = String;

/// One slot of a pair: G_aa, G_ab, G_bb, and who is present.
#[derive(Debug, Clone, PartialEq)]
struct Entry {
    slot: GramSlot,
    products: [f64; 3],
    present: [bool; 2],
}

#[derive(Debug)]
struct Kept {
    entries: Vec<Entry>,
    used: u64,
}

/// A slot of a set that is being put together: its products and who is present.
type Column = (GramSlot, Vec<f64>, Vec<bool>);

/// The pairs, least recently used first to go.
#[derive(Debug, Default)]
pub(crate) struct Pairs {
    pairs: HashMap<(ContentKey, ContentKey), Kept>,
    clock: u64,
}

impl Pairs {
    /// Keeps every pair of a set; each member with itself too, so that one alone can be answered.
    pub(crate) fn keep(&mut self, keys: &[ContentKey], set: &GramSet) {
        for i in 0..keys.len() {
            for j in i..keys.len() {
                let (a, b) = if keys[i] <= keys[j] { (i, j) } else { (j, i) };
                let entries = (0..set.slots.len()).map(|s| entry(set, s, a, b)).collect();
                self.clock += 1;
                self.pairs.insert((keys[a].clone(), keys[b].clone()), Kept { entries, used: self.clock });
            }
        }
        if self.pairs.len() > PAIRS_MAX {
            let mut ages: Vec<u64> = self.pairs.values().map(|k| k.used).collect();
            ages.sort_unstable();
            let oldest = ages[self.pairs.len() - PAIRS_MAX / 2];
            self.pairs.retain(|_, kept| kept.used >= oldest);
        }
    }

    /// The set of these members, when every pair is there.
    pub(crate) fn assemble(&mut self, keys: &[ContentKey], layout: Option<&'static Layout>) -> Option<GramSet> {
        let n = keys.len();
        let mut slots: BTreeMap<(usize, String), Column> = BTreeMap::new();
        for i in 0..n {
            for j in i..n {
                let turned = keys[i] > keys[j];
                let key = if turned { (keys[j].clone(), keys[i].clone()) } else { (keys[i].clone(), keys[j].clone()) };
                self.clock += 1;
                let kept = self.pairs.get_mut(&key)?;
                kept.used = self.clock;
                for entry in &kept.entries {
                    let (_, gram, present) = slots
                        .entry((rank(&entry.slot, layout), entry.slot.slot.clone()))
                        .or_insert_with(|| (entry.slot.clone(), vec![0.0; n * (n + 1) / 2], vec![false; n]));
                    let [aa, ab, bb] = entry.products;
                    let (ii, jj) = if turned { (bb, aa) } else { (aa, bb) };
                    let (pi, pj) = if turned { (1, 0) } else { (0, 1) };
                    gram[packed(n, i, i)] = ii;
                    gram[packed(n, j, j)] = jj;
                    gram[packed(n, i, j)] = ab;
                    present[i] |= entry.present[pi];
                    present[j] |= entry.present[pj];
                }
            }
        }
        // A place outside of the blocks that none of these members has was another member's.
        slots.retain(|_, (slot, _, present)| slot.block || present.contains(&true));
        let mut set = GramSet {
            layout_id: layout.map(|l| l.id.to_owned()),
            layout_version: layout.map_or(0, |l| l.version),
            slots: Vec::new(),
            members: n,
            gram: Vec::new(),
            present: Vec::new(),
        };
        for (_, (slot, gram, present)) in slots {
            set.slots.push(slot);
            set.gram.push(gram);
            set.present.push(present);
        }
        Some(set)
    }
}

fn entry(set: &GramSet, slot: usize, a: usize, b: usize) -> Entry {
    let present = |m: usize| set.present.get(slot).and_then(|p| p.get(m)).copied().unwrap_or(false);
    Entry {
        slot: set.slots[slot].clone(),
        products: [set.at(slot, a, a), set.at(slot, a, b), set.at(slot, b, b)],
        present: [present(a), present(b)],
    }
}

/// Blocks in layout order, then the parts outside in their own.
fn rank(slot: &GramSlot, layout: Option<&'static Layout>) -> usize {
    if slot.block {
        return layout.and_then(|l| l.slot(&slot.slot)).map_or(usize::MAX / 2, |s| usize::from(s.id));
    }
    1_000_000 + Extra::ALL.iter().position(|e| e.label() == slot.slot).unwrap_or(Extra::ALL.len())
}

/// Place of (i, j), i ≤ j, in the upper triangle of n × n, row by row.
fn packed(n: usize, i: usize, j: usize) -> usize {
    i * n + j - i * (i + 1) / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(name: &str, block: bool) -> GramSlot {
        GramSlot { slot: name.into(), label: name.into(), group: String::new(), block }
    }

    /// G_ij = (i+1)(j+1)·(s+1): different everywhere.
    fn set(n: usize) -> GramSet {
        let slots = vec![slot("IN00", true), slot("IN01", true), slot("TE1", false), slot("OTHER", false)];
        let gram =
            (0..slots.len()).map(|s| (0..n).flat_map(|i| (i..n).map(move |j| ((i + 1) * (j + 1) * (s + 1)) as f64)).collect()).collect();
        let present = (0..slots.len()).map(|s| (0..n).map(|i| s < 3 || i == 0).collect()).collect();
        GramSet { layout_id: Some("sdxl_unet_19".into()), layout_version: 1, slots, members: n, gram, present }
    }

    #[test]
    fn any_order_and_any_part_of_a_set_comes_back() {
        let layout = Layout::by_id("sdxl_unet_19");
        let keys: Vec<ContentKey> = ["c", "a", "b"].map(str::to_owned).to_vec();
        let mut pairs = Pairs::default();
        let whole = set(3);
        pairs.keep(&keys, &whole);
        assert_eq!(pairs.assemble(&keys, layout).unwrap(), whole);
        let turned = pairs.assemble(&["b".to_owned(), "c".to_owned()], layout).unwrap();
        assert_eq!((turned.at(1, 0, 0), turned.at(1, 0, 1), turned.at(1, 1, 1)), (18.0, 6.0, 2.0));
        let without = pairs.assemble(&["a".to_owned(), "b".to_owned()], layout).unwrap();
        assert_eq!(without.slots.len(), 3, "OTHER was the third's alone");
        assert!(pairs.assemble(&["a".to_owned(), "d".to_owned()], layout).is_none());
        assert_eq!(pairs.assemble(&["a".to_owned()], layout).unwrap().at(0, 0, 0), 4.0);
    }

    #[test]
    fn memory_is_bounded() {
        let mut pairs = Pairs::default();
        for n in 0..PAIRS_MAX + 10 {
            pairs.keep(&[n.to_string()], &set(1));
        }
        assert!(pairs.pairs.len() <= PAIRS_MAX);
        assert!(pairs.assemble(&[(PAIRS_MAX + 9).to_string()], None).is_some());
    }
}

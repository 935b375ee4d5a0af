//! Labels and slots, made at compile time. Layouts that count alike share their slots.

use super::{Group, Slot};

/// `prefix` and a number of two digits, N times. L is the length of a label.
pub(super) const fn numbered<const N: usize, const L: usize>(prefix: &str) -> [[u8; L]; N] {
    let prefix = prefix.as_bytes();
    assert!(prefix.len() + 2 == L, "a label is its prefix and two digits");
    let mut out = [[0; L]; N];
    let mut i = 0;
    while i < N {
        let mut k = 0;
        while k < prefix.len() {
            out[i][k] = prefix[k];
            k += 1;
        }
        out[i][L - 2] = b'0' + (i / 10) as u8;
        out[i][L - 1] = b'0' + (i % 10) as u8;
        i += 1;
    }
    out
}

pub(super) const fn texts<const N: usize, const L: usize>(bytes: &'static [[u8; L]; N]) -> [&'static str; N] {
    let mut out = [""; N];
    let mut i = 0;
    while i < N {
        if let Ok(text) = std::str::from_utf8(&bytes[i]) {
            out[i] = text;
        }
        i += 1;
    }
    out
}

static IN_TEXT: [[u8; 4]; 32] = numbered("IN");
static OUT_TEXT: [[u8; 5]; 32] = numbered("OUT");
static D_TEXT: [[u8; 3]; 54] = numbered("D");
static S_TEXT: [[u8; 3]; 48] = numbered("S");
static B_TEXT: [[u8; 3]; 60] = numbered("B");

/// Input blocks of a UNet.
pub(crate) static IN: [&str; 32] = texts(&IN_TEXT);
/// Middle block of a UNet.
pub(crate) static M: [&str; 1] = ["M00"];
/// Output blocks of a UNet.
pub(crate) static OUT: [&str; 32] = texts(&OUT_TEXT);
/// Double blocks: image and text side by side.
pub(crate) static D: [&str; 54] = texts(&D_TEXT);
/// Single blocks: image and text in one stream.
pub(crate) static S: [&str; 48] = texts(&S_TEXT);
/// Blocks of one sort.
pub(crate) static B: [&str; 60] = texts(&B_TEXT);

/// Two refiners of noise, two of context.
pub(crate) static REFINERS: [&str; 4] = ["NR0", "NR1", "CR0", "CR1"];

static ALL_BLOCKS: [Slot; 60] = slots(&[(Group::Blocks, &B, 60)]);
static ALL_DOUBLES: [Slot; 54] = slots(&[(Group::Double, &D, 54)]);

/// The first `n` blocks of one sort.
pub(crate) const fn blocks(n: usize) -> &'static [Slot] {
    ALL_BLOCKS.split_at(n).0
}

/// The first `n` double blocks, for a model without single ones.
pub(crate) const fn doubles(n: usize) -> &'static [Slot] {
    ALL_DOUBLES.split_at(n).0
}

/// Strings `runs` of labels together; N must be their total.
pub(crate) const fn slots<const N: usize>(runs: &[(Group, &[&'static str], usize)]) -> [Slot; N] {
    let mut out = [Slot { id: 0, label: "", group: Group::In }; N];
    let (mut run, mut at) = (0, 0);
    while run < runs.len() {
        let (group, labels, count) = runs[run];
        let mut i = 0;
        while i < count {
            out[at] = Slot { id: at as u16, label: labels[i], group };
            (i, at) = (i + 1, at + 1);
        }
        run += 1;
    }
    assert!(at == N, "the runs must fill the layout");
    out
}

//! Headers of adapter files of full size, without the bytes behind them.

use serde_json::{Map, json};
use weft_weights::header::Header;

/// What stands in the file for a weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// lora_down, lora_up, alpha.
    Lora,
    /// lora_A, lora_B.
    Peft,
    /// down, up.
    Xlabs,
    Loha,
    Lokr,
}

const RANK: usize = 4;

/// The header of a file that changes these weights: (stem, shape).
pub(crate) fn header(stems: &[(String, Vec<usize>)], kind: Kind, metadata: &[(&str, &str)]) -> Header {
    let mut all = Map::new();
    let mut end = 0usize;
    let mut add = |name: String, shape: &[usize]| {
        let bytes = 2 * shape.iter().product::<usize>();
        all.insert(name, json!({"dtype": "F16", "shape": shape, "data_offsets": [end, end + bytes]}));
        end += bytes;
    };
    for (stem, shape) in stems {
        let (out, inp, kernel) = (shape[0], shape[1], &shape[2..]);
        let ones = vec![1; kernel.len()];
        let down = [&[RANK, inp][..], kernel].concat();
        let up = [&[out, RANK][..], &ones].concat();
        let names = match kind {
            Kind::Lora => ["lora_down.weight", "lora_up.weight"],
            Kind::Peft => ["lora_A.weight", "lora_B.weight"],
            Kind::Xlabs => ["down.weight", "up.weight"],
            Kind::Loha | Kind::Lokr => ["", ""],
        };
        let inner = inp * kernel.iter().product::<usize>();
        match kind {
            Kind::Loha => {
                for side in ["hada_w1", "hada_w2"] {
                    add(format!("{stem}.{side}_a"), &[out, RANK]);
                    add(format!("{stem}.{side}_b"), &[RANK, inner]);
                }
            }
            Kind::Lokr => {
                // LyCORIS factors both sides as near as it can to its factor.
                let f = |n: usize| [8, 4, 2].into_iter().find(|f| n.is_multiple_of(*f)).unwrap_or(1);
                add(format!("{stem}.lokr_w1"), &[f(out), f(inp)]);
                add(format!("{stem}.lokr_w2"), &[&[out / f(out), inp / f(inp)][..], kernel].concat());
            }
            _ => {
                add(format!("{stem}.{}", names[0]), &down);
                add(format!("{stem}.{}", names[1]), &up);
            }
        }
        if matches!(kind, Kind::Lora | Kind::Loha | Kind::Lokr) {
            add(format!("{stem}.alpha"), &[]);
        }
    }
    let told: Map<_, _> = metadata.iter().map(|(k, v)| ((*k).to_owned(), json!(v))).collect();
    all.insert("__metadata__".to_owned(), told.into());
    let json = serde_json::to_vec(&all).unwrap();
    let bytes = [&(json.len() as u64).to_le_bytes()[..], &json].concat();
    Header::parse(&bytes, (bytes.len() + end) as u64).unwrap()
}

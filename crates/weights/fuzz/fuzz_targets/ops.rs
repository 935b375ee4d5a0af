//! Convert, edit, resize and verify on small hostile files: an error, or a file that is sound, and whose ΔW is that of the input where it says so.
#![no_main]

mod made;

use libfuzzer_sys::fuzz_target;
use made::Bytes;
use std::io::Cursor;
use weft_weights::adapter::Component;
use weft_weights::merge::{Member, OutDtype};
use weft_weights::ops::{Convention, ConvertOptions, EditOptions, Keep, ResizeOptions, VerifyOptions, convert_into, edit_into, resize_into, verify};
use weft_weights::progress::Silent;
use weft_weights::source::MemorySource;

fuzz_target!(|data: &[u8]| {
    let mut bytes = Bytes(data);
    let (what, how) = (bytes.next(), bytes.next());
    let file = made::file(&mut bytes);
    let source = MemorySource(&file);
    let _ = verify(&source, &VerifyOptions::default(), &Silent);
    let Some(adapter) = made::adapter(&file) else { return };
    let input = Member { adapter: &adapter, source: &source };
    let sink = || Cursor::new(Vec::new());
    let dtype = [None, Some(OutDtype::F16), Some(OutDtype::Bf16), Some(OutDtype::F32)][usize::from(how % 4)];
    let out = match what % 3 {
        0 => {
            let component = if how & 64 == 0 { Component::Denoiser } else { Component::TextEncoder(how % 5) };
            let to = Convention::ALL[usize::from(how / 4 % 4)];
            let options = ConvertOptions { dtype, component, leave_out: how & 32 == 32, ..ConvertOptions::new(to) };
            convert_into(input, &options, sink(), &Silent).map(|(out, _)| out)
        }
        1 => {
            let keep = match how / 4 % 5 {
                0 => Keep::Rank(1 + usize::from(how % 3)),
                1 => Keep::Energy(f64::from(how) / 255.0),
                2 => Keep::Ratio(f64::from(how)),
                3 => Keep::Frobenius(0.9),
                _ => Keep::Cumulative(0.5),
            };
            resize_into(input, &ResizeOptions { dtype, ..ResizeOptions::new(keep) }, sink(), &Silent).map(|(out, _)| out)
        }
        _ => {
            let scale = [0.5, -1.0, 0.0, 1e3, f64::NAN, 1e-30][usize::from(how % 6)];
            let options = EditOptions { scale, te_scale: (how > 128).then_some(2.0), ..EditOptions::default() };
            edit_into(input, &options, sink(), &Silent).map(|(out, _)| out)
        }
    };
    if let Ok(out) = out {
        let out = out.into_inner();
        let back = made::adapter(&out).expect("what was written is an adapter");
        assert!(back.header.warnings.is_empty(), "{:?}", back.header.warnings);
    }
});

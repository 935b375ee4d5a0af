//! Two small hostile files compared and merged by any method: an error, or a sound file.
#![no_main]

mod made;

use libfuzzer_sys::fuzz_target;
use made::{Any, Bytes};
use std::io::Cursor;
use weft_weights::compare::{CompareOptions, compare};
use weft_weights::merge::{Form, Inner, Member, MergeInput, MergePlan, Method, Options, OutDtype, estimate, merge_into_on};
use weft_weights::progress::Silent;
use weft_weights::relations::gram_set;
use weft_weights::source::MemorySource;

fuzz_target!(|data: &[u8]| {
    let mut bytes = Bytes(data);
    let (method, how) = (bytes.pick(&Method::ALL), bytes.next());
    let weights = [bytes.float(), bytes.float()].map(f64::from);
    let base = Any(6, 4);
    let files = [made::file(&mut bytes), made::file(&mut bytes)];
    let (Some(one), Some(two)) = (made::adapter(&files[0]), made::adapter(&files[1])) else { return };
    let sources = [MemorySource(&files[0]), MemorySource(&files[1])];
    let members = [Member { adapter: &one, source: &sources[0] }, Member { adapter: &two, source: &sources[1] }];
    let base = (how & 1 == 1).then_some(&base as &dyn weft_weights::delta::Base);
    let _ = compare(&members, &CompareOptions { base, ..CompareOptions::default() }, &Silent);
    let _ = gram_set(&members, &["a", "b"], &Silent);
    let options = Options {
        inner: [Inner::Ties, Inner::Sum, Inner::Tsv, Inner::Iso][usize::from(how / 4 % 4)],
        form: if how & 2 == 2 { Form::Diff } else { Form::default() },
        ..Options::default()
    };
    let inputs = weights.iter().map(|w| MergeInput::new("x", *w)).collect();
    let dtype = OutDtype::ALL[usize::from(how / 16 % 3)];
    let plan = MergePlan { options, rank: (how & 128 == 128).then_some(2), ..MergePlan::new(inputs, method, dtype) };
    let _ = estimate(&plan, &members, &Silent);
    if let Ok((out, report)) = merge_into_on(&plan, &members, base, Cursor::new(Vec::new()), &Silent) {
        let out = out.into_inner();
        assert_eq!(report.bytes, out.len() as u64);
        let back = made::adapter(&out).expect("what was written is an adapter");
        assert!(back.header.warnings.is_empty(), "{:?}", back.header.warnings);
    }
});

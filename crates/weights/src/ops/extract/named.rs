//! An extraction under other names than kohya's.

use super::{ExtractError, ExtractPlan, ExtractReport, extract, find, write};
use crate::adapter::Adapter;
use crate::checkpoint::Checkpoint;
use crate::header::Header;
use crate::merge::Member;
use crate::ops::{Convention, ConvertOptions, OpError, convert_into};
use crate::progress::Progress;
use crate::source::FileSource;
use crate::write::AtomicFile;
use std::path::Path;

/// [`extract`], with the names of `to`. For PEFT the second answer is the text of the `adapter_config.json` that belongs beside the file. The report
/// calls the modules by kohya's names.
///
/// The factors are found once and written under kohya's names to a temporary file beside the result, which is then converted: fused weights are cut
/// without a change of their values, since A is shared and the scale is 1.
///
/// # Errors
/// [`ExtractError`]; what the names cannot hold (stored differences under diffusers' and PEFT's) is one of them.
pub fn extract_to(
    tuned: &Checkpoint,
    base: &Checkpoint,
    plan: &ExtractPlan,
    to: Convention,
    out: &Path,
    progress: &dyn Progress,
) -> Result<(ExtractReport, Option<String>), ExtractError> {
    if to == Convention::Kohya {
        return extract(tuned, base, plan, out, progress).map(|report| (report, None));
    }
    plan.validate()?;
    let found = find::find(tuned, base, plan)?;
    let (file, first) = (AtomicFile::create(out, plan.overwrite)?, AtomicFile::create(out, plan.overwrite)?);
    let (_, mut report) = write(tuned, base, plan, found, first.file()?, progress)?;
    let source = FileSource::open(first.temporary()).map_err(OpError::from)?;
    let header = Header::read(&source).map_err(|e| ExtractError::Nothing(e.to_string()))?;
    let adapter = Adapter::from_header(header, None, None).map_err(|e| ExtractError::Nothing(e.to_string()))?;
    let options = ConvertOptions { dtype: Some(plan.dtype), origin: plan.tuned.clone(), ..ConvertOptions::new(to) };
    let input = Member { adapter: &adapter, source: &source };
    let (_, converted) = convert_into(input, &options, file.sink()?, progress)?;
    file.commit(plan.overwrite)?;
    report.bytes = converted.bytes;
    report.warnings.extend(converted.warnings);
    Ok((report, converted.adapter_config))
}

//! The work itself: some threads compute changed tensors tile by tile, one copies the others in long runs, all write at their own place.

use super::apply::{Changes, Part, add};
use super::device::{self, Device};
use super::layout::{Job, Layout, OutFile, is_8_bit};
use super::plan::{BakeError, BakePlan};
use super::round::Rounding;
use crate::checkpoint::{Checkpoint, Rows, matrix};
use crate::delta::Delta;
use crate::dtype::decode_f32;
use crate::progress::{Cancelled, Progress};
use crate::write::WriteError;
use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Values of one tile: with its stored bytes, read and to be written, it stays in the second-level cache.
const TILE: usize = 1 << 16;
/// Bytes copied between two looks at the cancel flag.
const CHUNK: u64 = 64 << 20;
/// Above this many bytes of ΔW in memory only one tensor is worked on at a time.
const HEAVY: u64 = 192 << 20;

/// What the workers counted.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Written {
    pub(super) saturated: u64,
}

struct Work<'a> {
    device: Option<&'a dyn Device>,
    checkpoint: &'a Checkpoint,
    plan: &'a BakePlan,
    changes: &'a Changes<'a>,
    progress: &'a dyn Progress,
    total: u64,
    done: AtomicU64,
    saturated: AtomicU64,
    /// Another worker has failed: nobody goes on.
    stop: AtomicBool,
    failed: Mutex<Option<BakeError>>,
    heavy: Mutex<()>,
}

/// Fills `files`, one for each file of the layout.
pub(super) fn run(
    device: Option<&dyn Device>,
    checkpoint: &Checkpoint,
    plan: &BakePlan,
    changes: &Changes<'_>,
    layout: &Layout,
    files: &[&File],
    progress: &dyn Progress,
) -> Result<Written, BakeError> {
    let work = Work {
        device: device.filter(|device| device.active()),
        checkpoint,
        plan,
        changes,
        progress,
        total: layout.bytes(),
        done: AtomicU64::new(0),
        saturated: AtomicU64::new(0),
        stop: AtomicBool::new(false),
        failed: Mutex::new(None),
        heavy: Mutex::new(()),
    };
    for (out, file) in layout.files.iter().zip(files) {
        file.set_len(out.len).and_then(|()| write_at(file, &out.head, 0)).map_err(failed)?;
    }
    let jobs: Vec<(usize, &Job)> =
        layout.files.iter().enumerate().flat_map(|(f, out)| out.jobs.iter().filter(|j| j.compute).map(move |j| (f, j))).collect();
    let next = AtomicUsize::new(0);
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(jobs.len().max(1));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut buffers = Buffers::default();
                while let Some((f, job)) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if !work.keep(work.tensor(job, files[*f], &mut buffers)) {
                        return;
                    }
                }
            });
        }
        for (out, file) in layout.files.iter().zip(files) {
            if !work.keep(work.copy(out, file)) {
                return;
            }
        }
    });
    let Work { failed, saturated, .. } = work;
    match failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(error) => Err(error),
        None => Ok(Written { saturated: saturated.into_inner() }),
    }
}

/// Memory of one worker, used again from tile to tile.
#[derive(Default)]
struct Buffers {
    rows: Rows,
    values: Vec<f32>,
    scratch: Vec<f32>,
    bytes: Vec<u8>,
    /// Rows as they lie in the file.
    stored: Vec<u8>,
}

impl Work<'_> {
    /// Keeps the first error and tells the others to stop; false: do not go on.
    fn keep(&self, result: Result<(), BakeError>) -> bool {
        if let Err(error) = result {
            self.failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
            self.stop.store(true, Ordering::Relaxed);
        }
        !self.stop.load(Ordering::Relaxed)
    }

    fn step(&self, bytes: u64) -> Result<(), BakeError> {
        let done = self.done.fetch_add(bytes, Ordering::Relaxed) + bytes;
        self.progress.step(done, self.total, if self.plan.inverse { "taking out" } else { "baking" });
        Ok(Cancelled::check(self.progress)?)
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn tensor(&self, job: &Job, file: &File, buffers: &mut Buffers) -> Result<(), BakeError> {
        let parts = self.changes.parts.get(&job.tensor).map_or(&[][..], Vec::as_slice);
        let heavy = self.changes.weight_of(parts) > HEAVY;
        let _alone = heavy.then(|| self.heavy.lock().unwrap_or_else(PoisonError::into_inner));
        let deltas = self.changes.load(parts)?;
        let info = self.checkpoint.info(job.tensor);
        let read = |source| BakeError::Read { file: self.checkpoint.file_of(job.tensor).label.clone(), source };
        let Some((rows, columns)) = matrix(info) else { return self.scalar(job, file) };
        if self.given_away(job, file, (parts, &deltas), buffers)? {
            return Ok(());
        }
        let scale = self.checkpoint.scales(job.tensor).map_err(read)?;
        // A scaled weight that stays one keeps its scale.
        let divide = if is_8_bit(job.dtype) { scale.as_slice() } else { &[] };
        let rounding = Rounding::of(job.dtype, self.plan.stochastic, &info.name);
        let step = (TILE / columns).clamp(1, rows);
        let (mut first, mut saturated) = (0, 0);
        while first < rows && !self.stopped() {
            let tile = first..(first + step).min(rows);
            buffers.rows.read(self.checkpoint, job.tensor, tile.clone(), &scale, &mut buffers.values).map_err(read)?;
            for (part, delta) in parts.iter().zip(&deltas) {
                apply(part, delta, &tile, columns, buffers);
            }
            unscale(&mut buffers.values, divide, &tile, columns);
            buffers.bytes.clear();
            let stored = rounding.store(&mut buffers.values, (first * columns) as u64, &mut buffers.bytes);
            saturated += stored.map_err(|_| BakeError::Range { tensor: crate::text::shown(&info.name), dtype: job.dtype })?;
            let at = job.offset + (first * columns * job.dtype.size()) as u64;
            write_at(file, &buffers.bytes, at).map_err(failed)?;
            self.step(buffers.bytes.len() as u64)?;
            first = tile.end;
        }
        self.saturated.fetch_add(saturated, Ordering::Relaxed);
        Ok(())
    }

    /// Lets the device do the whole tensor. False where there is none, or it cannot do a piece: then all of it is done again here.
    fn given_away(&self, job: &Job, file: &File, (parts, deltas): (&[Part], &[Delta]), buffers: &mut Buffers) -> Result<bool, BakeError> {
        let info = self.checkpoint.info(job.tensor);
        let Some((rows, columns)) = matrix(info) else { return Ok(false) };
        let Some(device) = self.device.filter(|_| !parts.is_empty() && device::stores(job, self.plan, info.dtype)) else {
            return Ok(false);
        };
        let source = self.checkpoint.file_of(job.tensor);
        let read = |error| BakeError::Read { file: source.label.clone(), source: error };
        let Some(changes) = device::low_rank(parts, deltas).filter(|_| self.checkpoint.scales(job.tensor).is_ok_and(|s| s.is_empty()))
        else {
            return Ok(false);
        };
        let (step, size) = (device::step(columns, info.dtype, job.dtype), info.dtype.size());
        for first in (0..rows).step_by(step) {
            let tile = first..(first + step).min(rows);
            buffers.stored.resize(tile.len() * columns * size, 0);
            source.source.read_at(info.range.start + (first * columns * size) as u64, &mut buffers.stored).map_err(read)?;
            buffers.bytes.clear();
            let piece = device::Piece { rows: tile, columns, dtype: info.dtype, bytes: &buffers.stored, changes: &changes, to: job.dtype };
            if self.stopped() || !device.merge(&piece, &mut buffers.bytes) || !device::finite(&buffers.bytes, job.dtype) {
                return Ok(false);
            }
            write_at(file, &buffers.bytes, job.offset + (first * columns * job.dtype.size()) as u64).map_err(failed)?;
        }
        self.step(job.len)?;
        Ok(true)
    }

    /// A tensor without dimensions that only changes its type.
    fn scalar(&self, job: &Job, file: &File) -> Result<(), BakeError> {
        let info = self.checkpoint.info(job.tensor);
        let source = &self.checkpoint.file_of(job.tensor);
        let mut raw = vec![0; info.byte_len() as usize];
        source.source.read_at(info.range.start, &mut raw).map_err(|e| BakeError::Read { file: source.label.clone(), source: e })?;
        let mut values = vec![0.0; info.elements()];
        // The header has checked that sizes agree.
        let _ = decode_f32(info.dtype, &raw, &mut values);
        let mut bytes = Vec::new();
        let stored = Rounding::of(job.dtype, None, "").store(&mut values, 0, &mut bytes);
        stored.map_err(|_| BakeError::Range { tensor: crate::text::shown(&info.name), dtype: job.dtype })?;
        write_at(file, &bytes, job.offset).map_err(failed)?;
        self.step(job.len)
    }

    /// Copies what does not change, in runs as long as both files allow.
    fn copy(&self, out: &OutFile, file: &File) -> Result<(), BakeError> {
        let mut runs: Vec<(usize, u64, u64, u64)> = Vec::new();
        for job in out.jobs.iter().filter(|j| !j.compute && j.len > 0) {
            let (source, from) = (self.checkpoint.tensors()[job.tensor].file, self.checkpoint.info(job.tensor).range.start);
            match runs.last_mut() {
                Some((s, f, to, len)) if *s == source && *f + *len == from && *to + *len == job.offset => *len += job.len,
                _ => runs.push((source, from, job.offset, job.len)),
            }
        }
        let mut copier = Copier::new(self.checkpoint, file);
        for (source, mut from, mut to, mut len) in runs {
            while len > 0 && !self.stopped() {
                let chunk = len.min(CHUNK);
                copier.copy(source, from, to, chunk)?;
                self.step(chunk)?;
                (from, to, len) = (from + chunk, to + chunk, len - chunk);
            }
        }
        Ok(())
    }
}

/// Adds the rows of a part that lie in `tile`.
fn apply(part: &Part, delta: &Delta, tile: &std::ops::Range<usize>, columns: usize, buffers: &mut Buffers) {
    let (start, end) = (part.tensor_row.max(tile.start), (part.tensor_row + part.rows).min(tile.end));
    if start < end {
        let from = part.delta_row + (start - part.tensor_row);
        let values = &mut buffers.values[(start - tile.start) * columns..(end - tile.start) * columns];
        add(delta, part.weight, from..from + (end - start), values, &mut buffers.scratch);
    }
}

/// Divides by what the reader will multiply by. A scale of 0 leaves the values alone: whatever is stored becomes 0.
fn unscale(values: &mut [f32], scale: &[f32], tile: &std::ops::Range<usize>, columns: usize) {
    let divide = |values: &mut [f32], by: f32| {
        if by != 0.0 {
            values.iter_mut().for_each(|v| *v /= by);
        }
    };
    match scale {
        [] => {}
        [one] => divide(values, *one),
        many => values.chunks_exact_mut(columns).zip(&many[tile.clone()]).for_each(|(row, s)| divide(row, *s)),
    }
}

/// Copies ranges between files; on Linux inside of the kernel, which also shares extents where the file system can.
struct Copier<'a> {
    checkpoint: &'a Checkpoint,
    to: &'a File,
    #[cfg(target_os = "linux")]
    open: Option<(usize, File)>,
    buffer: Vec<u8>,
}

impl<'a> Copier<'a> {
    fn new(checkpoint: &'a Checkpoint, to: &'a File) -> Self {
        Self {
            checkpoint,
            to,
            #[cfg(target_os = "linux")]
            open: None,
            buffer: Vec::new(),
        }
    }

    fn copy(&mut self, source: usize, from: u64, to: u64, len: u64) -> Result<(), BakeError> {
        #[cfg(target_os = "linux")]
        if self.in_kernel(source, from, to, len)? {
            return Ok(());
        }
        let file = &self.checkpoint.files()[source];
        let mut at = 0;
        while at < len {
            let part = (len - at).min(4 << 20);
            self.buffer.resize(part as usize, 0);
            file.source.read_at(from + at, &mut self.buffer).map_err(|source| BakeError::Read { file: file.label.clone(), source })?;
            write_at(self.to, &self.buffer, to + at).map_err(failed)?;
            at += part;
        }
        Ok(())
    }

    /// False where the source has no path or cannot be opened a second time. This is the only user of the result's own position: all others
    /// write at places.
    #[cfg(target_os = "linux")]
    fn in_kernel(&mut self, source: usize, from: u64, to: u64, len: u64) -> Result<bool, BakeError> {
        use std::io::{Read, Seek, SeekFrom};
        let file = &self.checkpoint.files()[source];
        let Some(path) = &file.path else { return Ok(false) };
        if self.open.as_ref().is_none_or(|(open, _)| *open != source) {
            let Ok((opened, _)) = crate::source::open_regular(path) else { return Ok(false) };
            self.open = Some((source, opened));
        }
        let Some((_, mut input)) = self.open.as_ref().map(|(s, f)| (s, f)) else { return Ok(false) };
        let mut output = self.to;
        input.seek(SeekFrom::Start(from)).map_err(failed)?;
        output.seek(SeekFrom::Start(to)).map_err(failed)?;
        let copied = io::copy(&mut input.take(len), &mut output).map_err(failed)?;
        if copied == len {
            return Ok(true);
        }
        let source = crate::source::ReadError::OutOfRange { offset: from, len, file_len: from + copied };
        Err(BakeError::Read { file: file.label.clone(), source })
    }
}

#[cfg(unix)]
fn write_at(file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, at)
}

#[cfg(windows)]
fn write_at(file: &File, mut bytes: &[u8], mut at: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        let n = std::os::windows::fs::FileExt::seek_write(file, bytes, at)?;
        if n == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        (bytes, at) = (&bytes[n..], at + n as u64);
    }
    Ok(())
}

fn failed(source: io::Error) -> BakeError {
    WriteError::Io { path: "the result".into(), source }.into()
}

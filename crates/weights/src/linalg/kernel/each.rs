//! Loops over single values, with the vectors of the processor at hand. None of them rounds differently on another machine.

#[cfg(target_arch = "x86_64")]
use super::Arch;

/// Defines a function that runs `$body` compiled for the widest vectors there are.
macro_rules! widest {
    ($(#[$about:meta])* $vis:vis $name:ident($($argument:ident: $type:ty),*) = $body:ident) => {
        $(#[$about])*
        $vis fn $name($($argument: $type),*) {
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
            fn widest($($argument: $type),*) {
                $body($($argument),*);
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma")]
            fn wide($($argument: $type),*) {
                $body($($argument),*);
            }
            #[cfg(target_arch = "x86_64")]
            #[expect(unsafe_code, reason = "vector instructions chosen at run time")]
            match $crate::linalg::kernel::Arch::detect() {
                $crate::linalg::kernel::Arch::Plain => $body($($argument),*),
                // SAFETY: `Arch` holds this value only after the processor was asked for these features (`Arch::detect`).
                $crate::linalg::kernel::Arch::Avx2 => unsafe { wide($($argument),*) },
                // SAFETY: as above.
                $crate::linalg::kernel::Arch::Avx512(_) => unsafe { widest($($argument),*) },
            }
            #[cfg(not(target_arch = "x86_64"))]
            $body($($argument),*);
        }
    };
}
pub(crate) use widest;

/// Counts the values whose magnitude has more bits than `high`, and appends the bits of those from `low` to `high`.
pub(crate) fn between(values: &[f32], low: u32, high: u32, above: &mut u64, inside: &mut Vec<u32>) {
    #[cfg(target_arch = "x86_64")]
    #[expect(unsafe_code, reason = "vector instructions chosen at run time")]
    let done = if Arch::detect().width() == 16 {
        // SAFETY: `Arch` has this width only after the processor was asked for AVX-512 (`Arch::detect`).
        unsafe { super::avx512::between(values, low, high, above, inside) }
    } else {
        0
    };
    #[cfg(not(target_arch = "x86_64"))]
    let done = 0;
    narrow(&values[done..], low, high, above, inside);
}

widest! {
    /// [`between`] without instructions that close the gaps.
    narrow(values: &[f32], low: u32, high: u32, above: &mut u64, inside: &mut Vec<u32>) = between_with
}

#[inline(always)]
fn between_with(values: &[f32], low: u32, high: u32, above: &mut u64, inside: &mut Vec<u32>) {
    const LANES: usize = 16;
    let (whole, rest) = values.as_chunks::<LANES>();
    // Runs so short that the counters of the vectors cannot run over.
    for run in whole.chunks(1 << 16) {
        let mut counts = [0u32; LANES];
        for chunk in run {
            let mut hits = 0u32;
            for l in 0..LANES {
                let size = chunk[l].to_bits() & 0x7FFF_FFFF;
                counts[l] += u32::from(size > high);
                hits += u32::from(size >= low) & u32::from(size <= high);
            }
            if hits > 0 {
                inside.extend(chunk.iter().map(|v| v.to_bits() & 0x7FFF_FFFF).filter(|size| (low..=high).contains(size)));
            }
        }
        *above += counts.iter().map(|c| u64::from(*c)).sum::<u64>();
    }
    for size in rest.iter().map(|v| v.to_bits() & 0x7FFF_FFFF) {
        *above += u64::from(size > high);
        if (low..=high).contains(&size) {
            inside.push(size);
        }
    }
}

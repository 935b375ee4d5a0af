//! What a picture file may hold. Beyond these it is refused, or the text is left unread.

/// Largest file, in bytes.
pub const FILE: usize = 64 << 20;
/// Most pixels.
pub const PIXELS: u64 = 200_000_000;
/// Longest side, in pixels.
pub const SIDE: u32 = 65_535;
/// Most memory that a decoder may take, in bytes: 200 megapixels of four bytes each, and as much again.
pub const MEMORY: u64 = 1_600 << 20;
/// Longest text in a file, in bytes, also after decompression.
pub const TEXT: usize = 8 << 20;
/// All texts of a file together, in bytes.
pub const TEXTS: usize = 24 << 20;
/// Most pieces (chunks, segments, directory entries) of a file that are looked at.
pub const PIECES: usize = 65_536;
/// Longest prompt kept, in bytes.
pub const PROMPT: usize = 64 << 10;
/// Longest other value kept, in bytes.
pub const VALUE: usize = 16 << 10;
/// Most other values kept.
pub const OTHERS: usize = 200;
/// Most adapters kept.
pub const ADAPTERS: usize = 64;
/// Styles of one picture.
pub const STYLES: usize = 64;

//! `target/site/assets.json`: what the page consists of, for the server.
//!
//! The server reads it once at start-up. Each logical name below is always there; its value is an absolute URL path. Everything
//! under `/pkg/` carries a hash of its content in its name and may be cached for ever (`immutable`); the rest must be revalidated
//! (`no-cache`). A file with a `.br` or `.gz` neighbour is served from it to clients that accept that.
//!
//! | logical name | served at | use |
//! |---|---|---|
//! | `theme.js` | `/pkg/theme.<hash>.js` | blocking classic script in `<head>`: sets `data-theme` before the first paint |
//! | `weft.css` | `/pkg/weft.<hash>.css` | the style sheet, with the `@font-face` rules |
//! | `boot.js` | `/pkg/boot.<hash>.js` | `<script type="module">`: loads and hydrates the page, registers the service worker |
//! | `weft.js` | `/pkg/weft.<hash>.js` | `<link rel="modulepreload">` |
//! | `weft-parts.js` | `/pkg/weft-parts.<hash>.js` | `<link rel="modulepreload">`; imported by `weft.js`, loads the parts |
//! | `weft.wasm` | `/pkg/weft_bg.<hash>.wasm` | `<link rel="preload" as="fetch" type="application/wasm" crossorigin>` |
//! | `inter.woff2` | `/pkg/…` | `<link rel="preload" as="font" type="font/woff2" crossorigin>` |
//! | `inter-ext.woff2`, `jetbrains-mono.woff2` | `/pkg/…` | loaded by the style sheet when needed |
//! | `inter-licence.txt`, `jetbrains-mono-licence.txt` | `/pkg/…` | the fonts' licences (OFL) |
//! | `icon.svg`, `apple-touch-icon.png` | `/pkg/…` | `<link rel="icon">`, `<link rel="apple-touch-icon">` |
//! | `icon-192.png`, `icon-512.png`, `icon-maskable-512.png` | `/pkg/…` | the manifest |
//! | `manifest.webmanifest` | `/manifest.webmanifest` | `<link rel="manifest">` (`application/manifest+json`) |
//! | `sw.js` | `/sw.js` | the service worker (scope `/`) |
//! | `offline.html` | `/offline.html` | shown by the service worker when the server does not answer |
//! | `offline.js`, `offline.css` | `/pkg/…` | parts of that page |
//!
//! The build puts `@font-face` rules for the families `Inter` and `JetBrains Mono` in front of the style sheet, and makes each
//! `/pkg/<logical name>` in it the hashed address.
//!
//! After hydration `boot.js` sets `data-hydrated` on `<html>`. When a new version waits, it dispatches the cancelable event
//! `weft-update` on `window` and sets `data-update="ready"` on `<html>`; a page that shows its own prompt calls
//! `preventDefault()`, and dispatches `weft-update-apply` on `window` when the user agrees. Without one, `boot.js` shows a plain prompt.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The contents of `assets.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Assets {
    /// Changes with every change of any file: 16 hexadecimal digits.
    pub(crate) build: String,
    /// Logical name to absolute URL path, such as `"weft.css": "/pkg/weft.0a1b2c3d4e5f6071.css"`.
    pub(crate) files: BTreeMap<String, String>,
    /// Part of the page (`weave`) to the files that it needs besides `weft.wasm`, to be fetched early like that.
    pub(crate) parts: BTreeMap<String, Vec<String>>,
}

//! Our own small set of icons: 24 × 24 stroke paths, drawn in the text's colour.

use leptos::prelude::*;

/// One picture of the set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Glyph {
    Library,
    Weave,
    Search,
    Plus,
    Minus,
    Close,
    Check,
    ChevronDown,
    ChevronRight,
    ArrowLeft,
    ArrowUp,
    ArrowDown,
    Grid,
    List,
    Filter,
    Folder,
    FolderPlus,
    Refresh,
    Trash,
    Pencil,
    Copy,
    Download,
    Warning,
    Broken,
    Missing,
    Info,
    Star,
    Tag,
    Undo,
    Redo,
    Sun,
    Moon,
    Auto,
    Keyboard,
    Command,
    Jobs,
    Stop,
    Play,
    Sample,
    Mute,
    Solo,
    Drag,
    More,
    Save,
    Sliders,
    External,
    Map,
    Bars,
    Table,
    Shrink,
    Swap,
    Shield,
    Compare,
    Checkpoint,
    Studio,
    Heart,
    Dice,
    Lock,
    Unlock,
    Pause,
    Brush,
    Eraser,
    Queue,
    Sheet,
    Fit,
    Branch,
}

impl Glyph {
    /// The stroke path in a 24 × 24 box.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::Library => "M4 5h6v14H4zM14 5h6v8h-6zM14 17h6v2h-6z",
            Self::Weave => "M8 3v6M8 13v8M16 3v8M16 15v6M3 8h8M15 8h6M3 16h2M9 16h12M12 3v2M12 9v12",
            Self::Search => "M11 5a6 6 0 1 1 0 12 6 6 0 0 1 0-12zM20 20l-4.7-4.7",
            Self::Plus => "M12 5v14M5 12h14",
            Self::Minus => "M5 12h14",
            Self::Close => "M6 6l12 12M18 6L6 18",
            Self::Check => "M5 12.5l4.5 4.5L19 7.5",
            Self::ChevronDown => "M6 9.5l6 6 6-6",
            Self::ChevronRight => "M9.5 6l6 6-6 6",
            Self::ArrowLeft => "M19 12H5M11 6l-6 6 6 6",
            Self::ArrowUp => "M12 19V5M6 11l6-6 6 6",
            Self::ArrowDown => "M12 5v14M6 13l6 6 6-6",
            Self::Grid => "M4.5 4.5h6v6h-6zM13.5 4.5h6v6h-6zM4.5 13.5h6v6h-6zM13.5 13.5h6v6h-6z",
            Self::List => "M8.5 6.5H20M8.5 12H20M8.5 17.5H20M4.5 6.5h.01M4.5 12h.01M4.5 17.5h.01",
            Self::Filter => "M4 6h16M7 12h10M10 18h4",
            Self::Folder => {
                "M3.5 7a1.5 1.5 0 0 1 1.5-1.5h4l2 2.5h8A1.5 1.5 0 0 1 20.5 9.500V17a1.5 1.5 0 0 1-1.5 1.500H5A1.5 1.5 0 0 1 3.5 17z"
            }
            Self::FolderPlus => {
                "M3.5 7a1.5 1.5 0 0 1 1.5-1.5h4l2 2.5h8A1.5 1.5 0 0 1 20.5 9.500V17a1.5 1.5 0 0 1-1.5 1.500H5A1.5 1.5 0 0 1 3.5 17zM12 10.700v5M9.5 13.200h5"
            }
            Self::Refresh => "M19.5 12a7.5 7.5 0 1 1-2.3-5.400L19.5 9M19.5 4.500V9H15",
            Self::Trash => "M4.5 7h15M9.5 7V4.500h5V7M6.5 7l.8 12.500h9.400L17.5 7M10.2 11v5M13.8 11v5",
            Self::Pencil => "M4.5 19.500l.9-4L16 4.900a1.7 1.7 0 0 1 2.4 0l.7.7a1.7 1.7 0 0 1 0 2.400L8.5 18.600zM14 7l3 3",
            Self::Copy => "M9 9h10.500v10.500H9zM15 9V4.500H4.500V15H9",
            Self::Download => "M12 4.500v10.500M7.5 11l4.5 4.5 4.5-4.500M4.5 19.500h15",
            Self::Warning => "M12 4.500l8.5 15h-17zM12 10v4.500M12 17.200h.01",
            Self::Broken => "M6 3.500h8l4 4V11M6 3.500v17h12V16M4 13.500l4-1.5 3 2.5 4-2.5 5 2",
            Self::Missing => {
                "M5 5.500A1 1 0 0 1 6 4.500h2M11 4.500h2.500l4 4V11M17.5 14v2M17.5 18.500v1a1 1 0 0 1-1 1h-1.500M12 20.500H9.500M6.5 20.500H6a1 1 0 0 1-1-1V17M5 14v-2.500M5 9v-1"
            }
            Self::Info => "M12 3.500a8.5 8.5 0 1 1 0 17 8.5 8.5 0 0 1 0-17zM12 11v5.500M12 7.700h.01",
            Self::Star => "M12 4l2.5 5.2 5.6.8-4.1 4 1 5.7-5-2.7-5 2.7 1-5.7-4.1-4 5.6-.8z",
            Self::Tag => "M4 12.500V4.500h8l8 8-7.5 7.500zM8.2 8.700h.01",
            Self::Undo => "M8.5 5L4.5 9l4 4M4.5 9H14a5 5 0 0 1 0 10H9",
            Self::Redo => "M15.5 5l4 4-4 4M19.5 9H10a5 5 0 0 0 0 10h5",
            Self::Sun => {
                "M12 8a4 4 0 1 1 0 8 4 4 0 0 1 0-8zM12 2.500v2M12 19.500v2M2.5 12h2M19.5 12h2M5.3 5.300l1.4 1.400M17.3 17.300l1.4 1.400M18.7 5.300l-1.4 1.400M6.7 17.300l-1.4 1.4"
            }
            Self::Moon => "M19.5 14.500A8 8 0 0 1 9.5 4.500a8 8 0 1 0 10 10z",
            Self::Auto => "M12 4a8 8 0 1 1 0 16 8 8 0 0 1 0-16zM12 4v16M15 5v14M18 7.500v9",
            Self::Keyboard => "M3.5 6.500h17v11h-17zM7 10h.01M10.3 10h.01M13.7 10h.01M17 10h.01M8 14h8",
            Self::Command => "M5 7l5 5-5 5M12 17h7",
            Self::Jobs => "M4 6.500h16M4 12h10M4 17.500h6M17.5 14.500v6M14.5 17.500h6",
            Self::Stop => "M7 7h10v10H7z",
            Self::Play => "M8 5.500l10 6.5-10 6.500z",
            Self::Sample => {
                "M12 3.500l1.7 4.8 4.8 1.7-4.8 1.700L12 16.500l-1.7-4.800L5.5 10l4.8-1.700zM18.5 15.500l.8 2.2 2.2.8-2.2.8-.8 2.2-.8-2.2-2.2-.8 2.2-.8z"
            }
            Self::Mute => "M4.5 9.500v5h3.500l4.5 4v-13l-4.5 4zM16 9.500l4.5 5M20.5 9.500l-4.5 5",
            Self::Solo => "M4.5 9.500v5h3.500l4.5 4v-13l-4.5 4zM16 9a4 4 0 0 1 0 6M18.5 6.500a8 8 0 0 1 0 11",
            Self::Drag => "M9 6h.01M15 6h.01M9 12h.01M15 12h.01M9 18h.01M15 18h.01",
            Self::More => "M6 12h.01M12 12h.01M18 12h.01",
            Self::Save => "M5 4.500h11l3.5 3.500v11.500H4.500V5zM8 4.500V9h7V4.500M8 19.500V14h8v5.5",
            Self::Sliders => "M4 7.500h8M16 7.500h4M14 5.500v4M4 16.500h3M11 16.500h9M9 14.500v4",
            Self::External => "M13.5 4.500h6v6M19.5 4.500L11 13M17 14v5.500H4.500V7H10",
            Self::Map => "M4.5 4.500h5v4h-5zM4.5 15.500h5v4h-5zM14.5 4.500h5v4h-5zM14.5 15.500h5v4h-5zM9.5 6.500h5M9.5 17.500h5M7 8.500v7",
            Self::Bars => "M5 19.500V12M10 19.500V5M15 19.500V9M20 19.500v-5",
            Self::Table => "M4 5h16v14H4zM4 10h16M4 14.500h16M10 5v14",
            Self::Shrink => "M20 4l-6 6M14 5v5h5M4 20l6-6M10 19v-5H5",
            Self::Swap => "M4 8.500h14M14.5 5L18 8.500 14.500 12M20 15.500H6M9.5 12L6 15.500 9.500 19",
            Self::Shield => "M12 3.500l7 2.500v5.500c0 4.500-3 7.700-7 9-4-1.300-7-4.500-7-9V6zM8.8 12l2.200 2.200 4.200-4.400",
            Self::Compare => "M9 6.500a5.5 5.5 0 1 1 0 11 5.5 5.5 0 0 1 0-11zM15 6.500a5.5 5.5 0 1 1 0 11 5.5 5.5 0 0 1 0-11z",
            Self::Checkpoint => "M12 3.500l7.500 4.200v8.600L12 20.500l-7.500-4.200V7.700zM12 12l7.500-4.300M12 12v8.500M12 12L4.500 7.700",
            Self::Studio => "M4 4.500h16v15H4zM4 16l4.500-4.500 3.500 3.500 2.500-2.500L20 17.500M15.500 8.500h.01",
            Self::Heart => {
                "M12 19.500C7.500 16 4 13 4 9.300A4.200 4.200 0 0 1 12 7.500a4.200 4.200 0 0 1 8 1.800c0 3.700-3.500 6.700-8 10.200z"
            }
            Self::Dice => "M4.500 4.500h15v15h-15zM8.700 8.700h.01M15.300 8.700h.01M12 12h.01M8.700 15.300h.01M15.300 15.300h.01",
            Self::Lock => "M6 11h12v8.500H6zM8.500 11V8a3.500 3.500 0 0 1 7 0v3",
            Self::Unlock => "M6 11h12v8.500H6zM8.500 11V8a3.500 3.500 0 0 1 6.800-1.200",
            Self::Pause => "M8.5 6v12M15.5 6v12",
            Self::Brush => {
                "M20 4l-9 9M11 13l-2-2 9-8.500M9.500 13.500a3 3 0 0 0-4 2.500c0 1.500-.5 2.500-1.500 3.500 3.500.5 7-.5 7.500-3.500z"
            }
            Self::Eraser => "M14 5l5.500 5.500-8.500 8.500H7.500L4.500 16zM9 10l5.500 5.500M11 19h8.500",
            Self::Queue => "M4 6h16M4 11h16M4 16h8M16 14.500l4.500 2.750-4.500 2.750z",
            Self::Sheet => "M4 4.500h16v15H4zM4 9.500h16M4 14.500h16M9.300 4.500v15M14.600 4.500v15",
            Self::Fit => "M4.500 9V4.500H9M15 4.500h4.500V9M19.500 15v4.500H15M9 19.500H4.500V15",
            Self::Branch => {
                "M7 4.500v9M7 13.500a3 3 0 1 0 0 6 3 3 0 0 0 0-6zM17 4.500a2.500 2.500 0 1 1 0 5 2.500 2.500 0 0 1 0-5zM17 9.500c0 4-4 5-7 5.500"
            }
        }
    }
}

/// An icon beside a text that says the same; hidden from screen readers.
#[component]
pub fn Icon(glyph: Glyph) -> impl IntoView {
    view! {
        <svg class="icon" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.7" stroke-linejoin="round" stroke-linecap="round" aria-hidden="true">
            <path d=glyph.path()></path>
        </svg>
    }
}

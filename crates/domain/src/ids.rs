//! Typed row ids: a root's number can never be passed where an adapter's is meant.

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = std::num::ParseIntError;
            fn from_str(s: &str) -> Result<Self, Self::Err> {
                s.parse().map(Self)
            }
        }
    };
}

id!(
    /// An adapter file known to the library.
    AdapterId
);
id!(
    /// A checkpoint known to the library.
    CheckpointId
);
id!(
    /// A folder that Weft watches.
    RootId
);
id!(
    /// A row of the job table.
    JobId
);
id!(
    /// A request for pictures.
    GenerationId
);
id!(
    /// A picture that is kept.
    PictureId
);

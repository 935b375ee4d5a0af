use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "adapters")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub root_id: i64,
    /// Below the root, `/`-separated.
    pub rel_path: String,
    pub folder: String,
    pub file_name: String,
    pub size: i64,
    pub modified_ms: i64,
    pub file_key: Option<String>,
    pub header_hash: Option<String>,
    pub state: String,
    pub error: Option<String>,
    pub title: Option<String>,
    pub family: String,
    pub family_label: String,
    pub family_confidence: f64,
    pub variant: Option<String>,
    pub kind: String,
    pub naming: Option<String>,
    pub layout_id: Option<String>,
    pub layout_version: Option<i64>,
    pub modules: i64,
    pub rank_min: Option<i64>,
    pub rank_max: Option<i64>,
    pub alpha: Option<f64>,
    pub synthetic: bool,
    pub has_block_weights: bool,
    pub fallback: bool,
    pub frobenius: Option<f64>,
    pub te_frobenius: Option<f64>,
    pub mean: Option<f64>,
    pub variance: Option<f64>,
    pub measured_ms: Option<i64>,
    pub sha256: Option<String>,
    pub autov2: Option<String>,
    pub autov3: Option<String>,
    pub hashed_ms: Option<i64>,
    pub sidecar_stamp: Option<String>,
    pub preview_source: Option<String>,
    pub preview_stamp: Option<String>,
    pub preview_blob: Option<String>,
    pub thumbed_ms: Option<i64>,
    pub added_ms: i64,
    pub updated_ms: i64,
    pub user_name: Option<String>,
    pub rating: Option<i64>,
    pub tags_edited: bool,
    pub user_version: i64,
    /// Shown: the user's name, else the title, else the file's.
    pub name: String,
    /// Sorts as people read: folded, numbers by value.
    pub name_key: String,
    pub search_text: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "checkpoints")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub root_id: i64,
    /// Below the root, `/`-separated: the file, the index of the shards, or the folder.
    pub rel_path: String,
    pub folder: String,
    pub file_name: String,
    pub form: String,
    /// Of all files.
    pub size: i64,
    /// Of the newest file.
    pub modified_ms: i64,
    pub stamp: String,
    pub file_key: Option<String>,
    pub header_hash: Option<String>,
    pub state: String,
    pub error: Option<String>,
    pub title: Option<String>,
    pub family: String,
    pub family_confidence: f64,
    pub model: String,
    pub variant: Option<String>,
    pub purpose: String,
    pub prediction: Option<String>,
    pub packing: Option<String>,
    pub layout_id: Option<String>,
    pub in_channels: Option<i64>,
    pub dtypes: String,
    pub tensors: i64,
    pub parameters: i64,
    pub denoiser: bool,
    pub text_encoders: String,
    pub vae: bool,
    pub sha256: Option<String>,
    pub autov2: Option<String>,
    pub autov3: Option<String>,
    pub hashed_ms: Option<i64>,
    pub files: String,
    pub evidence: String,
    pub warnings: String,
    pub metadata: String,
    pub version: i64,
    pub added_ms: i64,
    pub updated_ms: i64,
    /// Shown: the title, else the file's or folder's.
    pub name: String,
    /// Sorts as people read: folded, numbers by value.
    pub name_key: String,
    pub search_text: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

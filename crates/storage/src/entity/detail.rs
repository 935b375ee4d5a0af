//! What only the details page reads. Lists are JSON text: they are read and written whole.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "adapter_details")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub adapter_id: i64,
    pub notes: String,
    pub evidence: String,
    pub dtypes: String,
    pub trigger_words: String,
    pub training_tags: String,
    pub description: Option<String>,
    pub warnings: String,
    pub measure_warning: Option<String>,
    pub metadata: String,
    pub blocks: String,
    pub outside: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

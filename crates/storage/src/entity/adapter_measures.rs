use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "adapter_measures")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub adapter_id: i64,
    /// 0: without a checkpoint.
    #[sea_orm(primary_key, auto_increment = false)]
    pub checkpoint_id: i64,
    pub content: String,
    pub measures: String,
    pub measured_ms: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

//! Both engines under one roof: each test's body runs on a fresh SQLite file and on a fresh PostgreSQL database.

use sea_orm::{ConnectionTrait as _, Database};
use weft_storage::{AdapterFacts, NewFile, NewRoot, RootRow, Store};

/// A fresh database and what must be cleaned up after it.
pub(crate) struct Fixture {
    pub(crate) store: Store,
    /// Opens the same database again.
    pub(crate) url: String,
    _folder: Option<tempfile::TempDir>,
    drop_database: Option<(String, String)>,
}

pub(crate) async fn sqlite() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("weft.sqlite").display());
    Fixture { store: Store::open(&url).await.unwrap(), url, _folder: Some(folder), drop_database: None }
}

/// None, said aloud, where no PostgreSQL is named; in CI that is a failure.
pub(crate) async fn postgres() -> Option<Fixture> {
    let Ok(server) = std::env::var("WEFT_TEST_POSTGRES_URL") else {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "WEFT_TEST_POSTGRES_URL must name a PostgreSQL server in CI");
        println!("skipped on PostgreSQL: WEFT_TEST_POSTGRES_URL names no server");
        return None;
    };
    let name = format!("weft_test_{}", uuid::Uuid::new_v4().simple());
    let admin = Database::connect(&server).await.unwrap();
    admin.execute_unprepared(&format!("CREATE DATABASE {name}")).await.unwrap();
    admin.close().await.unwrap();
    let (address, _) = server.rsplit_once('/').unwrap();
    let url = format!("{address}/{name}");
    Some(Fixture { store: Store::open(&url).await.unwrap(), url, _folder: None, drop_database: Some((server, name)) })
}

impl Fixture {
    pub(crate) async fn end(self) {
        self.store.close().await.unwrap();
        if let Some((server, name)) = self.drop_database {
            let admin = Database::connect(&server).await.unwrap();
            admin.execute_unprepared(&format!("DROP DATABASE {name} WITH (FORCE)")).await.unwrap();
            admin.close().await.unwrap();
        }
    }
}

/// Makes a test of each body on each engine.
macro_rules! on_both {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let fixture = crate::support::sqlite().await;
                super::$name(&fixture).await;
                fixture.end().await;
            })*
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                if let Some(fixture) = crate::support::postgres().await {
                    super::$name(&fixture).await;
                    fixture.end().await;
                }
            })*
        }
    };
}
pub(crate) use on_both;

pub(crate) async fn root(store: &Store, path: &str) -> RootRow {
    store.roots().add(&NewRoot { path: path.into(), name: path.trim_start_matches('/').into(), samples: false }, 1).await.unwrap()
}

pub(crate) fn facts(family: &str) -> AdapterFacts {
    AdapterFacts {
        family: family.into(),
        family_label: family.to_uppercase(),
        family_confidence: 0.9,
        evidence: vec!["because".into()],
        kind: "lora".into(),
        layout_id: Some(format!("{family}_layout")),
        layout_version: Some(1),
        modules: 10,
        rank_min: Some(4),
        rank_max: Some(16),
        dtypes: vec!["f16".into()],
        ..Default::default()
    }
}

pub(crate) fn file(rel_path: &str, facts: AdapterFacts) -> NewFile {
    NewFile {
        rel_path: rel_path.into(),
        size: 1000,
        modified_ms: 5000,
        file_key: None,
        header_hash: Some(format!("header of {}", rel_path.rsplit('/').next().unwrap())),
        sidecar_stamp: None,
        preview_source: None,
        preview_stamp: None,
        facts: Ok(facts),
    }
}

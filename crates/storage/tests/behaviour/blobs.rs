use bytes::Bytes;
use weft_storage::Blobs;

#[tokio::test]
async fn a_blob_is_named_by_its_content_and_written_once() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(&folder.path().join("deep/blobs")).unwrap();
    let key = blobs.put(Bytes::from_static(b"woven")).await.unwrap();
    assert_eq!(key, blobs.put(Bytes::from_static(b"woven")).await.unwrap());
    assert_eq!(key.len(), 64);
    assert_eq!(blobs.get(&key).await.unwrap().as_deref(), Some(b"woven".as_slice()));
    blobs.put_derived(&key, "w320", Bytes::from_static(b"small")).await.unwrap();
    assert_eq!(blobs.get_derived(&key, "w320").await.unwrap().as_deref(), Some(b"small".as_slice()));
    assert_eq!(files(folder.path()).len(), 2, "no temporary file stays");
    blobs.delete(&key).await.unwrap();
    blobs.delete(&key).await.unwrap();
    assert!(blobs.get(&key).await.unwrap().is_none());
}

#[tokio::test]
async fn a_key_cannot_leave_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let inside = folder.path().join("blobs");
    let blobs = Blobs::open(&inside).unwrap();
    std::fs::write(folder.path().join("secret"), b"x").unwrap();
    for key in ["../secret", "../../secret", "/etc/passwd", "..%2fsecret", "", "..", "a/../../secret"] {
        assert!(blobs.get(key).await.unwrap().is_none(), "{key}");
    }
    blobs.put_derived("../../x", "..", Bytes::from_static(b"y")).await.unwrap();
    assert_eq!(files(folder.path()).len(), 2);
    assert_eq!(files(&inside).len(), 1);
}

fn files(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

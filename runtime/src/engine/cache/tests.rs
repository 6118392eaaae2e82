use super::*;

fn write(cache: &Cache, name: &str, bytes: usize, used_s_ago: u64) {
    let path = cache.directory.join(name);
    fs::write(&path, vec![0; bytes]).unwrap();
    let used = SystemTime::now() - Duration::from_secs(used_s_ago);
    fs::File::open(path).unwrap().set_modified(used).unwrap();
}

fn kept(cache: &Cache) -> Vec<String> {
    let entries = fs::read_dir(&cache.directory).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn what_was_used_last_is_kept_as_far_as_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let mut cache = Cache::open(&folder.path().join("compiled")).unwrap();
    cache.max_bytes = 100;
    write(&cache, "old.cwasm", 40, 300);
    write(&cache, "recent.cwasm", 40, 200);
    write(&cache, "newest.cwasm", 40, 100);
    write(&cache, "something.else", 1_000, 400);
    keep_newest(&cache.directory, "cwasm", cache.max_bytes).unwrap();
    assert_eq!(
        kept(&cache),
        ["newest.cwasm", "recent.cwasm", "something.else"]
    );

    write(&cache, "large.cwasm", 500, 0);
    keep_newest(&cache.directory, "cwasm", cache.max_bytes).unwrap();
    assert_eq!(kept(&cache), ["large.cwasm", "something.else"]);
}

#[test]
#[cfg(unix)]
fn what_others_can_write_to_is_not_ours() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    assert!(is_ours(folder.path()));
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
    assert!(!is_ours(folder.path()));
    assert!(!is_ours(&folder.path().join("missing")));
}

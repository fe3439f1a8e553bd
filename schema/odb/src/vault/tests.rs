use super::*;

fn vault() -> (tempfile::TempDir, PathBuf, Vault) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("busker.key");
    let vault = Vault::create(&path).unwrap();
    (folder, path, vault)
}

#[test]
fn what_is_sealed_opens_only_in_its_place() {
    let (_folder, _, vault) = vault();
    let sealed = vault
        .seal("object/1/password", &Secret::new("hunter2"))
        .unwrap();
    assert!(is_sealed(&sealed));
    assert!(!sealed.contains("hunter2"));
    assert_eq!(
        vault
            .open_sealed("object/1/password", &sealed)
            .unwrap()
            .expose(),
        "hunter2"
    );
    for place in ["object/2/password", "object/1/token", ""] {
        assert!(matches!(
            vault.open_sealed(place, &sealed),
            Err(OdbError::Vault(_))
        ));
    }
}

#[test]
fn the_same_secret_is_sealed_differently_each_time() {
    let (_folder, _, vault) = vault();
    let secret = Secret::new("hunter2");
    assert_ne!(
        vault.seal("a", &secret).unwrap(),
        vault.seal("a", &secret).unwrap()
    );
}

#[test]
fn a_changed_byte_does_not_open() {
    let (_folder, _, vault) = vault();
    let sealed = vault.seal("a", &Secret::new("hunter2")).unwrap();
    let mut letters: Vec<char> = sealed.chars().collect();
    let letter = letters.iter_mut().nth_back(10).unwrap();
    *letter = if *letter == 'A' { 'B' } else { 'A' };
    let damaged: String = letters.into_iter().collect();
    assert!(vault.open_sealed("a", &damaged).is_err());
}

#[test]
fn a_new_key_opens_first_and_seals_when_it_is_told_to() {
    let (_folder, path, vault) = vault();
    let old = vault.seal("a", &Secret::new("one")).unwrap();
    let id = Vault::add_key(&path).unwrap();
    let another = Vault::open(&path).unwrap();
    assert_eq!(another.key_ids().last(), Some(&id));
    assert_eq!(
        key_of(&another.seal("a", &Secret::new("x")).unwrap()),
        key_of(&old)
    );
    let led = another.led_by(&id).unwrap();
    let new = led.seal("a", &Secret::new("two")).unwrap();
    assert_eq!(key_of(&new), Some(id.as_str()));
    assert_eq!(led.open_sealed("a", &old).unwrap().expose(), "one");
    // The first vault read its file before; it looks again rather than to give up.
    assert_eq!(vault.key_ids().len(), 1);
    assert_eq!(vault.open_sealed("a", &new).unwrap().expose(), "two");
    assert_eq!(vault.key_ids().len(), 2);
    assert!(matches!(vault.led_by("00000000"), Err(OdbError::Vault(_))));
}

#[test]
fn a_dropped_key_opens_nothing_any_more() {
    let (_folder, path, vault) = vault();
    let old = vault.seal("a", &Secret::new("one")).unwrap();
    let id = Vault::add_key(&path).unwrap();
    assert!(Vault::keep_keys(&path, &[]).is_err());
    assert!(Vault::keep_keys(&path, &["00000000".to_owned()]).is_err());
    vault.reload().unwrap();
    assert_eq!(
        vault.key_ids().len(),
        2,
        "what is refused leaves the file alone"
    );
    Vault::keep_keys(&path, std::slice::from_ref(&id)).unwrap();
    vault.reload().unwrap();
    assert_eq!(vault.key_ids(), [id]);
    assert!(matches!(
        vault.open_sealed("a", &old),
        Err(OdbError::Vault(_))
    ));
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_file_takes_no_more_keys_than_it_may_hold() {
    let (_folder, path, _) = vault();
    for _ in 1..VAULT_KEYS {
        Vault::add_key(&path).unwrap();
    }
    assert!(matches!(Vault::add_key(&path), Err(OdbError::Vault(_))));
    assert_eq!(Vault::open(&path).unwrap().key_ids().len(), VAULT_KEYS);
}

#[test]
fn a_key_file_is_private_and_never_overwritten() {
    let (_folder, path, _) = vault();
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(Vault::create(&path).is_err());
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(matches!(Vault::open(&path), Err(OdbError::Vault(_))));
}

#[test]
fn debug_shows_no_key() {
    let (_folder, path, vault) = vault();
    let text = std::fs::read_to_string(&path).unwrap();
    let key = text.trim().split_once(' ').unwrap().1;
    assert!(!format!("{vault:?}").contains(key));
}

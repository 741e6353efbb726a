//! Root keys come from where they were put, and from nowhere else.

#![allow(clippy::unwrap_used)]

use super::*;

fn text(value: &str) -> Secret<String> {
    Secret::new(value.to_owned())
}

#[test]
fn a_written_key_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("root.key");
    let key = RootKey::generate();
    key.write_file(&path).unwrap();
    assert!(RootKey::from_file(&path).unwrap() == key);
    assert!(matches!(RootKey::generate().write_file(&path), Err(RootKeyError::Exists { .. })));
    assert!(RootKey::from_file(&path).unwrap() == key);
}

#[cfg(unix)]
#[test]
fn a_key_that_others_may_touch_is_refused() {
    use std::fs::{Permissions, set_permissions};
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("root.key");
    RootKey::generate().write_file(&path).unwrap();
    let mode = std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode, 0o600);
    for mode in [0o640, 0o604, 0o660, 0o644, 0o700, 0o4600, 0o601] {
        set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        let error = RootKey::from_file(&path).unwrap_err();
        assert!(matches!(error, RootKeyError::Permissions { mode: found, .. } if found == mode), "{mode:o}");
        assert!(error.to_string().contains(&format!("{mode:04o}")));
    }
    set_permissions(&path, Permissions::from_mode(0o400)).unwrap();
    assert!(RootKey::from_file(&path).is_ok());
}

#[test]
fn files_that_are_no_key_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(RootKey::from_file(folder.path()), Err(RootKeyError::NotAFile { .. })));
    assert!(matches!(RootKey::from_file(&folder.path().join("none")), Err(RootKeyError::Read { .. })));
    let contents = [&b""[..], b"short\n", &[b'A'; 5000], b"\xff\xfe", b"two\nlines\n"];
    for (number, content) in contents.into_iter().enumerate() {
        let path = folder.path().join(number.to_string());
        file::create(&path, content).unwrap();
        assert!(matches!(RootKey::from_file(&path), Err(RootKeyError::Malformed)), "{number}");
    }
    assert!(matches!(RootKey::generate().write_file(&folder.path().join("no/such")), Err(RootKeyError::Write { .. })));
}

#[test]
fn environment_values_are_read_strictly() {
    let good = "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA";
    assert!(RootKey::from_env_value(&text(good)).is_ok());
    let padded = format!("{good}=");
    let spaced = format!(" {good}");
    // The last digit holds four bits only: `B` would be a second spelling.
    let loose = format!("{}B", good.strip_suffix('A').unwrap());
    for bad in ["", &padded, &spaced, &loose, "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWe+A"] {
        assert!(matches!(RootKey::from_env_value(&text(bad)), Err(RootKeyError::Malformed)), "{bad}");
    }
    let zeros = "A".repeat(43);
    assert!(matches!(RootKey::from_env_value(&text(&zeros)), Err(RootKeyError::NotRandom)));
}

#[test]
fn a_passphrase_gives_the_same_key_with_its_settings_only() {
    let passphrase = text("correct horse battery staple");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("settings");
    let settings = PassphraseSettings::generate();
    settings.write_file(&path).unwrap();
    let stored = PassphraseSettings::from_file(&path).unwrap();
    assert_eq!(stored, settings);
    let key = RootKey::from_passphrase(&passphrase, &settings).unwrap();
    assert!(RootKey::from_passphrase(&passphrase, &stored).unwrap() == key);
    assert!(RootKey::from_passphrase(&passphrase, &PassphraseSettings::generate()).unwrap() != key);
    assert!(RootKey::from_passphrase(&text("correct horse battery stable"), &settings).unwrap() != key);
}

#[test]
fn short_passphrases_and_weak_settings_are_refused() {
    let settings = PassphraseSettings::generate();
    let long = "x".repeat(1025);
    for bad in ["", "elevenchars", &long] {
        assert!(matches!(RootKey::from_passphrase(&text(bad), &settings), Err(RootKeyError::Passphrase)));
    }
    let salt = "AAAAAAAAAAAAAAAAAAAAAA";
    let good = format!("$argon2id$v=19$m=19456,t=2,p=1${salt}");
    assert_eq!(good.parse::<PassphraseSettings>().unwrap().to_string(), good);
    for bad in [
        String::new(),
        format!("$argon2id$v=19$m=19455,t=2,p=1${salt}"),
        format!("$argon2id$v=19$m=19456,t=1,p=1${salt}"),
        "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAA".to_owned(),
        format!("$argon2i$v=19$m=19456,t=2,p=1${salt}"),
        format!("{good}$AAAA"),
    ] {
        assert!(matches!(bad.parse::<PassphraseSettings>(), Err(RootKeyError::Settings)), "{bad}");
    }
}

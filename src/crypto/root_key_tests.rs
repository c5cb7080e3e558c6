use super::acl::tests as acl;
use super::*;
use std::os::unix::fs::PermissionsExt;

fn key(seed: u8) -> RootKey {
    let bytes: Vec<u8> = (0..32_u8).map(|i| i.wrapping_mul(i).wrapping_mul(37).wrapping_add(seed)).collect();
    RootKey::from_base64(&STANDARD.encode(bytes)).unwrap()
}

fn refused(text: &str) -> String {
    RootKey::from_base64(text).unwrap_err().to_string()
}

#[test]
fn t160_weak_and_broken_root_keys_are_refused() {
    assert!(refused("").contains("0 bytes"));
    assert!(refused("%%% not base64 %%%").contains("not base64"));
    assert!(refused(&STANDARD.encode([1, 2, 3])).contains("3 bytes instead of 32"));
    assert!(refused(&STANDARD.encode([7; 33])).contains("33 bytes"));
    assert!(refused(&STANDARD.encode([0; 32])).contains("zero"));
    assert!(refused(&STANDARD.encode([0xA5; 32])).contains("repeats"));
    assert!(refused(&STANDARD.encode(b"0123456789abcdef".repeat(2))).contains("repeats"));
    let sequence: Vec<u8> = (0..32).collect();
    assert!(refused(&STANDARD.encode(sequence)).contains("sequence"));
    assert!(refused(&STANDARD.encode(b"correct horse battery staple 123")).contains("text"));
    assert!(refused("changemechangemechangemechangemechangemecha=").contains("placeholder"));
    let mut few: Vec<u8> = (0..32_u32).map(|i| (i * i * 7 % 11) as u8 * 20).collect();
    few[3] = 255;
    assert!(refused(&STANDARD.encode(few)).contains("too few"));
}

#[test]
fn every_form_of_base64_is_one_key() {
    let bytes: Vec<u8> = (0..32_u8).map(|i| i.wrapping_mul(i).wrapping_mul(91)).collect();
    let label = |text: String| RootKey::from_base64(&text).unwrap().label().to_owned();
    let expected = label(STANDARD.encode(&bytes));
    assert_eq!(label(URL_SAFE_NO_PAD.encode(&bytes)), expected);
    assert_eq!(label(format!("  {}\n", STANDARD_NO_PAD.encode(&bytes))), expected);
    assert_eq!(expected.len(), 16);
}

#[test]
fn random_keys_are_never_called_weak() {
    for _ in 0..2_000 {
        let bytes = Random::system().key_bytes().unwrap();
        assert_eq!(weakness(&bytes), None);
    }
}

#[test]
fn t163_an_open_key_file_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("root.key");
    let made = create_key_file(&Random::system(), &path).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
    assert_eq!(RootKey::from_file(&path).unwrap().label(), made.label());
    for mode in [0o640, 0o604, 0o620, 0o666] {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        let error = RootKey::from_file(&path).unwrap_err();
        assert!(matches!(error, RootKeyError::Permissions(_, m) if m == mode), "{error}");
        assert!(error.to_string().contains("chmod 600"), "{error}");
    }
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o400)).unwrap();
    assert!(RootKey::from_file(&path).is_ok());
}

/// What systemd makes of `LoadCredential`: root's, `r--r-----`, the second triple being the mask of a list.
#[test]
fn a_credential_of_systemd_is_read_and_one_open_to_a_group_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("root.key");
    create_key_file(&Random::system(), &path).unwrap();
    let file = std::fs::File::options().write(true).open(&path).unwrap();
    let us = rustix::process::geteuid().as_raw();
    acl::give(&file, &acl::list(0, 0, &[(0x02, 4, us)])).unwrap();
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o440, "looks open to the group");
    assert!(RootKey::from_file(&path).is_ok());
    for open in [acl::list(4, 0, &[(0x02, 4, us)]), acl::list(0, 0, &[(0x02, 4, us + 1)])] {
        acl::give(&file, &open).unwrap();
        assert!(matches!(RootKey::from_file(&path), Err(RootKeyError::Permissions(_, 0o440))));
    }
}

#[test]
fn t160_what_is_no_key_file_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    assert!(matches!(RootKey::from_file(&at("none")), Err(RootKeyError::Missing(_))));
    assert!(matches!(RootKey::from_file(dir.path()), Err(RootKeyError::NotRegular(_))));
    let write = |name: &str, bytes: &[u8]| {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(at(name)).unwrap();
        file.write_all(bytes).unwrap();
    };
    write("noise", &[0xFF; 40]);
    assert!(matches!(RootKey::from_file(&at("noise")), Err(RootKeyError::NotBase64)));
    write("long", &[b'A'; 10_000]);
    assert!(matches!(RootKey::from_file(&at("long")), Err(RootKeyError::Length(_))));
    write("empty", b"");
    assert!(matches!(RootKey::from_file(&at("empty")), Err(RootKeyError::Length(0))));
}

/// Opening a pipe must not wait for a writer that never comes.
#[test]
fn t160_a_pipe_is_no_key_file_and_is_not_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("pipe");
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    let (done, answer) = std::sync::mpsc::channel();
    std::thread::spawn(move || done.send(RootKey::from_file(&path)));
    let answer = answer.recv_timeout(std::time::Duration::from_secs(20)).unwrap();
    assert!(matches!(answer, Err(RootKeyError::NotRegular(_))));
}

#[test]
fn a_key_file_is_never_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("root.key");
    create_key_file(&Random::system(), &path).unwrap();
    let before = std::fs::read(&path).unwrap();
    assert!(matches!(create_key_file(&Random::system(), &path), Err(RootKeyError::Exists(_))));
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn t120_without_random_bytes_no_key_file_is_left() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("root.key");
    let broken = Random::from_fn(|_| Err(Error::unavailable("no random bytes")));
    assert!(matches!(create_key_file(&broken, &path), Err(RootKeyError::NotMade(_))));
    let weak = Random::from_fn(|_| Ok(()));
    assert!(matches!(create_key_file(&weak, &path), Err(RootKeyError::Weak(_))));
    assert!(!path.exists());
}

#[test]
fn debug_shows_the_label_only() {
    let key = key(1);
    assert_eq!(format!("{key:?}"), format!("RootKey({})", key.label()));
}

use super::*;
use crate::crypto::hex;
use crate::crypto::opened::CACHED_KEYS;
use crate::secret::Secret;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

fn root_key() -> RootKey {
    RootKey::from_base64(&STANDARD.encode(Random::system().key_bytes().unwrap().as_slice())).unwrap()
}

fn ring() -> (RootKey, Keyring, WrappedRoot) {
    let key = root_key();
    let (ring, stored) = Keyring::create(Random::system(), "instance-1", &key).unwrap();
    (key, ring, stored)
}

fn reopen(key: &RootKey, stored: &[WrappedRoot]) -> Result<Keyring, KeyringError> {
    let newest = stored.iter().map(|wrapped| wrapped.version).max().unwrap_or(1);
    Keyring::open(Random::system(), "instance-1", key, stored, newest)
}

#[test]
fn the_same_root_key_gives_the_same_keys() {
    let (key, first, stored) = ring();
    let second = reopen(&key, std::slice::from_ref(&stored)).unwrap();
    assert_eq!(first.cookie_key(), second.cookie_key());
    assert_eq!(first.csrf_key(), second.csrf_key());
    assert_eq!(first.audit().mac(&[1; 32]).unwrap(), second.audit().mac(&[1; 32]).unwrap());
    let print = |ring: &Keyring| ring.fingerprints("w").unwrap().of(&Secret::new("s".into())).unwrap();
    assert_eq!(print(&first), print(&second));
    let sealed = first.seal(first.mfa(), &Context::new("cc/totp/v1").text("u"), b"seed").unwrap();
    let opened = envelope::open(|id| second.mfa_key(id), &Context::new("cc/totp/v1").text("u"), &sealed);
    assert_eq!(*opened.unwrap(), b"seed");
}

#[test]
fn t162_two_instances_share_no_key() {
    let key = root_key();
    let (one, _) = Keyring::create(Random::system(), "instance-1", &key).unwrap();
    let (two, _) = Keyring::create(Random::system(), "instance-2", &key).unwrap();
    assert_ne!(one.cookie_key(), two.cookie_key());
    assert_ne!(one.csrf_key(), two.csrf_key());
    assert_ne!(one.audit().mac(&[1; 32]).unwrap(), two.audit().mac(&[1; 32]).unwrap());
    assert_ne!(&one.cookie_key()[..32], one.csrf_key());
}

#[test]
fn t117_a_wrong_root_key_is_refused_by_label() {
    let (key, _, stored) = ring();
    let other = root_key();
    let error = reopen(&other, std::slice::from_ref(&stored)).unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, KeyringError::WrongRootKey { .. }));
    assert!(text.contains(key.label()) && text.contains(other.label()), "{text}");
    assert!(matches!(reopen(&key, &[]), Err(KeyringError::Empty)));
}

#[test]
fn t117_a_swapped_label_or_check_value_is_noticed() {
    let (key, _, stored) = ring();
    let other = root_key();
    let relabelled = WrappedRoot { label: other.label().to_owned(), ..stored.clone() };
    assert!(matches!(reopen(&other, &[relabelled]), Err(KeyringError::Damaged { version: 1, .. })));
    let other_check = WrappedRoot { check: hex(&[0; 16]), ..stored.clone() };
    assert!(matches!(reopen(&key, &[other_check]), Err(KeyringError::Damaged { .. })));
    let other_version = WrappedRoot { version: 2, ..stored.clone() };
    assert!(matches!(reopen(&key, &[other_version]), Err(KeyringError::Damaged { .. })));
    let elsewhere = Keyring::open(Random::system(), "instance-2", &key, &[stored], 1);
    assert!(matches!(elsewhere, Err(KeyringError::Damaged { .. })));
}

#[test]
fn a_root_key_is_changed_by_wrapping_again() {
    let (old, ring, stored) = ring();
    let new = root_key();
    let wrapped = ring.create_workspace_key("w", 1).unwrap();
    let both = [vec![stored], ring.rewrap(&new).unwrap()].concat();
    for key in [&old, &new] {
        let ring = reopen(key, &both).unwrap();
        assert_eq!(ring.label(), key.label());
        assert!(ring.workspace_key("w", 1, &wrapped).is_ok());
    }
}

#[test]
fn an_older_root_still_opens_what_it_wrapped() {
    let (key, first, stored) = ring();
    let wrapped = first.create_workspace_key("w", 1).unwrap();
    let second = InstanceRoot::new(2, Random::system().key_bytes().unwrap());
    let second = wrap_root(&Random::system(), "instance-1", &key, &second).unwrap();
    let ring = reopen(&key, &[second, stored]).unwrap();
    assert_eq!(ring.audit().id(), 2);
    assert_eq!(ring.audit_key(1).unwrap().id(), 1);
    assert!(ring.audit_key(3).is_none());
    assert!(ring.workspace_key("w", 1, &wrapped).is_ok());
    assert_eq!(envelope::key_id(&ring.create_workspace_key("w", 2).unwrap()).unwrap(), 2);
}

#[test]
fn a_staged_root_opens_and_does_not_seal() {
    let (key, first, stored) = ring();
    let wrapped = first.create_workspace_key("w", 1).unwrap();
    let next = first.next_root(&key).unwrap();
    assert_eq!((next.version, next.label.as_str()), (2, key.label()));
    let both = [stored, next];
    let before = Keyring::open(Random::system(), "instance-1", &key, &both, 1).unwrap();
    assert_eq!((before.root_version(), before.has_root(2)), (1, true));
    assert_eq!(before.rewrap_workspace_key("w", 1, &wrapped).unwrap(), None);
    let after = reopen(&key, &both).unwrap();
    let again = after.rewrap_workspace_key("w", 1, &wrapped).unwrap().unwrap();
    assert_eq!((after.root_version(), envelope::key_id(&again).unwrap()), (2, 2));
    // It is the same key: what one seals the other opens.
    let blob = after.seal(&before.workspace_key("w", 1, &wrapped).unwrap(), &Context::new("t"), b"x").unwrap();
    let opened = before.workspace_key("w", 1, &again).unwrap();
    assert_eq!(*envelope::open(|_| Some(&*opened), &Context::new("t"), &blob).unwrap(), b"x");
    assert_ne!(before.cookie_key(), after.cookie_key());
}

#[test]
fn a_damaged_root_that_does_not_seal_is_left_out() {
    let (key, first, mut stored) = ring();
    let wrapped = first.create_workspace_key("w", 1).unwrap();
    let next = first.next_root(&key).unwrap();
    stored.wrapped[30] ^= 1;
    let ring = reopen(&key, &[stored.clone(), next.clone()]).unwrap();
    assert_eq!((ring.damaged(), ring.has_root(1)), ([1].as_slice(), false));
    assert_eq!(ring.workspace_key("w", 1, &wrapped).unwrap_err(), OpenError::UnknownKey { key_id: 1 });
    let error = Keyring::open(Random::system(), "instance-1", &key, &[stored, next], 1).unwrap_err();
    assert!(matches!(error, KeyringError::Damaged { version: 1, .. }));
}

#[test]
fn a_label_without_the_root_that_seals_is_refused() {
    let (old, first, stored) = ring();
    let new = root_key();
    let next = first.next_root(&new).unwrap();
    let error = reopen(&old, &[stored, next]).unwrap_err();
    assert!(
        matches!(&error, KeyringError::WrongRootKey { known, .. } if known == &[new.label().to_owned()]),
        "{error}"
    );
}

#[test]
fn t114_a_workspace_key_opens_for_its_workspace_and_version_only() {
    let (_, ring, _) = ring();
    let wrapped = ring.create_workspace_key("w1", 1).unwrap();
    let key = ring.workspace_key("w1", 1, &wrapped).unwrap();
    assert_eq!(key.id(), 1);
    assert_eq!(ring.workspace_key("w2", 1, &wrapped).unwrap_err(), OpenError::Tampered);
    assert_eq!(ring.workspace_key("w1", 2, &wrapped).unwrap_err(), OpenError::Tampered);
    let mut changed = wrapped.clone();
    *changed.last_mut().unwrap() ^= 1;
    assert_eq!(ring.workspace_key("w1", 1, &changed).unwrap_err(), OpenError::Tampered, "the cache must not answer");
    let other = ring.create_workspace_key("w2", 1).unwrap();
    let blob = ring.seal(&key, &Context::new("t"), b"x").unwrap();
    let other = ring.workspace_key("w2", 1, &other).unwrap();
    assert_eq!(envelope::open(|_| Some(&*other), &Context::new("t"), &blob).unwrap_err(), OpenError::Tampered);
}

#[test]
fn opened_keys_are_kept_bounded_and_forgotten_on_demand() {
    let (_, ring, _) = ring();
    let wrapped = ring.create_workspace_key("w", 1).unwrap();
    let first = ring.workspace_key("w", 1, &wrapped).unwrap();
    assert!(Arc::ptr_eq(&first, &ring.workspace_key("w", 1, &wrapped).unwrap()));
    ring.forget("w");
    assert!(!Arc::ptr_eq(&first, &ring.workspace_key("w", 1, &wrapped).unwrap()));
    for n in 0..CACHED_KEYS + 5 {
        let name = format!("w{n}");
        let wrapped = ring.create_workspace_key(&name, 1).unwrap();
        ring.workspace_key(&name, 1, &wrapped).unwrap();
    }
    let opened = ring.workspaces.read().unwrap();
    assert_eq!((opened.keys.len(), opened.order.len()), (CACHED_KEYS, CACHED_KEYS));
}

#[test]
fn t120_without_random_bytes_no_key_is_made() {
    let broken = Random::from_fn(|_| Err(Error::unavailable("no random bytes")));
    assert_eq!(Keyring::create(broken, "instance-1", &root_key()).unwrap_err().status(), 503);
}

#[test]
fn debug_shows_instance_and_label() {
    let (key, ring, _) = ring();
    assert_eq!(format!("{ring:?}"), format!("Keyring(instance-1, {})", key.label()));
}

/// Written by another implementation from the description of the formats: what is stored today must open
/// with every later version.
#[test]
fn golden_keys_open_for_ever() {
    let key = RootKey::from_base64("pKGdKXPalshsSrbB8OW9Exu5/WbwLWaxCK5i6Pb/6xw=").unwrap();
    assert_eq!(key.label(), "e0010bce4d2f151e");
    let stored = WrappedRoot {
        version: 1,
        label: key.label().to_owned(),
        check: "791b94c86402d8f391a3c0805d27e900".to_owned(),
        wrapped: from_hex(
            "cc0101e0010bce000102030405060708090a0b989e0d58d7414f3b9a138802486267773320c3b6eee39d2bcdfb62f6560dd09c\
             10556fa058c29081fe42b0c808c5fc100425a764117a597905095910da68677d671d7715d284fb45eff72334cdd17303",
        ),
    };
    let ring = reopen(&key, &[stored]).unwrap();
    assert_eq!(
        hex(&ring.audit().mac(&[1; 32]).unwrap()),
        "c4150a0c8450c797b3022cbc6c34a24052687279ead63e7a8eb250ee1c157a09"
    );
    let print = ring.fingerprints("workspace-1").unwrap().of(&Secret::new("sk_live_1".into())).unwrap();
    assert_eq!(print, "32a00a610958eb4c606061dc1fadc7ea");
    let wrapped = from_hex(
        "cc010100000001000102030405060708090a0ba82aca9c4cef9823af3e8d25a541cb2e480a5deeb064db331e745064c9c54de7\
         0b05c1cfaed39f598fbd467cebf23c844ec50b0466f9c9cded9376b1632f47082575e17f214776e4eac812179d24d15d",
    );
    let workspace = ring.workspace_key("workspace-1", 3, &wrapped).unwrap();
    let sealed = from_hex(
        "cc010100000003000102030405060708090a0b4d2902b7772704d78bdb295dbe077811f873e0c5040a5b7de00ced2005272875\
         19ec48adb8b4e383065b0833ba354b002091993586e16ccb6bba8e419ea6f79578bfcde522e594895b2782618839ca39",
    );
    assert_eq!(*envelope::open(|_| Some(&*workspace), &Context::new("t"), &sealed).unwrap(), b"opened");
}

fn from_hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap()).collect()
}

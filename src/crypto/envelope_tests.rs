use super::super::context::SecretPlace;
use super::*;
use aes_gcm_siv::Aes128GcmSiv;
use aes_gcm_siv::aead::{Aead, Payload};
use proptest::prelude::*;
use std::collections::HashSet;

const DESTINATION: [u8; 32] = [9; 32];

fn place() -> SecretPlace<'static> {
    SecretPlace {
        instance: "instance-1",
        workspace: "workspace-1",
        credential: "credential-1",
        integration: "smtp",
        method: "password",
        version: 1,
        destination: &DESTINATION,
    }
}

fn context() -> Context {
    Context::secret(place())
}

fn key(id: u32) -> Key {
    let mut bytes = [0x42; 32];
    bytes[..4].copy_from_slice(&id.to_be_bytes());
    Key::new(id, &bytes)
}

fn open_with(key: &Key, context: &Context, blob: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    open(|id| (id == key.id()).then_some(key), context, blob)
}

fn from_hex(text: &str) -> Vec<u8> {
    if text == "-" {
        return Vec::new();
    }
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap()).collect()
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Key, nonce, associated data, plaintext, ciphertext and tag.
fn columns(line: &str) -> (String, [Vec<u8>; 5]) {
    let (first, rest) = line.split_once(' ').unwrap();
    let hex: Vec<Vec<u8>> = rest.split(' ').map(from_hex).collect();
    (first.to_owned(), hex.try_into().unwrap())
}

fn run(seal: bool, [key, nonce, aad, plaintext, sealed]: &[Vec<u8>; 5]) -> Option<Vec<u8>> {
    let nonce = Nonce::try_from(nonce.as_slice()).unwrap();
    let payload = Payload { msg: if seal { plaintext } else { sealed }, aad };
    match (key.len(), seal) {
        (16, true) => Aes128GcmSiv::new_from_slice(key).unwrap().encrypt(&nonce, payload).ok(),
        (16, false) => Aes128GcmSiv::new_from_slice(key).unwrap().decrypt(&nonce, payload).ok(),
        (_, true) => Aes256GcmSiv::new_from_slice(key).unwrap().encrypt(&nonce, payload).ok(),
        (_, false) => Aes256GcmSiv::new_from_slice(key).unwrap().decrypt(&nonce, payload).ok(),
    }
}

/// With the processor's own instructions and without them:
///
/// ```text
/// cargo test --lib t119
/// RUSTFLAGS='--cfg aes_backend="soft" --cfg polyval_backend="soft"' cargo test --lib t119 --target-dir target/soft
/// ```
#[test]
fn t119_the_vectors_of_rfc_8452_hold() {
    let mut seen = [0; 3];
    for line in include_str!("vectors/rfc8452.txt").lines().filter(|l| !l.starts_with('#')) {
        let (section, vector) = columns(line);
        seen[match section.as_str() {
            "C.1" => 0,
            "C.2" => 1,
            _ => 2,
        }] += 1;
        assert_eq!(run(true, &vector).as_ref(), Some(&vector[4]), "{line}");
        assert_eq!(run(false, &vector).as_ref(), Some(&vector[3]), "{line}");
    }
    assert_eq!(seen, [24, 24, 2]);
}

#[test]
fn t119_the_vectors_of_wycheproof_hold() {
    let (mut pass, mut fail) = (0, 0);
    for line in include_str!("vectors/wycheproof.txt").lines().filter(|l| !l.starts_with('#')) {
        let (verdict, vector) = columns(line);
        if verdict == "pass" {
            pass += 1;
            assert_eq!(run(true, &vector).as_ref(), Some(&vector[4]), "{line}");
            assert_eq!(run(false, &vector).as_ref(), Some(&vector[3]), "{line}");
        } else {
            fail += 1;
            assert_eq!(run(false, &vector), None, "{line}");
        }
    }
    assert_eq!((pass, fail), (88, 67));
}

/// Blobs written by the first release: every later one must open them.
#[test]
fn golden_blobs_open_for_ever() {
    let fixed = Random::from_fn(|buffer| {
        for (i, byte) in buffer.iter_mut().enumerate() {
            *byte = i as u8;
        }
        Ok(())
    });
    let golden = include_str!("vectors/golden.txt");
    let mut count = 0;
    for line in golden.lines().filter(|l| !l.starts_with('#')) {
        let (id, rest) = line.split_once(' ').unwrap();
        let (plaintext, blob) = rest.split_once(' ').unwrap();
        let (key, plaintext, blob) = (key(id.parse().unwrap()), from_hex(plaintext), from_hex(blob));
        assert_eq!(*open_with(&key, &context(), &blob).unwrap(), plaintext);
        assert_eq!(to_hex(&seal_with(&fixed, &key, &context(), &plaintext).unwrap()), to_hex(&blob));
        count += 1;
    }
    assert_eq!(count, 4);
}

#[test]
fn t112_every_flipped_bit_is_noticed() {
    let key = key(7);
    let blob = seal(&key, &context(), br#"{"password":"hunter2"}"#).unwrap();
    for bit in 0..blob.len() * 8 {
        let mut changed = blob.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        let error = open_with(&key, &context(), &changed).unwrap_err();
        let expected = match bit / 8 {
            0 | 1 => OpenError::BadFormat,
            2 => OpenError::UnknownAlgorithm(changed[2]),
            3..7 => OpenError::UnknownKey { key_id: u32::from_be_bytes(changed[3..7].try_into().unwrap()) },
            _ => OpenError::Tampered,
        };
        assert_eq!(error, expected, "bit {bit}");
    }
}

#[test]
fn t112_the_key_id_is_authenticated() {
    let bytes = [0x42; 32];
    let blob = seal(&Key::new(1, &bytes), &context(), b"x").unwrap();
    let mut renamed = blob.clone();
    renamed[6] = 2;
    assert_eq!(open_with(&Key::new(2, &bytes), &context(), &renamed).unwrap_err(), OpenError::Tampered);
}

#[test]
fn t113_cut_and_lengthened_blobs_are_refused() {
    let key = key(7);
    let blob = seal(&key, &context(), b"secret").unwrap();
    for length in 0..blob.len() {
        assert!(open_with(&key, &context(), &blob[..length]).is_err(), "{length}");
    }
    for extra in [&[0_u8][..], &[0xFF], &[0; 64]] {
        let longer = [blob.as_slice(), extra].concat();
        assert_eq!(open_with(&key, &context(), &longer).unwrap_err(), OpenError::Tampered);
    }
    assert_eq!(open_with(&key, &context(), &[0xFF; 200]).unwrap_err(), OpenError::BadFormat);
}

/// Numbers that look random and are the same in every run (xorshift64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % sides as u64).unwrap()
    }
}

/// What a fuzzer does to a blob: bits and bytes changed, pieces cut, doubled, swapped and put in from elsewhere.
fn bent(dice: &mut Dice, blob: &[u8], other: &[u8]) -> Vec<u8> {
    let mut bytes = blob.to_vec();
    for _ in 0..=dice.roll(3) {
        let at = dice.roll(bytes.len().max(1));
        match dice.roll(8) {
            0 => bytes.truncate(at),
            1 => bytes.extend((0..dice.roll(80)).map(|_| dice.roll(256) as u8).collect::<Vec<_>>()),
            2 => bytes = (0..dice.roll(300)).map(|_| dice.roll(256) as u8).collect(),
            3 => bytes = [&other[..at.min(other.len())], &bytes[at.min(bytes.len())..]].concat(),
            4 => bytes = [&bytes[..at.min(bytes.len())], &other[at.min(other.len())..]].concat(),
            5 => bytes.splice(at.min(bytes.len())..at.min(bytes.len()), [0; 7]).for_each(drop),
            6 if !bytes.is_empty() => bytes.rotate_left(at),
            _ if !bytes.is_empty() => bytes[at] ^= 1 << dice.roll(8),
            _ => bytes.push(0xFF),
        }
    }
    bytes
}

/// Whatever is done to a blob, it is refused, or it is the blob again. The long form:
///
/// ```text
/// FUZZ_ROUNDS=100000000 cargo test --release --lib t113_bent -- --nocapture
/// ```
#[test]
fn t113_bent_blobs_are_refused_and_nothing_panics() {
    let key = key(7);
    let texts: [&[u8]; 4] = [b"", b"secret", &[b'x'; 61], &[0xFF; 200]];
    let blobs: Vec<Vec<u8>> = texts.iter().map(|text| seal(&key, &context(), text).unwrap()).collect();
    let rounds = rounds("FUZZ_ROUNDS", 10_000);
    let (mut dice, context, mut reached) = (Dice(0x9E37_79B9_7F4A_7C15), context(), [0_u64; 4]);
    for _ in 0..rounds {
        let (blob, other) = (&blobs[dice.roll(blobs.len())], &blobs[dice.roll(blobs.len())]);
        let bytes = bent(&mut dice, blob, other);
        match open_with(&key, &context, &bytes) {
            Ok(text) => assert!(blobs.iter().zip(texts).any(|(blob, old)| *blob == bytes && old == *text)),
            Err(error) => {
                reached[match error {
                    OpenError::BadFormat => 0,
                    OpenError::UnknownAlgorithm(_) => 1,
                    OpenError::UnknownKey { .. } => 2,
                    OpenError::Tampered => 3,
                }] += 1;
            }
        }
    }
    println!("{rounds} bent blobs, refused as format, algorithm, key, tampered: {reached:?}");
    assert!(reached.iter().all(|times| *times > rounds / 1_000), "{reached:?}");
}

#[test]
fn t114_a_blob_opens_only_in_its_own_place() {
    let key = key(7);
    let blob = seal(&key, &context(), b"secret").unwrap();
    let elsewhere = [
        SecretPlace { instance: "instance-2", ..place() },
        SecretPlace { workspace: "workspace-2", ..place() },
        SecretPlace { credential: "credential-2", ..place() },
        SecretPlace { integration: "imap", ..place() },
        SecretPlace { method: "oauth", ..place() },
        SecretPlace { version: 2, ..place() },
        SecretPlace { destination: &[8; 32], ..place() },
        SecretPlace { instance: "workspace-1", workspace: "instance-1", ..place() },
    ];
    for place in elsewhere {
        let error = open_with(&key, &Context::secret(place), &blob).unwrap_err();
        assert_eq!(error, OpenError::Tampered, "{place:?}");
    }
    assert_eq!(open_with(&key, &Context::new("cc/grant/v1"), &blob).unwrap_err(), OpenError::Tampered);
    assert_eq!(*open_with(&key, &context(), &blob).unwrap(), b"secret");
}

#[test]
fn t116_only_the_named_key_is_asked_for() {
    let blob = seal(&key(7), &context(), b"secret").unwrap();
    let mut asked = Vec::new();
    let answer = open(
        |id| {
            asked.push(id);
            None::<Key>
        },
        &context(),
        &blob,
    );
    assert_eq!(answer.unwrap_err(), OpenError::UnknownKey { key_id: 7 });
    assert_eq!(asked, [7]);
    assert_eq!(open(|_| Some(key(8)), &context(), &blob).unwrap_err(), OpenError::UnknownKey { key_id: 7 });
    for algorithm in [0, 2, 255] {
        let mut other = blob.clone();
        other[2] = algorithm;
        let error = open(|_| Some(key(7)), &context(), &other).unwrap_err();
        assert_eq!(error, OpenError::UnknownAlgorithm(algorithm));
    }
}

/// How often a test goes round, from the environment or in its short form.
fn rounds(variable: &str, short: u64) -> u64 {
    std::env::var(variable).map_or(short, |text| text.parse().expect("a number of rounds"))
}

/// A repeat among 96 random bits is as good as impossible in the short form and in the long one:
///
/// ```text
/// SEAL_ROUNDS=1000000 cargo test --release --lib t118
/// ```
#[test]
fn t118_nonces_and_blobs_do_not_repeat() {
    let (key, context) = (key(7), context());
    let (mut nonces, mut rests) = (HashSet::new(), HashSet::new());
    for _ in 0..rounds("SEAL_ROUNDS", 5_000) {
        let blob = seal(&key, &context, b"same").unwrap();
        let (nonce, rest) = blob[HEADER..].split_first_chunk::<NONCE>().unwrap();
        assert!(nonces.insert(*nonce), "a nonce came twice");
        // The first half says as much as all of it, and a million of them still fit.
        assert!(rests.insert(<[u8; 16]>::try_from(&rest[..16]).unwrap()), "a ciphertext came twice");
    }
}

#[test]
fn t118_a_repeated_nonce_shows_equality_and_nothing_else() {
    let same = Random::from_fn(|buffer| {
        buffer.fill(5);
        Ok(())
    });
    let seal = |text: &[u8]| seal_with(&same, &key(7), &context(), text).unwrap();
    assert_eq!(seal(b"aaaa"), seal(b"aaaa"));
    let (a, b) = (seal(b"aaaa"), seal(b"aaab"));
    let equal = a[HEADER + NONCE..].iter().zip(&b[HEADER + NONCE..]).filter(|(x, y)| x == y).count();
    assert!(equal < 10, "{equal} of {} bytes agree", a.len());
}

#[test]
fn t120_without_random_bytes_nothing_is_sealed() {
    let broken = Random::from_fn(|_| Err(Error::unavailable("no random bytes")));
    let error = seal_with(&broken, &key(7), &context(), b"secret").unwrap_err();
    assert_eq!(error.status(), 503);
}

#[test]
fn lengths_are_hidden_in_buckets() {
    let length = |n: usize| seal(&key(1), &context(), &vec![b'x'; n]).unwrap().len();
    assert_eq!(length(0), HEADER + NONCE + 64 + TAG);
    assert_eq!(length(0), length(60));
    assert_eq!(length(61), length(60) + 64);
    let error = seal(&key(1), &context(), &vec![0; MAX_PLAINTEXT + 1]).unwrap_err();
    assert_eq!(error.status(), 413);
}

#[test]
fn debug_shows_no_key() {
    assert_eq!(format!("{:?}", key(7)), "Key(7)");
}

proptest! {
    #[test]
    fn what_is_sealed_opens(plaintext in prop::collection::vec(any::<u8>(), 0..700), id in any::<u32>()) {
        let key = key(id);
        let blob = seal(&key, &context(), &plaintext).unwrap();
        prop_assert_eq!(key_id(&blob).unwrap(), id);
        prop_assert_eq!(&*open_with(&key, &context(), &blob).unwrap(), &plaintext);
    }

    #[test]
    fn t113_noise_never_opens(noise in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(open_with(&key(7), &context(), &noise).is_err());
        let headed = [&header(7)[..], &noise].concat();
        prop_assert!(open_with(&key(7), &context(), &headed).is_err());
    }
}

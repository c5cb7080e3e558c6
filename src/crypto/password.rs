//! Password hashes: argon2id (RFC 9106) with a pepper, as PHC strings. The work itself; who runs it when
//! is the business of [`super::hasher`].

use super::random::Random;
use super::token;
use crate::error::{Error, Result};
use argon2::{Algorithm, Argon2, KeyId, Params, ParamsBuilder, PasswordHash, Version};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use zeroize::Zeroizing;

const SALT: usize = 16;
const TAG: usize = 32;

/// The secret input of password hashes, from the instance root; a copy of the database lacks it.
pub struct Pepper {
    id: u32,
    bytes: Zeroizing<[u8; 32]>,
}

impl Pepper {
    /// A pepper of that id: kept in each hash as `keyid`.
    pub fn new(id: u32, bytes: Zeroizing<[u8; 32]>) -> Self {
        Self { id, bytes }
    }

    /// A second holder of the same pepper, said aloud.
    pub fn duplicate(&self) -> Self {
        Self { id: self.id, bytes: self.bytes.clone() }
    }
}

impl fmt::Debug for Pepper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pepper({})", self.id)
    }
}

/// What one argon2id hash costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
}

impl Cost {
    /// For new hashes: 64 MiB, 3 passes, 1 lane.
    pub const NEW: Self = Self { memory_kib: 65_536, passes: 3, lanes: 1 };
    /// The least that a stored hash may have cost: 19 MiB, 2 passes, 1 lane.
    pub const FLOOR: Self = Self { memory_kib: 19_456, passes: 2, lanes: 1 };
    /// The most: a hash put into the database by hand must not take the memory of the machine.
    const CEILING: Self = Self { memory_kib: 1 << 20, passes: 16, lanes: 8 };

    fn within(self, floor: Self) -> bool {
        (floor.memory_kib..=Self::CEILING.memory_kib).contains(&self.memory_kib)
            && (floor.passes..=Self::CEILING.passes).contains(&self.passes)
            && (floor.lanes..=Self::CEILING.lanes).contains(&self.lanes)
    }
}

/// What the comparison of a password with a stored hash gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified {
    /// The password is the right one.
    pub ok: bool,
    /// It is, and its hash should be made anew: cost or pepper are no longer those of new hashes.
    pub needs_rehash: bool,
}

/// How passwords are hashed: the cost of new hashes, the least of stored ones, and the peppers.
pub(super) struct Scheme {
    cost: Cost,
    floor: Cost,
    older: Vec<Pepper>,
    pepper: Pepper,
    random: Random,
    computed: AtomicU64,
}

struct Stored {
    cost: Cost,
    pepper: u32,
    salt: Vec<u8>,
    tag: Vec<u8>,
}

impl Scheme {
    /// The last pepper is the one for new hashes; without any there is no scheme.
    pub(super) fn new(cost: Cost, floor: Cost, mut peppers: Vec<Pepper>, random: Random) -> Result<Self> {
        let pepper = peppers.pop().ok_or_else(|| Error::internal("no pepper for password hashes"))?;
        Ok(Self { cost, floor, older: peppers, pepper, random, computed: AtomicU64::new(0) })
    }

    /// How many hashes were computed so far.
    pub(super) fn computed(&self) -> u64 {
        self.computed.load(Ordering::SeqCst)
    }

    /// The one way to a hash, so that each is counted.
    fn compute(&self, password: &[u8], salt: &[u8], cost: Cost, pepper: &Pepper) -> Result<Zeroizing<[u8; TAG]>> {
        self.computed.fetch_add(1, Ordering::SeqCst);
        argon2id(password, salt, cost, pepper)
    }

    /// A PHC string for a password, under a fresh salt.
    pub(super) fn hash(&self, password: &[u8]) -> Result<String> {
        let mut salt = [0; SALT];
        self.random.fill(&mut salt)?;
        let tag = self.compute(password, &salt, self.cost, &self.pepper)?;
        let encode = |bytes: &[u8]| STANDARD_NO_PAD.encode(bytes);
        let Cost { memory_kib, passes, lanes } = self.cost;
        let keyid = encode(&self.pepper.id.to_be_bytes());
        let (salt, tag) = (encode(&salt), encode(tag.as_slice()));
        Ok(format!("$argon2id$v=19$m={memory_kib},t={passes},p={lanes},keyid={keyid}${salt}${tag}"))
    }

    /// Compares. Whatever is stored, or nothing, exactly one hash is computed; a stored hash that cannot
    /// be judged (foreign, below the floor, pepper not at hand) is answered like a wrong password.
    pub(super) fn verify(&self, password: &[u8], stored: Option<&str>) -> Result<Verified> {
        let usable = stored.and_then(|text| self.usable(text));
        if stored.is_some() && usable.is_none() {
            tracing::warn!("a stored password hash is not of a kind that is accepted; its account needs a reset");
        }
        let Some((stored, pepper)) = usable else {
            self.compute(password, &[0; SALT], self.cost, &self.pepper)?;
            return Ok(Verified { ok: false, needs_rehash: false });
        };
        let tag = self.compute(password, &stored.salt, stored.cost, pepper)?;
        let ok = token::same(tag.as_slice(), &stored.tag);
        Ok(Verified { ok, needs_rehash: ok && (stored.cost != self.cost || stored.pepper != self.pepper.id) })
    }

    fn usable(&self, text: &str) -> Option<(Stored, &Pepper)> {
        let stored = parse(text)?;
        let pepper = self.older.iter().chain([&self.pepper]).find(|pepper| pepper.id == stored.pepper)?;
        stored.cost.within(self.floor).then_some((stored, pepper))
    }
}

fn parse(text: &str) -> Option<Stored> {
    let phc = PasswordHash::new(text).ok()?;
    if phc.algorithm != argon2::ARGON2ID_IDENT || phc.version != Some(Version::V0x13.into()) {
        return None;
    }
    let params = Params::try_from(&phc).ok()?;
    let cost = Cost { memory_kib: params.m_cost(), passes: params.t_cost(), lanes: params.p_cost() };
    let pepper = u32::from_be_bytes(params.keyid().try_into().ok()?);
    let (salt, tag) = (phc.salt?.to_vec(), phc.hash?.as_bytes().to_vec());
    (salt.len() == SALT && tag.len() == TAG).then_some(Stored { cost, pepper, salt, tag })
}

fn argon2id(password: &[u8], salt: &[u8], cost: Cost, pepper: &Pepper) -> Result<Zeroizing<[u8; TAG]>> {
    let keyid = KeyId::new(&pepper.id.to_be_bytes()).map_err(Error::internal)?;
    let params = ParamsBuilder::new()
        .m_cost(cost.memory_kib)
        .t_cost(cost.passes)
        .p_cost(cost.lanes)
        .keyid(keyid)
        .output_len(TAG)
        .build()
        .map_err(Error::internal)?;
    let argon2 = Argon2::new_with_secret(pepper.bytes.as_slice(), Algorithm::Argon2id, Version::V0x13, params)
        .map_err(Error::internal)?;
    let mut tag = Zeroizing::new([0; TAG]);
    argon2.hash_password_into(password, salt, tag.as_mut_slice()).map_err(Error::unavailable)?;
    Ok(tag)
}

#[cfg(test)]
mod tests {
    use super::{Cost, Pepper, Random, Scheme, Verified, Zeroizing, argon2id};
    use crate::crypto::hex;
    use crate::error::Error;

    const FAST: Cost = Cost { memory_kib: 16, passes: 1, lanes: 1 };
    const NO: Verified = Verified { ok: false, needs_rehash: false };
    const YES: Verified = Verified { ok: true, needs_rehash: false };
    const STALE: Verified = Verified { ok: true, needs_rehash: true };

    fn pepper(id: u32) -> Pepper {
        Pepper::new(id, Zeroizing::new([id as u8; 32]))
    }

    fn scheme(cost: Cost, floor: Cost, peppers: Vec<Pepper>) -> Scheme {
        Scheme::new(cost, floor, peppers, Random::system()).unwrap()
    }

    fn fast() -> Scheme {
        scheme(FAST, FAST, vec![pepper(1)])
    }

    #[test]
    fn a_hash_is_a_phc_string_with_cost_and_pepper_id() {
        let hash = fast().hash(b"correct horse").unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=16,t=1,p=1,keyid=AAAAAQ$"), "{hash}");
        assert_ne!(hash, fast().hash(b"correct horse").unwrap());
        assert_eq!(fast().verify(b"correct horse", Some(&hash)).unwrap(), YES);
        assert_eq!(fast().verify(b"correct horse ", Some(&hash)).unwrap(), NO);
        assert_eq!(fast().verify(b"", Some(&hash)).unwrap(), NO);
    }

    #[test]
    fn t007_all_bytes_count_and_none_is_cut() {
        let long = "ä".repeat(512);
        let hash = fast().hash(long.as_bytes()).unwrap();
        assert_eq!(fast().verify(long.as_bytes(), Some(&hash)).unwrap(), YES);
        assert_eq!(fast().verify(&long.as_bytes()[..1023], Some(&hash)).unwrap(), NO);
        assert_eq!(fast().verify("a\u{308}".repeat(512).as_bytes(), Some(&hash)).unwrap(), NO);
    }

    #[test]
    fn the_decided_costs_are_used() {
        let real = scheme(Cost::NEW, Cost::FLOOR, vec![pepper(1)]);
        let hash = real.hash(b"correct horse").unwrap();
        assert!(hash.contains("$m=65536,t=3,p=1,"), "{hash}");
        assert_eq!(real.verify(b"correct horse", Some(&hash)).unwrap(), YES);
    }

    #[test]
    fn hashes_below_the_floor_or_above_the_ceiling_are_refused() {
        let weak = fast().hash(b"p").unwrap();
        let floor = Cost { memory_kib: 32, ..FAST };
        let strict = scheme(floor, floor, vec![pepper(1)]);
        assert_eq!(strict.verify(b"p", Some(&weak)).unwrap(), NO);
        let huge = weak.replace("m=16,", "m=4000000,");
        assert_eq!(fast().verify(b"p", Some(&huge)).unwrap(), NO);
    }

    #[test]
    fn an_older_pepper_or_cost_asks_for_a_new_hash() {
        let hash = fast().hash(b"p").unwrap();
        assert_eq!(scheme(FAST, FAST, vec![pepper(1), pepper(2)]).verify(b"p", Some(&hash)).unwrap(), STALE);
        assert_eq!(scheme(FAST, FAST, vec![pepper(2)]).verify(b"p", Some(&hash)).unwrap(), NO);
        let dearer = Cost { passes: 2, ..FAST };
        assert_eq!(scheme(dearer, FAST, vec![pepper(1)]).verify(b"p", Some(&hash)).unwrap(), STALE);
        let other = Pepper::new(1, Zeroizing::new([99; 32]));
        assert_eq!(scheme(FAST, FAST, vec![other]).verify(b"p", Some(&hash)).unwrap(), NO);
    }

    #[test]
    fn foreign_hashes_are_wrong_passwords() {
        let hash = fast().hash(b"p").unwrap();
        let bad = ["", "x", "$2b$12$abc", "$argon2id$v=19$m=16,t=1,p=1$c2FsdHNhbHQ$aGFzaA"];
        for text in bad.iter().map(|t| (*t).to_owned()).chain([
            hash.replace("argon2id", "argon2i"),
            hash.replace("v=19", "v=16"),
            hash.replace(",keyid=AAAAAQ", ""),
            hash[..hash.len() - 4].to_owned(),
        ]) {
            assert_eq!(fast().verify(b"p", Some(&text)).unwrap(), NO, "{text}");
        }
        assert_eq!(fast().verify(b"p", None).unwrap(), NO);
    }

    /// The tag is OpenSSL's for the same inputs, the pepper as argon2's secret.
    #[test]
    fn the_hash_is_that_of_another_implementation() {
        let tag = "202296cfe8cad2534e4ecf8b2db560cd28f0a046a927ad62eccf84d2405121f0";
        let cost = Cost { memory_kib: 64, passes: 3, lanes: 1 };
        let secret = Zeroizing::new([
            0xc7, 0x9c, 0xae, 0x99, 0xf8, 0xba, 0x13, 0xdd, 0xac, 0x6c, 0x0b, 0x0d, 0xd9, 0xb2, 0x4d, 0x1d, 0x69, 0x65,
            0xc6, 0xfb, 0x99, 0xf2, 0x96, 0x92, 0x18, 0xa6, 0x97, 0x4b, 0x63, 0x85, 0x63, 0xed,
        ]);
        let of = |pepper: &Pepper| hex(argon2id(b"password", &[2; 16], cost, pepper).unwrap().as_slice());
        assert_eq!(of(&Pepper::new(1, secret.clone())), tag);
        assert_eq!(of(&Pepper::new(2, secret)), tag, "the id of the pepper is not hashed");
        assert_ne!(of(&pepper(1)), tag);
    }

    #[test]
    fn t120_without_random_bytes_nothing_is_hashed() {
        let broken = Random::from_fn(|_| Err(Error::unavailable("no random bytes")));
        let scheme = Scheme::new(FAST, FAST, vec![pepper(1)], broken).unwrap();
        assert_eq!(scheme.hash(b"p").unwrap_err().status(), 503);
        assert!(Scheme::new(FAST, FAST, vec![], Random::system()).is_err());
    }
}

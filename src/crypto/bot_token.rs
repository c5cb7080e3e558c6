//! Tokens of bots: `crdz_<name>_<secret>_<checksum>`. The checksum catches a typing error before anything is looked
//! up, and lets scanners of source code know one when they see it; it protects nothing.

use super::random::Random;
use super::token::digest;
use crate::error::Result;
use crate::secret::Secret;

/// What every token begins with.
pub const MARK: &str = "crdz_";
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// Characters of the name.
const NAME: usize = 10;
/// Characters of the secret: 256 bits.
const SECRET: usize = 43;
/// Characters of the checksum.
const SUM: usize = 6;
/// Characters of a whole token.
const WHOLE: usize = MARK.len() + NAME + 1 + SECRET + 1 + SUM;

/// A token that was just made; the text is to be shown once and then dropped.
#[derive(Debug)]
pub struct Minted {
    /// The token.
    pub text: Secret,
    /// Its beginning, by which people tell it from others.
    pub prefix: String,
    /// What is kept of it.
    pub digest: String,
}

/// A token that somebody presented, as far as it is looked at: its text is not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presented {
    /// Its beginning.
    pub prefix: String,
    /// What the kept one is found by.
    pub digest: String,
}

/// Makes a token.
///
/// # Errors
/// No random bytes.
pub fn mint(random: &Random) -> Result<Minted> {
    let mut text = MARK.to_owned();
    push(random, &mut text, NAME)?;
    let prefix = text.clone();
    text.push('_');
    push(random, &mut text, SECRET)?;
    let sum = checksum(&text);
    text.push('_');
    text.push_str(&sum);
    let digest = digest(&text);
    Ok(Minted { text: Secret::new(text), prefix, digest })
}

/// Reads a token; `None` for anything of another shape and for a wrong checksum.
pub fn read(text: &str) -> Option<Presented> {
    if text.len() != WHOLE || !text.is_ascii() {
        return None;
    }
    let (body, sum) = text.rsplit_once('_')?;
    let mut parts = body.strip_prefix(MARK)?.split('_');
    let (name, secret) = (parts.next()?, parts.next()?);
    let plain = |part: &str, length: usize| part.len() == length && part.bytes().all(|b| b.is_ascii_alphanumeric());
    let sound = parts.next().is_none() && plain(name, NAME) && plain(secret, SECRET) && sum == checksum(body);
    sound.then(|| Presented { prefix: format!("{MARK}{name}"), digest: digest(text) })
}

/// The tokens with a right checksum that stand somewhere in a text.
pub fn within(text: &str) -> Vec<Presented> {
    text.match_indices(MARK).filter_map(|(at, _)| text.get(at..at + WHOLE).and_then(read)).collect()
}

fn push(random: &Random, text: &mut String, count: usize) -> Result<()> {
    let wanted = text.len() + count;
    let most = u8::MAX - u8::MAX % 62;
    while text.len() < wanted {
        let bytes = random.key_bytes()?;
        // What is left over would make some characters likelier than others.
        let fair = bytes.iter().filter(|byte| **byte < most).take(wanted - text.len());
        text.extend(fair.map(|byte| char::from(ALPHABET[usize::from(byte % 62)])));
    }
    Ok(())
}

fn checksum(body: &str) -> String {
    let mut rest = crc32fast::hash(body.as_bytes());
    let mut digits = [b'0'; SUM];
    for digit in digits.iter_mut().rev() {
        *digit = ALPHABET[(rest % 62) as usize];
        rest /= 62;
    }
    digits.iter().copied().map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::{WHOLE, mint, read, within};
    use crate::crypto::random::Random;
    use crate::error::Error;
    use std::collections::HashSet;

    #[test]
    fn t025_one_wrong_character_is_seen_without_a_look_up() {
        let minted = mint(&Random::system()).unwrap();
        let text = minted.text.expose();
        assert_eq!(text.len(), WHOLE);
        let seen = read(text).unwrap();
        assert_eq!((seen.prefix, seen.digest), (minted.prefix, minted.digest));
        for at in 0..text.len() {
            let mut other = text.as_bytes().to_vec();
            other[at] = if other[at] == b'x' { b'y' } else { b'x' };
            assert_eq!(read(std::str::from_utf8(&other).unwrap()), None, "character {at}");
        }
        for bad in ["", "crdz_", &text[1..], &text[..WHOLE - 1], &format!("{text}0"), &text.to_uppercase(), "é"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn tokens_are_found_inside_a_text() {
        let (one, two) = (mint(&Random::system()).unwrap(), mint(&Random::system()).unwrap());
        let text = format!("a={}&crdz_&b=é{}", one.text.expose(), two.text.expose());
        let found: Vec<String> = within(&text).into_iter().map(|found| found.digest).collect();
        assert_eq!(found, [one.digest, two.digest]);
        assert!(within("crdz_crdz_").is_empty());
    }

    #[test]
    fn no_two_are_alike_and_every_character_comes_up() {
        let texts: Vec<_> = (0..200).map(|_| mint(&Random::system()).unwrap().text).collect();
        let all: HashSet<&str> = texts.iter().map(crate::secret::Secret::expose).collect();
        assert_eq!(all.len(), 200);
        let characters: HashSet<char> = texts.iter().flat_map(|text| text.expose().chars()).collect();
        assert_eq!(characters.len(), 63);
    }

    #[test]
    fn t120_without_random_bytes_there_is_no_token() {
        assert!(mint(&Random::from_fn(|_| Err(Error::unavailable("no random bytes")))).is_err());
    }
}

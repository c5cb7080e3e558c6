//! The body of a request in memory, and that of a posted form, read strictly and only after the sender was allowed to send it.

use crate::error::{Error, Result};
use crate::secret::Secret;
use crate::web::answer::Fault;
use crate::web::incoming::Incoming;
use actix_web::dev::Payload;
use actix_web::http::header::{CONTENT_TYPE, HeaderMap};
use actix_web::{FromRequest, HttpRequest};
use futures_util::StreamExt;
use std::collections::BTreeMap;
use std::future::{Ready, ready};
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};
use zeroize::Zeroizing;

/// No form is larger than this.
pub const LIMIT: usize = 1 << 20;
/// No form from somebody who has not signed in is larger than this.
pub const LIMIT_OUTSIDE: usize = 16 << 10;
/// A form that takes longer to arrive is given up.
const READ_WITHIN: Duration = Duration::from_secs(10);
/// What all large bodies that are being read may take together, in pieces of [`PIECE`]: 16 MiB.
static ROOM: Semaphore = Semaphore::const_new(256);
const PIECE: usize = 64 << 10;
/// So much of each form is read without asking for room: a flood of large ones keeps no small one out.
const FREE: usize = 16 << 10;
/// Fields that are lists: boxes to be ticked send one entry each, which are put together with spaces.
const LISTS: [&str; 2] = ["scope", "credentials"];
/// No form has more entries than this.
const MOST_ENTRIES: usize = 400;

/// A form that has not been read yet.
pub struct Posted {
    incoming: Incoming,
    kind: Result<()>,
}

impl FromRequest for Posted {
    type Error = Fault;
    type Future = Ready<Result<Self, Fault>>;

    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        ready(Ok(Self { incoming: Incoming::of(req, payload), kind: form_type(req.headers()) }))
    }
}

/// Whether the body is said to be a form in UTF-8.
fn form_type(headers: &HeaderMap) -> Result<()> {
    let mut all = headers.get_all(CONTENT_TYPE);
    let Some(first) = all.next() else { return Err(Error::UnsupportedType) };
    if all.next().is_some() {
        return Err(Error::BadRequest("This request has two content types.".into()));
    }
    let text = first.to_str().map_err(|_| Error::UnsupportedType)?.to_ascii_lowercase();
    let mut parts = text.split(';').map(str::trim);
    let is_form = parts.next() == Some("application/x-www-form-urlencoded");
    let is_utf8 = parts.all(|part| match part.split_once('=') {
        Some(("charset", charset)) => charset.trim_matches('"') == "utf-8",
        _ => true,
    });
    if is_form && is_utf8 { Ok(()) } else { Err(Error::UnsupportedType) }
}

impl Posted {
    /// Reads the body: 413 beyond [`LIMIT`], 415 for another type, 400 for what is not UTF-8 or comes twice,
    /// 408 for what has not come in ten seconds, 503 while others take all the room that there is for forms.
    /// An empty body needs no type.
    pub async fn fields(self) -> Result<Fields> {
        self.fields_within(LIMIT).await
    }

    /// The same for whoever has not signed in, within [`LIMIT_OUTSIDE`].
    pub async fn fields_from_outside(self) -> Result<Fields> {
        self.fields_within(LIMIT_OUTSIDE).await
    }

    async fn fields_within(mut self, limit: usize) -> Result<Fields> {
        let Whole { bytes, room } = read(&mut self.incoming, limit).await?;
        if bytes.is_empty() {
            return Ok(Fields::default());
        }
        self.kind?;
        Ok(Fields { room, ..parse(&bytes)? })
    }
}

/// A body in memory, wiped when dropped; the room that it takes is given back with it.
pub struct Whole {
    /// Its bytes.
    pub bytes: Zeroizing<Vec<u8>>,
    room: Vec<SemaphorePermit<'static>>,
}

/// Reads a body into memory.
///
/// # Errors
/// 413 beyond `limit`, 408 for what has not come in ten seconds, 503 while others take all the room that there is.
pub async fn read(incoming: &mut Incoming, limit: usize) -> Result<Whole> {
    if incoming.declared.is_some_and(|length| length > limit) {
        return Err(Error::TooLarge);
    }
    let mut room = Vec::new();
    let read = whole(incoming, limit, &mut room);
    let bytes = tokio::time::timeout(READ_WITHIN, read).await.map_err(|_| Error::TooSlow)??;
    Ok(Whole { bytes, room })
}

async fn whole(
    incoming: &mut Incoming,
    limit: usize,
    room: &mut Vec<SemaphorePermit<'static>>,
) -> Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::new());
    while let Some(chunk) = incoming.next().await {
        let chunk = chunk.map_err(|_| Error::BadRequest("The body of this request broke off.".into()))?;
        let length = bytes.len() + chunk.len();
        if length > limit {
            return Err(Error::TooLarge);
        }
        while length > FREE + room.len() * PIECE {
            room.push(ROOM.try_acquire().map_err(|_| Error::unavailable("no room for another large form"))?);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

fn parse(bytes: &[u8]) -> Result<Fields> {
    let mut fields: BTreeMap<String, Secret> = BTreeMap::new();
    for pair in bytes.split(|b| *b == b'&').filter(|pair| !pair.is_empty()) {
        let mut halves = pair.splitn(2, |b| *b == b'=');
        let name = decoded(halves.next().unwrap_or_default())?;
        let value = Secret::new(decoded(halves.next().unwrap_or_default())?);
        if fields.len() >= MOST_ENTRIES {
            return Err(Error::TooLarge);
        }
        if let Some(more) = fields.get(&name) {
            if !LISTS.contains(&name.as_str()) {
                return Err(Error::BadRequest("This form has the same field twice.".into()));
            }
            let all = Secret::new(format!("{} {}", more.expose(), value.expose()));
            fields.insert(name, all);
        } else {
            fields.insert(name, value);
        }
    }
    Ok(Fields { entries: fields, room: Vec::new() })
}

fn decoded(text: &[u8]) -> Result<String> {
    let spaced: Zeroizing<Vec<u8>> = Zeroizing::new(text.iter().map(|b| if *b == b'+' { b' ' } else { *b }).collect());
    let bytes: Vec<u8> = percent_encoding::percent_decode(&spaced).collect();
    // PostgreSQL has no text with it, and no service takes it.
    if bytes.contains(&0) {
        return Err(Error::BadRequest("This form has a NUL in it.".into()));
    }
    String::from_utf8(bytes).map_err(|_| Error::BadRequest("This form is not written in UTF-8.".into()))
}

/// The entries of a form; each may be a secret, so all are held as such.
#[derive(Default)]
pub struct Fields {
    entries: BTreeMap<String, Secret>,
    /// The room that they take, given back with them.
    #[expect(dead_code, reason = "held, not read")]
    room: Vec<SemaphorePermit<'static>>,
}

impl Fields {
    /// An entry as text; empty when it is absent.
    pub fn text(&self, name: &str) -> String {
        self.entries.get(name).map(|value| value.expose().to_owned()).unwrap_or_default()
    }

    /// Takes an entry out; an empty secret when it is absent.
    pub fn take(&mut self, name: &str) -> Secret {
        self.entries.remove(name).unwrap_or_else(|| Secret::new(String::new()))
    }

    /// Whether an entry is `1`, `true` or `on`.
    pub fn flag(&self, name: &str) -> bool {
        matches!(self.entries.get(name).map(Secret::expose), Some("1" | "true" | "on"))
    }

    /// A number, if the entry is there; [`Error::BadRequest`] for anything else in it.
    pub fn number(&self, name: &str) -> Result<Option<i64>> {
        match self.entries.get(name).map(Secret::expose) {
            None | Some("") => Ok(None),
            Some(text) => {
                text.parse().map(Some).map_err(|_| Error::BadRequest(format!("The field {name} must be a number.")))
            }
        }
    }

    /// Takes out every entry that begins with `prefix`, without it.
    pub fn take_prefixed(&mut self, prefix: &str) -> BTreeMap<String, Secret> {
        let names: Vec<String> = self.entries.keys().filter(|name| name.starts_with(prefix)).cloned().collect();
        names
            .into_iter()
            .filter_map(|name| {
                let value = self.entries.remove(&name)?;
                Some((name.strip_prefix(prefix)?.to_owned(), value))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{form_type, parse};
    use actix_web::http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};

    #[test]
    fn t048_only_utf8_and_each_field_once() {
        let fields = parse(b"name=a%20b+c&f.x=%C3%A9&empty=").unwrap();
        assert_eq!(fields.text("name"), "a b c");
        assert_eq!(fields.text("f.x"), "é");
        assert!(parse(b"name=%ED%A0%80").is_err(), "a lone surrogate");
        assert!(parse(b"email=a&email=b").is_err());
        assert_eq!(parse(b"scope=use&name=x&scope=fetch").unwrap().text("scope"), "use fetch");
        assert!(parse(b"name=a%00b").is_err());
    }

    #[test]
    fn t124_content_types() {
        let judge = |types: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for text in types {
                headers.append(CONTENT_TYPE, HeaderValue::from_static(text));
            }
            form_type(&headers).map_err(|error| error.status())
        };
        assert_eq!(judge(&["application/x-www-form-urlencoded"]), Ok(()));
        assert_eq!(judge(&["application/x-www-form-urlencoded; charset=UTF-8"]), Ok(()));
        assert_eq!(judge(&["application/x-www-form-urlencoded; charset=utf-7"]), Err(415));
        assert_eq!(judge(&["application/json"]), Err(415));
        assert_eq!(judge(&["multipart/form-data; boundary=x"]), Err(415));
        assert_eq!(judge(&[]), Err(415));
        assert_eq!(judge(&["application/x-www-form-urlencoded", "text/plain"]), Err(400));
    }
}

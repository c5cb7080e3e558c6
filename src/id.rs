//! Ids: UUIDv7 as text, one type for each noun.

use diesel::backend::Backend;
use diesel::deserialize::FromSqlRow;
use diesel::deserialize::{self, FromSql};
use diesel::expression::AsExpression;
use diesel::serialize::{self, Output, ToSql};
use diesel::sql_types::Text;
use std::fmt;
use std::marker::PhantomData;

/// The id of one `K`: 36 characters, ordered by the time it was made.
#[derive(AsExpression, FromSqlRow)]
#[diesel(sql_type = Text)]
pub struct Id<K: 'static> {
    text: String,
    noun: PhantomData<fn() -> K>,
}

impl<K> Id<K> {
    /// A new id, unlike any other (RFC 9562, version 7).
    #[expect(clippy::disallowed_methods, reason = "the one place that makes ids")]
    #[expect(clippy::new_without_default, reason = "an id is made on purpose, never by default")]
    pub fn new() -> Self {
        Self { text: uuid::Uuid::now_v7().to_string(), noun: PhantomData }
    }

    /// Reads an id from an address or a form; `None` if it is not one in its canonical form.
    pub fn parse(text: &str) -> Option<Self> {
        let id = uuid::Uuid::try_parse(text).ok()?;
        (id.hyphenated().to_string() == text).then(|| Self { text: text.to_owned(), noun: PhantomData })
    }

    /// The text form.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl<K> From<Id<K>> for String {
    fn from(id: Id<K>) -> Self {
        id.text
    }
}
impl<K> Clone for Id<K> {
    fn clone(&self) -> Self {
        Self { text: self.text.clone(), noun: PhantomData }
    }
}
impl<K> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}
impl<K> Eq for Id<K> {}
impl<K> std::hash::Hash for Id<K> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}
impl<K> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
impl<K> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl<DB: Backend, K: 'static> FromSql<Text, DB> for Id<K>
where
    String: FromSql<Text, DB>,
{
    fn from_sql(bytes: DB::RawValue<'_>) -> deserialize::Result<Self> {
        Ok(Self { text: String::from_sql(bytes)?, noun: PhantomData })
    }
}

impl<DB: Backend, K: 'static> ToSql<Text, DB> for Id<K>
where
    str: ToSql<Text, DB>,
{
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, DB>) -> serialize::Result {
        self.text.as_str().to_sql(out)
    }
}

#[cfg(test)]
mod tests {
    use super::Id;

    struct Noun;

    #[test]
    fn parse_takes_only_the_canonical_form() {
        let id = Id::<Noun>::new();
        assert_eq!(Id::parse(id.as_str()), Some(id.clone()));
        assert_eq!(Id::<Noun>::parse(&id.as_str().to_uppercase()), None);
        assert_eq!(Id::<Noun>::parse("' OR 1=1--"), None);
        assert_eq!(Id::<Noun>::parse(""), None);
    }
}

//! One connection for whichever database the operator chose.

#![expect(missing_docs, reason = "the derive makes items that it does not document")]

/// PostgreSQL through libpq, or SQLite compiled in. PostgreSQL stands first: SQLite takes any text as a path.
#[derive(diesel::MultiConnection)]
pub enum AnyConnection {
    Postgres(diesel::PgConnection),
    Sqlite(diesel::SqliteConnection),
}

//! A database of its own on a PostgreSQL server that may be used up.

use super::console::Ground;
use anyhow::Result;
use credenza::db::DatabaseUrl;
use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection};

/// Where the server is, if one is named: `BENCH_POSTGRES_URL`.
pub fn server() -> Option<String> {
    std::env::var("BENCH_POSTGRES_URL").ok()
}

/// A database of one console; dropped at the end.
pub struct Database {
    server: String,
    name: &'static str,
}

impl Database {
    /// Makes it anew.
    pub fn create(server: &str, name: &'static str) -> Result<Self> {
        let mut conn = PgConnection::establish(server)?;
        conn.batch_execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"))?;
        conn.batch_execute(&format!("CREATE DATABASE {name}"))?;
        Ok(Self { server: server.to_owned(), name })
    }

    fn address(&self) -> Result<String> {
        let mut url = url::Url::parse(&self.server)?;
        url.set_path(self.name);
        Ok(url.to_string())
    }

    /// The ground of a console in it.
    pub fn ground(&self) -> Result<Ground> {
        let database = DatabaseUrl::parse(&self.address()?).map_err(|refused| anyhow::anyhow!("{refused}"))?;
        Ok(Ground { database: Some(database), ..Ground::default() })
    }

    /// Puts so many workspaces beside the first one, each with a hundred copies of its credentials.
    pub fn crowd(&self, workspaces: usize) -> Result<()> {
        let mut conn = PgConnection::establish(&self.address()?)?;
        conn.batch_execute("SET synchronous_commit = off")?;
        conn.batch_execute(&format!(
            "CREATE TABLE crowd AS
                 SELECT w AS row, md5(n::text) AS id, n FROM workspaces w, generate_series(1, {workspaces}) n;
             INSERT INTO workspaces
                 SELECT (jsonb_populate_record(row, jsonb_build_object('id', id, 'slug', 'crowd-' || n))).* FROM crowd;
             CREATE TABLE taken AS
                 SELECT c.*, row_number() OVER (ORDER BY c.id) AS n FROM credentials c WHERE deleted_at IS NULL
                 ORDER BY c.id DESC LIMIT 100"
        ))?;
        for table in ["credentials", "credential_words", "credential_versions"] {
            let id = if table == "credentials" { "id" } else { "credential_id" };
            conn.batch_execute(&format!(
                "INSERT INTO {table}
                     SELECT (jsonb_populate_record(t, jsonb_build_object('workspace_id', crowd.id))).*
                     FROM crowd, {table} t
                     WHERE t.workspace_id = (crowd.row).id AND t.{id} IN (SELECT id FROM taken)"
            ))?;
        }
        conn.batch_execute("DROP TABLE crowd; DROP TABLE taken")?;
        self.settle()
    }

    /// Lets the planner know what there is, as a server does by itself after a while.
    pub fn settle(&self) -> Result<()> {
        let mut conn = PgConnection::establish(&self.address()?)?;
        Ok(conn.batch_execute("VACUUM ANALYZE").or_else(|_| conn.batch_execute("ANALYZE"))?)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let dropped = PgConnection::establish(&self.server).map_err(|error| error.to_string()).and_then(|mut conn| {
            let drop = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
            conn.batch_execute(&drop).map_err(|error| error.to_string())
        });
        if let Err(error) = dropped {
            eprintln!("{} stays: {error}", self.name);
        }
    }
}

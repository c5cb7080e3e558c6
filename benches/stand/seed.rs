//! Rows as a workspace of some years has them: names, services, statuses, words, versions. The same rows in every run.

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use credenza::app::App;
use credenza::clock::At;
use credenza::db::Tx;
use credenza::db::schema::{credential_counts, credential_versions, credential_words, credentials};
use credenza::fold;
use credenza::id::Id;
use credenza::model::credential::{Credential, Environment};
use credenza::model::credential_list::PRIVATE_MARK;
use credenza::model::permission::{Actor, Allowed, Role};
use credenza::model::status::Status;
use credenza::model::user::User;
use credenza::model::workspace::Workspace;
use credenza::model::{membership, word};
use diesel::prelude::*;
use std::collections::BTreeMap;

/// Rows of one transaction.
const CHUNK: usize = 2_000;
/// Bytes of a version's sealed values.
const SEALED: usize = 1024;

const PLACES: [&str; 16] = [
    "Lisbon", "Porto", "Recife", "Natal", "Berlin", "Vienna", "Lyon", "Turin", "Osaka", "Austin", "Quito", "Cusco",
    "Delhi", "Accra", "Tunis", "Oslo",
];
const TRADES: [&str; 12] = [
    "Bakery", "Clinic", "Florist", "Garage", "Hotel", "Lawyers", "Market", "Nursery", "Optics", "Pharmacy", "School",
    "Studio",
];
const PURPOSES: [&str; 8] =
    ["billing", "booking", "delivery", "greetings", "invoices", "reminders", "returns", "support"];

/// What a console was filled with.
#[derive(Debug)]
pub struct Seeded {
    /// The workspace.
    pub workspace: Id<Workspace>,
    /// The workspace's part of the address.
    pub slug: String,
    /// For each order, the cursor of the row in the middle.
    pub middle: BTreeMap<&'static str, String>,
}

/// One row to be written.
#[derive(Debug, Clone)]
struct Row {
    id: Id<Credential>,
    name: String,
    integration: String,
    service: String,
    method: String,
    description: String,
    place: String,
    status: Status,
    checked_at: At,
    last_used_at: At,
    expires_at: Option<At>,
    deleted_at: Option<At>,
    noise: u64,
}

/// Makes a workspace with an admin and so many live credentials, and one deleted for every fifty of them.
pub async fn fill(app: &App, email: &str, hash: String, live: usize) -> Result<Seeded> {
    let (means, email) = (app.means.clone(), email.to_owned());
    let workspace = app
        .db
        .write(move |tx| {
            let workspace = Workspace::create(tx, &means, "Acme", &Actor::operator())?;
            let user = User::create(tx, &email, &hash, means.now())?;
            membership::add(tx, &means, &Allowed::operator(workspace.id.clone()), &user, Role::Admin)?;
            Ok(workspace)
        })
        .await?;
    let rows: Vec<Row> = (0..live + live / 50).map(|at| row(app, at, live)).collect::<Result<_>>()?;
    for chunk in rows.chunks(CHUNK) {
        let (chunk, id) = (chunk.to_vec(), workspace.id.clone());
        app.db.write(move |tx| chunk.iter().try_for_each(|row| insert(tx, &id, row))).await?;
    }
    let alive: Vec<Row> = rows.into_iter().filter(|row| row.deleted_at.is_none()).collect();
    let (counted, id) = (alive.clone(), workspace.id.clone());
    app.db.write(move |tx| count(tx, &id, &counted)).await?;
    app.db.checkpoint().await?;
    Ok(Seeded { workspace: workspace.id, slug: workspace.slug, middle: middle(alive)? })
}

fn row(app: &App, at: usize, live: usize) -> Result<Row> {
    let noise = mixed(at as u64);
    let pick = |list: &[&'static str], by: u64| list.get((noise / by) as usize % list.len()).copied();
    let services = app.catalog.all();
    let service = services.get((noise / 7) as usize % services.len()).context("no service")?;
    let method = service.methods.first().context("no method")?;
    let (place, trade) = (pick(&PLACES, 11).context("no place")?, pick(&TRADES, 1009).context("no trade")?);
    let mut name = format!("{place} {trade} {at:06}");
    // Half of them share a word, one in ten (and fewer, the more there are) another, five in all a third.
    if at.is_multiple_of(2) {
        name.push_str(" bots");
    }
    if at.is_multiple_of(live / (100 + live / 100)) {
        name.push_str(" campaign");
    }
    if at % (live / 5) == 3 && at < live {
        name.push_str(" zephyr");
    }
    let now = app.means.now();
    let ago = |minutes: u64| now.plus(-chrono::TimeDelta::minutes(minutes.cast_signed()));
    let status = match noise % 100 {
        0..8 => Status::Broken,
        8..14 => Status::Expiring,
        14..17 => Status::Suspended,
        17 => Status::Unreadable,
        18..30 => Status::Unverified,
        _ => Status::Working,
    };
    let ends = status == Status::Expiring;
    Ok(Row {
        id: Id::new(),
        description: format!("Used for {} of {place}", pick(&PURPOSES, 13).context("no purpose")?),
        name,
        integration: service.id.clone(),
        service: service.name.clone(),
        method: method.id.clone(),
        place: format!("mail{}.{}.example:587", noise % 40, place.to_lowercase()),
        status,
        checked_at: ago(noise % 9_000),
        last_used_at: if noise.is_multiple_of(3) { epoch()? } else { ago(noise % 130_000) },
        expires_at: ends.then(|| now.plus(chrono::TimeDelta::days((noise % 13).cast_signed() + 1))),
        deleted_at: (at >= live).then(|| ago(noise % 20_000)),
        noise,
    })
}

fn insert(tx: &mut Tx<'_>, workspace: &Id<Workspace>, row: &Row) -> credenza::error::Result<()> {
    let handle = fold::handle(&row.name);
    let good = matches!(row.status, Status::Working | Status::Expiring);
    let environment = if row.noise.is_multiple_of(4) { Environment::Test } else { Environment::Production };
    diesel::insert_into(credentials::table)
        .values((
            (
                credentials::workspace_id.eq(workspace),
                credentials::id.eq(&row.id),
                credentials::handle.eq(&handle),
                credentials::name.eq(&row.name),
                credentials::name_key.eq(fold::fold(&row.name)),
                credentials::integration.eq(&row.integration),
                credentials::method.eq(&row.method),
                credentials::environment.eq(environment),
                credentials::description.eq(&row.description),
                credentials::tags.eq("[]"),
                credentials::place.eq(&row.place),
                credentials::badge.eq(""),
            ),
            (
                credentials::status.eq(row.status),
                credentials::outcome.eq(if good { "ok" } else { "invalid" }),
                credentials::code.eq(""),
                credentials::hint.eq(if good { "" } else { "The service does not know this key any more." }),
                credentials::identity.eq(""),
                credentials::checked_at.eq(Some(row.checked_at)),
                credentials::good_at.eq(good.then_some(row.checked_at)),
                credentials::expires_at.eq(row.expires_at),
            ),
            (
                credentials::live_version.eq(1),
                credentials::revision.eq(1),
                credentials::deleted_at.eq(row.deleted_at),
                credentials::deleted_by.eq(""),
                credentials::created_at.eq(row.checked_at),
                credentials::created_by.eq(""),
                credentials::last_used_at.eq(row.last_used_at),
            ),
        ))
        .execute(tx.conn())?;
    version(tx, workspace, row)?;
    let words = word::of([row.name.as_str(), handle.as_str(), row.service.as_str(), row.integration.as_str()]);
    let private = word::of([row.place.as_str(), row.description.as_str()]);
    for word in words.into_iter().chain(private.into_iter().map(|word| format!("{PRIVATE_MARK}{word}"))) {
        diesel::insert_into(credential_words::table)
            .values((
                credential_words::workspace_id.eq(workspace),
                credential_words::credential_id.eq(&row.id),
                credential_words::word.eq(word),
            ))
            .execute(tx.conn())?;
    }
    Ok(())
}

fn version(tx: &mut Tx<'_>, workspace: &Id<Workspace>, row: &Row) -> credenza::error::Result<()> {
    let sealed: Vec<u8> = (0..SEALED as u64).map(|at| mixed(row.noise ^ at).to_le_bytes()[0]).collect();
    diesel::insert_into(credential_versions::table)
        .values((
            credential_versions::workspace_id.eq(workspace),
            credential_versions::credential_id.eq(&row.id),
            credential_versions::version.eq(1),
            credential_versions::config.eq("{}"),
            credential_versions::secret_names.eq("[]"),
            credential_versions::destination.eq(&row.place),
            credential_versions::sealed.eq(Some(sealed)),
            credential_versions::key_version.eq(1),
            credential_versions::state.eq("live"),
            credential_versions::created_at.eq(row.checked_at),
            credential_versions::created_by.eq(""),
        ))
        .execute(tx.conn())?;
    Ok(())
}

fn count(tx: &mut Tx<'_>, workspace: &Id<Workspace>, alive: &[Row]) -> credenza::error::Result<()> {
    for status in Status::ALL {
        let n = alive.iter().filter(|row| row.status == *status).count();
        diesel::update(credential_counts::table)
            .filter(credential_counts::workspace_id.eq(workspace).and(credential_counts::status.eq(status)))
            .set(credential_counts::n.eq(n as i64))
            .execute(tx.conn())?;
    }
    Ok(())
}

/// The cursors of the rows in the middle, in the form in which addresses carry them.
fn middle(mut alive: Vec<Row>) -> Result<BTreeMap<&'static str, String>> {
    let half = alive.len() / 2;
    let mut found = BTreeMap::new();
    for order in ["newest", "name", "status", "last_used"] {
        let key = |row: &Row| match order {
            "name" => fold::fold(&row.name),
            "status" => row.status.as_str().to_owned(),
            "last_used" => row.last_used_at.micros().to_string(),
            _ => String::new(),
        };
        match order {
            "name" => alive.sort_by_cached_key(|row| (key(row), row.id.to_string())),
            "status" => alive.sort_by_cached_key(|row| (key(row), std::cmp::Reverse(row.id.to_string()))),
            "last_used" => alive.sort_by_cached_key(|row| std::cmp::Reverse((row.last_used_at, row.id.to_string()))),
            _ => alive.sort_by_cached_key(|row| std::cmp::Reverse(row.id.to_string())),
        }
        let row = alive.get(half).context("no row in the middle")?;
        let cursor = serde_json::json!({ "key": key(row), "id": row.id.as_str() });
        found.insert(order, URL_SAFE_NO_PAD.encode(serde_json::to_vec(&cursor)?));
    }
    Ok(found)
}

fn epoch() -> Result<At> {
    At::from_micros(0).context("no epoch")
}

/// Spreads a number over all bits (SplitMix64), the same in every run.
fn mixed(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    (z ^ (z >> 31)) >> 1
}

//! Every way to change a chain with the database alone.

use super::{Scene, broken_at, execute};
use credenza::crypto::mac;
use credenza::db::Conn;
use credenza::db::schema::{
    audit_events as events, audit_heads as heads, credential_versions as versions, credentials,
};
use credenza::model::audit::Event;
use credenza::model::audit_verify::Verdict;
use diesel::prelude::*;
use serde_json::json;

const TEXTS: [&str; 11] = [
    "request_id",
    "actor_kind",
    "actor_id",
    "session",
    "address",
    "agent",
    "action",
    "target_kind",
    "target_id",
    "code",
    "details",
];
const BLOBS: [&str; 3] = ["prev_hash", "hash", "mac"];

fn line(scene: &Scene, seq: i64) -> Event {
    let mut conn = scene.app.database.connect();
    let row = events::table.filter(events::chain.eq(&scene.chain).and(events::seq.eq(seq)));
    row.select(Event::as_select()).first(&mut conn).expect("a line")
}

fn last(scene: &Scene) -> i64 {
    let mut conn = scene.app.database.connect();
    heads::table.filter(heads::chain.eq(&scene.chain)).select(heads::seq).first(&mut conn).expect("a head")
}

fn text_of<'a>(event: &'a Event, column: &str) -> &'a str {
    match column {
        "request_id" => &event.request_id,
        "actor_kind" => &event.actor_kind,
        "actor_id" => &event.actor_id,
        "session" => &event.session,
        "address" => &event.address,
        "agent" => &event.agent,
        "action" => &event.action,
        "target_kind" => &event.target_kind,
        "target_id" => &event.target_id,
        "code" => &event.code,
        "details" => &event.details,
        other => panic!("{other}"),
    }
}

fn blob_of<'a>(event: &'a Event, column: &str) -> &'a [u8] {
    match column {
        "prev_hash" => &event.prev_hash,
        "hash" => &event.hash,
        "mac" => &event.mac,
        other => panic!("{other}"),
    }
}

/// The text with one byte changed at each place, and one longer.
fn bent(text: &str) -> Vec<String> {
    let mut all = vec![format!("{text}x")];
    for (place, byte) in text.bytes().enumerate().filter(|(_, byte)| byte.is_ascii()) {
        let mut bytes = text.as_bytes().to_vec();
        bytes[place] = if byte == b'a' { b'b' } else { b'a' };
        all.push(String::from_utf8(bytes).expect("ASCII for ASCII"));
    }
    all
}

#[tokio::test]
async fn t165_no_byte_of_a_line_can_be_changed() {
    let scene = Scene::play().await;
    let middle = last(&scene) / 2;
    assert!(middle > 2);
    let event = line(&scene, middle);
    let set = |what: String| {
        let sql = format!("UPDATE audit_events SET {what} WHERE chain = '{}' AND seq = {middle}", scene.chain);
        assert_eq!(broken_at(scene.after(&sql)), middle, "{sql}");
    };
    for column in TEXTS {
        for text in bent(text_of(&event, column)) {
            set(format!("{column} = '{}'", text.replace('\'', "''")));
        }
    }
    for column in BLOBS {
        let bytes = blob_of(&event, column);
        for place in 0..bytes.len() {
            let mut changed = bytes.to_vec();
            changed[place] ^= 1;
            set(format!("{column} = {}", literal(&changed)));
        }
        set(format!("{column} = {}", literal(&bytes[1..])));
        set(format!("{column} = {}", literal(&[])));
    }
    set("outcome = 'deny'".to_owned());
    set("mac_key = mac_key + 1".to_owned());
    for later in [1, 1_000_000, 86_400_000_000] {
        let at = event.at.plus(chrono::TimeDelta::microseconds(later)).utc().naive_utc();
        set(format!("at = '{}'", at.format("%Y-%m-%d %H:%M:%S%.6f")));
    }
}

/// A literal that both databases read as bytes.
fn literal(bytes: &[u8]) -> String {
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    if crate::support::database::is_postgres() { format!("'\\x{hex}'::bytea") } else { format!("x'{hex}'") }
}

#[tokio::test]
async fn t165_each_column_of_each_line_counts() {
    let scene = Scene::play().await;
    for seq in 1..=last(&scene) {
        for column in TEXTS {
            let sql = format!(
                "UPDATE audit_events SET {column} = {column} || 'x' WHERE chain = '{}' AND seq = {seq}",
                scene.chain
            );
            assert_eq!(broken_at(scene.after(&sql)), seq, "{sql}");
        }
    }
}

#[tokio::test]
async fn t165_lines_cannot_be_removed_swapped_or_added() {
    let scene = Scene::play().await;
    let (chain, last) = (&scene.chain, last(&scene));
    let of = |seq: i64| format!("WHERE chain = '{chain}' AND seq = {seq}");
    for seq in 1..=last {
        assert_eq!(broken_at(scene.after(&format!("DELETE FROM audit_events {}", of(seq)))), seq, "{seq} is gone");
        let renumbered = format!("UPDATE audit_events SET seq = 1000 + seq {}", of(seq));
        assert_eq!(broken_at(scene.after(&renumbered)), seq);
    }
    let swapped = format!(
        "UPDATE audit_events SET seq = -1 {}; UPDATE audit_events SET seq = 3 {}; UPDATE audit_events SET seq = 4 {}",
        of(3),
        of(4),
        of(-1)
    );
    assert_eq!(broken_at(scene.after(&swapped)), 3);
    // A copy of a line is put between two others, which are renumbered.
    let columns = "at, request_id, actor_kind, actor_id, session, address, agent, action, target_kind, target_id, \
                   outcome, code, details, prev_hash, hash, mac, mac_key";
    let inserted = format!(
        "UPDATE audit_events SET seq = seq + 1000 WHERE chain = '{chain}' AND seq > 3; \
         UPDATE audit_events SET seq = seq - 999 WHERE chain = '{chain}' AND seq > 3; \
         INSERT INTO audit_events (chain, seq, {columns}) SELECT chain, 4, {columns} FROM audit_events {}; \
         UPDATE audit_heads SET seq = seq + 1 WHERE chain = '{chain}'",
        of(3)
    );
    assert_eq!(broken_at(scene.after(&inserted)), 4);
    let beyond = format!(
        "INSERT INTO audit_events (chain, seq, {columns}) SELECT chain, {}, {columns} FROM audit_events {}",
        last + 1,
        of(last)
    );
    assert_eq!(broken_at(scene.after(&beyond)), last + 1);
    let foreign = format!("UPDATE audit_events SET chain = 'instance', seq = seq + 1000 {}", of(5));
    assert_eq!(broken_at(scene.after(&foreign)), 5);
}

#[tokio::test]
async fn t166_the_end_cannot_be_cut_off() {
    let scene = Scene::play().await;
    let (chain, last) = (&scene.chain, last(&scene));
    for gone in 1..=last {
        let sql = format!("DELETE FROM audit_events WHERE chain = '{chain}' AND seq > {}", last - gone);
        assert_eq!(broken_at(scene.after(&sql)), last - gone + 1);
    }
    let head = format!("UPDATE audit_heads SET hash = {} WHERE chain = '{chain}'", literal(&[7; 32]));
    assert_eq!(broken_at(scene.after(&head)), last);
    let back = format!("UPDATE audit_heads SET seq = seq - 1 WHERE chain = '{chain}'");
    assert!(matches!(scene.after(&back), Some(Verdict::Broken(_))));
}

/// A line as it is hashed.
fn hashed(event: &Event) -> serde_json::Value {
    json!({
        "chain": event.chain, "seq": event.seq, "at": event.at.rfc3339(), "request_id": event.request_id,
        "actor_kind": event.actor_kind, "actor_id": event.actor_id, "session": event.session,
        "address": event.address, "agent": event.agent, "action": event.action, "target_kind": event.target_kind,
        "target_id": event.target_id, "outcome": event.outcome.as_str(), "code": event.code,
        "details": event.details,
    })
}

/// Makes every hash from `from` on, and the head's, what it should be; the authentication codes stay.
fn recompute(conn: &mut Conn, chain: &str, from: i64) {
    let lines = events::table.filter(events::chain.eq(chain)).order(events::seq);
    let mut previous = mac::FIRST;
    for event in lines.select(Event::as_select()).load(conn).expect("lines") {
        let hash = mac::event_hash(&previous, &hashed(&event)).expect("a hash");
        if event.seq < from {
            assert_eq!(event.hash, hash, "the test hashes as the program does");
        }
        diesel::update(events::table.filter(events::chain.eq(chain).and(events::seq.eq(event.seq))))
            .set((events::prev_hash.eq(previous.to_vec()), events::hash.eq(hash.to_vec())))
            .execute(conn)
            .expect("a line");
        previous = hash;
    }
    let head = diesel::update(heads::table.filter(heads::chain.eq(chain)));
    head.set(heads::hash.eq(previous.to_vec())).execute(conn).expect("a head");
}

#[tokio::test]
async fn t167_a_chain_computed_anew_lacks_its_codes() {
    let scene = Scene::play().await;
    assert!(matches!(
        scene.after_all(|conn| {
            recompute(conn, &scene.chain, i64::MAX);
            true
        }),
        Some(Verdict::Sound(_))
    ));
    for seq in 1..=last(&scene) {
        let verdict = scene.after_all(|conn| {
            let line = events::table.filter(events::chain.eq(&scene.chain).and(events::seq.eq(seq)));
            diesel::update(line).set(events::actor_id.eq("somebody else")).execute(conn).expect("a line");
            recompute(conn, &scene.chain, seq);
            true
        });
        assert_eq!(broken_at(verdict), seq);
    }
}

#[tokio::test]
async fn t166_a_secret_put_back_from_an_older_copy_is_found() {
    let scene = Scene::play().await;
    let of = versions::table.filter(versions::credential_id.eq(scene.shop.clone()));
    // The copy was taken before the secret was changed: that version, live, with what was sealed then.
    let verdict = scene.after_all(|conn| {
        let sealed: Option<Vec<u8>> =
            of.clone().filter(versions::version.eq(2)).select(versions::sealed).first(conn).expect("v2");
        diesel::delete(of.clone().filter(versions::version.eq(2))).execute(conn).expect("gone");
        diesel::update(of.clone())
            .set((versions::state.eq("live"), versions::sealed.eq(sealed)))
            .execute(conn)
            .expect("back");
        let row = credentials::table.filter(credentials::id.eq(&scene.shop));
        diesel::update(row).set(credentials::live_version.eq(1)).execute(conn).expect("back");
        true
    });
    let mut conn = scene.app.database.connect();
    let rotated: i64 = events::table
        .filter(events::target_id.eq(&scene.shop).and(events::action.eq("credential.rotated")))
        .select(events::seq)
        .first(&mut conn)
        .expect("a line");
    assert_eq!(broken_at(verdict), rotated);
    // The live one with other bytes is found too.
    let verdict = scene.after_all(|conn| {
        diesel::update(of.clone().filter(versions::version.eq(2)))
            .set(versions::sealed.eq(Some(vec![1_u8, 2, 3])))
            .execute(conn)
            .expect("other");
        true
    });
    assert_eq!(broken_at(verdict), rotated);
}

#[tokio::test]
async fn t165_the_command_names_the_first_bad_line_and_exits_with_1() {
    let scene = Scene::play().await;
    let (code, said) = scene.command();
    assert_eq!((code, said.matches("sound up to event").count()), (Some(0), 3), "{said}");
    let mut conn = scene.app.database.connect();
    let of = format!("WHERE chain = '{}' AND seq = 4", scene.chain);
    assert!(execute(&mut conn, &format!("UPDATE audit_events SET actor_id = 'somebody else' {of}")));
    let (code, said) = scene.command();
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains(&format!("{}: BROKEN at event 4:", scene.chain)), "{said}");
    // The other chains are still judged.
    assert_eq!(said.matches("sound up to event").count(), 2, "{said}");
}

#[tokio::test]
async fn t165_a_line_that_cannot_be_read_is_a_broken_line() {
    let scene = Scene::play().await;
    let of = format!("WHERE chain = '{}' AND seq = 4", scene.chain);
    let mut conn = scene.app.database.connect();
    // Somebody with the database is not held by the rules in it.
    let unruled = if crate::support::database::is_postgres() {
        "ALTER TABLE audit_events DROP CONSTRAINT audit_events_outcome_check"
    } else {
        "PRAGMA ignore_check_constraints = ON"
    };
    assert!(execute(&mut conn, unruled));
    assert!(execute(&mut conn, &format!("UPDATE audit_events SET outcome = 'grant' {of}")));
    let (code, said) = scene.command();
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains(&format!("{}: BROKEN at event 4:", scene.chain)), "{said}");
}

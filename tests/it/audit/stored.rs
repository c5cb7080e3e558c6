//! A stored credential that differs from what its lines tell: whoever has the database alone cannot change it,
//! put it back, take it away or add one unseen.

use super::{Scene, execute};
use crate::support::database::is_postgres;
use credenza::db::Conn;
use credenza::db::schema::{audit_events as events, credential_versions as versions, credentials};
use credenza::id::Id;
use credenza::model::audit_verify::{self, Fault, Subject, Verdict};
use credenza::model::credential_change;
use credenza::model::permission::{Allowed, DeleteCredential, RestoreCredential};
use diesel::prelude::*;

fn line(conn: &mut Conn, credential: &str, action: &str) -> i64 {
    let of = events::table.filter(events::target_id.eq(credential).and(events::action.eq(action)));
    of.order(events::seq.desc()).select(events::seq).first(conn).expect("a line")
}

fn credential(fault: &Fault) -> Option<&str> {
    match &fault.what {
        Some(Subject::Credential(id)) => Some(id),
        _ => None,
    }
}

impl Scene {
    fn faults(&self, conn: &mut Conn) -> Vec<Fault> {
        audit_verify::stored(conn, &self.app.means.keyring, &self.chain).expect("a comparison")
    }

    /// The only fault after `sql`, which is undone.
    fn fault_after(&self, sql: &str) -> Fault {
        match self.after(sql) {
            Some(Verdict::Broken(mut faults)) if faults.len() == 1 => faults.remove(0),
            other => panic!("{sql}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn t166_nothing_that_a_line_tells_of_a_stored_version_can_be_changed() {
    let scene = Scene::play().await;
    let mut conn = scene.app.database.connect();
    let rotated = line(&mut conn, &scene.shop, "credential.rotated");
    let shop = format!("credential_id = '{}'", scene.shop);
    assert!(scene.faults(&mut conn).is_empty());
    for set in [
        "config = '{}'",
        "config = '{\"check_path\":\"/elsewhere\"}'",
        "secret_names = '[]'",
        "destination = destination || ' '",
        "sealed = NULL",
        "version = 7",
        "state = 'staged'",
        "state = 'previous'",
    ] {
        let fault = scene.fault_after(&format!("UPDATE credential_versions SET {set} WHERE {shop} AND version = 2"));
        assert_eq!((fault.seq, credential(&fault)), (rotated, Some(scene.shop.as_str())), "{set}");
    }
    for set in ["integration = 'stripe'", "method = 'other'", "live_version = 1", "live_version = 9"] {
        let fault = scene.fault_after(&format!("UPDATE credentials SET {set} WHERE id = '{}'", scene.shop));
        assert_eq!((fault.seq, credential(&fault)), (rotated, Some(scene.shop.as_str())), "{set}");
    }
    let gone = scene.fault_after(&format!("DELETE FROM credential_versions WHERE {shop} AND version = 2"));
    assert_eq!(gone.seq, rotated);
    // A bot asks by handle: it must not be led to another credential.
    let fault = scene.fault_after(&format!("UPDATE credentials SET handle = 'other' WHERE id = '{}'", scene.shop));
    assert!(fault.why.contains("handle"), "{fault}");
}

#[tokio::test]
async fn t166_a_credential_that_comes_or_goes_past_the_program_is_found() {
    let scene = Scene::play().await;
    let mut conn = scene.app.database.connect();
    let created = line(&mut conn, &scene.shop, "credential.created");
    let of_shop = format!("WHERE id = '{}'", scene.shop);
    let missing = scene.fault_after(&format!("DELETE FROM credentials {of_shop}"));
    assert_eq!((missing.seq, credential(&missing)), (created, Some(scene.shop.as_str())));
    let hidden = scene.fault_after(&format!("UPDATE credentials SET deleted_at = created_at {of_shop}"));
    assert_eq!(hidden.seq, created);
    for id in ["0000ffff-0000-7000-8000-000000000000", "ffffffff-ffff-7fff-bfff-ffffffffffff"] {
        let Some(Verdict::Broken(faults)) = scene.after_all(|conn| copy_of_shop(conn, &scene.shop, id)) else {
            panic!("{id} was planted unseen")
        };
        assert_eq!((faults[0].seq, credential(&faults[0])), (0, Some(id)));
    }

    // What the program deleted may be missing only once it was removed for good, and then it must be.
    let path = format!("/w/acme/credentials/{}", scene.shop);
    scene.admin.post(&format!("{path}/deletion"), &[]).await.expect(303);
    let deleted = line(&mut conn, &scene.shop, "credential.deleted");
    assert!(scene.faults(&mut conn).is_empty());
    assert_eq!(scene.fault_after(&format!("UPDATE credentials SET deleted_at = NULL {of_shop}")).seq, deleted);
    assert_eq!(scene.fault_after(&format!("DELETE FROM credentials {of_shop}")).seq, deleted);
    assert!(copy_of_shop(&mut conn, &scene.shop, "kept"));
    scene.admin.post(&format!("{path}/purge"), &[]).await.expect(303);
    assert!(execute(&mut conn, &format!("UPDATE credentials SET id = '{}' WHERE id = 'kept'", scene.shop)));
    let faults = scene.faults(&mut conn);
    let purged = line(&mut conn, &scene.shop, "credential.purged");
    assert_eq!(faults.iter().map(|fault| fault.seq).collect::<Vec<_>>(), [purged], "{faults:?}");
    assert!(execute(&mut conn, &format!("DELETE FROM credentials {of_shop}")));
    scene.app.prove_audit().await;
}

/// Inserts the row once more under another id, without its version.
fn copy_of_shop(conn: &mut Conn, shop: &str, id: &str) -> bool {
    let rest = "integration, method, environment, description, tags, place, badge, status, outcome, code, hint, \
                identity, live_version, revision, deleted_by, created_at, created_by, last_used_at";
    execute(
        conn,
        &format!(
            "INSERT INTO credentials (workspace_id, id, handle, name, name_key, {rest}) \
             SELECT workspace_id, '{id}', 'copy', 'copy', 'copy', {rest} FROM credentials WHERE id = '{shop}'"
        ),
    )
}

#[tokio::test]
async fn t166_a_row_that_cannot_be_read_is_named_and_the_others_are_still_compared() {
    let scene = Scene::play().await;
    let mut conn = scene.app.database.connect();
    let other: String = credentials::table
        .filter(credentials::id.ne(&scene.shop))
        .select(credentials::id)
        .first(&mut conn)
        .expect("id");
    let shop = versions::table.filter(versions::credential_id.eq(scene.shop.clone()));
    diesel::update(shop).set(versions::config.eq("no JSON")).execute(&mut conn).expect("a change");
    assert!(execute(&mut conn, &format!("UPDATE credentials SET handle = 'x' WHERE id = '{other}'")));
    let faults = scene.faults(&mut conn);
    let named: Vec<_> = faults.iter().map(|fault| (credential(fault).unwrap_or_default(), fault.why)).collect();
    assert!(named.contains(&(scene.shop.as_str(), "it cannot be read")), "{named:?}");
    assert!(named.iter().any(|(id, why)| *id == other && why.contains("handle")), "{named:?}");
    assert_eq!(faults.len(), 2);
    let (code, said) = scene.command();
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains(&format!("credential {}: it cannot be read", scene.shop)), "{said}");
    assert!(said.contains(&format!("credential {other}: its handle")), "{said}");
}

#[tokio::test]
async fn t166_many_lines_and_many_credentials_are_compared_in_batches() {
    let scene = Scene::play().await;
    // One credential with more lines than a batch, between others with two lines each.
    let mut ids = vec![scene.shop.clone()];
    for number in 0..3 {
        let name = format!("Hook {number}");
        ids.push(scene.app.website(&scene.admin, &name, "one of many signing secrets").await);
    }
    let workspace = scene.app.workspace("acme").await;
    for (id, turns) in ids.iter().zip([1, 260, 240, 1]) {
        let (means, id, workspace) = (scene.app.means.clone(), Id::parse(id).expect("an id"), workspace.clone());
        scene
            .app
            .write(move |tx| {
                let delete = Allowed::<DeleteCredential>::operator(workspace.clone());
                let restore = Allowed::<RestoreCredential>::operator(workspace.clone());
                for _ in 0..turns {
                    credential_change::delete(tx, &means, &delete, &id, None, "")?;
                    credential_change::restore(tx, &means, &restore, &id, None, "Website", None)?;
                }
                Ok(())
            })
            .await;
    }
    let mut conn = scene.app.database.connect();
    assert!(scene.faults(&mut conn).is_empty());
    for id in &ids {
        let fault = scene.fault_after(&format!("DELETE FROM credentials WHERE id = '{id}'"));
        assert_eq!(credential(&fault), Some(id.as_str()));
    }
    // Of a flood of planted rows the first hundred are named, and no honest one with them.
    let all = if is_postgres() { "substr(md5(n::text), 1, 20)" } else { "hex(n)" };
    let rest = "name, name_key, integration, method, environment, description, tags, place, badge, status, outcome, \
                code, hint, identity, live_version, revision, deleted_by, created_at, created_by, last_used_at";
    let flood = format!(
        "INSERT INTO credentials (workspace_id, id, handle, deleted_at, {rest}) \
         WITH RECURSIVE many (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM many WHERE n < 1000) \
         SELECT workspace_id, {all}, 'planted' || n, created_at, {rest} FROM credentials, many WHERE id = '{}'",
        scene.shop
    );
    assert!(execute(&mut conn, &flood));
    let faults = scene.faults(&mut conn);
    assert_eq!((faults.len(), faults.iter().all(|fault| fault.seq == 0)), (100, true), "{:?}", faults.last());
}

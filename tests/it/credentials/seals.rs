//! Sealed values: bound to their row, to their destination, and to one key.

use crate::support::app::{SERVICE, TestApp, bearer_form};
use crate::support::http_server::Answer;
use credenza::crypto::random::Random;
use credenza::db::schema::{credential_versions as versions, credentials};
use credenza::error::Error;
use credenza::id::Id;
use credenza::model::credential::Credential;
use credenza::model::version::Version;
use diesel::prelude::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

impl TestApp {
    /// The row of a credential of the workspace acme, whether deleted or not.
    pub async fn row(&self, id: &str) -> Credential {
        let id = id.to_owned();
        self.read(move |conn| {
            Ok(credentials::table.filter(credentials::id.eq(&id)).select(Credential::as_select()).first(conn)?)
        })
        .await
    }

    async fn version(&self, row: &Credential) -> Version {
        let (workspace, id, number) = (row.workspace_id.clone(), row.id.clone(), row.live_version);
        self.read(move |conn| Version::get(conn, &workspace, &id, number)).await
    }

    /// Whether a version opens as one of this credential.
    async fn opens(&self, version: Version, row: Credential) -> bool {
        let means = self.means.clone();
        self.read(move |conn| Ok(version.open(conn, &means, row.seal_place()).is_ok())).await
    }
}

#[tokio::test]
async fn t112_t116_a_changed_bit_is_noticed_wherever_it_is() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let id = app.website(&admin, "Shop events", "a signing secret of a shop").await;
    let row = app.row(&id).await;
    let version = app.version(&row).await;
    let means = app.means.clone();
    assert!(app.opens(version.clone(), row.clone()).await, "as it was stored");
    app.read(move |conn| {
        let blob = version.sealed.clone().expect("a blob");
        let mut changed: Vec<Vec<u8>> = Vec::new();
        for place in 0..blob.len() * 8 {
            let mut copy = blob.clone();
            copy[place / 8] ^= 1 << (place % 8);
            changed.push(copy);
        }
        changed.extend((0..blob.len()).map(|length| blob[..length].to_vec()));
        changed.push([blob.as_slice(), &[0]].concat());
        for sealed in changed {
            let copy = Version { sealed: Some(sealed), ..version.clone() };
            let fault = copy.open(conn, &means, row.seal_place()).expect_err("a changed blob opened");
            assert!(!fault.cause.contains("signing secret"));
        }
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn t114_a_blob_opens_only_where_it_was_sealed() {
    let app = TestApp::start().await;
    let (admin, foreign) = (app.admin().await, app.foreign_admin().await);
    let one = app.row(&app.website(&admin, "One", "a signing secret of one").await).await;
    let two = app.row(&app.website(&admin, "Two", "a signing secret of two").await).await;
    let form = [
        ("integration", "website"),
        ("method", "webhook"),
        ("name", "Theirs"),
        ("f.url", "https://www.example.com/hook"),
        ("f.signing_secret", "a signing secret of theirs"),
    ];
    let reply = foreign.post("/w/umbrella/credentials", &form).await.expect(303);
    let theirs = app.row(reply.location().rsplit('/').next().expect("an id")).await;
    let (mine, other, abroad) = (app.version(&one).await, app.version(&two).await, app.version(&theirs).await);
    assert!(app.opens(mine.clone(), one.clone()).await);
    for (what, version, row) in [
        ("another credential's", Version { sealed: other.sealed.clone(), ..mine.clone() }, one.clone()),
        ("another workspace's", Version { sealed: abroad.sealed.clone(), ..mine.clone() }, one.clone()),
        ("another number", Version { version: 2, ..mine.clone() }, one.clone()),
        (
            "another place",
            Version { destination: "{\"url\":\"https://evil.example/\"}".into(), ..mine.clone() },
            one.clone(),
        ),
        ("another id", mine.clone(), Credential { id: Id::new(), ..one.clone() }),
        ("another workspace", mine.clone(), Credential { workspace_id: theirs.workspace_id.clone(), ..one.clone() }),
        ("another service", mine.clone(), Credential { integration: "http".into(), ..one.clone() }),
        ("another method", mine.clone(), Credential { method: "bearer".into(), ..one.clone() }),
    ] {
        assert!(!app.opens(version, row).await, "{what} opened");
    }
    // Another installation under the same root key.
    let elsewhere = TestApp::start().await;
    let strange = elsewhere.admin().await;
    let row = elsewhere.row(&elsewhere.website(&strange, "One", "a signing secret of one").await).await;
    let version = elsewhere.version(&row).await;
    assert!(!elsewhere.opens(Version { sealed: mine.sealed.clone(), ..version }, row).await);
}

#[tokio::test]
async fn t112_an_unreadable_value_is_shown_as_such_and_can_be_entered_again() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    app.service.prepare(Answer::json(200, &serde_json::json!({})));
    let id = app.bearer(&admin, "Service token", "token-of-the-service").await;
    let sound = app.website(&admin, "Shop events", "a signing secret of a shop").await;
    let before = (app.calls(), app.service.requests().len());
    let broken = id.clone();
    app.write(move |tx| {
        let row = versions::table.filter(versions::credential_id.eq(&broken));
        let mut blob: Vec<u8> = row.select(versions::sealed.assume_not_null()).first(tx.conn())?;
        let last = blob.len() - 1;
        blob[last] ^= 1;
        let row = versions::table.filter(versions::credential_id.eq(&broken));
        Ok(diesel::update(row).set(versions::sealed.eq(Some(blob))).execute(tx.conn())?)
    })
    .await;
    let path = format!("/w/acme/credentials/{id}");
    admin.post(&format!("{path}/checks"), &[]).await.expect(303);
    let list = admin.get("/w/acme/credentials").await.expect(200);
    assert_eq!(list.attributes(&format!("#row-{id} .st"), "data-status"), ["unreadable"]);
    assert!(list.body.contains(&sound), "the list still draws");
    let page = admin.get(&path).await.expect(200);
    let label = app.means.keyring.label().to_owned();
    assert!(page.body.contains(&label), "names the key");
    assert_eq!((app.calls(), app.service.requests().len()), before, "nothing was sent");
    let events = app.events("acme").await;
    assert_eq!(events.last().expect("a line").action, "credential.unreadable");
    let revision = app.row(&id).await.revision.to_string();
    let mut form = bearer_form("Service token", "").to_vec();
    form.push(("revision", &revision));
    let reply = admin.post(&path, &form).await.expect(422);
    assert_eq!(reply.attributes("[id$=-error]", "data-code"), ["secret_required"]);
    let mut form = bearer_form("Service token", "token-entered-again").to_vec();
    form.push(("revision", &revision));
    app.service.prepare(Answer::json(200, &serde_json::json!({})));
    admin.post(&path, &form).await.expect(303);
    assert_eq!(app.row(&id).await.status.as_str(), "working");
}

#[tokio::test]
async fn t102_a_secret_does_not_follow_another_destination() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    app.service.prepare(Answer::json(200, &serde_json::json!({})));
    let id = app.bearer(&admin, "Service token", "token-of-the-service").await;
    let path = format!("/w/acme/credentials/{id}");
    let (before, calls) = (app.kept(), (app.calls(), app.service.requests().len()));
    let revision = app.row(&id).await.revision.to_string();
    for base in ["https://evil.example", "https://api.service.example:8443", "https://api.service.example/v2"] {
        let form = [
            ("revision", revision.as_str()),
            ("name", "Service token"),
            ("f.base_url", base),
            ("f.check_path", "/me"),
            ("f.token", ""),
        ];
        let reply = admin.post(&path, &form).await.expect(422);
        assert!(reply.attributes("[id$=-error]", "data-code").contains(&"secret_required".to_owned()), "{base}");
    }
    let form = [
        ("revision", revision.as_str()),
        ("name", "Service token"),
        ("f.base_url", "http://api.service.example"),
        ("f.check_path", "/me"),
    ];
    admin.post(&path, &form).await.expect(422);
    app.assert_kept(&before);
    assert_eq!((app.calls(), app.service.requests().len()), calls, "nothing was sent");
    // With the secret it may go there.
    app.service.prepare(Answer::json(200, &serde_json::json!({})));
    let form = [
        ("revision", revision.as_str()),
        ("name", "Service token"),
        ("f.base_url", "https://other.service.example"),
        ("f.check_path", "/me"),
        ("f.token", "token-of-the-service"),
    ];
    admin.post(&path, &form).await.expect(303);
    assert_eq!(app.service.requests().pop().and_then(|r| r.server_name), Some("other.service.example".into()));
}

#[tokio::test]
async fn t102_a_row_changed_in_the_database_does_not_decrypt() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    app.service.prepare(Answer::json(200, &serde_json::json!({})));
    let id = app.bearer(&admin, "Service token", "token-of-the-service").await;
    let before = (app.calls(), app.service.requests().len());
    let row = id.clone();
    app.write(move |tx| {
        let row = versions::table.filter(versions::credential_id.eq(&row));
        let (config, place): (String, String) = row
            .select((versions::config, versions::destination))
            .first::<(credenza::db::types::Json<serde_json::Value>, String)>(tx.conn())
            .map(|(config, place)| (config.0.to_string(), place))?;
        let moved = |text: &str| text.replace(SERVICE, "https://evil.example");
        assert!(config.contains(SERVICE) && place.contains(SERVICE));
        let config: serde_json::Value = serde_json::from_str(&moved(&config)).expect("JSON");
        let values = (versions::config.eq(credenza::db::types::Json(config)), versions::destination.eq(moved(&place)));
        Ok(diesel::update(row).set(values).execute(tx.conn())?)
    })
    .await;
    admin.post(&format!("/w/acme/credentials/{id}/checks"), &[]).await.expect(303);
    assert_eq!(app.row(&id).await.status.as_str(), "unreadable");
    assert_eq!((app.calls(), app.service.requests().len()), before, "nothing was sent");
}

#[tokio::test]
async fn t102_a_place_changed_behind_the_destination_is_not_called() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    app.service.prepare(Answer::json(200, &serde_json::json!({})));
    let id = app.bearer(&admin, "Service token", "token-of-the-service").await;
    let before = app.service.requests().len();
    let row = id.clone();
    // Only the values that the call is made of are changed; the destination still says where it was.
    app.write(move |tx| {
        let row = versions::table.filter(versions::credential_id.eq(&row));
        let config: credenza::db::types::Json<serde_json::Value> = row.select(versions::config).first(tx.conn())?;
        let moved = config.0.to_string().replace(SERVICE, "https://evil.example");
        let moved: serde_json::Value = serde_json::from_str(&moved).expect("JSON");
        Ok(diesel::update(row).set(versions::config.eq(credenza::db::types::Json(moved))).execute(tx.conn())?)
    })
    .await;
    app.service.prepare(Answer::json(200, &serde_json::json!({})));
    admin.post(&format!("/w/acme/credentials/{id}/checks"), &[]).await.expect(303);
    assert_eq!(app.service.requests().len(), before, "the secret was sent to another host");
    assert_eq!(app.row(&id).await.status.as_str(), "unreadable");
    // Nor does an edit carry it there.
    let revision = app.row(&id).await.revision.to_string();
    let mut form = bearer_form("Service token", "").to_vec();
    form[3].1 = "https://evil.example";
    form.push(("revision", &revision));
    admin.post(&format!("/w/acme/credentials/{id}"), &form).await.expect(422);
    assert_eq!(app.service.requests().len(), before);
}

#[tokio::test]
async fn t088_metadata_addresses_are_refused_even_where_allowed() {
    let app = TestApp::builder()
        .var(
            "CREDENZA_EGRESS_ALLOW",
            "169.254.0.0/16:443,168.63.129.16:443,metadata.google.internal:443,10.0.0.0/8:443",
        )
        .start()
        .await;
    let admin = app.admin().await;
    let before = app.kept();
    for base in [
        "https://169.254.169.254",
        "https://169.254.170.2",
        "https://168.63.129.16",
        "https://100.100.100.200",
        "https://[fd00:ec2::254]",
        "https://metadata.google.internal",
        "https://127.0.0.1",
        "https://localhost",
        "https://[::ffff:169.254.169.254]",
    ] {
        let mut form = bearer_form("Service token", "token-of-the-service").to_vec();
        form[3].1 = base;
        admin.post("/w/acme/credentials", &form).await.expect(422);
        form.push(("save_unverified", "1"));
        admin.post("/w/acme/credentials", &form).await.expect(422);
    }
    assert_eq!(app.calls().1, 0, "no connection");
    app.assert_kept(&before);
    let mut form = bearer_form("Service token", "token-of-the-service").to_vec();
    form[3].1 = "https://10.1.2.3";
    admin.post("/w/acme/credentials", &form).await;
    assert_eq!(app.calls().1, 1, "an allowed address is called");
}

#[tokio::test]
async fn t116_a_retired_key_neither_opens_nor_seals() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let id = app.website(&admin, "Shop events", "a signing secret of a shop").await;
    let row = app.row(&id).await;
    let version = app.version(&row).await;
    assert!(app.opens(version.clone(), row.clone()).await, "and the opened key is at hand from now on");
    let set = async |state: &'static str| {
        use credenza::db::schema::workspace_keys;
        let keys = move |tx: &mut credenza::db::Tx<'_>| {
            Ok(diesel::update(workspace_keys::table).set(workspace_keys::state.eq(state)).execute(tx.conn())?)
        };
        app.write(keys).await
    };
    set("retained").await;
    assert!(app.opens(version.clone(), row.clone()).await, "one that is kept still opens");
    set("retired").await;
    assert!(!app.opens(version.clone(), row.clone()).await);
    let before = app.kept();
    let form =
        [("integration", "website"), ("method", "webhook"), ("name", "New"), ("f.url", "https://www.example.com/")];
    let form = form.into_iter().chain([("f.signing_secret", "a signing secret of another")]).collect::<Vec<_>>();
    admin.post("/w/acme/credentials", &form).await.expect(503);
    admin
        .post(&format!("/w/acme/credentials/{id}/rotation"), &[("f.signing_secret", "a new signing secret")])
        .await
        .expect(503);
    app.assert_kept(&before);
    set("active").await;
    assert!(app.opens(version, row).await);
    admin.post("/w/acme/credentials", &form).await.expect(303);
}

#[tokio::test]
async fn t120_without_random_bytes_nothing_is_stored() {
    let dry = Arc::new(AtomicBool::new(false));
    let (source, switch) = (Random::system(), dry.clone());
    let random = Random::from_fn(move |buffer| match switch.load(Ordering::SeqCst) {
        true => Err(Error::unavailable("no random bytes")),
        false => source.fill(buffer),
    });
    let app = TestApp::builder().random(random).start().await;
    let admin = app.admin().await;
    let id = app.website(&admin, "Shop events", "a signing secret of a shop").await;
    let path = format!("/w/acme/credentials/{id}");
    let (before, lines) = (app.kept(), app.events("acme").await.len());
    dry.store(true, Ordering::SeqCst);
    let form =
        [("integration", "website"), ("method", "webhook"), ("name", "New"), ("f.url", "https://www.example.com/")];
    let form = form.into_iter().chain([("f.signing_secret", "a signing secret of another")]).collect::<Vec<_>>();
    let edit = [
        ("name", "Edited"),
        ("revision", "1"),
        ("f.url", "https://www.example.com/hook"),
        ("f.signing_secret", "other"),
    ];
    for (address, form) in [
        ("/w/acme/credentials".to_owned(), form.as_slice()),
        (path.clone(), &edit),
        (format!("{path}/rotation"), &[("f.signing_secret", "a new signing secret")]),
    ] {
        let refused = admin.post(&address, form).await.expect(503);
        assert_eq!(refused.header("retry-after"), Some("5"), "{address}");
    }
    let refused = app.anon().sign_in("admin@acme.example").await.expect(503);
    assert_eq!(refused.header("set-cookie"), None, "no session without a key");
    app.assert_kept(&before);
    assert_eq!(app.events("acme").await.len(), lines);
    admin.get(&path).await.expect(200);
    dry.store(false, Ordering::SeqCst);
    admin.post("/w/acme/credentials", &form).await.expect(303);
    app.prove_audit().await;
}

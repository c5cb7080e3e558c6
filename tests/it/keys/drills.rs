//! A drill names what is wrong, opens everything, and changes nothing.

use super::{Inside, OTHER_KEY, execute};
use crate::support::program::{Home, told};
use credenza::db::schema::{audit_events as events, credential_versions as versions, workspace_keys};
use credenza::db::{AnyConnection, DatabaseUrl};
use diesel::prelude::*;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// A home with a sound backup beside it.
struct Scene {
    home: Home,
    outside: tempfile::TempDir,
}

impl Scene {
    async fn set(credentials: usize) -> Self {
        let home = Home::set_up();
        Inside::of(&home).fill("kept", credentials).await;
        let outside = tempfile::tempdir().expect("a directory");
        let scene = Self { home, outside };
        let (code, said) = scene.home.said(&["backup", &scene.backup().display().to_string()]);
        assert_eq!(code, Some(0), "{said}");
        scene
    }

    fn backup(&self) -> PathBuf {
        self.outside.path().join("backup.db")
    }

    fn drill(&self, file: &Path) -> (Option<i32>, String) {
        self.home.said(&["drill", &file.display().to_string()])
    }

    /// What a drill says of a copy that was changed past the program.
    fn after(&self, change: impl FnOnce(&mut AnyConnection)) -> (Option<i32>, String) {
        let copy = self.outside.path().join("changed.db");
        fs::copy(self.backup(), &copy).expect("a copy");
        let mut conn = DatabaseUrl::Sqlite(copy.clone()).connect().expect("a connection");
        change(&mut conn);
        execute(&mut conn, "PRAGMA wal_checkpoint(TRUNCATE)");
        drop(conn);
        self.drill(&copy)
    }
}

/// What of a directory could be seen to change.
fn seen(dir: &Path) -> Vec<(String, u64, SystemTime)> {
    let mut all: Vec<_> = fs::read_dir(dir)
        .expect("a directory")
        .map(|entry| {
            let entry = entry.expect("an entry");
            let found = entry.metadata().expect("a file");
            (entry.file_name().to_string_lossy().into_owned(), found.len(), found.modified().expect("a time"))
        })
        .collect();
    all.sort();
    all
}

#[tokio::test]
async fn a_sound_backup_is_opened_whole_and_left_as_it_is() {
    let scene = Scene::set(40).await;
    let before = (seen(scene.outside.path()), seen(&scene.home.data()), fs::read(scene.backup()).expect("a file"));
    // It need not even be writable.
    fs::set_permissions(scene.backup(), std::os::unix::fs::PermissionsExt::from_mode(0o400)).expect("a mode");
    for _ in 0..2 {
        let (code, said) = scene.drill(&scene.backup());
        assert_eq!(code, Some(0), "{said}");
        for line in [
            "workspaces: 1, their keys: 1, people: 1",
            "credentials: 40, versions: 40",
            "audit chains: 2, events: 4",
            "sealed values opened: 40",
            "No fault.",
        ] {
            assert!(said.contains(line), "{line}: {said}");
        }
    }
    let after = (seen(scene.outside.path()), seen(&scene.home.data()), fs::read(scene.backup()).expect("a file"));
    assert!(before == after, "{:?} {:?}", before.0, after.0);
    // With the address as it is written elsewhere, and with a name that wants to be one.
    let (code, _) = scene.home.said(&["drill", &format!("sqlite://{}", scene.backup().display())]);
    assert_eq!(code, Some(0));
    let odd = scene.outside.path().join("a copy?mode=rwc#x%20.db");
    fs::copy(scene.backup(), &odd).expect("a copy");
    assert_eq!(scene.drill(&odd).0, Some(0));
}

#[tokio::test]
async fn a_wrong_key_is_exit_3_and_names_the_labels() {
    let scene = Scene::set(1).await;
    let file = scene.backup().display().to_string();
    let (code, said) = told(scene.home.command().env("CREDENZA_ROOT_KEY", OTHER_KEY).args(["drill", &file]));
    assert_eq!(code, Some(3), "{said}");
    let own = Inside::of(&scene.home).means.keyring.label().to_owned();
    assert!(said.contains(&own) && !said.contains(OTHER_KEY), "{said}");
    fs::rename(scene.home.data().join("root.key"), scene.outside.path().join("moved.key")).expect("moved");
    let (code, said) = scene.drill(&scene.backup());
    assert!(code == Some(3) && said.contains("root.key"), "{said}");
}

#[tokio::test]
async fn each_thing_that_is_wrong_is_named() {
    let scene = Scene::set(12).await;
    let of = |conn: &mut AnyConnection, nth: i64| -> String {
        versions::table
            .order(versions::credential_id)
            .offset(nth)
            .select(versions::credential_id)
            .first(conn)
            .expect("an id")
    };
    let ids: Vec<String> = {
        let mut conn = scene.home.connect();
        (0..12).map(|nth| of(&mut conn, nth)).collect()
    };
    let row = |id: &str| versions::table.filter(versions::credential_id.eq(id.to_owned()));
    // One that was used as a database has lost its mark.
    let (code, said) = scene.after(|conn| execute(conn, "PRAGMA user_version = 1"));
    assert!(code == Some(0) && said.contains("no mark of “credenza backup”"), "{said}");
    // A flipped byte of a sealed value.
    let (code, said) = scene.after(|conn| {
        let mut blob: Vec<u8> = row(&ids[3]).select(versions::sealed.assume_not_null()).first(conn).expect("a blob");
        blob[30] ^= 4;
        diesel::update(row(&ids[3])).set(versions::sealed.eq(Some(blob))).execute(conn).expect("a row");
    });
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains(&format!("FAULT acme: credential {}, version 1: the sealed value was changed", ids[3])),
        "{said}"
    );
    assert!(
        said.contains("sealed values opened: 11") && said.contains("are not the ones that were written down"),
        "{said}"
    );
    // A missing row: of a version, and of a whole credential.
    for (table, why) in [
        ("credential_versions WHERE credential_id", "the version in use is missing"),
        ("credentials WHERE id", "it is missing, and nobody removed it"),
    ] {
        let (code, said) = scene.after(|conn| execute(conn, &format!("DELETE FROM {table} = '{}'", ids[5])));
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains(&format!("FAULT acme: credential {}: {why}", ids[5])), "{said}");
    }
    // Two values that changed places.
    let (code, said) = scene.after(|conn| {
        let blob = |conn: &mut AnyConnection, id: &str| -> Vec<u8> {
            row(id).select(versions::sealed.assume_not_null()).first(conn).expect("a blob")
        };
        let (one, other) = (blob(conn, &ids[1]), blob(conn, &ids[2]));
        diesel::update(row(&ids[1])).set(versions::sealed.eq(Some(other))).execute(conn).expect("a row");
        diesel::update(row(&ids[2])).set(versions::sealed.eq(Some(one))).execute(conn).expect("a row");
    });
    assert!(code == Some(1) && said.matches("belongs somewhere else").count() == 2, "{said}");
    // A row that was added, and a key that is gone or bent.
    let (code, said) = scene.after(|conn| {
        execute(conn, &format!("INSERT INTO credential_versions SELECT workspace_id, credential_id, 2, config, secret_names, destination, sealed, key_version, 'live', created_at, created_by, retire_at, promote_at, standing FROM credential_versions WHERE credential_id = '{}'", ids[7]));
    });
    assert!(code == Some(1) && said.contains(&format!("credential {}, version 2", ids[7])), "{said}");
    let (code, said) = scene.after(|conn| {
        diesel::delete(workspace_keys::table).execute(conn).expect("gone");
    });
    assert!(code == Some(1) && said.contains("acme: key 1 (root") && said.contains("sealed under it: 12"), "{said}");
    // The audit: a line, an end, a chain.
    let (code, said) = scene.after(|conn| execute(conn, "UPDATE audit_events SET actor_id = 'x' WHERE seq = 2"));
    assert!(code == Some(1) && said.matches("FAULT audit chain").count() == 2 && said.contains("event 2:"), "{said}");
    let (code, said) = scene.after(|conn| execute(conn, "DELETE FROM audit_events WHERE seq > 3"));
    assert!(code == Some(1) && said.contains("the end of the chain is missing"), "{said}");
    let (code, said) = scene.after(|conn| execute(conn, "DELETE FROM audit_heads WHERE chain <> 'instance'"));
    assert!(code == Some(1) && said.contains("(acme): it is missing"), "{said}");
    // What its own column does not allow.
    let (code, said) = scene.after(|conn| {
        execute(conn, "PRAGMA ignore_check_constraints = ON");
        execute(conn, "UPDATE credential_versions SET state = 'lost'");
    });
    assert!(code == Some(1) && said.matches(": it cannot be read").count() == 12, "{said}");
    let (code, said) = scene.after(|conn| {
        execute(conn, "PRAGMA foreign_keys = OFF");
        execute(conn, "DELETE FROM users");
    });
    assert!(code == Some(1) && said.contains("refers to nothing"), "{said}");
}

#[tokio::test]
async fn a_purged_or_superseded_version_is_not_missed() {
    let scene = Scene::set(3).await;
    let inside = Inside::of(&scene.home);
    let id: String = events::table
        .filter(events::action.eq("credential.created"))
        .select(events::target_id)
        .first(&mut scene.home.connect())
        .expect("an id");
    let workspace =
        inside.read(|conn| credenza::model::workspace::Workspace::find(conn, "acme")).await.expect("acme").id;
    let (means, key) = (inside.means.clone(), credenza::id::Id::parse(&id).expect("an id"));
    let purge = move |tx: &mut credenza::db::Tx<'_>| {
        use credenza::model::credential_change as change;
        use credenza::model::permission::Allowed;
        change::delete(tx, &means, &Allowed::operator(workspace.clone()), &key, None, "")?;
        change::purge(tx, &means, &Allowed::operator(workspace.clone()), &key, None)
    };
    inside.db.write(purge).await.expect("purged");
    let (faults, counts) = inside.drill().await;
    assert!(faults.is_empty() && counts.opened == 2, "{faults:?}");
    assert_eq!(scene.home.said(&["audit", "verify"]).0, Some(0));
}

#[tokio::test]
async fn a_flipped_byte_anywhere_in_a_backup_is_noticed() {
    let scene = Scene::set(3).await;
    let whole = fs::read(scene.backup()).expect("a file");
    let copy = scene.outside.path().join("flipped.db");
    let mut places: Vec<usize> = (0..24).map(|part| part * whole.len() / 24 + 7).collect();
    // In the header, in the mark, and in its last byte.
    places.extend([18, 60, whole.len() - 100, whole.len() - 217, whole.len() - 1]);
    for place in places {
        let mut bytes = whole.clone();
        bytes[place] ^= 0x10;
        fs::write(&copy, bytes).expect("a file");
        let (code, said) = scene.drill(&copy);
        assert!(matches!(code, Some(1 | 2)), "byte {place}: {said}");
        assert!(code == Some(2) || said.contains("FAULT"), "byte {place}: {said}");
    }
    for length in [whole.len() - 1, whole.len() - 217 - 4096, whole.len() / 2, 100, 0] {
        fs::write(&copy, &whole[..length]).expect("a file");
        let (code, said) = scene.drill(&copy);
        assert!(matches!(code, Some(1 | 2)), "cut to {length}: {said}");
    }
    fs::write(&copy, [whole.as_slice(), b"x"].concat()).expect("a file");
    assert_eq!(scene.drill(&copy).0, Some(1), "a byte more");
}

#[tokio::test]
async fn what_is_no_backup_is_refused() {
    let scene = Scene::set(1).await;
    let file = scene.outside.path().join("text.db");
    fs::write(&file, "this is no database at all, only a text").expect("a file");
    for (path, why) in [
        (file.clone(), "not a SQLite database"),
        (scene.outside.path().to_owned(), "not a SQLite database"),
        (scene.outside.path().join("nothing.db"), "cannot be read"),
    ] {
        let (code, said) = scene.drill(&path);
        assert!(code == Some(2) && said.contains(why), "{said}");
        assert!(!scene.outside.path().join("nothing.db").exists());
    }
    let other = scene.outside.path().join("other.db");
    execute(&mut DatabaseUrl::Sqlite(other.clone()).connect().expect("a file"), "CREATE TABLE t (a)");
    let (code, said) = scene.drill(&other);
    assert!(code == Some(2) && said.contains("no database of Credenza"), "{said}");
    // One in use: part of it lies in its log.
    let serving = scene.home.serve();
    let (code, said) = scene.drill(&scene.home.database());
    assert!(code == Some(2) && said.contains("write-ahead log"), "{said}");
    drop(serving);
    let (code, said) = scene.after(|conn| {
        execute(conn, "INSERT INTO __diesel_schema_migrations (version) VALUES ('29990101000000')");
    });
    assert!(code == Some(2) && said.contains("29990101000000"), "{said}");
}

#[tokio::test]
async fn a_backup_of_an_older_version_is_brought_up_to_date_elsewhere() {
    let scene = Scene::set(5).await;
    let down =
        fs::read_to_string(crate::layers::folder("migrations/sqlite/20261126040000_keys/down.sql")).expect("a text");
    let older = |conn: &mut AnyConnection| {
        execute(conn, &down);
        execute(conn, "DELETE FROM __diesel_schema_migrations WHERE version = '20261126040000'");
    };
    let (code, said) = scene.after(older);
    assert!(code == Some(0) && said.contains("older version") && said.contains("sealed values opened: 5"), "{said}");
    let copy = scene.outside.path().join("changed.db");
    let before = seen(scene.outside.path());
    let private = tempfile::tempdir().expect("a directory");
    let (code, _) =
        told(scene.home.command().env("TMPDIR", private.path()).args(["drill", &copy.display().to_string()]));
    assert_eq!(code, Some(0));
    assert_eq!(seen(scene.outside.path()), before);
    assert!(seen(private.path()).is_empty(), "the copy is gone");
    // A backup before an upgrade is made of the older schema as it is.
    let mut conn = scene.home.connect();
    older(&mut conn);
    let file = scene.outside.path().join("before-upgrade.db").display().to_string();
    let (code, said) = scene.home.said(&["backup", &file]);
    assert!(code == Some(0) && said.contains("older version"), "{said}");
    let versions =
        crate::support::dump::lines(&mut conn, "SELECT max(version) AS line FROM __diesel_schema_migrations");
    assert_ne!(versions, ["20261126040000"], "nothing was migrated");
    assert_eq!(scene.home.said(&["drill", &file]).0, Some(0));
}

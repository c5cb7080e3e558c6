//! Many writers at once, in two processes' worth of handles.

use super::Scene;
use crate::support::app::ACME;
use credenza::db::Db;
use credenza::db::schema::{audit_events as events, audit_heads as heads};
use credenza::id::Id;
use credenza::model::audit_verify::Verdict;
use credenza::model::credential_change::{self, Saved};
use credenza::model::permission::{Allowed, RenameCredential};
use diesel::prelude::*;

const WRITERS: i64 = 64;
const TURNS: i64 = 5;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t170_sixty_four_writers_leave_one_chain_without_a_gap() {
    let scene = Scene::play().await;
    let url = scene.app.database.parsed();
    // A second handle knows nothing of the first, as another process would.
    let other = tokio::task::spawn_blocking(move || Db::open(&url)).await.expect("a thread").expect("a database");
    let workspace = scene.app.workspace(ACME).await;
    let before = head(&scene);
    let mut writers = Vec::new();
    for writer in 0..WRITERS {
        let db = if writer % 2 == 0 { scene.app.db.clone() } else { other.clone() };
        let means = scene.app.means.clone();
        let allowed = Allowed::<RenameCredential>::operator(workspace.clone());
        let id = Id::parse(&scene.shop).expect("an id");
        writers.push(tokio::spawn(async move {
            for turn in 0..TURNS {
                let (means, allowed, id, name) =
                    (means.clone(), allowed.clone(), id.clone(), format!("{writer} {turn}"));
                let saved = db
                    .write(move |tx| credential_change::rename(tx, &means, &allowed, &id, None, "Website", &name))
                    .await;
                assert!(matches!(saved, Ok(Saved::Done)), "{saved:?}");
            }
        }));
    }
    for writer in writers {
        writer.await.expect("a writer");
    }
    let mut conn = scene.app.database.connect();
    let seqs: Vec<i64> = events::table
        .filter(events::chain.eq(&scene.chain))
        .order(events::seq)
        .select(events::seq)
        .load(&mut conn)
        .expect("numbers");
    assert_eq!(seqs, (1..=before + WRITERS * TURNS).collect::<Vec<_>>());
    assert_eq!(scene.verdict(&mut conn), Verdict::Sound(before + WRITERS * TURNS));
}

fn head(scene: &Scene) -> i64 {
    let mut conn = scene.app.database.connect();
    heads::table.filter(heads::chain.eq(&scene.chain)).select(heads::seq).first(&mut conn).expect("a head")
}

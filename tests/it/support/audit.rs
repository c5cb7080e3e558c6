//! The lines of the audit log, as tests read them.

use super::app::TestApp;
use credenza::db::schema::audit_events;
use credenza::model::audit::{Event, INSTANCE};
use credenza::model::audit_verify::{self, Verdict};
use diesel::prelude::*;

impl TestApp {
    /// The lines of a workspace, in their order.
    pub async fn events(&self, slug: &str) -> Vec<Event> {
        let chain = self.workspace(slug).await.to_string();
        self.chain(chain).await
    }

    /// The lines of the instance, in their order.
    pub async fn instance_events(&self) -> Vec<Event> {
        self.chain(INSTANCE.to_owned()).await
    }

    async fn chain(&self, chain: String) -> Vec<Event> {
        self.read(move |conn| {
            let query = audit_events::table.filter(audit_events::chain.eq(&chain)).order(audit_events::seq);
            Ok(query.select(Event::as_select()).load(conn)?)
        })
        .await
    }

    /// Fails unless every chain is sound.
    pub async fn prove_audit(&self) {
        let keyring = self.means.keyring.clone();
        let verdicts = self.read(move |conn| {
            let chains = audit_verify::chains(conn, "")?;
            chains.iter().map(|chain| audit_verify::chain(conn, &keyring, chain)).collect()
        });
        let verdicts: Vec<Verdict> = verdicts.await;
        assert!(verdicts.iter().all(|verdict| matches!(verdict, Verdict::Sound(_))), "{verdicts:?}");
    }
}

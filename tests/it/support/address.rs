//! What stands for the parameters of the routes in a test that walks the whole table.

use super::app::{ACME, TestApp};
use super::person::Person;

/// An id of nothing: a consent in a test that walks the table is always an absent one.
const ABSENT: &str = "01900000-0000-7000-8000-000000000000";

/// A credential, a bot, one of its blocks and one of its tokens, and whatever else a route names: a person, an
/// invitation, a mail.
#[derive(Debug, Clone)]
pub struct Ids {
    pub credential: String,
    pub bot: String,
    pub block: String,
    pub token: String,
    pub other: String,
}

impl Ids {
    /// The same text for all: an id that names nothing, or is none.
    pub fn of(text: &str) -> Self {
        let [credential, bot, block, token, other] = std::array::from_fn(|_| text.to_owned());
        Self { credential, bot, block, token, other }
    }

    /// The address of a pattern in a workspace.
    pub fn address(&self, pattern: &str, slug: &str) -> String {
        let id = if pattern.contains("/bots/") { &self.bot } else { &self.credential };
        let address = pattern
            .replace("{slug}", slug)
            .replace("{id}", id)
            .replace("{block}", &self.block)
            .replace("{token}", &self.token)
            .replace("{flow}", ABSENT)
            // Only some services have an OAuth client.
            .replace("/apps/{integration}", "/apps/google-sheets")
            .replace("{integration}", "website");
        ["{member}", "{invitation}", "{mail}"].iter().fold(address, |address, part| address.replace(part, &self.other))
    }
}

impl TestApp {
    /// Registers a bot with one block for a website's credential of [`ACME`], through the pages.
    pub async fn ids(&self, admin: &Person, credential: &str) -> Ids {
        let bot = self.new_bot(admin, &format!("Bot for {credential}")).await;
        let block = self.new_block(admin, &bot, "website", credential).await;
        let form = [("name", "Worker"), ("scope", "use")];
        let made = admin.post(&format!("/w/{ACME}/bots/{bot}/tokens"), &form).await.expect(303);
        let token = made.location().rsplit('/').next().expect("an id").to_owned();
        Ids { credential: credential.to_owned(), bot, block, token, other: credential.to_owned() }
    }

    /// Registers a bot in [`ACME`] through the pages and returns its id.
    pub async fn new_bot(&self, admin: &Person, name: &str) -> String {
        let reply = admin.post(&format!("/w/{ACME}/bots"), &[("name", name)]).await.expect(303);
        reply.location().rsplit('/').next().expect("an id").to_owned()
    }

    /// Adds a block to a bot of [`ACME`] through the pages and returns its id.
    pub async fn new_block(&self, admin: &Person, bot: &str, integration: &str, credential: &str) -> String {
        let path = format!("/w/{ACME}/bots/{bot}");
        let form = [("integration", integration), ("label", "Do something"), ("credential", credential)];
        admin.post(&format!("{path}/blocks"), &form).await.expect(303);
        let page = admin.get(&path).await.expect(200);
        let links = page.attributes("a[href$='/removal']", "href");
        links.last().and_then(|href| href.rsplit('/').nth(1)).expect("a block").to_owned()
    }
}

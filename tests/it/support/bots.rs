//! Bots, their blocks and tokens, made past the pages; and a machine that sends a token.

use super::app::{ACME, TestApp};
use super::person::{Person, Reply, sent};
use credenza::crypto::bot_token::mint;
use credenza::id::Id;
use credenza::model::block::{self, Block};
use credenza::model::bot::{self, Bot, Changed, Details};
use credenza::model::bot_token::{self, BotToken, NewToken, Scope};
use credenza::model::credential::Credential;
use credenza::model::permission::Allowed;
use reqwest::RequestBuilder;

/// What a token of a test is.
pub struct Made {
    /// The token itself.
    pub text: String,
    /// Its id.
    pub id: Id<BotToken>,
}

impl TestApp {
    /// A bot of [`ACME`].
    pub async fn bot(&self, name: &str) -> Id<Bot> {
        self.bot_in(ACME, name).await
    }

    /// A bot of a workspace.
    pub async fn bot_in(&self, slug: &str, name: &str) -> Id<Bot> {
        let (workspace, id, means) = (self.workspace(slug).await, Id::new(), self.means.clone());
        let (made, details) = (id.clone(), Details { name: name.to_owned(), description: String::new() });
        let done = self.write(move |tx| bot::create(tx, &means, &Allowed::operator(workspace.clone()), &id, &details));
        assert!(matches!(done.await, Changed::Done));
        made
    }

    /// A block of a bot, with the credential that it chooses; its key.
    pub async fn block(&self, bot: &Id<Bot>, label: &str, integration: &str, credential: Option<&str>) -> String {
        let (workspace, id, means) = (self.workspace(ACME).await, Id::<Block>::new(), self.means.clone());
        let wanted = block::Wanted {
            label: label.to_owned(),
            integration: integration.to_owned(),
            credential: credential.and_then(Id::parse),
        };
        let (bot, asked) = (bot.clone(), id.clone());
        self.write(move |tx| {
            let allowed = Allowed::operator(workspace.clone());
            let added = block::add(tx, &means, &allowed, &bot, &asked, &wanted)?;
            assert!(matches!(added, Changed::Done));
            Ok(Block::get(tx.conn(), &workspace, &bot, &asked)?.key)
        })
        .await
    }

    /// A token of a bot of [`ACME`], for all of its blocks or for these credentials.
    pub async fn token(&self, bot: &Id<Bot>, scopes: &[Scope], credentials: Option<&[&str]>) -> Made {
        self.token_in(ACME, Some(bot), scopes, credentials, "").await
    }

    /// A token of a workspace, for calls from these networks.
    pub async fn token_in(
        &self,
        slug: &str,
        bot: Option<&Id<Bot>>,
        scopes: &[Scope],
        credentials: Option<&[&str]>,
        networks: &str,
    ) -> Made {
        let (workspace, id, means) = (self.workspace(slug).await, Id::new(), self.means.clone());
        let minted = mint(self.means.keyring.random()).expect("a token");
        let text = minted.text.expose().to_owned();
        let parse = |id: &&str| Id::<Credential>::parse(id).expect("an id");
        let new = NewToken {
            id: id.clone(),
            bot: bot.cloned(),
            name: "Worker".to_owned(),
            scopes: scopes.to_vec(),
            credentials: credentials.map(|ids| ids.iter().map(parse).collect()),
            networks: bot_token::checked_networks(networks).expect("networks"),
            days: bot_token::DAYS,
            minted,
            shown: None,
            replaces: None,
        };
        self.write(move |tx| bot_token::create(tx, &means, &Allowed::operator(workspace.clone()), &new)).await;
        Made { text, id }
    }

    /// A machine that sends this token.
    pub fn machine(&self, token: &str) -> Machine {
        Machine { http: Person::bare(&self.base), token: token.to_owned() }
    }
}

/// Something that calls the machine API.
pub struct Machine {
    http: Person,
    token: String,
}

impl Machine {
    /// A request that is still to be sent with [`sent`].
    pub fn request(&self, method: &str, path: &str) -> RequestBuilder {
        self.http.request(method, path).bearer_auth(&self.token)
    }

    /// Asks for something.
    pub async fn get(&self, path: &str) -> Reply {
        sent(self.request("GET", path)).await
    }
}

impl Machine {
    /// Sends JSON.
    pub async fn send(&self, method: &str, path: &str, body: &serde_json::Value) -> Reply {
        sent(self.request(method, path).json(body)).await
    }
}

impl Reply {
    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.body))
    }

    /// The name of the problem's type, for a status that must be.
    #[track_caller]
    pub fn problem(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{}", self.body);
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        let json = self.json();
        for name in ["title", "detail", "action", "incident"] {
            assert!(json[name].as_str().is_some_and(|text| !text.is_empty()), "{name}: {json}");
        }
        assert_eq!(json["status"], status);
        let kind = json["type"].as_str().expect("a type");
        kind.strip_prefix("/api/v1/problems/").expect("an address of a type").to_owned()
    }
}

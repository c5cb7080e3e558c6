//! T077 and T078: what is printed for a programmer shows no secret either.

use super::needle::{Canaries, Hits};
use credenza::catalog::form::Values;
use credenza::config::Config;
use credenza::crypto::random::Random;
use credenza::crypto::root_key::RootKey;
use credenza::crypto::token::SetupToken;
use credenza::db::DatabaseUrl;
use credenza::egress::target::{Mode, Target};
use credenza::error::Error;
use credenza::model::credential::Badge;
use credenza::model::credential_change::Content;
use credenza::model::oauth_grant::{NewGrant, Times, Tokens};
use credenza::secret::Secret;
use std::collections::BTreeMap;

#[test]
fn t077_debug_shows_no_secret() {
    let mut canaries = Canaries::default();
    let secret = canaries.plant("a secret");
    let values = |control: &str| Values {
        plain: BTreeMap::from([("host".to_owned(), control.to_owned())]),
        secret: BTreeMap::from([("token".to_owned(), Secret::new(secret.clone()))]),
    };
    let content = Content {
        values: values("control"),
        destination: "https://api.example".into(),
        place: "api.example".into(),
        badge: Badge::None,
        changed: vec!["token".into()],
    };
    let tokens = Tokens { values: values("").secret, refresh: Some(Secret::new(secret.clone())) };
    let grant = NewGrant { tokens, asked: vec!["control".into()], granted: None, times: Times::default() };
    let address = format!("postgres://credenza:{secret}@127.0.0.1/credenza");
    let (key, token) = SetupToken::new(&Random::system()).expect("a token");
    canaries.watch("setup token", token.expose());
    let shown = [
        format!("{:?}", Secret::new(secret.clone())),
        format!("{:#?}", values("control")),
        format!("{content:?}"),
        format!("{:?} {token:?}", Secret::new(secret.clone()).duplicate()),
        format!("{grant:?}"),
        format!("{:?}", DatabaseUrl::parse(&address)),
        format!("{:?}", DatabaseUrl::parse(&format!("postgres://a:{secret}@elsewhere.example/b"))),
        format!("{:?}", DatabaseUrl::parse(&format!("mysql://a:{secret}@127.0.0.1/b"))),
    ];
    assert!(shown[1].contains("control") && shown[2].contains("api.example"), "the control is seen");
    drop(key);
    let hits: Hits = shown.iter().flat_map(|text| canaries.search().hits("debug", text.as_bytes())).collect();
    assert!(hits.is_empty(), "{hits:#?}");
}

#[test]
fn t077_a_configuration_shows_no_secret() {
    let mut canaries = Canaries::default();
    let dir = tempfile::tempdir().expect("a directory");
    let password = canaries.plant("database password");
    let key = "pTk3mC0sQ7y9Yv1ZrB2nXe4uLw6oGh8jDf5aKi0xWvM=";
    canaries.watch("root key", key);
    let pair = |name: &str, value: String| (name.to_owned(), value);
    let vars = [
        pair("CREDENZA_DATA_DIR", dir.path().display().to_string()),
        pair("CREDENZA_SUPPORT_CONTACT", "the control".into()),
        pair("DATABASE_URL", format!("postgres://credenza:{password}@127.0.0.1/credenza")),
        pair("CREDENZA_ROOT_KEY", key.to_owned()),
    ];
    let config = Config::from(vars).expect("a configuration");
    let root_key = RootKey::from_base64(key).expect("a key");
    let explained: Vec<String> = config.explain().iter().map(|one| format!("{one:?}")).collect();
    let shown = [format!("{config:?}"), explained.join("\n"), config.dangers().join("\n"), format!("{root_key:?}")];
    assert!(shown[0].contains("the control") && shown[1].contains("the control"));
    let hits: Hits = shown.iter().flat_map(|text| canaries.search().hits("debug", text.as_bytes())).collect();
    assert!(hits.is_empty(), "{hits:#?}");
}

#[test]
fn t078_what_is_wrong_is_said_without_the_secret() {
    let mut canaries = Canaries::default();
    let dir = tempfile::tempdir().expect("a directory");
    let secret = canaries.plant("a secret in the wrong form");
    let wrong = format!("https://bot:{secret}@api.example/?key={secret}#{secret}");
    let said = [
        format!("{:?}", Target::http(&wrong).map(|_| ())),
        format!("{}", Target::http(&wrong).expect_err("a user in an address is refused")),
        format!("{:?}", Target::http(&format!("https://api.example/?key={secret}")).expect("an address")),
        format!("{:?}", Target::smtp(&secret, 0, Mode::SmtpTls).err()),
        format!("{:?}", RootKey::from_base64(&secret).err()),
        format!("{:#}", anyhow::Error::new(Error::internal(&secret)).context("while doing something")),
        format!("{} {:?}", Error::unavailable(&secret), Error::unavailable("why")),
    ];
    for (place, text) in said.iter().enumerate() {
        assert_eq!(canaries.search().hits(&place.to_string(), text.as_bytes()), Hits::new());
    }
    for (name, value) in [
        ("CREDENZA_ROOT_KEY", secret.clone()),
        ("DATABASE_URL", format!("mysql://a:{secret}@127.0.0.1/b")),
        ("DATABASE_URL", format!("postgres://a:{secret}@elsewhere.example/b")),
        ("CREDENZA_MAIL_URL", format!("smtp://a:{secret}@mail.example")),
    ] {
        let vars =
            [("CREDENZA_DATA_DIR".to_owned(), dir.path().display().to_string()), (name.to_owned(), value.clone())];
        let said = match Config::from(vars) {
            Err(error) => format!("{error} {error:?}"),
            Ok(config) => {
                let key = RootKey::from_base64(&value).map(|_| ()).map_err(|error| format!("{error} {error:?}"));
                let url = DatabaseUrl::parse(&value).map(|_| ()).map_err(|error| format!("{error} {error:?}"));
                format!("{config:?} {key:?} {url:?}")
            }
        };
        assert_eq!(canaries.search().hits(name, said.as_bytes()), Hits::new());
    }
}

//! What the demo shows, as `scene.toml` writes it: workspaces, people, credentials and their stories.

use crate::clock::At;
use crate::error::{Error, Result};
use crate::model::credential::Environment;
use crate::model::permission::Role;
use crate::secret::Secret;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use serde::{Deserialize, Deserializer, de};
use serde_json::json;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

/// A private key that opens nothing: for services that take one, in the demo and in the tests.
pub const SAMPLE_KEY: &str = include_str!("sample-key.pem");

/// Steps of a story that are written as a span come about the hour, not on it: so many minutes late at most.
const LATE: u64 = 170;

/// Everything that is there when the demo starts.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scene {
    /// Workspaces, the first one first.
    #[serde(rename = "workspace")]
    pub workspaces: Vec<WorkspacePlan>,
    /// People.
    #[serde(rename = "person")]
    pub people: Vec<PersonPlan>,
    /// Credentials, in any order.
    #[serde(rename = "credential")]
    pub credentials: Vec<CredentialPlan>,
    /// Bots.
    #[serde(rename = "bot")]
    pub bots: Vec<BotPlan>,
}

/// One workspace.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkspacePlan {
    /// Its name.
    pub name: String,
    /// How long ago it was made.
    #[serde(deserialize_with = "age")]
    pub made: TimeDelta,
}

/// One person.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PersonPlan {
    /// What they are called; stories call them so, too.
    pub name: String,
    /// Their address.
    pub email: String,
    /// Their role in each workspace, by its name.
    #[serde(deserialize_with = "roles")]
    pub roles: BTreeMap<String, Role>,
}

/// One credential.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CredentialPlan {
    /// The workspace's name.
    pub workspace: String,
    /// `integration.method`; left out where the catalogue has none of that name.
    pub of: String,
    /// Its name.
    pub name: String,
    /// Its name before somebody renamed it.
    pub was: Option<String>,
    /// `production`, `test` or nothing.
    #[serde(default)]
    pub environment: String,
    /// A sentence about it.
    #[serde(default)]
    pub description: String,
    /// Words it is found by.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Who does what its story tells, where a step does not say.
    #[serde(default = "first_person")]
    pub by: String,
    /// What is typed; a text that begins with `@` is made, see [`CredentialPlan::typed`].
    pub fields: BTreeMap<String, String>,
    /// The client of its workspace, for a sign-in that somebody agrees to.
    #[serde(default)]
    pub app: BTreeMap<String, String>,
    /// What the consent gave: `token`, and `refresh_token`.
    #[serde(default)]
    pub tokens: BTreeMap<String, String>,
    /// What differs before the first rotation.
    #[serde(default)]
    pub first: BTreeMap<String, String>,
    /// What differs in a change that the service refuses.
    #[serde(default)]
    pub attempt: BTreeMap<String, String>,
    /// Sealed for another destination than its values lead to: nobody can open it.
    #[serde(default)]
    pub elsewhere: bool,
    /// Its steps: `40d made`, `38d-2d/2d checked`, `6d checked down`, `3h renamed by Rui`.
    pub story: Vec<String>,
}

/// One bot.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BotPlan {
    /// The workspace's name.
    pub workspace: String,
    /// Its name.
    pub name: String,
    /// A sentence about it.
    #[serde(default)]
    pub description: String,
    /// Who registers and publishes it.
    #[serde(default = "first_person")]
    pub by: String,
    /// How long ago it was registered.
    #[serde(deserialize_with = "age")]
    pub made: TimeDelta,
    /// How long ago it was published; a draft leaves it out.
    #[serde(default, deserialize_with = "some_age")]
    pub published: Option<TimeDelta>,
    /// When it asked for the credentials of its blocks: `14d-1h/7h`.
    uses: Option<String>,
    /// Its blocks, in their order.
    pub blocks: Vec<BlockPlan>,
}

/// One block of a bot.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlockPlan {
    /// What people call it.
    pub label: String,
    /// The name of the credential that it chose.
    pub credential: Option<String>,
    /// Its service, where it chose none.
    pub of: Option<String>,
}

impl BotPlan {
    /// How long ago it asked for its credentials, the earliest first.
    ///
    /// # Errors
    /// For ages that cannot be read.
    pub fn uses(&self) -> Result<Vec<TimeDelta>> {
        let Some(text) = &self.uses else { return Ok(Vec::new()) };
        ages(text).ok_or_else(|| Error::internal(format!("{}: {text}", self.name)))
    }
}

fn first_person() -> String {
    "Ana".to_owned()
}

/// One step of a story.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// How long ago.
    pub ago: TimeDelta,
    /// What was done.
    pub act: Act,
    /// By whom.
    pub by: String,
}

/// What people and services do in a story.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Act {
    /// Created, with the service as it was then.
    Made(Then),
    /// Verified.
    Checked(Then),
    /// Given another name.
    Renamed,
    /// Given another secret.
    Rotated,
    /// A change that the service refused.
    Refused,
    /// Switched off.
    Suspended,
    /// Found to be unreadable.
    Unreadable,
    /// Deleted.
    Deleted,
}

/// How the service was then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Then {
    /// It took everything.
    Fine,
    /// It had a fault of its own.
    Down,
    /// It limited calls.
    Busy,
    /// As it answers today, by the words in what was typed.
    Today,
}

/// Which of the values of a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Which {
    /// Before a rotation.
    First,
    /// As they are now.
    Last,
    /// Of the change that was refused.
    Attempt,
}

impl Scene {
    /// The scene that is compiled in.
    ///
    /// # Errors
    /// When it cannot be read; a test sees to it that it can.
    pub fn read() -> Result<Self> {
        toml::from_str(include_str!("scene.toml")).map_err(Error::internal)
    }
}

impl CredentialPlan {
    /// Its service and method.
    pub fn kind(&self) -> (&str, &str) {
        self.of.split_once('.').unwrap_or((&self.of, ""))
    }

    /// What it is for.
    ///
    /// # Errors
    /// For a word that is none of the known ones.
    pub fn environment(&self) -> Result<Environment> {
        Environment::parse(&self.environment).ok_or_else(|| Error::internal(format!("{}: environment", self.name)))
    }

    /// What is typed into its form: `@rsa` is a private key, `@service-account NAME` a key file of Google,
    /// `@jwt 9d` a token that ends in so many days after `now`.
    ///
    /// # Errors
    /// For another text that begins with `@`.
    pub fn typed(&self, which: Which, now: At) -> Result<BTreeMap<String, Secret>> {
        let mut fields: BTreeMap<&String, &String> = self.fields.iter().collect();
        match which {
            Which::First => fields.extend(&self.first),
            Which::Attempt => fields.extend(&self.attempt),
            Which::Last => {}
        }
        fields.into_iter().map(|(name, text)| Ok((name.clone(), Secret::new(made(text, now)?)))).collect()
    }

    /// Its steps, the oldest first.
    ///
    /// # Errors
    /// For a step that cannot be read.
    pub fn steps(&self) -> Result<Vec<Step>> {
        let mut steps = Vec::new();
        for text in &self.story {
            let (ages, act, by) = read(text).ok_or_else(|| Error::internal(format!("{}: {text}", self.name)))?;
            let late = |n: usize| if ages.len() > 1 { self.late(n) } else { TimeDelta::zero() };
            let by = by.unwrap_or(&self.by);
            steps.extend(ages.iter().enumerate().map(|(n, ago)| Step { ago: *ago - late(n), act, by: by.to_owned() }));
        }
        steps.sort_by_key(|step| std::cmp::Reverse(step.ago));
        Ok(steps)
    }

    fn late(&self, n: usize) -> TimeDelta {
        let mut hasher = DefaultHasher::new();
        (&self.name, n).hash(&mut hasher);
        TimeDelta::minutes((hasher.finish() % LATE).cast_signed())
    }
}

/// Reads `40d made`, `38d-2d/2d checked down`, `9d renamed by Rui`.
fn read(text: &str) -> Option<(Vec<TimeDelta>, Act, Option<&str>)> {
    let (text, by) = text.split_once(" by ").map_or((text, None), |(text, by)| (text, Some(by)));
    let mut words = text.split(' ');
    let (when, verb, then) = (words.next()?, words.next()?, words.next());
    let then = match then {
        None => Then::Fine,
        Some("down") => Then::Down,
        Some("busy") => Then::Busy,
        Some("today") => Then::Today,
        Some(_) => return None,
    };
    let act = match verb {
        "made" => Act::Made(then),
        "checked" => Act::Checked(then),
        "renamed" => Act::Renamed,
        "rotated" => Act::Rotated,
        "refused" => Act::Refused,
        "suspended" => Act::Suspended,
        "unreadable" => Act::Unreadable,
        "deleted" => Act::Deleted,
        _ => return None,
    };
    Some((ages(when)?, act, by))
}

/// Reads `40d`, or `38d-2d/12h` for many.
fn ages(when: &str) -> Option<Vec<TimeDelta>> {
    let Some((from, rest)) = when.split_once('-') else { return Some(vec![delta(when)?]) };
    let (to, step) = rest.split_once('/')?;
    let (to, step) = (delta(to)?, delta(step).filter(|step| *step > TimeDelta::zero())?);
    Some(std::iter::successors(delta(from), |ago| Some(*ago - step)).take_while(|ago| *ago >= to).collect())
}

/// Reads `40d`, `5h` or `20m`.
fn delta(text: &str) -> Option<TimeDelta> {
    let number = text.get(..text.len().checked_sub(1)?)?.parse().ok()?;
    match text.chars().next_back()? {
        'd' => TimeDelta::try_days(number),
        'h' => TimeDelta::try_hours(number),
        'm' => TimeDelta::try_minutes(number),
        _ => None,
    }
}

fn age<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<TimeDelta, D::Error> {
    let text = String::deserialize(deserializer)?;
    delta(&text).ok_or_else(|| de::Error::custom("expected an age such as 40d, 5h or 20m"))
}

fn some_age<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Option<TimeDelta>, D::Error> {
    age(deserializer).map(Some)
}

fn roles<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<BTreeMap<String, Role>, D::Error> {
    let written = BTreeMap::<String, String>::deserialize(deserializer)?;
    let role = |word: &str| Role::parse(word).ok_or_else(|| de::Error::custom(format!("{word} is no role")));
    written.into_iter().map(|(workspace, word)| Ok((workspace, role(&word)?))).collect()
}

fn made(text: &str, now: At) -> Result<String> {
    let Some(order) = text.strip_prefix('@') else { return Ok(text.to_owned()) };
    match order.split_once(' ').unwrap_or((order, "")) {
        ("rsa", "") => Ok(SAMPLE_KEY.to_owned()),
        ("service-account", email) => Ok(json!({
            "type": "service_account",
            "client_email": email,
            "private_key": SAMPLE_KEY,
            "token_uri": "https://oauth2.googleapis.com/token",
        })
        .to_string()),
        ("jwt", life) => {
            let life = delta(life).ok_or_else(|| Error::internal(format!("scene: {text}")))?;
            let part = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
            let head = part(json!({ "alg": "HS256", "typ": "JWT" }));
            let claims = part(json!({ "sub": "bots", "exp": now.plus(life).micros() / 1_000_000 }));
            Ok(format!("{head}.{claims}.{}", URL_SAFE_NO_PAD.encode("a signature of nobody, to look at")))
        }
        _ => Err(Error::internal(format!("scene: {text}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::{Act, Scene, Then, TimeDelta, read};

    #[test]
    fn steps_are_read() {
        let (ages, act, by) = read("38d-2d/12d checked down by Rui").unwrap();
        assert_eq!(ages, [38, 26, 14, 2].map(TimeDelta::days));
        assert_eq!((act, by), (Act::Checked(Then::Down), Some("Rui")));
        assert_eq!(read("5h renamed").unwrap(), (vec![TimeDelta::hours(5)], Act::Renamed, None));
        for bad in ["", "made", "5x made", "5d", "5d gone", "5d-1d checked", "5d-1d/0d checked", "5d checked badly"] {
            assert!(read(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn the_scene_names_only_what_is_in_it() {
        let scene = Scene::read().unwrap();
        let is_person = |name: &str| scene.people.iter().any(|person| person.name == name);
        let is_workspace = |name: &str| scene.workspaces.iter().any(|workspace| workspace.name == name);
        for person in &scene.people {
            assert!(person.roles.keys().all(|name| is_workspace(name)), "{}", person.name);
        }
        for plan in &scene.credentials {
            assert!(is_workspace(&plan.workspace), "{}", plan.name);
            let steps = plan.steps().unwrap();
            assert!(steps.iter().all(|step| is_person(&step.by) && step.ago > TimeDelta::zero()), "{}", plan.name);
            assert!(matches!(steps[0].act, Act::Made(_)), "{}", plan.name);
            assert_eq!(steps.iter().filter(|step| matches!(step.act, Act::Made(_))).count(), 1, "{}", plan.name);
            plan.environment().unwrap();
        }
        for plan in &scene.bots {
            assert!(is_workspace(&plan.workspace) && is_person(&plan.by), "{}", plan.name);
            assert!(plan.uses().unwrap().iter().all(|ago| *ago <= plan.made), "{}", plan.name);
            for block in &plan.blocks {
                let made = |name: &String| {
                    let found = scene.credentials.iter().find(|found| found.name == *name).expect("a credential");
                    found.steps().unwrap()[0].ago
                };
                assert!(block.credential.is_some() != block.of.is_some(), "{}", block.label);
                assert!(block.credential.as_ref().is_none_or(|name| made(name) > plan.made), "{}", block.label);
            }
        }
    }
}

//! Plays the scene: the model writes down what its checks came to, with a clock that stands where the story is.

use super::cast::{Cast, Moment, Reports};
use super::consents::Giving;
use super::robots::{self, Deed, Robot, Stage, Turn};
use super::scene::{Act, CredentialPlan, Scene};
use super::stand_in::StandIn;
use crate::catalog::destination;
use crate::catalog::load::Catalog;
use crate::catalog::schema::Env;
use crate::clock::Clock;
use crate::crypto::hasher::Hasher;
use crate::db::{Db, Tx};
use crate::error::{Error, Result};
use crate::id::Id;
use crate::model::Means;
use crate::model::check_record::Cause;
use crate::model::credential::{Badge, Credential};
use crate::model::credential_change::{
    self as change, Consent, Content, Deleting, Details, Kind, NewCredential, Rotated, Saved, Serve,
};
use crate::model::membership::{self, Standing};
use crate::model::permission::{Actor, Allowed, EditCredential, Permission, VerifyCredential};
use crate::model::status::{Saving, saving};
use crate::model::user::{Theme, User};
use crate::model::version::Unreadable;
use crate::model::workspace::Workspace;
use crate::report::Report;
use crate::secret::Secret;
use chrono::TimeDelta;
use futures_util::future::try_join_all;
use std::collections::HashMap;
use std::sync::Arc;

/// Puts the scene into an empty database and gives it; all people in it have this password.
///
/// # Errors
/// When the database, the keys or the imitated services fail.
pub async fn seed(
    catalog: &Arc<Catalog>,
    today: &StandIn,
    db: &Db,
    means: &Means,
    (hasher, password): (&Hasher, &Secret),
) -> Result<Arc<Scene>> {
    let scene = Arc::new(Scene::read()?);
    let now = means.now();
    let cast = Cast { catalog: catalog.clone(), scene: scene.clone(), now };
    let (moments, turns) = (cast.moments()?, robots::turns(&scene)?);
    let hashes = try_join_all(scene.people.iter().map(|_| hasher.hash(password.duplicate())));
    let (hashes, reports) = futures_util::try_join!(hashes, cast.reports(&moments, today))?;
    let clock = Clock::movable();
    let means = Means { keyring: means.keyring.clone(), clock };
    let play = Play { cast, moments, turns, hashes, reports, means };
    db.write(move |tx| play.run(tx)).await?;
    Ok(scene)
}

/// People by name.
type People = HashMap<String, Id<User>>;

/// Something that happens.
enum Event<'p> {
    Credential(&'p Moment),
    Bot(&'p Turn),
}

/// Everything that one write unit needs.
struct Play {
    cast: Cast,
    moments: Vec<Moment>,
    turns: Vec<Turn>,
    hashes: Vec<String>,
    reports: Reports,
    means: Means,
}

impl Play {
    fn run(&self, tx: &mut Tx<'_>) -> Result<()> {
        let people = self.settle(tx)?;
        let (mut made, mut bots) = (HashMap::new(), HashMap::new());
        let moments = self.moments.iter().map(|moment| (moment.step.ago, Event::Credential(moment)));
        let turns = self.turns.iter().map(|turn| (turn.ago, Event::Bot(turn)));
        let mut events: Vec<(TimeDelta, Event<'_>)> = moments.chain(turns).collect();
        events.sort_by_key(|(ago, _)| std::cmp::Reverse(*ago));
        for (ago, event) in events {
            self.go_to(ago);
            match event {
                Event::Credential(moment) => {
                    let plan = self.cast.plan(moment.plan)?;
                    let standing = self.standing(tx, &people, &moment.step.by, &plan.workspace)?;
                    let id = made.entry(moment.plan).or_insert_with(Id::new).clone();
                    Told { play: self, moment, plan, id, standing }.happens(tx)?;
                }
                Event::Bot(turn) => self.turn(tx, &people, &made, &mut bots, turn)?,
            }
        }
        Ok(())
    }

    fn standing(&self, tx: &mut Tx<'_>, people: &People, by: &str, workspace: &str) -> Result<Standing> {
        let by = people.get(by).ok_or_else(|| Error::internal("scene: nobody of that name"))?;
        Standing::find(tx.conn(), &crate::fold::handle(workspace), by, self.means.now())?.ok_or(Error::NotFound)
    }

    fn turn(
        &self,
        tx: &mut Tx<'_>,
        people: &People,
        made: &HashMap<usize, Id<Credential>>,
        bots: &mut HashMap<usize, Robot>,
        turn: &Turn,
    ) -> Result<()> {
        let scene = &self.cast.scene;
        let plan = scene.bots.get(turn.bot).ok_or_else(|| Error::internal("scene: no such bot"))?;
        let standing = self.standing(tx, people, &plan.by, &plan.workspace)?;
        let stage = Stage { means: &self.means, catalog: &self.cast.catalog, plan, standing: &standing };
        match (turn.deed, bots.get(&turn.bot)) {
            (Deed::Made, _) => {
                let robot = stage.make(tx, |name| {
                    let named = |found: &CredentialPlan| found.name == name && found.workspace == plan.workspace;
                    let at = scene.credentials.iter().position(named)?;
                    let (integration, _) = scene.credentials.get(at)?.kind();
                    Some((made.get(&at)?.clone(), integration.to_owned()))
                })?;
                bots.insert(turn.bot, robot);
                Ok(())
            }
            (Deed::Published, Some(robot)) => stage.publish(tx, robot),
            (Deed::Asks, Some(robot)) => stage.ask(tx, robot),
            (_, None) => Err(Error::internal("scene: a bot that is not there")),
        }
    }

    /// Sets the clock to so long before now.
    fn go_to(&self, ago: TimeDelta) {
        let clock = &self.means.clock;
        clock.advance(self.cast.now.plus(-ago).since(clock.now()));
    }

    /// Makes the workspaces and the people; gives these by name.
    fn settle(&self, tx: &mut Tx<'_>) -> Result<People> {
        let scene = &self.cast.scene;
        let mut people = HashMap::new();
        for plan in &scene.workspaces {
            self.go_to(plan.made);
            let workspace = Workspace::create(tx, &self.means, &plan.name, &Actor::operator())?;
            let allowed = Allowed::operator(workspace.id);
            for (person, hash) in scene.people.iter().zip(&self.hashes) {
                let Some(role) = person.roles.get(&plan.name) else { continue };
                let user = match people.get(&person.name) {
                    Some(user) => Id::clone(user),
                    None => {
                        let user = User::create(tx, &person.email, hash, self.means.now())?;
                        User::set_preferences(tx, &user, &person.name, Theme::System, true)?;
                        people.insert(person.name.clone(), user.clone());
                        user
                    }
                };
                membership::add(tx, &self.means, &allowed, &user, *role)?;
            }
        }
        Ok(people)
    }
}

/// One moment with all that it needs.
struct Told<'p> {
    play: &'p Play,
    moment: &'p Moment,
    plan: &'p CredentialPlan,
    id: Id<Credential>,
    standing: Standing,
}

impl Told<'_> {
    fn happens(&self, tx: &mut Tx<'_>) -> Result<()> {
        let (means, id) = (&self.play.means, &self.id);
        let (kind, service) = (self.kind()?, self.kind()?.service);
        match self.moment.step.act {
            Act::Made(_) => {
                let new = NewCredential {
                    id: id.clone(),
                    details: self.details()?,
                    content: self.content(Vec::new())?,
                    report: self.report()?.clone(),
                    kind,
                    consent: self.consent(tx)?,
                };
                if saving(new.report.outcome) == Saving::Refuse {
                    return Err(self.fault("its service refused it"));
                }
                self.done(change::create(tx, means, &self.allowed()?, &new)?)
            }
            Act::Checked(_) => {
                let version = self.row(tx)?.live_version;
                let (allowed, told) = (self.allowed::<VerifyCredential>()?, (Cause::Manual, self.report()?));
                change::checked(tx, means, &allowed, id, version, &service, told).map(drop)
            }
            Act::Renamed => {
                self.done(change::rename(tx, means, &self.allowed()?, id, None, &service, &self.plan.name)?)
            }
            Act::Rotated => {
                let rotated = Rotated {
                    revision: None,
                    live_version: self.row(tx)?.live_version,
                    service,
                    content: self.content(self.plan.first.keys().cloned().collect())?,
                    report: self.report()?.clone(),
                    serve: Serve::Now,
                    keep: TimeDelta::zero(),
                };
                self.done(change::rotate(tx, means, &self.allowed()?, id, &rotated)?)
            }
            Act::Refused => {
                let allowed = self.allowed::<EditCredential>()?;
                change::refused(tx, means, &allowed, id, &kind, self.report()?)
            }
            Act::Suspended => self.done(change::suspend(tx, means, &self.allowed()?, id, None, None)?),
            Act::Unreadable => {
                let allowed = self.allowed::<VerifyCredential>()?;
                let fault = Unreadable {
                    label: format!("root key {}", means.keyring.label()),
                    cause: "in a demo by design".to_owned(),
                    key_lost: false,
                };
                change::unreadable(tx, means, &allowed, id, &fault)
            }
            Act::Deleted => match change::delete(tx, means, &self.allowed()?, id, None, "")? {
                Deleting::Done => Ok(()),
                left => Err(self.fault(&format!("{left:?}"))),
            },
        }
    }

    /// What somebody agreed to, for a method that asks for it.
    fn consent(&self, tx: &mut Tx<'_>) -> Result<Option<Consent>> {
        let (integration, method, parsed) = self.play.cast.parsed(self.moment.plan, self.moment.which)?;
        if !method.needs_consent() {
            return Ok(None);
        }
        let giving = Giving {
            means: &self.play.means,
            plan: self.plan,
            kind: (integration, method),
            standing: &self.standing,
            credential: &self.id,
            start: self.play.cast.now,
        };
        giving.give(tx, self.details()?, parsed.values).map(Some)
    }

    fn fault(&self, text: &str) -> Error {
        Error::internal(format!("scene: {}: {text}", self.plan.name))
    }

    fn done(&self, saved: Saved) -> Result<()> {
        match saved {
            Saved::Done => Ok(()),
            Saved::Stale(_) | Saved::NameTaken(_) => Err(self.fault("it could not be stored")),
        }
    }

    fn allowed<P: Permission>(&self) -> Result<Allowed<P>> {
        let actor = Actor { kind: "person", id: self.standing.user.id.to_string(), ..Actor::default() };
        self.standing.allowed(actor).ok_or(Error::Forbidden)
    }

    fn row(&self, tx: &mut Tx<'_>) -> Result<Credential> {
        Credential::get(tx.conn(), &self.standing.workspace.id, &self.id)
    }

    fn report(&self) -> Result<&Report> {
        let then = self.moment.asked().ok_or_else(|| self.fault("nobody was asked"))?;
        let report = self.play.reports.get(&(self.moment.plan, self.moment.which, then));
        report.ok_or_else(|| self.fault("nobody answered"))
    }

    fn kind(&self) -> Result<Kind> {
        let (integration, method) = self.play.cast.kind(self.plan).ok_or_else(|| self.fault("no such method"))?;
        Ok(Kind { integration: integration.id.clone(), service: integration.name.clone(), method: method.id.clone() })
    }

    fn details(&self) -> Result<Details> {
        Ok(Details {
            name: self.plan.was.as_ref().unwrap_or(&self.plan.name).clone(),
            environment: self.plan.environment()?,
            description: self.plan.description.clone(),
            tags: self.plan.tags.clone(),
        })
    }

    fn content(&self, changed: Vec<String>) -> Result<Content> {
        let (_, method, parsed) = self.play.cast.parsed(self.moment.plan, self.moment.which)?;
        let values = parsed.values;
        let mut plain = values.plain.clone();
        if self.plan.elsewhere {
            for name in destination::names(method) {
                plain.insert(name.to_owned(), "https://before.acme.example".to_owned());
            }
        }
        Ok(Content {
            destination: destination::destination(method, &plain),
            place: destination::shown(method, &values.plain).unwrap_or_default(),
            badge: match parsed.env {
                None => Badge::None,
                Some(Env::Live) => Badge::Live,
                Some(Env::Test) => Badge::Test,
            },
            changed,
            values,
        })
    }
}

//! Plays the scene: checks run against imitated services of then and now, and the model writes down what
//! they came to, with a clock that stands where the story is.

use super::scene::{Act, CredentialPlan, Scene, Step, Then, Which};
use super::stand_in::StandIn;
use super::words::Mood;
use crate::catalog::destination;
use crate::catalog::form::{self, Input, Parsed};
use crate::catalog::load::Catalog;
use crate::catalog::schema::{Env, Integration, Method};
use crate::check::{self, Context, Options, Trigger};
use crate::clock::{At, Clock};
use crate::crypto::hasher::Hasher;
use crate::db::{Db, Tx};
use crate::egress::Egress;
use crate::egress::allow::Allow;
use crate::error::{Error, Result};
use crate::id::Id;
use crate::model::Means;
use crate::model::credential::{Badge, Credential};
use crate::model::credential_change::{self as change, Content, Details, Kind, NewCredential, Rotated, Saved};
use crate::model::membership::{self, Standing};
use crate::model::permission::{Actor, Allowed, EditCredential, Permission, Role, VerifyCredential};
use crate::model::status::{Saving, saving};
use crate::model::user::{Theme, User};
use crate::model::workspace::Workspace;
use crate::report::Report;
use crate::secret::Secret;
use chrono::TimeDelta;
use futures_util::StreamExt;
use futures_util::future::try_join_all;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

/// Checks at once.
const AT_ONCE: usize = 32;

/// How somebody of the scene signs in.
#[derive(Debug)]
pub struct SignIn {
    /// Their address.
    pub email: String,
    /// Each workspace with their role in it.
    pub roles: Vec<(String, Role)>,
}

/// Puts the scene into an empty database. Gives the people who are meant to be signed in as; all of them have
/// this password.
///
/// # Errors
/// When the database, the keys or the imitated services fail.
pub async fn seed(
    catalog: &Arc<Catalog>,
    today: &StandIn,
    db: &Db,
    means: &Means,
    (hasher, password): (&Hasher, &Secret),
) -> Result<Vec<SignIn>> {
    let scene = Arc::new(Scene::read()?);
    let now = means.now();
    let cast = Cast { catalog: catalog.clone(), scene: scene.clone(), now };
    let moments = cast.moments()?;
    let hashes = try_join_all(scene.people.iter().map(|_| hasher.hash(password.duplicate())));
    let (hashes, reports) = futures_util::try_join!(hashes, cast.reports(&moments, today))?;
    let clock = Clock::movable();
    let means = Means { keyring: means.keyring.clone(), clock };
    let play = Play { cast, moments, hashes, reports, means };
    db.write(move |tx| play.run(tx)).await?;
    let open = scene.people.iter().filter(|person| person.open);
    open.map(|person| Ok(SignIn { email: person.email.clone(), roles: roles(&person.roles)? })).collect()
}

fn roles(written: &BTreeMap<String, String>) -> Result<Vec<(String, Role)>> {
    let role = |word: &String| Role::parse(word).ok_or_else(|| Error::internal(format!("scene: role {word}")));
    written.iter().map(|(workspace, word)| Ok((workspace.clone(), role(word)?))).collect()
}

/// The scene with the catalogue that it is played from.
struct Cast {
    catalog: Arc<Catalog>,
    scene: Arc<Scene>,
    now: At,
}

/// One step of one credential, with the values that it is about.
struct Moment {
    /// Its place in the scene.
    plan: usize,
    step: Step,
    which: Which,
}

impl Moment {
    /// How the service was, where it was asked.
    fn asked(&self) -> Option<Then> {
        match self.step.act {
            Act::Made(then) | Act::Checked(then) => Some(then),
            Act::Rotated => Some(Then::Fine),
            Act::Refused => Some(Then::Today),
            Act::Renamed | Act::Suspended | Act::Unreadable | Act::Deleted => None,
        }
    }
}

type Reports = HashMap<(usize, Which, Then), Report>;

impl Cast {
    /// Every step of every credential whose service the catalogue has, the oldest first.
    fn moments(&self) -> Result<Vec<Moment>> {
        let mut moments = Vec::new();
        for (at, plan) in self.scene.credentials.iter().enumerate() {
            if self.kind(plan).is_none() {
                continue;
            }
            let mut which = if plan.first.is_empty() { Which::Last } else { Which::First };
            for step in plan.steps()? {
                if step.act == Act::Rotated {
                    which = Which::Last;
                }
                let which = if step.act == Act::Refused { Which::Attempt } else { which };
                moments.push(Moment { plan: at, step, which });
            }
        }
        moments.sort_by_key(|moment| std::cmp::Reverse(moment.step.ago));
        Ok(moments)
    }

    fn plan(&self, at: usize) -> Result<&CredentialPlan> {
        self.scene.credentials.get(at).ok_or_else(|| Error::internal("scene: no such credential"))
    }

    fn kind(&self, plan: &CredentialPlan) -> Option<(&Integration, &Method)> {
        let (integration, method) = plan.kind();
        self.catalog.method(integration, method)
    }

    /// What the form makes of the values of a credential.
    fn parsed(&self, at: usize, which: Which) -> Result<(&Integration, &Method, Parsed)> {
        let plan = self.plan(at)?;
        let (integration, method) = self.kind(plan).ok_or_else(|| Error::internal("scene: no such method"))?;
        let input = Input { fields: plan.typed(which, self.now)?, ..Input::default() };
        let parsed = form::parse(integration, method, form::Mode::Create, input);
        let parsed = parsed.map_err(|remarks| Error::internal(format!("scene: {}: {remarks:?}", plan.name)))?;
        Ok((integration, method, parsed))
    }

    /// Asks the imitated services, once for each set of values and each state that they were in.
    async fn reports(&self, moments: &[Moment], today: &StandIn) -> Result<Reports> {
        let egress = |services: &StandIn| Ok::<_, Error>(Egress::new(services.dialer()?, Allow::default()));
        let of = async |mood| StandIn::start(&self.catalog, Some(mood)).await;
        let (fine, down, busy) = futures_util::try_join!(of(Mood::Fine), of(Mood::Down), of(Mood::Busy))?;
        let (fine, down, busy, today) = (egress(&fine)?, egress(&down)?, egress(&busy)?, egress(today)?);
        let wanted: HashSet<_> = moments.iter().filter_map(|m| m.asked().map(|then| (m.plan, m.which, then))).collect();
        let checks = wanted.into_iter().map(async |(plan, which, then)| {
            let egress = match then {
                Then::Fine => &fine,
                Then::Down => &down,
                Then::Busy => &busy,
                Then::Today => &today,
            };
            let (integration, method, parsed) = self.parsed(plan, which)?;
            let context = Context { egress, defaults: self.catalog.defaults(), clock: &Clock::system() };
            let options = Options::new(Trigger::Later);
            let report = check::run(&context, integration, method, &parsed.values, options).await;
            Ok(((plan, which, then), report))
        });
        let done: Vec<Result<_>> = futures_util::stream::iter(checks).buffer_unordered(AT_ONCE).collect().await;
        done.into_iter().collect()
    }
}

/// Everything that one write unit needs.
struct Play {
    cast: Cast,
    moments: Vec<Moment>,
    hashes: Vec<String>,
    reports: Reports,
    means: Means,
}

impl Play {
    fn run(&self, tx: &mut Tx<'_>) -> Result<()> {
        let people = self.settle(tx)?;
        let mut made = HashMap::new();
        for moment in &self.moments {
            self.go_to(moment.step.ago);
            let plan = self.cast.plan(moment.plan)?;
            let by = people.get(&moment.step.by).ok_or_else(|| Error::internal("scene: nobody of that name"))?;
            let slug = crate::fold::handle(&plan.workspace);
            let standing = Standing::find(tx.conn(), &slug, by, self.means.now())?;
            let id = made.entry(moment.plan).or_insert_with(Id::new).clone();
            let told = Told { play: self, moment, plan, id, standing: standing.ok_or(Error::NotFound)? };
            told.happens(tx)?;
        }
        Ok(())
    }

    /// Sets the clock to so long before now.
    fn go_to(&self, ago: TimeDelta) {
        let clock = &self.means.clock;
        clock.advance(self.cast.now.plus(-ago).since(clock.now()));
    }

    /// Makes the workspaces and the people; gives these by name.
    fn settle(&self, tx: &mut Tx<'_>) -> Result<HashMap<String, Id<User>>> {
        let scene = &self.cast.scene;
        let mut people = HashMap::new();
        for plan in &scene.workspaces {
            self.go_to(plan.made);
            let workspace = Workspace::create(tx, &self.means, &plan.name, &Actor::operator())?;
            let allowed = Allowed::operator(workspace.id);
            for (person, hash) in scene.people.iter().zip(&self.hashes) {
                let roles = roles(&person.roles)?;
                let Some((_, role)) = roles.iter().find(|(name, _)| *name == plan.name) else { continue };
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
                };
                if saving(new.report.outcome) == Saving::Refuse {
                    return Err(self.fault("its service refused it"));
                }
                self.done(change::create(tx, means, &self.allowed()?, &new)?)
            }
            Act::Checked(_) => {
                let version = self.row(tx)?.live_version;
                change::checked(tx, means, &self.allowed()?, id, version, &service, self.report()?).map(drop)
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
                };
                self.done(change::rotate(tx, means, &self.allowed()?, id, &rotated)?)
            }
            Act::Refused => {
                let allowed = self.allowed::<EditCredential>()?;
                change::refused(tx, means, &allowed, id, &kind, self.report()?)
            }
            Act::Suspended => change::suspend(tx, means, &self.allowed()?, id),
            Act::Unreadable => {
                let allowed = self.allowed::<VerifyCredential>()?;
                change::unreadable(tx, means, &allowed, id, means.keyring.label())
            }
            Act::Deleted => self.done(change::delete(tx, means, &self.allowed()?, id, None)?),
        }
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

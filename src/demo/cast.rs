//! The scene with the catalogue that it is played from: which steps there are, and what services answer in them.

use super::scene::{Act, CredentialPlan, Scene, Step, Then, Which};
use super::stand_in::StandIn;
use super::words::Mood;
use crate::catalog::form::{self, Input, Parsed};
use crate::catalog::load::Catalog;
use crate::catalog::schema::{Integration, Method};
use crate::check::held::Session;
use crate::check::{self, Context, Options, Trigger};
use crate::clock::{At, Clock};
use crate::egress::Egress;
use crate::egress::allow::Allow;
use crate::error::{Error, Result};
use crate::report::Report;
use crate::secret::Secret;
use futures_util::StreamExt;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Checks at once.
const AT_ONCE: usize = 32;

/// The scene with the catalogue that it is played from.
pub(super) struct Cast {
    pub catalog: Arc<Catalog>,
    pub scene: Arc<Scene>,
    /// When the demo starts.
    pub now: At,
}

/// One step of one credential, with the values that it is about.
pub(super) struct Moment {
    /// The credential's place in the scene.
    pub plan: usize,
    pub step: Step,
    pub which: Which,
}

impl Moment {
    /// How the service was, where it was asked.
    pub fn asked(&self) -> Option<Then> {
        match self.step.act {
            Act::Made(then) | Act::Checked(then) => Some(then),
            Act::Rotated => Some(Then::Fine),
            Act::Refused => Some(Then::Today),
            Act::Renamed | Act::Suspended | Act::Unreadable | Act::Deleted => None,
        }
    }
}

/// What the services answered, for each credential, set of values and time.
pub(super) type Reports = HashMap<(usize, Which, Then), Report>;

impl Cast {
    /// Every step of every credential whose service the catalogue has, the oldest first.
    pub fn moments(&self) -> Result<Vec<Moment>> {
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

    pub fn plan(&self, at: usize) -> Result<&CredentialPlan> {
        self.scene.credentials.get(at).ok_or_else(|| Error::internal("scene: no such credential"))
    }

    pub fn kind(&self, plan: &CredentialPlan) -> Option<(&Integration, &Method)> {
        let (integration, method) = plan.kind();
        self.catalog.method(integration, method)
    }

    /// What the form makes of the values of a credential.
    pub fn parsed(&self, at: usize, which: Which) -> Result<(&Integration, &Method, Parsed)> {
        let plan = self.plan(at)?;
        let (integration, method) = self.kind(plan).ok_or_else(|| Error::internal("scene: no such method"))?;
        let input = Input { fields: plan.typed(which, self.now)?, ..Input::default() };
        let parsed = form::parse(integration, method, form::Mode::Create, input);
        let parsed = parsed.map_err(|remarks| Error::internal(format!("scene: {}: {remarks:?}", plan.name)))?;
        Ok((integration, method, parsed))
    }

    /// Asks the imitated services, once for each set of values and each state that they were in.
    pub async fn reports(&self, moments: &[Moment], today: &StandIn) -> Result<Reports> {
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
            let tokens = self.plan(plan)?.tokens.iter().map(|(name, text)| (name.clone(), Secret::new(text.clone())));
            let given = || Session { values: tokens.collect(), expires_at: None };
            let session = method.needs_consent().then(given);
            let options = Options { session, ..Options::new(Trigger::Later) };
            let report = check::run(&context, integration, method, &parsed.values, options).await;
            Ok(((plan, which, then), report))
        });
        let done: Vec<Result<_>> = futures_util::stream::iter(checks).buffer_unordered(AT_ONCE).collect().await;
        done.into_iter().collect()
    }
}

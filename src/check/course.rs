//! The course of one check: its calls under one deadline, and the steps that a person reads.

use super::held::Held;
use super::inject::{self, Unfit};
use super::plan::{Plan, Purpose, answer_note, fault_note, rejected_note};
use super::report::{Step, StepResult};
use super::seen::{Missing, Place, Stop, Unexpected, missing};
use crate::catalog::schema::{Expect, Method, Request};
use crate::egress::Egress;
use crate::egress::fault::{Fault, SmtpCode, TlsFault};
use crate::egress::http::{self, Answer};
use crate::egress::policy::Policy;
use crate::egress::smtp::{Letter, Login, Part, Undelivered};
use crate::egress::sql::{Served, SqlLogin};
use crate::egress::trace::{Timed, Trace};
use std::time::Duration;

/// Calls in order, with the steps they came to.
pub struct Course<'a> {
    egress: &'a Egress,
    policy: &'a Policy,
    root: Trace,
    steps: Vec<Step>,
    met: Vec<Place>,
    connected: bool,
    /// Labels of what is to come, listed as skipped when the check stops before.
    upcoming: Vec<String>,
    /// SHA-256 of a certificate that a person could confirm.
    fingerprint: Option<[u8; 32]>,
}

/// What a [`Course`] leaves for the report.
pub struct Ended {
    /// All steps.
    pub steps: Vec<Step>,
    /// Milliseconds for the whole.
    pub ms: u32,
    /// Whether a connection was tried.
    pub connected: bool,
    /// SHA-256 of a certificate that a person could confirm.
    pub fingerprint: Option<[u8; 32]>,
}

impl Ended {
    /// Of a check that sends nothing.
    pub fn nothing() -> Self {
        Self { steps: Vec::new(), ms: 0, connected: false, fingerprint: None }
    }
}

impl<'a> Course<'a> {
    /// Starts the clock; `upcoming` are the labels of the calls to come.
    pub fn new(egress: &'a Egress, policy: &'a Policy, limit: Duration, upcoming: Vec<String>) -> Self {
        let root = Trace::within(limit);
        Self { egress, policy, root, steps: Vec::new(), met: Vec::new(), connected: false, upcoming, fingerprint: None }
    }

    /// Makes a request of the catalogue and holds its answer against what is expected.
    ///
    /// # Errors
    /// [`Stop`], with the step that failed written down.
    pub async fn call(
        &mut self,
        method: &Method,
        request: &Request,
        with: bool,
        expect: &Expect,
        purpose: Purpose,
        held: &Held<'_>,
    ) -> Result<Answer, Stop> {
        let made = inject::request(request, &method.inject, with, held)?;
        self.send(made, expect, purpose).await
    }

    /// Sends a finished request.
    ///
    /// # Errors
    /// As [`Course::call`].
    pub async fn send(&mut self, request: http::Request, expect: &Expect, purpose: Purpose) -> Result<Answer, Stop> {
        self.take_upcoming();
        let plan = Plan::http(&request.target, purpose);
        let mut trace = self.root.another();
        let result = self.egress.http(request, self.policy, &mut trace).await;
        self.finish_http(plan, trace, result, expect)
    }

    /// Ends a session: a few seconds of its own, since the deadline may have passed.
    pub async fn sign_out(&mut self, request: Result<http::Request, Unfit>) {
        self.take_upcoming();
        let Ok(request) = request else { return };
        let plan = Plan::http(&request.target, Purpose::SignOut);
        let mut trace = Trace::within(Duration::from_secs(3));
        let result = self.egress.http(request, self.policy, &mut trace).await;
        let _ = self.finish_http(plan, trace, result, &Expect::default());
    }

    fn finish_http(
        &mut self,
        plan: Plan,
        trace: Trace,
        result: Result<Answer, Fault>,
        expect: &Expect,
    ) -> Result<Answer, Stop> {
        let place = plan.place.clone();
        match result {
            Err(fault) => {
                self.write(&plan, &trace, Some(&fault_note(&fault)));
                Err(self.stop(fault, place))
            }
            Ok(answer) => match missing(&answer, expect) {
                None => {
                    self.write(&plan.answered(answer.status), &trace, None);
                    Ok(answer)
                }
                Some(missing) => {
                    self.write(&plan, &trace, Some(&answer_note(answer.status, &missing)));
                    Err(Stop::Unexpected(Box::new(Unexpected::new(&answer, missing)), place))
                }
            },
        }
    }

    /// Marks the last step, a sign-in, as failed: its answer came, but lacks what the next step needs.
    pub fn lacks(&mut self, answer: &Answer, path: &str, place: Place) -> Stop {
        let missing = Missing::Path(path.to_owned());
        if let Some(step) = self.steps.last_mut() {
            step.label = Purpose::SignIn.wish();
            step.result = StepResult::Failed;
            step.note = answer_note(answer.status, &missing);
        }
        Stop::Unexpected(Box::new(Unexpected::new(answer, missing)), place)
    }

    /// Signs in to a mail server.
    ///
    /// # Errors
    /// As [`Course::call`].
    pub async fn mail(&mut self, login: &Login, signs_in: bool) -> Result<(), Stop> {
        let plan = Plan::smtp(login.target(), signs_in);
        let mut trace = self.root.another();
        let result = self.egress.smtp(login, self.policy, &mut trace).await;
        let note = result.as_ref().err().map(fault_note);
        self.write(&plan, &trace, note.as_deref());
        let ready = |result| Step { label: "Ready to send".to_owned(), result, note: String::new(), ms: 0 };
        match result {
            Ok(_) => {
                self.steps.push(ready(StepResult::Ok));
                Ok(())
            }
            Err(fault) => {
                self.steps.push(ready(StepResult::Skipped));
                Err(self.stop(fault, plan.place))
            }
        }
    }

    /// Signs in to a mail server and hands one mail over; gives what the server would not take of it.
    ///
    /// # Errors
    /// As [`Course::call`].
    pub async fn deliver(
        &mut self,
        login: &Login,
        signs_in: bool,
        letter: &Letter,
    ) -> Result<Option<(Part, SmtpCode)>, Stop> {
        let plan = Plan::letter(login.target(), signs_in);
        let mut trace = self.root.another();
        let (note, done) = match self.egress.deliver(login, letter, self.policy, &mut trace).await {
            Ok(()) => (None, Ok(None)),
            Err(Undelivered::Rejected(part, code)) => (Some(rejected_note(part, code)), Ok(Some((part, code)))),
            Err(Undelivered::Before(fault)) => (Some(fault_note(&fault)), Err(fault)),
        };
        self.write(&plan, &trace, note.as_deref());
        done.map_err(|fault| self.stop(fault, plan.place))
    }

    /// Signs in to a database server and asks the one statement.
    ///
    /// # Errors
    /// As [`Course::call`].
    pub async fn database(&mut self, login: &SqlLogin) -> Result<Served, Stop> {
        let plan = Plan::sql(login.target());
        let mut trace = self.root.another();
        let result = self.egress.sql(login, self.policy, &mut trace).await;
        let note = result.as_ref().err().map(fault_note);
        self.write(&plan, &trace, note.as_deref());
        result.map_err(|fault| self.stop(fault, plan.place))
    }

    /// Closes the course; after a stop, what was not reached is listed as skipped.
    pub fn end(mut self, stopped: bool) -> Ended {
        if stopped {
            let skipped = |label| Step { label, result: StepResult::Skipped, note: String::new(), ms: 0 };
            self.steps.extend(std::mem::take(&mut self.upcoming).into_iter().map(skipped));
        }
        Ended { steps: self.steps, ms: self.root.ms(), connected: self.connected, fingerprint: self.fingerprint }
    }

    fn take_upcoming(&mut self) {
        if !self.upcoming.is_empty() {
            self.upcoming.remove(0);
        }
    }

    fn stop(&mut self, fault: Fault, place: Place) -> Stop {
        if let Fault::Tls(TlsFault { fingerprint: Some(seen), .. }) = &fault {
            self.fingerprint = Some(*seen);
        }
        Stop::Fault(fault, place)
    }

    /// Writes the steps of one call. A second call to the same place shows only its own end, or where it broke.
    fn write(&mut self, plan: &Plan, trace: &Trace, failure: Option<&str>) {
        self.connected |= trace.connected();
        let again = self.met.contains(&plan.place);
        let timed = trace.timed();
        let broke_at = failure
            .map(|_| timed.last().map_or(0, |last| plan.phases.iter().position(|p| *p == last.phase).unwrap_or(0)));
        if failure.is_some() && timed.is_empty() {
            self.push(
                format!("Check the destination {}:{}", plan.place.host, plan.place.port),
                StepResult::Failed,
                failure,
                0,
            );
        }
        for (at, phase) in plan.phases.iter().enumerate() {
            let took = timed.iter().find(|t| t.phase == *phase);
            let last = at + 1 == plan.phases.len();
            match (took, broke_at) {
                (Some(took), Some(broke)) if at == broke => {
                    self.push(plan.wish(*phase), StepResult::Failed, failure, took.ms)
                }
                (Some(took), _) if !again || last => self.push(
                    plan.done(*phase, self.policy.pin.is_some()),
                    StepResult::Ok,
                    None,
                    sum(took, timed, again),
                ),
                (None, Some(_)) if !again || last => self.push(plan.wish(*phase), StepResult::Skipped, None, 0),
                _ => {}
            }
        }
        if failure.is_none() {
            self.met.push(plan.place.clone());
        }
    }

    fn push(&mut self, label: String, result: StepResult, note: Option<&str>, ms: u32) {
        self.steps.push(Step { label, result, note: note.unwrap_or_default().to_owned(), ms });
    }
}

fn sum(took: &Timed, timed: &[Timed], again: bool) -> u32 {
    if again { timed.iter().map(|t| t.ms).sum() } else { took.ms }
}

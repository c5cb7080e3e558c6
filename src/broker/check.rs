//! The live check of a stored credential, and a test mail sent with it, with the token that its users get.

use super::live::Trouble;
use super::{Broker, Opened};
use crate::check::held::Session;
use crate::check::report::{Outcome, Report};
use crate::check::{self, Options, Trigger, test_mail};
use crate::egress::smtp::Letter;
use crate::error::Result;
use crate::model::check_record::Cause;
use crate::model::permission::{Allowed, Permission};
use crate::model::version::Unreadable;

/// What is done with a credential.
enum Act<'a> {
    Check,
    Send(&'a Letter),
}

impl Broker<'_> {
    /// Checks what is stored. A token that the service refuses is renewed once, and the check made again.
    ///
    /// # Errors
    /// When storage fails; the inner error when the stored values cannot be decrypted.
    pub async fn check<P: Permission>(
        &self,
        allowed: &Allowed<P>,
        opened: &Opened<'_>,
        cause: Cause,
    ) -> Result<Result<Report, Unreadable>> {
        self.act(allowed, opened, cause, &Act::Check).await
    }

    /// Sends a mail with what is stored, because a person asked for it. A token that the server refuses is renewed
    /// once, and the sign-in made again.
    ///
    /// # Errors
    /// As [`Broker::check`].
    pub async fn send_test_mail<P: Permission>(
        &self,
        allowed: &Allowed<P>,
        opened: &Opened<'_>,
        letter: &Letter,
    ) -> Result<Result<Report, Unreadable>> {
        self.act(allowed, opened, Cause::Manual, &Act::Send(letter)).await
    }

    async fn act<P: Permission>(
        &self,
        allowed: &Allowed<P>,
        opened: &Opened<'_>,
        cause: Cause,
        act: &Act<'_>,
    ) -> Result<Result<Report, Unreadable>> {
        if !opened.method.needs_consent() {
            return Ok(Ok(self.run(opened, None, act).await));
        }
        let mut refused = None;
        loop {
            let live = match self.live(allowed, &opened.row.id, refused, cause).await? {
                Ok(live) => live,
                Err(Trouble::Report(report)) => return Ok(Ok(*report)),
                Err(Trouble::Unreadable(fault)) => return Ok(Err(fault)),
            };
            let serial = live.serial;
            let report = self.run(opened, Some(live.session), act).await;
            let no = matches!(report.outcome, Outcome::Invalid | Outcome::Expired | Outcome::Reauthorize);
            let renewable = opened.grant.as_ref().is_some_and(|(grant, _)| grant.renewable);
            if !no || !renewable || refused.is_some() {
                return Ok(Ok(report));
            }
            refused = Some(serial);
        }
    }

    async fn run(&self, opened: &Opened<'_>, session: Option<Session>, act: &Act<'_>) -> Report {
        let (context, Opened { integration, method, values, .. }) = (self.context(), opened);
        match act {
            Act::Check => {
                let options = Options { session, ..Options::new(Trigger::Later) };
                check::run(&context, integration, method, values, options).await
            }
            Act::Send(letter) => test_mail::send(&context, integration, method, values, session, letter).await,
        }
    }
}

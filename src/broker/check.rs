//! The live check of a stored credential, with the token that its users get.

use super::live::Trouble;
use super::{Broker, Opened};
use crate::check::report::{Outcome, Report};
use crate::check::{self, Options, Trigger};
use crate::error::Result;
use crate::model::check_record::Cause;
use crate::model::permission::{Allowed, Permission};
use crate::model::version::Unreadable;

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
        if !opened.method.needs_consent() {
            return Ok(Ok(self.run(opened, Options::new(Trigger::Later)).await));
        }
        let mut refused = None;
        loop {
            let live = match self.live(allowed, &opened.row.id, refused, cause).await? {
                Ok(live) => live,
                Err(Trouble::Report(report)) => return Ok(Ok(*report)),
                Err(Trouble::Unreadable(fault)) => return Ok(Err(fault)),
            };
            let serial = live.serial;
            let options = Options { session: Some(live.session), ..Options::new(Trigger::Later) };
            let report = self.run(opened, options).await;
            let no = matches!(report.outcome, Outcome::Invalid | Outcome::Expired | Outcome::Reauthorize);
            let renewable = opened.grant.as_ref().is_some_and(|(grant, _)| grant.renewable);
            if !no || !renewable || refused.is_some() {
                return Ok(Ok(report));
            }
            refused = Some(serial);
        }
    }

    async fn run(&self, opened: &Opened<'_>, options: Options) -> Report {
        check::run(&self.context(), opened.integration, opened.method, &opened.values, options).await
    }
}

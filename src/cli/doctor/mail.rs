//! Whether mails leave.

use super::{Findings, open};
use crate::config::Config;
use crate::mail::Mailer;

/// Greets the mail server and signs in; sends nothing.
pub(super) fn look(config: &Config, found: &mut Findings) {
    let mailer = match Mailer::new(config) {
        Ok(mailer) => mailer,
        Err(error) => return found.fail("mail", error),
    };
    let Some(server) = &config.mail_server else {
        return found.ok("mail", format!("kept as files in {} (CREDENZA_MAIL_URL)", mailer.folder().display()));
    };
    let Ok(egress) = open::egress(config) else {
        return found.warn("mail", "not looked at, since the way outward is not set up");
    };
    let probed = open::block_on(async { Ok(mailer.probe(&egress).await) });
    match probed {
        Ok(Ok(())) if config.mail_in_clear() => {
            found.warn("mail", format!("{} takes mails, in clear text", server.host));
        }
        Ok(Ok(())) => found.ok("mail", format!("{} lets us in", server.host)),
        Ok(Err(problem)) => found.fail("mail", problem.text),
        Err(failure) => found.fail("mail", failure.text),
    }
}

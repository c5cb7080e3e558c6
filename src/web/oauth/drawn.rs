//! What the pages of OAuth draw alike.

use crate::app::App;
use crate::catalog::schema::Integration;
use crate::check::report::Report;
use crate::model::oauth_flow::Trouble;
use crate::web::credentials::drawn::{self, vendor_links};
use crate::web::pages::form::Banner;
use crate::web::pages::status::{Hint, StepsView};

/// Where services send people back to; the same for all of them.
pub fn redirect_uri(app: &App) -> String {
    format!("{}/oauth/callback", app.config.public_url.as_str().trim_end_matches('/'))
}

/// A report as a consent keeps it.
pub fn trouble_of(integration: &Integration, report: &Report, may_skip: bool) -> Trouble {
    let Banner { title, hint, .. } = drawn::banner(integration, report);
    Trouble { code: hint.code, title, text: hint.text, steps: report.steps.clone(), may_skip }
}

/// Trouble without any step.
pub fn trouble(code: &str, title: impl Into<String>, text: impl Into<String>) -> Trouble {
    Trouble { code: code.to_owned(), title: title.into(), text: text.into(), steps: Vec::new(), may_skip: false }
}

/// How trouble is drawn.
pub fn banner(integration: &Integration, trouble: &Trouble) -> Banner {
    let hint = Hint { code: trouble.code.clone(), text: trouble.text.clone() };
    Banner { title: trouble.title.clone(), hint, links: vendor_links(integration) }
}

/// The steps of trouble.
pub fn steps(trouble: &Trouble) -> Option<StepsView> {
    (!trouble.steps.is_empty()).then(|| StepsView { steps: trouble.steps.clone(), trigger: String::new(), at: None })
}

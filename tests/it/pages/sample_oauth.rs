//! Samples of the pages of OAuth.

use super::samples::{HOSTILE, bare, shell, tile};
use credenza::catalog::form::Remark;
use credenza::check::report::{Step, StepResult};
use credenza::web::pages::form::{Banner, FormView, HelpView, MethodLink, ServiceHead, TextBox};
use credenza::web::pages::oauth::{AddressCheck, Again, AppPage, FlowPage, Go, Stopped};
use credenza::web::pages::shell::{Link, Nav};
use credenza::web::pages::status::{Hint, StepsView};

fn service() -> ServiceHead {
    ServiceHead {
        id: "gmail".to_owned(),
        name: "Gmail".to_owned(),
        method: "Gmail API".to_owned(),
        tile: tile("gmail", "Gmail"),
        guide: "/w/acme/integrations/gmail".to_owned(),
    }
}

fn banner(text: &str) -> Banner {
    let hint = Hint { code: "access_denied".to_owned(), text: text.to_owned() };
    Banner { title: "Gmail says that you did not agree.".to_owned(), hint, links: vec![] }
}

pub fn app(fields: Vec<credenza::catalog::form::FieldView>) -> AppPage {
    let method =
        |label: &str, current| MethodLink { label: label.to_owned(), href: "/w/acme/apps/gmail".to_owned(), current };
    AppPage {
        shell: shell("OAuth client for Gmail", Nav::Services),
        base: "/w/acme/integrations".to_owned(),
        service: service(),
        methods: vec![method("Gmail API", true), method("SMTP (XOAUTH2)", false)],
        redirect_uri: "https://console.acme.example/oauth/callback".to_owned(),
        checks: vec![
            AddressCheck { good: true, text: "It is encrypted (https), as services ask for.".to_owned() },
            AddressCheck { good: false, text: "Your browser reached this console as 10.0.0.5:8080.".to_owned() },
        ],
        scopes: vec!["https://mail.google.com/".to_owned()],
        form: FormView { action: "/w/acme/apps/gmail".to_owned(), revision: Some(2), fields, ..FormView::default() },
        banner: Some(banner("Somebody changed it meanwhile.")),
        stored: "Entered 3 days ago by Ana Braga. A blank secret stays as it is.".to_owned(),
        create: "/w/acme/credentials/new?integration=gmail".to_owned(),
        help: HelpView::default(),
    }
}

/// The link to the service.
pub fn flow() -> FlowPage {
    FlowPage {
        shell: shell("Connect to Gmail", Nav::Credentials),
        base: "/w/acme/credentials".to_owned(),
        href: "/w/acme/flows/01900001".to_owned(),
        title: "Connect to Gmail".to_owned(),
        service: service(),
        name: HOSTILE.to_owned(),
        go: Some(Go {
            href: "https://accounts.google.com/o/oauth2/v2/auth?state=x".to_owned(),
            host: "accounts.google.com".to_owned(),
            until: "14:02 UTC".to_owned(),
        }),
        scopes: vec!["https://mail.google.com/".to_owned(), "email".to_owned()],
        banner: None,
        report: None,
        confirm: None,
        again: None,
        done: None,
        cancel: "/w/acme/credentials".to_owned(),
    }
}

/// It came to nothing, and the name is taken besides.
pub fn flow_failed() -> FlowPage {
    let steps =
        vec![Step { label: "Sign in".to_owned(), result: StepResult::Failed, note: "answered 400".to_owned(), ms: 90 }];
    let error = Some(Remark { code: "name_taken", text: "It exists already.".to_owned() });
    let name = Some(TextBox { error, ..TextBox::of("Newsletter") });
    FlowPage {
        go: None,
        banner: Some(banner(HOSTILE)),
        report: Some(StepsView { steps, trigger: String::new(), at: None }),
        again: Some(Again { label: "Try again".to_owned(), name, may_skip: true }),
        ..flow()
    }
}

/// Another account agreed.
pub fn flow_confirm() -> FlowPage {
    FlowPage { go: None, confirm: Some(("bots@acme.example".to_owned(), HOSTILE.to_owned())), ..flow() }
}

/// It is over.
pub fn flow_done() -> FlowPage {
    let done = Link { label: "Open the credential".to_owned(), href: "/w/acme/credentials/01900001".to_owned() };
    FlowPage { go: None, done: Some(done), ..flow() }
}

/// A redirect that belongs to nothing; for somebody who is signed in, or for nobody.
pub fn stopped(signed_in: bool) -> Stopped {
    Stopped {
        shell: if signed_in { shell("Not used", Nav::Nowhere) } else { bare("Not used") },
        code: "unknown_state".to_owned(),
        title: "This answer belongs to nothing that you started here.".to_owned(),
        text: "Start again from the credential.".to_owned(),
        mend: Link { label: "Go to the console".to_owned(), href: "/".to_owned() },
    }
}

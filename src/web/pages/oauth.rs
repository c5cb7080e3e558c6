//! Pages of OAuth: the client of a workspace, a consent on its way, and a redirect that leads nowhere.

use super::form::{Banner, FormView, HelpView, MethodLink, ServiceHead, TextBox};
use super::shell::{Link, Shell};
use super::status::StepsView;
use askama::Template;

/// `GET …/apps/{integration}`, and the 422 of its POST.
#[derive(Debug, Clone, Template)]
#[template(path = "oauth/app.html")]
pub struct AppPage {
    /// The frame.
    pub shell: Shell,
    /// Address of the guide pages.
    pub base: String,
    /// The service.
    pub service: ServiceHead,
    /// The service's methods that have a client; drawn as a switch when there are several.
    pub methods: Vec<MethodLink>,
    /// The address to register at the service.
    pub redirect_uri: String,
    /// What speaks for and against that address.
    pub checks: Vec<AddressCheck>,
    /// The scopes that a consent asks for.
    pub scopes: Vec<String>,
    /// The fields of the client.
    pub form: FormView,
    /// Why it was not saved.
    pub banner: Option<Banner>,
    /// When it was entered and by whom; empty while there is none.
    pub stored: String,
    /// Where a credential is made with it.
    pub create: String,
    /// Where to find the values.
    pub help: HelpView,
}

/// Something that speaks for or against the redirect address.
#[derive(Debug, Clone)]
pub struct AddressCheck {
    /// Whether it is fine.
    pub good: bool,
    /// What was looked at, and what to do.
    pub text: String,
}

/// `GET …/flows/{flow}`.
#[derive(Debug, Clone, Template)]
#[template(path = "oauth/flow.html")]
pub struct FlowPage {
    /// The frame.
    pub shell: Shell,
    /// Address of the list.
    pub base: String,
    /// Its own address.
    pub href: String,
    /// The headline.
    pub title: String,
    /// The service.
    pub service: ServiceHead,
    /// The credential's name.
    pub name: String,
    /// The link to the service, while it is good.
    pub go: Option<Go>,
    /// The scopes that are asked for.
    pub scopes: Vec<String>,
    /// Why it came to nothing.
    pub banner: Option<Banner>,
    /// What was tried.
    pub report: Option<StepsView>,
    /// Another account consented: the one before, and this one.
    pub confirm: Option<(String, String)>,
    /// The button that starts it again, with what was chosen.
    pub again: Option<Again>,
    /// Where it leads when it is over.
    pub done: Option<Link>,
    /// Where to go instead.
    pub cancel: String,
}

/// The link to the consent page.
#[derive(Debug, Clone)]
pub struct Go {
    /// Its address.
    pub href: String,
    /// Its host.
    pub host: String,
    /// Until when it is good, such as “14:02 UTC”.
    pub until: String,
}

/// The button that starts a consent again.
#[derive(Debug, Clone)]
pub struct Again {
    /// What it says.
    pub label: String,
    /// Another name, where the chosen one is taken.
    pub name: Option<TextBox>,
    /// Whether “Save without verifying” is offered.
    pub may_skip: bool,
}

/// `GET /oauth/callback` when the redirect belongs to nothing that this person started.
#[derive(Debug, Clone, Template)]
#[template(path = "oauth/stopped.html")]
pub struct Stopped {
    /// The frame.
    pub shell: Shell,
    /// A stable code.
    pub code: String,
    /// The headline.
    pub title: String,
    /// What happened and what to do.
    pub text: String,
    /// The button that mends it.
    pub mend: Link,
}

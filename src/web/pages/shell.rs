//! What surrounds every page: the head, the side bar, the message after an act.

use super::markup::Markup;
use super::time::When;

/// The frame of a page. Without a person it is drawn as a single centred card.
#[derive(Debug, Clone, Default)]
pub struct Shell {
    /// The page's own title, without the product's name.
    pub title: String,
    /// Who is signed in.
    pub person: Option<PersonView>,
    /// The workspace the page belongs to.
    pub workspace: Option<WorkspaceView>,
    /// The person's workspaces; with more than one, the switcher is drawn.
    pub workspaces: Vec<WorkspaceLink>,
    /// The entry of the side bar that is marked as current.
    pub current: Nav,
    /// Light, dark, or as the system says.
    pub theme: Theme,
    /// Whether single-key shortcuts are on (WCAG 2.2, 2.1.4).
    pub shortcuts: bool,
    /// Addresses of the style sheet, scripts and icons.
    pub assets: Assets,
    /// What the last act came to.
    pub toast: Option<Toast>,
    /// How many credentials the workspace has, beside the entry in the side bar.
    pub counts: Option<u64>,
    /// Whether the data vanish and the services are imitated, which every page then says.
    pub demo: bool,
    /// Whom to ask for help, from `CREDENZA_SUPPORT_CONTACT`.
    pub support_contact: Option<String>,
    /// Whether nothing can be saved at present.
    pub saves_nothing: bool,
    /// Who may look in as support for a time, for an admin to see on every page.
    pub support: Vec<SupportNote>,
}

impl Shell {
    /// Where the workspace's pages begin, such as `/w/acme`; empty outside one.
    pub fn root(&self) -> String {
        self.workspace.as_ref().map(|w| format!("/w/{}", w.slug)).unwrap_or_default()
    }

    /// Whether the side bar marks `nav`.
    pub fn is(&self, nav: Nav) -> bool {
        self.current == nav
    }

    /// Whether the person manages the workspace.
    pub fn manages(&self) -> bool {
        self.workspace.as_ref().is_some_and(|workspace| workspace.role == "Admin")
    }

    /// Whether the person is here as support.
    pub fn is_support(&self) -> bool {
        self.workspace.as_ref().is_some_and(|workspace| workspace.role == "Support")
    }

    /// Whether the person reads the audit.
    pub fn reads_audit(&self) -> bool {
        self.workspace.as_ref().is_some_and(|workspace| workspace.role != "Member")
    }

    /// Whether the list of members is open to the person.
    pub fn sees_members(&self) -> bool {
        self.workspace.as_ref().is_some_and(|workspace| workspace.role != "Member")
    }

    /// The support contact as a link, if it is an e-mail address or a web address.
    pub fn support_href(&self) -> Option<String> {
        let contact = self.support_contact.as_deref()?;
        if contact.starts_with("https://") || contact.starts_with("http://") || contact.starts_with("mailto:") {
            return Some(contact.to_owned());
        }
        (contact.contains('@') && !contact.contains(char::is_whitespace)).then(|| format!("mailto:{contact}"))
    }
}

/// Somebody who may look in as support for a time.
#[derive(Debug, Clone)]
pub struct SupportNote {
    /// Their id.
    pub id: String,
    /// Their name.
    pub name: String,
    /// Why.
    pub reason: String,
    /// Until when.
    pub until: When,
}

/// The person who is signed in.
#[derive(Debug, Clone)]
pub struct PersonView {
    /// Display name.
    pub name: String,
    /// E-mail address.
    pub email: String,
}

impl PersonView {
    /// One or two capital letters for the round mark beside the name.
    pub fn initials(&self) -> String {
        initials(&self.name)
    }
}

/// The workspace of the page.
#[derive(Debug, Clone)]
pub struct WorkspaceView {
    /// Display name.
    pub name: String,
    /// Its part of the address.
    pub slug: String,
    /// The person's role in words: “Admin”, “Member”, “Support”.
    pub role: String,
}

/// An entry of the workspace switcher.
#[derive(Debug, Clone)]
pub struct WorkspaceLink {
    /// Display name.
    pub name: String,
    /// Where it leads, such as `/w/acme/credentials`.
    pub href: String,
    /// Whether the page belongs to it.
    pub current: bool,
}

/// Entries of the side bar.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Nav {
    /// None of them.
    #[default]
    Nowhere,
    /// The list of credentials and everything below it.
    Credentials,
    /// The bots and everything below them.
    Bots,
    /// The guide pages.
    Services,
    /// How the workspace is.
    Overview,
    /// The audit.
    Audit,
    /// People, invitations and mail.
    Members,
    /// The settings.
    Settings,
    /// Own account.
    Account,
}

/// Which colours are drawn.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Theme {
    /// As the system says.
    #[default]
    System,
    /// Always light.
    Light,
    /// Always dark.
    Dark,
}

impl Theme {
    /// The value in forms, cookies and `data-theme`.
    pub fn value(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// Reads a value; anything unknown follows the system.
    pub fn parse(value: &str) -> Self {
        match value {
            "light" => Self::Light,
            "dark" => Self::Dark,
            _ => Self::System,
        }
    }
}

/// Addresses of static files, each with a part that changes with the content.
#[derive(Debug, Clone, Default)]
pub struct Assets {
    /// The style sheet, `static/css/app.css`.
    pub css: String,
    /// Our script, `static/js/app.js`; it must be loaded before htmx.
    pub js: String,
    /// The script of passkeys, `static/js/passkeys.js`.
    pub passkeys: String,
    /// htmx, `static/vendor/htmx-4.0.1.min.js`.
    pub htmx: String,
    /// The sheet of service icons made by [`super::sprite::build`].
    pub icons: Markup<'static>,
    /// The product's mark, `static/icon.svg`.
    pub mark: String,
}

/// A message after an act, drawn once.
#[derive(Debug, Clone)]
pub struct Toast {
    /// Whether it tells of a success, a problem, or neither.
    pub tone: Tone,
    /// One sentence.
    pub text: String,
}

/// The colour family of a message, badge or count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Tone {
    /// Grey.
    #[default]
    Plain,
    /// Green.
    Good,
    /// Amber.
    Warn,
    /// Red.
    Bad,
}

impl Tone {
    /// The class in the style sheet.
    pub fn class(self) -> Markup<'static> {
        Markup::of(match self {
            Self::Plain => "plain",
            Self::Good => "good",
            Self::Warn => "warn",
            Self::Bad => "bad",
        })
    }
}

/// A link with its text.
#[derive(Debug, Clone)]
pub struct Link {
    /// What it says.
    pub label: String,
    /// Where it leads.
    pub href: String,
}

/// The first letters of the first and last word, in capitals; `?` for an empty name.
pub fn initials(name: &str) -> String {
    let mut words = name.split_whitespace().filter_map(|w| w.chars().find(|c| c.is_alphanumeric()));
    let first = words.next();
    let last = words.next_back();
    let letters: String = first.into_iter().chain(last).flat_map(char::to_uppercase).collect();
    if letters.is_empty() { "?".to_owned() } else { letters }
}

#[cfg(test)]
mod tests {
    use super::{Shell, initials};

    #[test]
    fn initials_are_of_the_first_and_last_word() {
        assert_eq!(initials("Ana Maria Braga"), "AB");
        assert_eq!(initials("(sap) one"), "SO");
        assert_eq!(initials("Érica"), "É");
        assert_eq!(initials(" <> "), "?");
    }

    #[test]
    fn only_addresses_become_support_links() {
        let href = |c: &str| Shell { support_contact: Some(c.to_owned()), ..Shell::default() }.support_href();
        assert_eq!(href("help@acme.example").as_deref(), Some("mailto:help@acme.example"));
        assert_eq!(href("https://help.acme.example/").as_deref(), Some("https://help.acme.example/"));
        assert_eq!(href("javascript:alert(1)"), None);
        assert_eq!(href("Room 12, ask for Ana @ the desk"), None);
    }
}

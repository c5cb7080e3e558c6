//! What each act is called: a label for the filter, and a sentence behind the name of whoever acted.
//!
//! `{it}` is what the act was aimed at; other braces name details of the line.

use crate::model::audit::{Event, Outcome};

/// A word of the audit, its label, and its sentence.
pub struct Word {
    /// The word in the chain.
    pub action: &'static str,
    /// What the filter says.
    pub label: &'static str,
    told: &'static str,
}

const fn word(action: &'static str, label: &'static str, told: &'static str) -> Word {
    Word { action, label, told }
}

/// Every act that is written when it was done.
pub const DONE: &[Word] = &[
    word("credential.created", "Credential created", "created {it}"),
    word("credential.edited", "Credential edited", "changed {it}"),
    word("credential.renamed", "Credential renamed", "renamed {it} from “{from}” to “{to}”"),
    word("credential.rotated", "Secret replaced", "entered a new secret for {it}"),
    word("credential.checked", "Credential verified", "verified {it}"),
    word("credential.aged", "Status aged", "found {it} {to} by now"),
    word("credential.unreadable", "Value unreadable", "could not decrypt the stored value of {it}"),
    word("credential.readable", "Value readable again", "could decrypt the stored value of {it} again"),
    word("credential.resealed", "Sealed anew", "sealed {it} again under a new key"),
    word("credential.suspended", "Credential suspended", "suspended {it}"),
    word("credential.resumed", "Credential resumed", "switched {it} on again"),
    word("credential.connected", "Credential connected", "connected {it} to its account"),
    word("credential.refreshed", "Access renewed", "renewed the access of {it}"),
    word("credential.revoked", "Access withdrawn", "withdrew the access of {it} at its service"),
    word("credential.staged", "Secret staged", "staged a new secret for {it}"),
    word("credential.promoted", "Secret promoted", "put the staged secret of {it} to use"),
    word("credential.rolled_back", "Secret rolled back", "went back to the earlier secret of {it}"),
    word("credential.given_up", "Staged secret given up", "gave up the staged secret of {it}"),
    word("credential.version_erased", "Old secret erased", "erased an old secret of {it}"),
    word("credential.replaced", "Credential replaced", "moved blocks from {it} to another credential"),
    word("credential.took_over", "Took over", "moved blocks of another credential to {it}"),
    word("credential.mail_asked", "Test mail asked for", "asked for a test mail with {it}"),
    word("credential.mail_tested", "Test mail sent", "sent a test mail to themselves with {it}"),
    word("app.saved", "OAuth client saved", "saved the workspace's OAuth client of a service"),
    word("app.removed", "OAuth client removed", "removed the workspace's OAuth client of a service"),
    word("app.resealed", "OAuth client sealed anew", "sealed an OAuth client again under a new key"),
    word("consent.started", "Consent asked", "went to a service to give consent"),
    word("consent.given", "Consent given", "came back from a service with consent"),
    word("consent.resealed", "Consent sealed anew", "sealed a pending consent again under a new key"),
    word("grant.resealed", "Access sealed anew", "sealed the access to a service again under a new key"),
    word("credential.fetched", "Values fetched", "fetched the values of {it}"),
    word("credential.used", "Call made", "had a call made with {it}"),
    word("token.created", "Token made", "made the token {token}"),
    word("token.end_told", "Token ends soon", "told the admins that the token {token} ends soon"),
    word("token.revoked", "Token revoked", "revoked the token {token}"),
    word("credential.deleted", "Credential deleted", "deleted {it}"),
    word("credential.restored", "Credential restored", "restored {it}"),
    word("credential.purged", "Removed for good", "removed {it} for good"),
    word("bot.created", "Bot created", "registered the bot {it}"),
    word("bot.edited", "Bot edited", "changed the bot {it}"),
    word("bot.published", "Bot published", "published the bot {it}"),
    word("bot.withdrawn", "Bot withdrawn", "made the bot {it} a draft again"),
    word("bot.deleted", "Bot deleted", "deleted the bot {it}"),
    word("block.added", "Block added", "added the block “{block}” to the bot {it}"),
    word("block.edited", "Block edited", "changed the block “{block}” of the bot {it}"),
    word("block.removed", "Block removed", "removed the block “{block}” from the bot {it}"),
    word("member.added", "Member added", "added {it} as {role}"),
    word("member.removed", "Member removed", "removed {it} from the workspace"),
    word("member.left", "Member left", "left the workspace"),
    word("member.role_changed", "Role changed", "made {it} {to}"),
    word("invitation.sent", "Invitation sent", "invited {email} as {role}"),
    word("invitation.sent_again", "Invitation sent again", "invited {email} as {role} once more"),
    word("invitation.withdrawn", "Invitation withdrawn", "withdrew an invitation"),
    word("invitation.accepted", "Invitation accepted", "accepted an invitation"),
    word("mail.sent", "Mail sent", "sent a mail"),
    word("mail.tested", "Mail tested", "sent a mail to try the mail server"),
    word("mail.tried_again", "Mail tried again", "had a mail sent again"),
    word("support.granted", "Support let in", "let {it} look in as support until {until}: {reason}"),
    word("support.ended", "Support access ended", "ended the support access of {it}"),
    word("support.expired", "Support access ran out", "ended the support access of {it}, whose time was over"),
    word("support.viewed", "Support looked", "looked at {it}"),
    word("workspace.created", "Workspace made", "made the workspace"),
    word("workspace.renamed", "Workspace renamed", "renamed the workspace from “{from}” to “{to}”"),
    word("workspace.settings_changed", "Settings changed", "changed the settings"),
    word("workspace.deleted", "Workspace deleted", "deleted the workspace “{name}”"),
    word("workspace_key.rewrapped", "Keys rewrapped", "wrapped the workspace's keys again"),
    word("workspace_key.replaced", "Key replaced", "replaced the workspace's key"),
    word("workspace_key.rotated", "Key rotated", "made a new key for the workspace"),
    word("workspace_key.retired", "Key retired", "erased an old key of the workspace"),
    word("audit.exported", "Audit exported", "exported the audit as {format}"),
    word("credential.carried", "Proof carried over", "kept the proof of {it} beyond events that were removed"),
    word(
        "app.carried",
        "Client's proof carried over",
        "kept the proof of an OAuth client beyond events that were removed",
    ),
    word("audit.pruned", "Audit shortened", "removed {events} audit events, up to event {up_to}, whose time was over"),
    word("audit.broken", "Audit broken", "found the audit of {it} broken at event {event}"),
    word("audit.sound", "Audit sound again", "found the audit of {it} sound again"),
    word("instance.created", "Installed", "made the installation"),
    word("instance.set_up", "Set up", "set the installation up"),
    word("instance.started", "Started", "started the server"),
    word("instance.backed_up", "Backed up", "made a backup"),
    word("instance.rollback_accepted", "Rollback accepted", "accepted an older state of the database"),
    word("root_key.staged", "Root key staged", "staged a new root key"),
    word("root_key.promoted", "Root key promoted", "began to use a new root key"),
    word("root_key.retired", "Root key retired", "retired a root key"),
    word("instance_root.staged", "Instance root staged", "staged a new instance root"),
    word("person.signed_in", "Signed in", "signed in"),
    word("person.signed_out", "Signed out", "signed out"),
    word("person.preferences", "Account changed", "changed their account"),
    word("person.confirmed", "Confirmed", "confirmed who they are"),
    word("person.disabled", "Person disabled", "disabled {it}"),
    word("person.enabled", "Person enabled", "enabled {it} again"),
    word("person.email_asked", "New address asked for", "asked for another e-mail address"),
    word("person.email_changed", "Address changed", "changed their e-mail address"),
    word("person.password_changed", "Password changed", "changed their password"),
    word("person.password_accepted", "Password accepted", "gave the right password, and a second factor was asked for"),
    word("person.authenticator_on", "Authenticator on", "turned an authenticator app on"),
    word("person.authenticator_off", "Authenticator off", "turned the authenticator app off"),
    word("person.recovery_codes_made", "Recovery codes made", "made new recovery codes"),
    word("person.passkey_added", "Passkey added", "added a passkey"),
    word("person.passkey_renamed", "Passkey renamed", "renamed a passkey"),
    word("person.passkey_removed", "Passkey removed", "removed a passkey"),
    word("person.factors_taken_away", "Second factors taken away", "took every second factor of {it} away"),
    word("second_factors.resealed", "Second factors sealed anew", "sealed second factors again under a new key"),
    word("person.sessions_ended", "Sessions ended", "signed out elsewhere"),
    word("person.password_reset", "Password reset", "set a new password by a link"),
    word("reset.asked", "Reset asked for", "asked for a new password for {it}"),
];

/// Every permission that can be refused, with what was tried.
pub const TRIED: &[Word] = &[
    word("credentials.read", "Tried to see credentials", "see {it}"),
    word("integrations.read", "Tried to read guides", "read the guides of services"),
    word("credentials.create", "Tried to create a credential", "create a credential"),
    word("credentials.edit", "Tried to edit a credential", "change {it}"),
    word("credentials.rename", "Tried to rename a credential", "rename {it}"),
    word("credentials.rotate", "Tried a new secret", "enter a new secret for {it}"),
    word("credentials.verify", "Tried to verify a credential", "verify {it}"),
    word("credentials.suspend", "Tried to suspend a credential", "switch {it} off"),
    word("credentials.delete", "Tried to delete a credential", "delete {it}"),
    word("credentials.restore", "Tried to restore a credential", "restore {it}"),
    word("credentials.test_mail", "Tried to send a test mail", "send a test mail with {it}"),
    word("credential.mail_tested", "Test mail not sent", "send a test mail with {it}"),
    word("credential.fetched", "Tried to fetch values", "fetch the values of {it}"),
    word("credential.used", "Tried to make a call", "have a call made with {it}"),
    word("token.refused", "Token refused", "come in with the token {token}"),
    word("token.leaked", "Token in an address", "come in with the token {token} in the address"),
    word("tokens.manage", "Tried to manage tokens", "manage tokens"),
    word("credentials.use", "Tried to use a credential", "use {it}"),
    word("credentials.housekeeping", "Tried housekeeping", "keep house"),
    word("keys.manage", "Tried to manage keys", "manage the workspace's keys"),
    word("bots.read", "Tried to see bots", "see the bots"),
    word("bots.manage", "Tried to manage bots", "manage the bots"),
    word("credentials.replace", "Tried to replace a credential", "move the blocks of {it}"),
    word("credential.refreshed", "Access not renewed", "renew the access of {it}"),
    word("credential.revoked", "Access not withdrawn", "withdraw the access of {it} at its service"),
    word("consent.given", "Consent not given", "connect {it} to an account"),
    word("credentials.connect", "Tried to connect", "connect {it} to its account"),
    word("credentials.refresh", "Tried to renew access", "renew the access of {it}"),
    word("apps.manage", "Tried to manage OAuth clients", "manage the OAuth clients"),
    word("members.read", "Tried to see members", "see the members"),
    word("workspace.leave", "Tried to leave", "leave the workspace"),
    word("mail.manage", "Tried to manage mail", "manage the mails"),
    word("mail.sent", "Mail not sent", "send a mail"),
    word("person.confirmed", "Failed to confirm", "confirm who they are"),
    word("members.manage", "Tried to manage members", "manage the members"),
    word("settings.manage", "Tried to change settings", "change the settings"),
    word("support.manage", "Tried to manage support access", "manage the access of support"),
    word("audit.read", "Tried to read the audit", "read the audit"),
    word("audit.export", "Tried to export the audit", "export the audit"),
    word("overview.read", "Tried to see the overview", "see the overview"),
    word("person.signed_in", "Tried to sign in", "sign in"),
];

/// A sentence in two parts; what the act was aimed at stands between them, where it is mentioned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Before it, or all of it.
    pub before: String,
    /// What follows it; none where it is not mentioned.
    pub after: Option<String>,
}

impl Told {
    /// The sentence with these words for what the act was aimed at.
    pub fn with(&self, it: &str) -> String {
        match &self.after {
            Some(after) => format!("{}{it}{after}", self.before),
            None => self.before.clone(),
        }
    }
}

/// What a word that is written when something was done, or refused, is called.
pub fn label(action: &str) -> Option<&'static str> {
    DONE.iter().chain(TRIED).find(|word| word.action == action).map(|word| word.label)
}

/// What somebody did, as it follows on their name.
pub fn told(event: &Event) -> Told {
    let list = if event.outcome == Outcome::Deny { TRIED } else { DONE };
    let known = list.iter().find(|word| word.action == event.action);
    let text = match (known, event.outcome) {
        (Some(word), Outcome::Deny) => format!("tried to {}{}", word.told, because(event)),
        (Some(word), _) => format!("{}{}", word.told, more(event)),
        (None, Outcome::Deny) => format!("was refused: {}{}", event.action, because(event)),
        (None, _) => format!("{}: {{it}}", event.action),
    };
    let (before, after) = match text.split_once("{it}") {
        Some((before, after)) => (before, Some(after)),
        None => (text.as_str(), None),
    };
    Told { before: filled(before, event), after: after.map(|after| filled(after, event)) }
}

/// The details in the places that name them; one that is not there leaves a dash.
fn filled(text: &str, event: &Event) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, from)) = rest.split_once('{') {
        let Some((name, after)) = from.split_once('}') else { break };
        out.push_str(before);
        match event.detail(name) {
            Some(serde_json::Value::String(text)) => out.push_str(&text),
            Some(value) => out.push_str(&value.to_string()),
            None => out.push('–'),
        }
        rest = after;
    }
    out + rest
}

/// A text as a sentence begins with it.
pub fn beginning(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// What is added to a sentence from the rest of its line.
fn more(event: &Event) -> String {
    let flag = |name: &str| event.detail(name).and_then(|value| value.as_bool()).unwrap_or(false);
    match event.action.as_str() {
        "credential.created" if flag("unverified") => " without verification".into(),
        "credential.created" => ", verified".into(),
        "credential.checked" => format!(": {}", outcome(&event.code)),
        "credential.connected" if flag("other_account") => ", another one than before".into(),
        "credential.edited" if fields(event).is_empty() => ": saved unchanged".into(),
        "credential.edited" | "workspace.settings_changed" => format!(": {}", fields(event).join(", ")),
        _ => String::new(),
    }
}

fn because(event: &Event) -> String {
    match event.code.as_str() {
        "role" => "; the role does not allow it".into(),
        "" => String::new(),
        "credentials" => ": the address and the password do not belong together".into(),
        "too_many" => " too often".into(),
        "undelivered" => ", which could not be delivered".into(),
        "access_denied" => ": nobody agreed at the service".into(),
        "other_account" => ": another account agreed, which has to be confirmed".into(),
        "not_revoked" => ": the service did not take it".into(),
        _ if event.action == "consent.given" => ", in vain. Nothing was saved".into(),
        code => format!(": {}. Nothing was saved", outcome(code)),
    }
}

/// The names of the fields that an act changed.
pub fn fields(event: &Event) -> Vec<String> {
    event.detail("fields").and_then(|value| serde_json::from_value(value).ok()).unwrap_or_default()
}

/// What a check came to.
pub fn outcome(code: &str) -> &str {
    match code {
        "ok" => "it works",
        "limited" => "it works, but lacks a permission",
        "invalid" => "not accepted",
        "forbidden" => "refused",
        "misconfigured" => "set up wrongly",
        "blocked" => "blocked",
        "expired" => "expired",
        "reauthorize" => "access was withdrawn",
        "rate_limited" => "the service was limiting calls",
        "unavailable" => "no answer",
        "untested" => "no live test for this service",
        _ => "nobody can tell",
    }
}

/// What a refused address of the console is called.
pub fn page(pattern: &str) -> &str {
    match pattern.strip_prefix("/w/{slug}").unwrap_or(pattern) {
        "" | "/credentials" => "the list of credentials",
        "/credentials/{id}" => "a credential",
        "/credentials/deleted" => "the deleted credentials",
        "/integrations" | "/integrations/{integration}" => "the guides of services",
        "/audit" => "the audit",
        "/audit.jsonl" | "/audit.csv" => "the export of the audit",
        "/members" => "the members",
        "/overview" => "the overview",
        "/settings" | "/settings/support" | "/settings/support/end" => "the settings",
        "/apps/{integration}" => "the OAuth client of a service",
        "/flows/{flow}" => "a connection to a service",
        "/bots" => "the bots",
        "/bots/{id}" => "a bot",
        other if other.starts_with("/credentials/{id}/") => "a credential",
        other if other.starts_with("/tokens") => "the tokens that manage",
        _ => "a page",
    }
}

#[cfg(test)]
mod tests {
    use super::{DONE, TRIED};
    use std::collections::BTreeSet;

    #[test]
    fn each_word_stands_once() {
        for list in [DONE, TRIED] {
            let words: BTreeSet<&str> = list.iter().map(|word| word.action).collect();
            let labels: BTreeSet<&str> = list.iter().map(|word| word.label).collect();
            assert_eq!((words.len(), labels.len()), (list.len(), list.len()));
        }
    }
}

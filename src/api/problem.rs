//! Errors as problem details (RFC 9457): one type for each case, with what to do about it.

use super::manage::credential::Check;
use crate::error::Error;
use crate::model::bot_token::{Closed, Scope};
use crate::model::bot_use::Refusal;
use crate::work;
use actix_web::body::BoxBody;
use actix_web::http::header::{self, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use std::fmt;
use utoipa::ToSchema;

/// Where the types are explained.
pub const TYPES: &str = "/api/v1/problems/";

/// One type of problem.
#[derive(Debug, PartialEq, Eq)]
pub struct Kind {
    /// Its name, the end of its address.
    pub code: &'static str,
    /// The status that it is answered with.
    pub status: u16,
    /// What it is, in a few words.
    pub title: &'static str,
    /// What to do about it.
    pub action: &'static str,
}

macro_rules! kinds {
    ($($name:ident = $code:literal $status:literal $title:literal $action:literal;)+) => {
        $(#[doc = $title] pub static $name: Kind =
            Kind { code: $code, status: $status, title: $title, action: $action };)+
        /// Every type of problem.
        pub static ALL: &[&Kind] = &[$(&$name),+];
    };
}

kinds! {
    TOKEN_MISSING = "token-missing" 401 "No token" "Send the token in the header Authorization: Bearer crdz_….";
    TOKEN_MALFORMED = "token-malformed" 401 "Not a token" "Copy the whole token: it begins with crdz_ and has 66 characters, and its checksum tells that this one was cut or mistyped.";
    TOKEN_UNKNOWN = "token-unknown" 401 "Unknown token" "Use a token that was made in this console; an admin makes a new one on the bot's page, or in the settings for one that manages.";
    TOKEN_REVOKED = "token-revoked" 401 "Revoked token" "Have an admin make a new token where this one was made, and use it here.";
    TOKEN_EXPIRED = "token-expired" 401 "Expired token" "Have an admin rotate the token where it was made, and use the new one here.";
    TOKEN_NETWORK = "token-network" 401 "Token not allowed from here" "Call from one of the token's networks, or have an admin add this one to a new token.";
    TOKEN_IN_ADDRESS = "token-in-address" 400 "Token in the address" "Send the token in the header Authorization, and rotate this one: addresses are kept in logs.";
    SCOPE_MISSING = "scope-missing" 403 "The token may not do this" "Use a token with the scope that the detail names.";
    NOT_FOUND = "not-found" 404 "Not found" "Check handle, id or key; if they are right, have an admin give the token this credential.";
    BLOCK_EMPTY = "block-empty" 409 "The block has no credential" "Choose a credential for the block on the bot's page.";
    CREDENTIAL_DELETED = "credential-deleted" 410 "The credential was deleted" "Restore it under “Recently deleted”, or choose another one.";
    CREDENTIAL_SUSPENDED = "credential-suspended" 409 "The credential is switched off" "Wait until it is switched on again, or have an admin do that on its page.";
    CREDENTIAL_BROKEN = "credential-broken" 409 "The credential does not work" "Mend it on its page; the detail says what its last check found.";
    CREDENTIAL_UNREADABLE = "credential-unreadable" 409 "The stored values cannot be decrypted" "Enter the values again on its page, or have the operator put the missing key back.";
    CREDENTIAL_UNCONNECTED = "credential-unconnected" 409 "There is no live token" "Connect the credential again on its page; the detail says why.";
    SERVICE_UNKNOWN = "service-unknown" 409 "The service is not in the catalogue" "Ask the operator of this console to put its file back.";
    VERSION_GONE = "version-gone" 410 "The version is not served" "Ask without a version: the one in use is served, and the one before it only while an overlap lasts.";
    NOT_HTTP = "not-http" 422 "This credential makes no HTTP calls" "Fetch its values instead and connect with them.";
    PATH_REFUSED = "path-refused" 400 "The path is not allowed" "Send a plain path below the service's base address: no dot segments, no second slash in front, no host and no control characters.";
    HEADER_REFUSED = "header-refused" 400 "A header is not allowed" "Leave out the header that the detail names.";
    QUERY_REFUSED = "query-refused" 400 "A query parameter is not allowed" "Leave out the parameter that the detail names: the credential sets it.";
    METHOD_REFUSED = "method-refused" 405 "The method is not allowed" "Use one of the methods that the header Allow lists.";
    BODY_REFUSED = "body-refused" 400 "The body is not allowed" "Send a body as the detail says.";
    DESTINATION_REFUSED = "destination-refused" 403 "The destination is not allowed" "The detail names the rule; where the operator can open it, it names the entry to ask for.";
    UPSTREAM_UNREACHABLE = "upstream-unreachable" 502 "The service cannot be reached" "Try again later; the detail says where it stopped.";
    UPSTREAM_TIMEOUT = "upstream-timeout" 504 "The service did not answer in time" "Try again later, or ask for less at once.";
    UPSTREAM_ENCODED = "upstream-encoded" 502 "The service answered in an encoding" "Ask this service with the values themselves: what it sends cannot be looked through.";
    SIGN_IN_FAILED = "sign-in-failed" 502 "Signing in to the service failed" "Verify the credential on its page; the detail says what happened.";
    MALFORMED = "malformed" 400 "The request cannot be read" "Correct what the detail names.";
    INVALID = "invalid" 422 "A value is not acceptable" "Correct the fields that the errors name.";
    NOT_VERIFIED = "not-verified" 422 "The live check did not pass" "Correct what check tells. Where may_save_unverified is true the service could not be asked: try again later, or send save_unverified.";
    CONSENT_NEEDED = "consent-needed" 422 "A person must agree at the service" "Have an admin connect it in the console: from the gallery for a new one, on its page for one that exists.";
    STALE = "stale" 409 "The revision is not the current one" "Read it again, look at what changed, and send the change with its revision.";
    IN_USE = "in-use" 409 "Bots would notice" "Move its blocks to another credential first, or send its name as confirm_name.";
    CONFLICT = "conflict" 409 "Something stands in the way" "Read it again, then decide; the detail says what changed.";
    FORBIDDEN = "forbidden" 403 "Not allowed" "Have an admin of the workspace do this.";
    TOO_LARGE = "too-large" 413 "Too large" "Send less at once.";
    HEAD_TOO_LARGE = "head-too-large" 431 "The head is too large" "Send a shorter address and fewer headers.";
    WRONG_TYPE = "wrong-type" 415 "Wrong type of content" "Send JSON with the header Content-Type: application/json.";
    TOO_SLOW = "too-slow" 408 "Too slow" "Send the request without pauses.";
    LIMIT_REACHED = "limit-reached" 429 "Too many calls" "Wait for as many seconds as Retry-After says.";
    UNAVAILABLE = "unavailable" 503 "Not possible right now" "Try again after as many seconds as Retry-After says; nothing left and nothing was changed.";
    FAULT = "fault" 500 "Something went wrong on our side" "Tell the operator the incident.";
}

/// A problem on its way to its answer.
#[derive(Debug)]
pub struct Problem {
    /// Its type.
    pub kind: &'static Kind,
    /// What happened here.
    pub detail: String,
    /// Seconds for `Retry-After`.
    pub retry_after_s: Option<u64>,
    /// Remarks by field.
    pub errors: Vec<FieldError>,
    /// The methods for `Allow`.
    pub allow: Option<String>,
    /// What only some types tell.
    pub more: Box<More>,
}

/// What only some types of problems tell.
#[derive(Debug, Default, Clone, Serialize, ToSchema)]
pub struct More {
    /// What the live check came to that kept a change from being saved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub check: Option<Check>,
    /// Whether it may be saved all the same, with `save_unverified`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub may_save_unverified: Option<bool>,
    /// The current revision.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<i64>,
    /// The bots that would notice, by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub bots: Vec<String>,
}

/// What is wrong with one field.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct FieldError {
    /// Its name.
    pub field: String,
    /// A stable code.
    pub code: String,
    /// What is wrong and what to do.
    pub text: String,
}

/// A problem as it is sent (RFC 9457).
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct Details {
    /// The type: an address that explains it.
    #[serde(rename = "type")]
    kind: String,
    /// The type in a few words.
    title: &'static str,
    /// The status of the answer.
    status: u16,
    /// What happened in this case.
    detail: String,
    /// What to do about it.
    action: &'static str,
    /// The request, as the log and the audit name it.
    incident: String,
    /// What is wrong with which field.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
    #[serde(flatten)]
    more: More,
}

impl Problem {
    /// A problem of this type.
    pub fn new(kind: &'static Kind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), retry_after_s: None, errors: Vec::new(), allow: None, more: Box::default() }
    }

    /// A limit that was reached.
    pub fn wait(retry_after_s: u64) -> Self {
        let detail = format!("Too much at once, or too many refusals. Try again in {retry_after_s} s.");
        Self { retry_after_s: Some(retry_after_s), ..Self::new(&LIMIT_REACHED, detail) }
    }

    /// A known address with another method.
    pub fn method(allow: &str) -> Self {
        Self { allow: Some(allow.to_owned()), ..Self::new(&METHOD_REFUSED, format!("This address takes {allow}.")) }
    }

    /// As it is sent.
    pub fn details(&self) -> Details {
        Details {
            kind: format!("{TYPES}{}", self.kind.code),
            title: self.kind.title,
            status: self.kind.status,
            detail: self.detail.clone(),
            action: self.kind.action,
            incident: work::current_id(),
            errors: self.errors.clone(),
            more: (*self.more).clone(),
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let code = refusal.code();
        let kind = ALL.iter().find(|kind| kind.code == code).copied().unwrap_or(&FAULT);
        let detail = match refusal {
            Refusal::Unknown => "This console knows no such token.".to_owned(),
            Refusal::Closed(Closed::Revoked) => "This token was revoked.".to_owned(),
            Refusal::Closed(Closed::Expired) => "The time of this token is over.".to_owned(),
            Refusal::Closed(Closed::Network) => "This token is not let in from this address.".to_owned(),
            Refusal::Scope(scope) => told_of(scope).to_owned(),
            Refusal::NotFound => "There is nothing of this name that the token is for.".to_owned(),
            Refusal::EmptyBlock => "Nobody has chosen a credential for this block.".to_owned(),
            Refusal::Deleted => "This credential was deleted.".to_owned(),
            Refusal::Suspended => "This credential is switched off.".to_owned(),
            Refusal::Broken(hint) if hint.is_empty() => "The last check of this credential failed.".to_owned(),
            Refusal::Broken(hint) => hint,
            Refusal::Unreadable => "The stored values of this credential cannot be decrypted.".to_owned(),
            Refusal::NoService => "The catalogue no longer has the service of this credential.".to_owned(),
            Refusal::NoVersion => "This version is not there, not served yet, or not served any more.".to_owned(),
            Refusal::Unfit(_, text) => text,
        };
        Self::new(kind, detail)
    }
}

fn told_of(scope: Scope) -> &'static str {
    match scope {
        Scope::Use => "This needs a bot's token with the scope use.",
        Scope::Fetch => "This needs a bot's token with the scope fetch. A token that manages never reads a secret.",
        Scope::Manage => {
            "This needs a token with the scope manage, which an admin makes in the workspace's settings. A bot's token never manages."
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let detail = error.to_string();
        match error {
            Error::NotFound => Self::new(&NOT_FOUND, detail),
            Error::Forbidden | Error::SecondFactorNeeded | Error::CrossSite => Self::new(&FORBIDDEN, detail),
            Error::SignInNeeded => Self::new(&TOKEN_MISSING, detail),
            Error::TokenEnded => Self::new(&TOKEN_REVOKED, detail),
            Error::BadRequest(_) => Self::new(&MALFORMED, detail),
            Error::Conflict(_) => Self::new(&CONFLICT, detail),
            Error::Unprocessable(_) => Self::new(&INVALID, detail),
            Error::TooSlow => Self::new(&TOO_SLOW, detail),
            Error::HeadTooLarge => Self::new(&HEAD_TOO_LARGE, detail),
            Error::TooLarge => Self::new(&TOO_LARGE, detail),
            Error::UnsupportedType => Self::new(&WRONG_TYPE, detail),
            Error::MethodNotAllowed => Self::new(&METHOD_REFUSED, detail),
            Error::TooMany { retry_after_s } => {
                Self { retry_after_s: Some(retry_after_s), ..Self::new(&LIMIT_REACHED, detail) }
            }
            Error::Unavailable(cause) => {
                tracing::warn!(cause = cause.as_str(), "unavailable");
                Self { retry_after_s: Some(5), ..Self::new(&UNAVAILABLE, detail) }
            }
            Error::Internal(cause) => {
                tracing::error!(cause = cause.as_str(), "fault");
                Self::new(&FAULT, detail)
            }
            Error::Database(diesel::result::Error::DatabaseError(kind, _)) => {
                // Without the message: it may quote a value.
                tracing::error!(cause = ?kind, "fault");
                Self::new(&FAULT, detail)
            }
            Error::Database(_) => {
                tracing::error!(cause = "database", "fault");
                Self::new(&FAULT, detail)
            }
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.code, self.detail)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.kind.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse<BoxBody> {
        let mut response = HttpResponse::build(self.status_code());
        if self.kind.status == 401 {
            let error = if self.kind == &TOKEN_MISSING { "" } else { ", error=\"invalid_token\"" };
            response.insert_header((header::WWW_AUTHENTICATE, format!("Bearer realm=\"Credenza\"{error}")));
        }
        if let Some(seconds) = self.retry_after_s {
            response.insert_header((header::RETRY_AFTER, seconds));
        }
        if let Some(allow) = self.allow.as_ref().and_then(|allow| HeaderValue::from_str(allow).ok()) {
            response.insert_header((header::ALLOW, allow));
        }
        let body = serde_json::to_string(&self.details()).unwrap_or_default();
        response.content_type("application/problem+json").body(body)
    }
}

/// The methods that a call may be passed on with.
pub const PASSED: [Method; 7] =
    [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS];

#[cfg(test)]
mod tests {
    use super::{ALL, Problem};
    use crate::model::bot_token::{Closed, Scope};
    use crate::model::bot_use::Refusal;
    use std::collections::BTreeSet;

    #[test]
    fn every_refusal_has_a_type_of_its_own_that_says_what_to_do() {
        let refusals = [
            Refusal::Unknown,
            Refusal::Closed(Closed::Revoked),
            Refusal::Closed(Closed::Expired),
            Refusal::Closed(Closed::Network),
            Refusal::Scope(Scope::Use),
            Refusal::NotFound,
            Refusal::EmptyBlock,
            Refusal::Deleted,
            Refusal::Suspended,
            Refusal::Broken(String::new()),
            Refusal::Unreadable,
            Refusal::NoService,
            Refusal::NoVersion,
            Refusal::Unfit("path-refused", String::new()),
        ];
        let kinds: BTreeSet<&str> = refusals
            .iter()
            .map(|refusal| {
                let problem = Problem::from(refusal.clone());
                assert_eq!(problem.kind.code, refusal.code());
                assert!(problem.kind.status < 500);
                problem.kind.code
            })
            .collect();
        assert_eq!(kinds.len(), refusals.len());
        let codes: BTreeSet<&str> = ALL.iter().map(|kind| kind.code).collect();
        assert_eq!(codes.len(), ALL.len());
        assert!(ALL.iter().all(|kind| kind.action.ends_with('.') && !kind.title.ends_with('.')));
    }
}

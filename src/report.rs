//! What a check came to: an outcome, a hint, and the steps that led there.

use serde::{Deserialize, Serialize};

/// The closed list of what a check can come to; what each does to status and saving is in
/// the table of statuses (`model::status`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The service took it.
    Ok,
    /// Real, but lacks a permission.
    Limited,
    /// The service does not know it.
    Invalid,
    /// The service knows it and refuses.
    Forbidden,
    /// An address, account or region is wrong.
    Misconfigured,
    /// Stopped by a policy: ours or the service's.
    Blocked,
    /// Its time is over.
    Expired,
    /// Consent was withdrawn.
    Reauthorize,
    /// The service limits calls right now.
    RateLimited,
    /// The service did not answer, or not well.
    Unavailable,
    /// Nobody can tell.
    Unknown,
    /// The service offers no harmless live test; the format is right.
    Untested,
}

impl Outcome {
    /// How it is written: in the database, in the audit, in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Limited => "limited",
            Self::Invalid => "invalid",
            Self::Forbidden => "forbidden",
            Self::Misconfigured => "misconfigured",
            Self::Blocked => "blocked",
            Self::Expired => "expired",
            Self::Reauthorize => "reauthorize",
            Self::RateLimited => "rate_limited",
            Self::Unavailable => "unavailable",
            Self::Unknown => "unknown",
            Self::Untested => "untested",
        }
    }
}

/// What a check came to. Holds no secret and no text of the service but `identity`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The verdict.
    pub outcome: Outcome,
    /// A stable code of the hint (`status_401`, `target_denied`, `tls_untrusted`, …), drawn as `data-code`.
    pub code: String,
    /// What it means and what to do, for a person; empty when all is well.
    pub hint: String,
    /// What was tried, in order.
    pub steps: Vec<Step>,
    /// “Connected as”: at most 120 characters, stripped of control characters and copies of the secret.
    pub identity: Option<String>,
    /// Milliseconds for the whole.
    pub ms: u32,
    /// Whether a connection was opened (a refusal before that does not count against limits).
    pub connected: bool,
    /// SHA-256 (64 hexadecimal digits) of a certificate that was not trusted and that a person may confirm.
    pub fingerprint: Option<String>,
}

/// One step of a check: its name, result and time, and the protocol's code at most.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// What was tried, in our words: “Found smtp.example.com”, “Connected on port 587”.
    pub label: String,
    /// How it went.
    pub result: StepResult,
    /// A short note in our words, with the protocol's code: “535 refused”.
    pub note: String,
    /// Milliseconds it took.
    pub ms: u32,
}

/// How a step went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepResult {
    /// Done.
    Ok,
    /// Failed.
    Failed,
    /// Not reached.
    Skipped,
}

#[cfg(test)]
mod tests {
    use super::Outcome;

    #[test]
    fn outcomes_have_one_spelling() {
        for text in [
            "ok",
            "limited",
            "invalid",
            "forbidden",
            "misconfigured",
            "blocked",
            "expired",
            "reauthorize",
            "rate_limited",
            "unavailable",
            "unknown",
            "untested",
        ] {
            let outcome: Outcome = serde_json::from_value(text.into()).unwrap();
            assert_eq!(outcome.as_str(), text);
            assert_eq!(serde_json::to_value(outcome).unwrap(), text);
        }
    }
}

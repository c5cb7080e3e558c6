//! One error for the whole program, and one `match` from it to an HTTP status.

use std::fmt;

/// What a fallible operation of the program returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an operation did not happen. `Display` is fit for a person; causes are for the log only.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No such object, or one of a foreign workspace: the two are answered alike.
    #[error("There is nothing here, or you have no access to it.")]
    NotFound,
    /// Signed in, but the role does not allow it.
    #[error("Your role does not allow this.")]
    Forbidden,
    /// Signed in, and the workspace asks for a second factor that the person does not have.
    #[error("This workspace asks you for a second factor. Set one up in your account.")]
    SecondFactorNeeded,
    /// A signed-in person is needed.
    #[error("Sign in first.")]
    SignInNeeded,
    /// The token of a call was revoked or ended after it was let in, before anything was changed.
    #[error("This token was revoked, or it ended, while the call was under way. Nothing was changed.")]
    TokenEnded,
    /// An unsafe request that did not come from our own pages.
    #[error("This request did not come from this console's own pages.")]
    CrossSite,
    /// The request cannot be read; the text says what is wrong with it.
    #[error("{0}")]
    BadRequest(String),
    /// The state changed meanwhile, or something stands in the way; the text says what.
    #[error("{0}")]
    Conflict(String),
    /// Understood but not acceptable; the text says which value and why.
    #[error("{0}")]
    Unprocessable(String),
    /// What was announced did not come in time.
    #[error("What you sent came too slowly.")]
    TooSlow,
    /// Address and headers together are larger than the limit.
    #[error("The address and the headers of this request are too large.")]
    HeadTooLarge,
    /// The body is larger than the limit.
    #[error("What you sent is too large.")]
    TooLarge,
    /// The body is of a type that this address does not take.
    #[error("This address does not take that type of content.")]
    UnsupportedType,
    /// Known address, wrong method.
    #[error("This address does not take that method.")]
    MethodNotAllowed,
    /// A limit was reached.
    #[error("Too many attempts. Try again in {retry_after_s} s.")]
    TooMany {
        /// Seconds after which trying again makes sense.
        retry_after_s: u64,
    },
    /// Storage, key or capacity is missing for now; the text is for the log.
    #[error("Credenza cannot do this right now. Nothing was changed. Try again shortly.")]
    Unavailable(Cause),
    /// A fault of ours; the text is for the log.
    #[error("Something went wrong on our side.")]
    Internal(Cause),
    /// The database said no in a way that no rule expected.
    #[error("Something went wrong on our side.")]
    Database(#[from] diesel::result::Error),
}

/// A cause for the log, never for a page.
pub struct Cause(String);

impl Cause {
    /// The text for the log.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error {
    /// A fault of ours, with the cause for the log. Never pass a secret.
    pub fn internal(cause: impl fmt::Display) -> Self {
        Self::Internal(Cause(cause.to_string()))
    }

    /// Something is missing for now (storage, key, capacity), with the cause for the log.
    pub fn unavailable(cause: impl fmt::Display) -> Self {
        Self::Unavailable(Cause(cause.to_string()))
    }

    /// The HTTP status that answers this error.
    pub fn status(&self) -> u16 {
        match self {
            Self::BadRequest(_) => 400,
            Self::SignInNeeded | Self::TokenEnded => 401,
            Self::Forbidden | Self::CrossSite | Self::SecondFactorNeeded => 403,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::TooSlow => 408,
            Self::Conflict(_) => 409,
            Self::TooLarge => 413,
            Self::UnsupportedType => 415,
            Self::Unprocessable(_) => 422,
            Self::TooMany { .. } => 429,
            Self::HeadTooLarge => 431,
            Self::Internal(_) | Self::Database(_) => 500,
            Self::Unavailable(_) => 503,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Error;

    #[test]
    fn causes_are_not_shown() {
        let error = Error::internal("disk /dev/x is on fire");
        assert_eq!(error.to_string(), "Something went wrong on our side.");
        assert_eq!(error.status(), 500);
        assert_eq!(Error::unavailable("pool").status(), 503);
        assert_eq!(Error::NotFound.status(), 404);
    }
}

//! Authorization code (RFC 6749 §4.1, RFC 7636): the address of the consent page, and what is asked of the
//! token address afterwards. Every request goes out through [`crate::egress`] under the policy of the method.

mod ask;
mod authorize;
mod exchange;
mod redirect;
mod revoke;

pub(super) use ask::TokenAsk;
pub use authorize::{Consent, asked_scopes, authorize, challenge};
pub use exchange::{Code, Obtained, exchange, refresh};
pub use redirect::{is_issuer, is_verified};
pub use revoke::revoke;

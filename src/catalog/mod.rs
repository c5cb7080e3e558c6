//! The catalogue: one TOML file a service, read and checked once at start.
//!
//! | Part | Modules |
//! |---|---|
//! | what the program sees | `schema` (with `field`, `sign_in`, `call`, `outcome`, `reply`, `pattern`) |
//! | from files to that | `load`, `file`, `resolve`, `rules`, `fault` |
//! | templates | `template`, `filter`, `place`, `address`, `body`, `header` |
//! | forms | `form`, `reading`, `drawing`, `condition`, `value`, `secret_value`, `host` |
//! | where a credential goes | `destination`, `host_pattern` |
//! | what was pasted | `recognise`, `ending` |
//! | upkeep | `lint` |

pub mod address;
pub mod body;
pub mod call;
mod condition;
pub mod destination;
mod drawing;
mod ending;
pub mod fault;
pub mod field;
mod file;
pub mod filter;
pub mod form;
pub mod header;
pub mod host;
pub mod host_pattern;
pub mod lint;
pub mod load;
pub mod outcome;
pub mod pattern;
pub mod place;
mod reading;
pub mod recognise;
pub mod reply;
mod resolve;
mod rules;
pub mod schema;
pub mod secret_value;
pub mod sign_in;
pub mod template;
pub mod value;

pub use fault::LoadError;
pub use load::{Catalog, Category};

#[cfg(test)]
pub(crate) mod tests;

//! Opens a credential for use.

pub mod mask;

//! What several tests share: an authority of their own and servers that answer as they are told.

pub mod authority;
pub mod http_server;
pub mod smtp_server;

//! What is acknowledged is on the disk, and a disk or a database that refuses costs an answer, never data.

mod busy;
mod flush;
mod refusal;
mod stop;

//! The shipped catalogue: every file, method and rule, played through with servers of our own.

mod files;

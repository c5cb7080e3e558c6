//! Credenza: the self-hosted console for the credentials of bots and automations.
//!
//! The rooms, and the one direction in which they may import (an arrow allows everything further
//! along it; `tests/it/layers.rs` holds the code to it):
//!
//! ```text
//! main -> cli -> server -> api -> web, jobs -> change -> broker -> model -> db -> leaf
//!                                                        broker -> check -> egress -> leaf
//!                                                        check, model -> catalog, crypto -> leaf
//!         cli, server, web, jobs, change -> app -> config, broker, mail -> leaf
//!         mail -> config, egress
//! cli -> demo -> check, model
//! cli -> harden
//! ```
//!
//! | Room | What it holds |
//! |---|---|
//! | [`error`], [`id`], [`clock`], [`secret`], [`fold`], [`report`], [`anchor`], [`measure`], [`work`] | leaf: what every room needs and that needs no room |
//! | [`config`] | typed settings from the environment and the files it names |
//! | [`harden`] | what a process gives up at its start |
//! | [`crypto`] | envelope, key ring, password hashing, tokens, fingerprints |
//! | [`catalog`] | one TOML file a service: schema, loader, templates, forms |
//! | [`egress`] | the only place that opens a socket outward |
//! | [`check`] | runs a method's live check and judges the answer |
//! | [`db`] | the two doors to the database, both dialects, migrations |
//! | [`mail`] | what the console's own mails say, and how they leave |
//! | [`model`] | one file a noun: row, rules, queries, audit line |
//! | [`broker`] | opens a credential for use: live tokens, renewed under a lease, and the calls of bots |
//! | [`change`] | the walk of a change of a credential, for pages and the API alike: read, verified, stored |
//! | [`web`] | pages: one folder a noun, guard, headers, session store |
//! | [`api`] | JSON for bots and automations: lists, values, calls, and what Vault's clients ask for |
//! | [`jobs`] | due work: ageing of statuses, purge of deleted ones, rotation of keys, the anchor, mails |
//! | [`demo`] | a throw-away workspace, and services imitated from their catalogue files |
//! | [`cli`] | the command line |

/// A page is thousands of small texts that live for a moment; the system's allocator spends a fifth of its time on them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

pub mod anchor;
pub mod api;
pub mod app;
pub mod broker;
pub mod catalog;
pub mod change;
pub mod check;
pub mod cli;
pub mod clock;
pub mod config;
pub mod crypto;
pub mod db;
pub mod demo;
pub mod egress;
pub mod error;
pub mod fold;
pub mod harden;
pub mod id;
pub mod jobs;
pub mod mail;
pub mod measure;
pub mod model;
pub mod report;
pub mod secret;
pub mod server;
pub mod web;
pub mod work;

//! Tests of the program from outside: one binary, folders mirror addresses.

#![cfg(test)]

mod api;
mod audit;
mod bots;
mod canary;
mod catalog;
mod cli;
mod credentials;
mod demo;
mod durability;
mod entry;
mod faults;
mod harness;
mod headers;
mod keys;
mod layers;
mod limits;
mod lint;
mod manage;
mod matrix;
mod oauth;
mod operation;
mod overview;
mod pages;
mod people;
mod plans;
mod schema;
mod settings;
mod storm;
mod support;
mod time;
mod visitors;

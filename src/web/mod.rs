//! Pages: what a browser sees.

pub mod pages;

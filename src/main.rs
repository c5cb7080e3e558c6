//! The command `credenza`.

fn main() {}

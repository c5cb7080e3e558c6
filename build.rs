//! Tells cargo that folders compiled into the program are part of it.

fn main() {
    for folder in ["migrations", "catalog", "static", "templates"] {
        println!("cargo:rerun-if-changed={folder}");
    }
}

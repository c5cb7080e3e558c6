//! Which room imports which: the arrows of the diagram in `src/lib.rs`, and nothing against them.

#![cfg(test)]

use regex::Regex;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

type Arrows = BTreeMap<String, BTreeSet<String>>;

/// Every file below a folder with this ending.
pub fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            match path.is_dir() {
                true => folders.push(path),
                false if path.extension().is_some_and(|e| e == ending) => found.push(path),
                false => {}
            }
        }
    }
    found.sort();
    found
}

/// A folder of the repository.
pub fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// A source file without comments and without its tests; `None` for a file of tests.
pub fn code(path: &Path) -> Option<String> {
    let named = path.to_string_lossy();
    if named.contains("/tests/") || named.ends_with("tests.rs") || named.ends_with("/stage.rs") {
        return None;
    }
    let text = fs::read_to_string(path).expect("a text");
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let comment = Regex::new(r"(?m)(^|\s)//.*$").expect("a pattern");
    Some(comment.replace_all(text, "").into_owned())
}

/// The arrows of the diagram, and those that follow from them.
fn arrows(map: &str) -> Arrows {
    let leaf = map.lines().find(|line| line.contains("| leaf:")).expect("the row of the leaf rooms");
    let name = Regex::new(r"\[`(\w+)`\]").expect("a pattern");
    let leaf: Vec<String> = name.captures_iter(leaf).map(|c| c[1].to_owned()).collect();
    let diagram = map.split("```").nth(1).expect("the diagram");
    let mut arrows = Arrows::new();
    for line in diagram.lines().filter(|line| line.contains("->")) {
        let line = line.trim_start_matches("//!").trim();
        let groups: Vec<Vec<String>> = line.split("->").map(|group| rooms(group, &leaf)).collect();
        for pair in groups.windows(2) {
            for from in &pair[0] {
                arrows.entry(from.clone()).or_default().extend(pair[1].iter().cloned());
            }
        }
    }
    let targets: Vec<String> = arrows.values().flatten().cloned().chain(leaf).collect();
    for room in targets {
        arrows.entry(room).or_default();
    }
    closed(arrows)
}

fn rooms(group: &str, leaf: &[String]) -> Vec<String> {
    let names = group.split(',').map(str::trim).filter(|name| !name.is_empty());
    names.flat_map(|name| if name == "leaf" { leaf.to_vec() } else { vec![name.to_owned()] }).collect()
}

/// An arrow allows everything further along it.
fn closed(mut arrows: Arrows) -> Arrows {
    loop {
        let before = arrows.clone();
        for targets in arrows.values_mut() {
            for target in targets.clone() {
                targets.extend(before.get(&target).into_iter().flatten().cloned());
            }
        }
        if arrows == before {
            return arrows;
        }
    }
}

/// The rooms that a file names by `crate::` or by enough `super::`.
fn named(code: &str, depth: usize) -> BTreeSet<String> {
    let direct = Regex::new(r"\bcrate::(\w+)").expect("a pattern");
    let group = Regex::new(r"\bcrate::\{([^;]*)\}").expect("a pattern");
    let braces = Regex::new(r"\{[^{}]*\}").expect("a pattern");
    let first = Regex::new(r"(?:^|,)\s*(\w+)").expect("a pattern");
    let above = Regex::new(r"((?:super::)+)(\w+)").expect("a pattern");
    let mut found: BTreeSet<String> = direct.captures_iter(code).map(|c| c[1].to_owned()).collect();
    for group in group.captures_iter(code) {
        let inner = braces.replace_all(&group[1], "").into_owned();
        found.extend(first.captures_iter(&inner).map(|c| c[1].to_owned()));
    }
    let supers = above.captures_iter(code).filter(|c| c[1].matches("super").count() == depth);
    found.extend(supers.map(|c| c[2].to_owned()));
    found
}

#[test]
fn rooms_import_only_along_the_arrows() {
    let src = folder("src");
    let arrows = arrows(&fs::read_to_string(src.join("lib.rs")).expect("the map"));
    let mut against = Vec::new();
    let mut judged = 0;
    for path in files(&src, "rs") {
        let inside = path.strip_prefix(&src).expect("inside").to_string_lossy().into_owned();
        let room = inside.split('/').next().unwrap_or_default().trim_end_matches(".rs").to_owned();
        let Some(code) = code(&path) else { continue };
        if room == "lib" || room == "main" {
            continue;
        }
        let allowed = arrows.get(&room).unwrap_or_else(|| panic!("{room} is not in the diagram of src/lib.rs"));
        let depth = inside.split('/').filter(|part| *part != "mod.rs").count();
        for import in named(&code, depth) {
            judged += 1;
            if import != room && !allowed.contains(&import) {
                against.push(format!("{inside} imports {import}"));
            }
        }
    }
    assert!(against.is_empty(), "against the arrows: {against:#?}");
    assert!(judged > 100, "the rooms import each other");
}

#[test]
fn what_is_against_the_arrows_is_seen() {
    let map = "//! ```text\n//! web -> model -> db -> leaf\n//! ```\n//! | [`error`], [`id`] | leaf: all |";
    let arrows = arrows(map);
    let reach = |room: &str| arrows[room].iter().map(String::as_str).collect::<Vec<_>>();
    assert_eq!(reach("web"), ["db", "error", "id", "model"]);
    assert_eq!(reach("db"), ["error", "id"]);
    assert!(reach("id").is_empty());
    let code =
        "use crate::{model::user, web::{shell, x}};\nuse super::super::db;\nuse super::near;\nlet a = crate::id::Id;";
    assert_eq!(named(code, 2).iter().map(String::as_str).collect::<Vec<_>>(), ["db", "id", "model", "web"]);
}

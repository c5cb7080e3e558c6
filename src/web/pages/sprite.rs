//! One sheet of all service icons, so that a list of many services is one request.
//!
//! Each icon is a nested `<svg>` with a `<view>` of its name (SVG 2, linking into SVG content):
//! `<img src="…/icons.svg#stripe">` shows that part. Unlike `<use>`, gradients keep working.

use regex::{Captures, Regex};
use std::fmt::Write;

/// The side of an icon's place in the sheet.
const SIDE: usize = 32;

/// What an icon may say on its outermost element for everything inside.
const INHERITED: [&str; 6] = ["fill", "color", "stroke", "stroke-width", "stroke-linecap", "stroke-linejoin"];

/// Joins `(id, svg)` pairs into a sheet; texts that are no single `<svg>` element with a
/// `viewBox` are left out. Ids inside are prefixed, so that icons cannot meet.
pub fn build<'a>(icons: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut body = String::new();
    let mut row = 0;
    for (id, svg) in icons {
        let Some(part) = nested(id, svg, row * SIDE) else { continue };
        body.push_str(&part);
        row += 1;
    }
    let height = row * SIDE;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" xmlns:xlink=\"http://www.w3.org/1999/xlink\" viewBox=\"0 0 {SIDE} {height}\">{body}</svg>\n"
    )
}

fn nested(id: &str, svg: &str, y: usize) -> Option<String> {
    if id.is_empty() || !id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_') {
        return None;
    }
    let open = svg.find("<svg")?;
    let (head, rest) = svg.get(open..)?.split_once('>')?;
    let inner = rest.get(..rest.rfind("</svg>")?)?;
    let view_box = attribute(head, "viewBox").or_else(|| {
        let side = |name| attribute(head, name).filter(|v| v.parse::<f64>().is_ok());
        Some(format!("0 0 {} {}", side("width")?, side("height")?))
    })?;
    let mut out = format!("<view id=\"{id}\" viewBox=\"0 {y} {SIDE} {SIDE}\"/>");
    let look: String =
        INHERITED.iter().filter_map(|name| attribute(head, name).map(|value| format!(" {name}=\"{value}\""))).collect();
    write!(
        out,
        "<svg y=\"{y}\" width=\"{SIDE}\" height=\"{SIDE}\" viewBox=\"{view_box}\"{look}>{}</svg>",
        prefixed(id, inner)?
    )
    .ok()?;
    Some(out)
}

/// The value of an attribute of a start tag, if it is plain.
fn attribute(head: &str, name: &str) -> Option<String> {
    let value = Regex::new(&format!(r#"\s{name}\s*=\s*["']([^"'<&]*)["']"#)).ok()?;
    Some(value.captures(head)?.get(1)?.as_str().to_owned())
}

/// Prefixes ids and the references to them.
fn prefixed(id: &str, inner: &str) -> Option<String> {
    let ids = Regex::new(r##"(\sid=["']|url\(['"]?#|href=["']#)"##).ok()?;
    Some(ids.replace_all(inner, |found: &Captures| format!("{}{id}.", &found[0])).into_owned())
}

#[cfg(test)]
mod tests {
    use super::build;

    #[test]
    fn icons_have_views_and_prefixed_ids() {
        let one = r##"<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" fill="#f00"><defs><linearGradient id="a"/></defs><path fill="url(#a)"/></svg>"##;
        let two = r##"<svg viewBox="0 0 256 256"><use href="#a"/><g id="a"/></svg>"##;
        let sheet = build([("one", one), ("two", two), ("bad\"id", two), ("none", "hello")]);
        assert!(sheet.contains(r##"<view id="one" viewBox="0 0 32 32"/>"##), "{sheet}");
        assert!(sheet.contains(r##"<view id="two" viewBox="0 32 32 32"/>"##), "{sheet}");
        assert!(sheet.contains(r##"fill="#f00"><defs><linearGradient id="one.a""##), "{sheet}");
        assert!(sheet.contains("url(#one.a)") && sheet.contains(r##"href="#two.a""##), "{sheet}");
        assert!(!sheet.contains("bad") && !sheet.contains("none") && sheet.contains(r#"viewBox="0 0 32 64""#));
    }
}

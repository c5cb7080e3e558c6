//! Every page is drawn from samples and read back: well formed, labelled, nothing inline.
//!
//! `SAMPLES_DIR=/some/folder cargo test --test it pages` also writes them there, to be looked at.

#![cfg(test)]

mod sample_audit;
mod sample_bots;
mod sample_details;
mod sample_forms;
mod sample_lists;
mod sample_oauth;
mod sample_overview;
mod sample_people;
mod sample_settings;
mod sample_tokens;
mod samples;

use samples::{HOSTILE, Sample};
use scraper::{ElementRef, Html, Selector};
use std::collections::BTreeSet;
use std::path::Path;

fn select(css: &str) -> Selector {
    Selector::parse(css).unwrap()
}

fn each(check: impl Fn(&Sample, &Html)) {
    for sample in samples::all() {
        let fragment = !sample.html.trim_start().to_lowercase().starts_with("<!doctype");
        let html = match (fragment, sample.html.contains("<tr")) {
            (true, true) => format!("<!doctype html><html lang=en><title>x</title><table>{}</table>", sample.html),
            (true, false) => format!("<!doctype html><html lang=en><title>x</title>{}", sample.html),
            _ => sample.html.clone(),
        };
        check(&sample, &Html::parse_document(&html));
    }
}

#[test]
fn pages_parse_without_errors() {
    each(|s, html| assert!(html.errors.is_empty(), "{}: {:?}", s.name, html.errors));
}

#[test]
fn ids_are_unique() {
    each(|s, html| {
        let mut seen = BTreeSet::new();
        for element in html.select(&select("[id]")) {
            let id = element.attr("id").unwrap();
            assert!(!id.is_empty() && !id.contains(char::is_whitespace), "{}: id {id:?}", s.name);
            assert!(seen.insert(id), "{}: id {id} twice", s.name);
        }
    });
}

#[test]
fn references_lead_to_elements() {
    each(|s, html| {
        let ids: BTreeSet<_> = html.select(&select("[id]")).filter_map(|e| e.attr("id")).collect();
        for name in ["aria-describedby", "aria-labelledby", "for"] {
            for element in html.select(&select(&format!("[{name}]"))) {
                for id in element.attr(name).unwrap().split_whitespace() {
                    assert!(ids.contains(id), "{}: {name} names {id}, which is not there", s.name);
                }
            }
        }
    });
}

#[test]
fn errors_are_told_with_what_they_are_about() {
    let mut seen = 0;
    each(|s, html| {
        for error in html.select(&select("[id$='-error']")) {
            let id = error.attr("id").unwrap();
            let told = html.select(&select(&format!("[aria-describedby~='{id}']"))).count();
            assert_eq!(told, 1, "{}: {id}", s.name);
        }
        for group in html.select(&select(".seg-field.err")) {
            assert_eq!(group.attr("aria-invalid"), Some("true"), "{}", s.name);
        }
    });
    for sample in samples::all() {
        seen += Html::parse_document(&sample.html).select(&select(".seg-field.err")).count();
    }
    assert!(seen > 1, "{seen}");
}

fn is_labelled(html: &Html, control: ElementRef<'_>) -> bool {
    if control.attr("aria-label").is_some_and(|l| !l.trim().is_empty()) {
        return true;
    }
    let id = control.attr("id").unwrap_or_default();
    let by_for = html.select(&select("label[for]")).any(|l| l.attr("for") == Some(id) && !id.is_empty());
    by_for || control.ancestors().filter_map(ElementRef::wrap).any(|a| a.value().name() == "label")
}

#[test]
fn every_control_has_a_label() {
    each(|s, html| {
        for control in html.select(&select("input:not([type=hidden]), select, textarea")) {
            assert!(is_labelled(html, control), "{}: {}", s.name, control.html());
        }
        for button in html.select(&select("button, a[href], summary")) {
            let named = button.attr("aria-label").is_some() || !button.text().collect::<String>().trim().is_empty();
            assert!(named, "{}: {}", s.name, button.html());
        }
    });
}

#[test]
fn a_new_password_is_kept_by_managers_under_the_address_that_signs_in() {
    each(|s, html| {
        let (new, name) = (select("[autocomplete=new-password]"), select("[autocomplete=username]"));
        for form in html.select(&select("form")).filter(|form| form.select(&new).next().is_some()) {
            assert_eq!(form.select(&name).count(), 1, "{}", s.name);
        }
    });
}

#[test]
fn t058_nothing_is_inline_and_nothing_is_foreign() {
    each(|s, html| {
        for element in html.select(&select("*")) {
            let tag = element.value().name();
            assert!(tag != "style" && tag != "iframe" && tag != "object" && tag != "base", "{}: <{tag}>", s.name);
            assert!(
                tag != "script" || element.attr("src").is_some_and(|src| src.starts_with("/static/")),
                "{}: script",
                s.name
            );
            assert!(tag != "script" || element.text().next().is_none(), "{}: script with text", s.name);
            for (name, value) in element.value().attrs() {
                assert!(name != "style" && !name.starts_with("on"), "{}: {name}={value}", s.name);
                let start = value.trim_start().to_lowercase();
                let link = matches!(name, "href" | "src" | "action" | "formaction");
                assert!(
                    !link || !(start.starts_with("data:") || start.starts_with("javascript:")),
                    "{}: {value}",
                    s.name
                );
                assert!(
                    !matches!(name, "src" | "action" | "formaction") || start.starts_with('/'),
                    "{}: {value}",
                    s.name
                );
            }
        }
    });
}

#[test]
fn t059_htmx_is_used_without_its_risky_parts() {
    each(|s, html| {
        for element in html.select(&select("*")) {
            for (name, value) in element.value().attrs() {
                assert!(
                    !name.starts_with("hx-on") && name != "hx-ext" && !name.starts_with("data-hx"),
                    "{}: {name}",
                    s.name
                );
                assert!(!name.starts_with("hx-") || !value.contains("js:"), "{}: {value}", s.name);
                assert!(name != "hx-trigger" || !value.contains('['), "{}: {value}", s.name);
            }
        }
        for meta in html.select(&select("meta[name=htmx-config]")) {
            let config: serde_json::Value = serde_json::from_str(meta.attr("content").unwrap()).unwrap();
            assert_eq!(config["mode"], "same-origin");
            assert_eq!(config["includeIndicatorCSS"], false);
            assert_eq!(config["history"], false);
            assert!(config.get("extensions").is_none());
        }
    });
}

#[test]
fn t005_an_open_page_asks_for_nothing_by_itself() {
    each(|s, html| {
        for element in html.select(&select("[hx-trigger]")) {
            let trigger = element.attr("hx-trigger").unwrap();
            let asks = ["every", "load", "revealed", "intersect"].iter().any(|word| trigger.contains(word));
            assert!(!asks, "{}: {trigger} keeps a session from ending", s.name);
        }
        assert_eq!(html.select(&select("meta[http-equiv=refresh]")).count(), 0, "{}", s.name);
    });
}

#[test]
fn t054_hostile_texts_stay_texts() {
    let mut met = 0;
    each(|s, html| {
        for element in html.select(&select("*")) {
            assert!(element.attr("onload").is_none() && element.attr("onfocus").is_none(), "{}", s.name);
            assert_ne!(element.attr("hx-get"), Some("/x"), "{}", s.name);
        }
        assert!(!s.html.contains("49 </textarea>") && !s.html.contains("<script>alert"), "{}", s.name);
    });
    for sample in samples::all() {
        let html = Html::parse_document(&sample.html);
        met +=
            html.select(&select("a.name, h1, dd")).filter(|e| e.text().collect::<String>().contains(HOSTILE)).count();
    }
    assert!(met > 8, "the hostile text is on the pages to be looked for, found {met} times");
}

#[test]
fn t070_secret_boxes_are_empty() {
    let mut boxes = 0;
    for sample in samples::all() {
        let html = Html::parse_document(&sample.html);
        for secret in html.select(&select("[data-secret], input[type=password]")) {
            boxes += 1;
            assert_eq!(secret.attr("value"), None, "{}", sample.name);
            assert_eq!(secret.text().collect::<String>(), "", "{}", sample.name);
            assert!(secret.attr("data-plain").is_none(), "{}: it would be sent when the form is redrawn", sample.name);
            if secret.attr("data-secret").is_some() {
                assert_eq!(secret.attr("autocomplete"), Some("off"), "{}", sample.name);
            }
        }
    }
    assert!(boxes > 8, "{boxes}");
}

/// A disabled box is not sent, and what is not sent reads as its default: a fixed value must travel along.
#[test]
fn fixed_values_are_sent_unchanged() {
    let edit = samples::all().into_iter().find(|s| s.name == "edit").unwrap().html;
    let html = Html::parse_document(&edit);
    let mut fixed = 0;
    for control in html.select(&select("select[disabled], input[type=checkbox][disabled]")) {
        let name = control.attr("name").unwrap();
        assert_eq!(html.select(&select(&format!("input[type=hidden][name='{name}'][value]"))).count(), 1, "{name}");
        fixed += 1;
    }
    assert!(fixed >= 2, "{fixed}");
}

#[test]
fn members_see_no_values_and_no_actions() {
    let by_name = |name: &str| samples::all().into_iter().find(|s| s.name == name).unwrap().html;
    let (list, detail) = (by_name("list-member"), by_name("detail-member"));
    for text in
        ["owner@acme.example", "smtp.acme.example", "10.20.4.12", "/edit", "/deletion", "/checks", "restricted key"]
    {
        assert!(!list.contains(text), "{text}");
    }
    for text in
        ["owner@acme.example", "Leads 2026", "••••", "/edit", "/deletion", "/checks", "invalid_grant", "Planilha"]
    {
        assert!(!detail.contains(text), "{text}");
    }
    for text in ["owner@acme.example", "/deletion"] {
        assert!(by_name("list").contains(text), "{text}");
    }
}

#[test]
fn t060_templates_never_switch_escaping_off() {
    fn walk(folder: &Path, seen: &mut usize) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, seen);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let bare: String = text.chars().filter(|c| !c.is_whitespace()).collect();
            assert!(
                !bare.contains("|safe") && !bare.contains("escape=\"none\"") && !bare.contains("escape(\"none\""),
                "{path:?}"
            );
            *seen += 1;
        }
    }
    let mut seen = 0;
    walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join("templates"), &mut seen);
    assert!(seen > 20);
}

#[test]
fn t059_htmx_is_the_file_it_was() {
    use sha2::{Digest, Sha256};
    let vendor = Path::new(env!("CARGO_MANIFEST_DIR")).join("static/vendor");
    let digest = Sha256::digest(std::fs::read(vendor.join("htmx-4.0.1.min.js")).unwrap());
    let hex: String = digest.iter().map(|b| format!("{b:02x}")).collect();
    let pinned = std::fs::read_to_string(vendor.join("htmx-4.0.1.min.js.sha256")).unwrap();
    assert_eq!(pinned.split_whitespace().next(), Some(hex.as_str()));
}

#[test]
fn samples_can_be_looked_at() {
    let all = samples::all();
    assert!(all.len() > 30);
    let Some(folder) = std::env::var_os("SAMPLES_DIR") else { return };
    std::fs::create_dir_all(&folder).unwrap();
    for sample in all {
        std::fs::write(Path::new(&folder).join(format!("{}.html", sample.name)), sample.html).unwrap();
    }
}

use crate::catalog::body::{Entries, JsonTemplate};
use crate::catalog::place::Place;
use crate::catalog::template::{RenderError, Template, TemplateError};
use proptest::prelude::*;

fn scope(name: &str) -> Option<&'static str> {
    match name {
        "key" => Some("ab-us6"),
        "space" => Some(" X "),
        "url" => Some("https://shop.example.com:8443/x"),
        "json" => Some(r#"{"a":{"b":["x",7,true,null]},"client_email":"bot@example.com"}"#),
        "crlf" => Some("a\r\nHost: evil"),
        "header" => Some("X-Api-Key"),
        "empty" => Some(""),
        _ => None,
    }
}

fn rendered(text: &str, place: Place) -> Result<String, RenderError> {
    Template::parse(text).unwrap().render(&scope, place).map(|s| s.expose().to_owned())
}

fn raw(text: &str) -> String {
    rendered(text, Place::Raw).unwrap()
}

#[test]
fn names_paths_fallbacks_and_filters() {
    assert_eq!(raw("Bearer {key}"), "Bearer ab-us6");
    assert_eq!(raw("{json.client_email}"), "bot@example.com");
    assert_eq!(raw("{json.a.b.0}{json.a.b.1}{json.a.b.2}{json.a.b.3}{json.a}"), "x7true");
    assert_eq!(raw("{empty ?? missing ?? key}"), "ab-us6");
    assert_eq!(raw("{key|after_last:-}"), "us6");
    assert_eq!(raw("{key|before_first:-}"), "ab");
    assert_eq!(raw("{empty|trim ?? space|trim|lower}"), "x");
    assert_eq!(raw("{url|host}"), "shop.example.com");
    assert_eq!(raw("{key|b64}"), "YWItdXM2");
    assert_eq!(raw("{{ shop {{ name }} }}"), "{ shop { name } }");
    assert_eq!(raw("{{{key}}}"), "{ab-us6}");
}

#[test]
fn what_is_not_a_template_is_refused() {
    for text in
        ["{", "}", "{a", "{}", "{ }", "{A}", "{a.}", "{a.b c}", "{a ?? }", "{1}", "a}b", "{a|}", "{a|after_last:}"]
    {
        assert!(Template::parse(text).is_err(), "{text}");
    }
    assert_eq!(Template::parse("{a|upper}").unwrap_err(), TemplateError::Filter("upper".into()));
}

#[test]
fn a_value_that_is_all_empty_is_absent() {
    assert_eq!(raw("Bearer {empty}"), "");
    assert_eq!(raw("{empty} {key}"), " ab-us6");
    assert_eq!(raw("constant"), "constant");
    let table: Entries = toml::from_str("A = \"{key}\"\nB = \"Token {missing}\"\nC = \"x\"").unwrap();
    let names: Vec<String> = table.headers(&scope).unwrap().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["A", "C"]);
    let json: JsonTemplate = toml::from_str("a = \"{missing}\"\nb = [1, \"{key}\"]\nc = { d = true }").unwrap();
    let body = json.render(&scope).unwrap().unwrap();
    assert_eq!(body, serde_json::json!({ "b": [1, "ab-us6"], "c": { "d": true } }));
}

#[test]
fn t051_header_values_and_names_refuse_control_characters() {
    assert_eq!(rendered("{crlf}", Place::Header), Err(RenderError::ControlCharacter("crlf".into())));
    assert!(rendered("{crlf}", Place::HeaderName).is_err());
    assert_eq!(rendered("{header}", Place::HeaderName).unwrap(), "X-Api-Key");
    assert!(rendered("{key}; {space}", Place::Cookie).is_err());
}

#[test]
fn rendered_values_and_templates_do_not_show_in_debug() {
    let template = Template::parse("Bearer {key}").unwrap();
    let value = template.render(&scope, Place::Header).unwrap();
    assert!(!format!("{value:?}{template:?}").contains("ab-us6"));
}

proptest! {
    #[test]
    fn parsing_never_panics_and_keeps_the_text(text in "\\PC{0,60}") {
        if let Ok(template) = Template::parse(&text) {
            prop_assert_eq!(template.text(), text.as_str());
        }
    }

    #[test]
    fn literal_braces_come_back(text in "[a-z{} ]{0,40}") {
        let escaped = text.replace('{', "{{").replace('}', "}}");
        prop_assert_eq!(Template::parse(&escaped).unwrap().constant().unwrap(), text);
    }

    #[test]
    fn a_value_stays_one_piece_of_a_path_or_query(value in "\\PC{1,40}") {
        let scope = |name: &str| (name == "v").then_some(value.as_str());
        let template = Template::parse("{v}").unwrap();
        for place in [Place::Path, Place::Query] {
            if let Ok(out) = template.render(&scope, place) {
                prop_assert!(!out.expose().contains(['/', '?', '#', '&', '=', '\\', ' ', '@', ':']));
            }
        }
    }

    #[test]
    fn a_header_value_is_one_line(value in "(?s).{0,40}") {
        let scope = |name: &str| (name == "v").then_some(value.as_str());
        if let Ok(out) = Template::parse("x {v}").unwrap().render(&scope, Place::Header) {
            prop_assert!(!out.expose().chars().any(char::is_control));
        }
    }
}

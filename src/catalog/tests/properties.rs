use crate::catalog::Catalog;
use crate::catalog::form::{Input, Mode, Shown, Stored, fields, parse};
use crate::catalog::host::{address, email, host};
use crate::catalog::place::Place;
use crate::catalog::schema::{FieldKind, Method};
use crate::catalog::template::Template;
use crate::catalog::{destination, value};
use crate::secret::Secret;
use proptest::prelude::*;
use std::sync::LazyLock;

static CATALOG: LazyLock<Catalog> = LazyLock::new(|| Catalog::load(None).unwrap());

fn methods() -> impl Iterator<Item = (&'static str, &'static Method)> {
    CATALOG.all().iter().flat_map(|one| one.methods.iter().map(|m| (one.id.as_str(), m)))
}

proptest! {
    #[test]
    fn canonical_hosts_stay_as_they_are(typed in "\\PC{0,30}|[a-z0-9.:_\\[\\]-]{0,40}") {
        if let Ok(name) = host(&typed) {
            prop_assert_eq!(host(&name), Ok(name.clone()));
            let scope = |_: &str| Some(name.as_str());
            let rendered = Template::parse("{h}").unwrap().render(&scope, Place::WholeHost).unwrap();
            prop_assert_eq!(rendered.expose(), name.as_str());
        }
    }

    #[test]
    fn canonical_addresses_stay_as_they_are(typed in "https?://[a-zA-Z0-9.:/?=&%@#\\[\\]_-]{0,40}|\\PC{0,30}") {
        if let Ok(text) = address(&typed) {
            prop_assert_eq!(address(&text), Ok(text.clone()));
            let url = url::Url::parse(&text).unwrap();
            prop_assert!(url.username().is_empty() && url.password().is_none() && url.fragment().is_none());
        }
    }

    #[test]
    fn mail_addresses_hold_no_line_ends_or_brackets(typed in "(?s).{0,20}@.{0,20}") {
        if let Ok(text) = email(&typed) {
            prop_assert!(!text.contains(['\r', '\n', '<', '>', ' ']));
        }
    }

    #[test]
    fn canonical_values_stay_as_they_are(typed in "(?s).{0,30}|https://[a-z.]{1,20}/admin|[a-z0-9./-]{0,20}") {
        for (_, method) in methods() {
            for field in method.plain_fields() {
                if let Ok(first) = value::plain(field, &typed, false) {
                    let again = value::plain(field, &first.text, false);
                    prop_assert_eq!(again.map(|v| v.text), Ok(first.text), "{}", field.name);
                }
            }
        }
    }

    #[test]
    fn no_form_panics_or_quotes_a_secret(typed in "(?s).{0,40}", canary in "cn[a-z]{12}") {
        for (id, method) in methods() {
            let integration = CATALOG.get(id).unwrap();
            let mut input = Input::default();
            for field in &method.fields {
                let text = if field.kind.is_secret() { format!("{typed}{canary}") } else { typed.clone() };
                input.fields.insert(field.name.clone(), Secret::new(text));
            }
            let stored = Stored { secrets: method.secret_fields().map(|f| f.name.clone()).collect(), ..Stored::default() };
            for mode in [Mode::Create, Mode::Edit(&stored), Mode::Rotate(&stored)] {
                let input = Input { fields: input.fields.iter().map(|(n, v)| (n.clone(), v.duplicate())).collect(), clear: Default::default() };
                let shown = Shown { typed: input.shown(method), ..Shown::default() };
                let views = format!("{:?}", fields(method, mode, &shown));
                prop_assert!(!views.contains(&canary));
                let said = format!("{:?}", parse(integration, method, mode, input));
                prop_assert!(!said.contains(&canary), "{} {}: {said}", id, method.id);
            }
        }
    }
}

#[test]
fn every_shipped_destination_field_is_plain_and_asked() {
    for (id, method) in methods() {
        for name in destination::names(method) {
            let field = method.field(name).unwrap();
            assert!(field.is_asked() && !field.kind.is_secret(), "{id} {name}");
        }
        let typed = method.plain_fields().any(|f| matches!(f.kind, FieldKind::Host | FieldKind::Url));
        assert!(!typed || !destination::names(method).is_empty(), "{id} {}", method.id);
    }
}

#[test]
fn every_shipped_form_says_what_is_missing() {
    for (id, method) in methods() {
        let needed: Vec<_> = method
            .form_fields()
            .filter(|f| f.required && f.default.is_none() && f.show_if.is_none() && f.kind != FieldKind::Switch)
            .collect();
        let remarks = parse(CATALOG.get(id).unwrap(), method, Mode::Create, Input::default());
        if needed.is_empty() && method.needs_consent() {
            assert!(remarks.is_ok(), "{id}: everything else is asked at the service");
            continue;
        }
        let remarks = remarks.map(|_| ()).expect_err(id);
        for field in needed {
            assert_eq!(remarks.0.get(&field.name).map(|r| r.code), Some("required"), "{id} {}", field.name);
        }
    }
}

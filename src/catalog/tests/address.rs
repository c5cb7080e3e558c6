use crate::catalog::address::UrlTemplate;
use crate::catalog::template::RenderError;
use crate::secret::Secret;
use proptest::prelude::*;

fn rendered(url: &str, base: Option<&str>, pairs: &[(&str, &str)]) -> Result<String, RenderError> {
    let mut url = UrlTemplate::parse(url).unwrap();
    url.mark_paths(&|name| name == "check_path");
    let base = base.map(|b| UrlTemplate::parse(b).unwrap());
    let scope = |name: &str| pairs.iter().find(|(n, _)| *n == name).map(|(_, v)| *v);
    url.render(base.as_ref(), &scope).map(|a| a.expose().expose().to_owned())
}

#[test]
fn addresses_are_absolute_based_on_a_field_or_relative() {
    let shop = [("shop", "Acme"), ("base_url", "https://api.example.com:8443/v1/?k=1"), ("id", "7")];
    let base = Some("https://{shop}.example.com/admin/");
    assert_eq!(rendered("https://{shop}.example.com", None, &shop).unwrap(), "https://acme.example.com/");
    assert_eq!(rendered("/me/{id}?x={id}", base, &shop).unwrap(), "https://acme.example.com/admin/me/7?x=7");
    assert_eq!(rendered("{base_url}/models", None, &shop).unwrap(), "https://api.example.com:8443/v1/models?k=1");
    assert_eq!(rendered("/models", Some("{base_url}"), &shop).unwrap(), "https://api.example.com:8443/v1/models?k=1");
    assert_eq!(rendered("/models", None, &shop), Err(RenderError::BadAddress));
}

#[test]
fn a_field_of_format_path_keeps_its_slashes_and_query() {
    let pairs = [("base_url", "https://api.example.com"), ("check_path", "/v1/me?fields=a,b&x=%20"), ("id", "a/b?c")];
    let url = rendered("{base_url}{check_path}", None, &pairs).unwrap();
    assert_eq!(url, "https://api.example.com/v1/me?fields=a,b&x=%20");
    assert_eq!(rendered("{base_url}/{id}", None, &pairs).unwrap(), "https://api.example.com/a%2Fb%3Fc");
    let evil = [("base_url", "https://api.example.com"), ("check_path", ".evil.test/x")];
    assert_eq!(rendered("{base_url}{check_path}", None, &evil).unwrap(), "https://api.example.com/.evil.test/x");
    let climbing = [("base_url", "https://api.example.com/a"), ("check_path", "/%2e%2E/x")];
    assert_eq!(rendered("{base_url}{check_path}", None, &climbing), Err(RenderError::BadAddress));
}

#[test]
fn a_label_is_only_a_label() {
    for value in ["evil.test", "a/b", "a@b", "a:1", "-a", "a-", "a_b", "é", "", "a#", "a\r\n"] {
        let result = rendered("https://{shop}.example.com/x", None, &[("shop", value)]);
        assert!(matches!(result, Err(RenderError::NotALabel(_) | RenderError::Missing(_))), "{value:?}");
    }
}

#[test]
fn a_whole_host_is_only_a_host() {
    for value in ["a.example/x", "u@a.example", "a.example:1", "a example", "a?b", ""] {
        assert!(rendered("https://{host}/x", None, &[("host", value)]).is_err(), "{value:?}");
    }
    assert_eq!(rendered("https://{host}/x", None, &[("host", "[::1]")]).unwrap(), "https://[::1]/x");
}

#[test]
fn a_base_with_a_user_or_another_scheme_is_refused() {
    for value in ["https://u:p@a.example", "ftp://a.example", "a.example", "https://a.example/#x", "file:///x"] {
        assert!(rendered("{base_url}/x", None, &[("base_url", value)]).is_err(), "{value:?}");
    }
}

#[test]
fn values_do_not_climb_out_of_their_path() {
    for value in [".", "..", ""] {
        assert!(rendered("https://api.example.com/a/{id}/b", None, &[("id", value)]).is_err(), "{value:?}");
    }
}

#[test]
fn the_log_form_is_the_template() {
    let base = UrlTemplate::parse("https://api.example.org").unwrap();
    let url = UrlTemplate::parse("/bot{key}/getMe").unwrap();
    assert_eq!(url.log_form(Some(&base)), "https://api.example.org/bot{key}/getMe");
    let address = url.render(Some(&base), &|_| Some("canary")).unwrap();
    assert!(!format!("{url:?}{address:?}").contains("canary"));
    assert_eq!(address.origin(), "https://api.example.org");
}

#[test]
fn query_parameters_are_added_encoded() {
    let url = UrlTemplate::parse("https://api.example.org/x?a=1").unwrap();
    let mut address = url.render(None, &|_| None).unwrap();
    address.push_query("k&", &Secret::new("a b=c".into()));
    address.push_query("empty", &Secret::new(String::new()));
    assert_eq!(address.expose().expose(), "https://api.example.org/x?a=1&k%26=a%20b%3Dc");
}

#[test]
fn broken_address_templates_are_refused() {
    for text in [
        "ftp://x.example",
        "x.example/y",
        "https://",
        "https://u@x.example",
        "https://x.example/#f",
        "https://x.example/a b",
    ] {
        assert!(UrlTemplate::parse(text).is_err(), "{text}");
    }
}

proptest! {
    #[test]
    fn no_value_changes_the_host(label in "\\PC{0,30}", id in "\\PC{0,30}") {
        let pairs = [("shop", label.as_str()), ("id", id.as_str())];
        if let Ok(out) = rendered("https://{shop}.example.com/v1/{id}?q={id}", None, &pairs) {
            let url = url::Url::parse(&out).unwrap();
            prop_assert_eq!(url.host_str().unwrap().strip_suffix(".example.com").unwrap(), label.to_ascii_lowercase());
            prop_assert_eq!(url.path_segments().unwrap().count(), 2);
        }
    }

    #[test]
    fn parsing_never_panics(text in "(https://)?[a-z{}/?:@.|# ]{0,40}") {
        let _ = UrlTemplate::parse(&text);
    }
}

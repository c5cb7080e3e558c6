use super::super::allow::Allow;
use super::super::policy::Pattern;
use super::super::smtp::parse_code;
use super::super::target::{Host, Mode, Target};
use proptest::prelude::*;

/// Texts that look like addresses, with what confuses readers sprinkled in.
fn odd_address() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("https://".to_owned()),
        Just("http:".to_owned()),
        Just("//".to_owned()),
        Just("@".to_owned()),
        Just("\\".to_owned()),
        Just("#".to_owned()),
        Just("?".to_owned()),
        Just("/".to_owned()),
        Just("..".to_owned()),
        Just("%2e".to_owned()),
        Just("[::1]".to_owned()),
        Just("127.0.0.1".to_owned()),
        Just("0x7f.1".to_owned()),
        Just(":443".to_owned()),
        Just("good.example".to_owned()),
        Just("。".to_owned()),
        "[a-z0-9.-]{0,12}",
        "\\PC{0,4}",
    ];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| format!("https://{}", pieces.concat()))
}

proptest! {
    #[test]
    fn t090_no_address_has_two_readings(text in odd_address()) {
        if let Ok(target) = Target::http(&text) {
            let url = url::Url::parse(&text).unwrap();
            prop_assert_eq!(url.host_str().unwrap(), target.host().to_string());
            prop_assert_eq!(url.port_or_known_default().unwrap(), target.port());
            prop_assert_eq!(url.scheme() == "https", target.mode() == Mode::Https);
            prop_assert!(url.username().is_empty() && url.password().is_none());
            let sent: hyper::Uri = target.resource().expose().parse().unwrap();
            prop_assert!(sent.host().is_none() && sent.path().starts_with('/'));
        }
    }

    #[test]
    fn hosts_are_plain_and_stay_as_they_are(text in "\\PC{0,40}") {
        if let Ok(host) = Host::parse(&text) {
            let again = host.to_string();
            prop_assert_eq!(Host::parse(&again).unwrap(), host);
            prop_assert!(again.bytes().all(|b| b.is_ascii_graphic() && b != b'/' && b != b'@'));
        }
    }

    #[test]
    fn lists_of_the_operator_are_read_as_they_are_written(text in "[a-z0-9.:/,\\[\\]-]{0,40}") {
        if let Ok(allow) = Allow::parse(&text) {
            let written = allow.entries().collect::<Vec<_>>().join(",");
            prop_assert_eq!(Allow::parse(&written).unwrap(), allow);
        }
    }

    #[test]
    fn patterns_and_codes_never_panic(text in "\\PC{0,40}") {
        let _ = Pattern::parse(&text);
        if let Some(code) = parse_code(&text) {
            prop_assert_eq!(parse_code(&code.to_string()), Some(code));
        }
    }
}

use super::*;

fn config(vars: &[(&str, &str)]) -> Result<Config, ConfigError> {
    Config::from(vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
}

/// The only problem: its variable and text.
fn problem(vars: &[(&str, &str)]) -> (String, String) {
    let ConfigError(mut problems) = config(vars).unwrap_err();
    assert_eq!(problems.len(), 1, "{problems:?}");
    let Problem { variable, text } = problems.remove(0);
    (variable, text)
}

#[test]
fn nothing_set_is_a_working_start_on_this_machine() {
    let config = config(&[("PATH", "/bin"), ("HOME", "/root")]).unwrap();
    assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.public_url.as_str(), "http://127.0.0.1:8080/");
    assert!(matches!(&config.database, Database::Sqlite(path) if path == Path::new("./data/credenza.db")));
    assert!(matches!(&config.root_key, RootKeySource::Created(path) if path == Path::new("./data/root.key")));
    assert_eq!((config.log.as_str(), config.log_format), ("info", LogFormat::Text));
    assert!(config.egress_allow.is_empty() && config.trusted_proxies.is_empty() && !config.is_https());
    assert_eq!(config.dangers().len(), 1, "{:?}", config.dangers());
}

#[test]
fn t176_unknown_variables_are_refused_with_the_nearest_name() {
    let (variable, text) = problem(&[("CREDENZA_LISTN", "127.0.0.1:1")]);
    assert_eq!(variable, "CREDENZA_LISTN");
    assert!(text.contains("did you mean CREDENZA_LISTEN?"), "{text}");
    let (_, text) = problem(&[("CREDENZA_SOMETHING_ELSE_ENTIRELY", "1")]);
    assert!(!text.contains("did you mean"), "{text}");
    assert_eq!(problem(&[("CREDENZA_LISTEN_FILE", "/x")]).0, "CREDENZA_LISTEN_FILE");
}

#[test]
fn t176_wrong_types_are_refused_not_defaulted() {
    for (name, value) in [
        ("CREDENZA_LISTEN", "8080"),
        ("CREDENZA_LISTEN", "example.com:80"),
        ("CREDENZA_LISTEN", "127.0.0.1:99999"),
        ("CREDENZA_PUBLIC_URL", "vault.example.com"),
        ("CREDENZA_PUBLIC_URL", "ftp://localhost"),
        ("CREDENZA_PUBLIC_URL", "http://localhost/console"),
        ("CREDENZA_PUBLIC_URL", "http://user:pass@localhost"),
        ("CREDENZA_INSECURE_HTTP", "yes"),
        ("DATABASE_URL", "mysql://localhost/x"),
        ("DATABASE_URL", "sqlite://"),
        ("DATABASE_URL", "sqlite://:memory:"),
        ("DATABASE_URL", "sqlite:///x.db?mode=ro"),
        ("CREDENZA_EGRESS_ALLOW", "a:1,,b:2"),
        ("CREDENZA_TRUSTED_PROXIES", "10.0.0.0/33"),
        ("CREDENZA_TRUSTED_PROXIES", "proxy"),
        ("CREDENZA_SUPPORT_CONTACT", "a\nb"),
        ("CREDENZA_LOG", "verbose"),
        ("CREDENZA_LOG", "credenza=loud"),
        ("CREDENZA_LOG_FORMAT", "xml"),
    ] {
        let (variable, text) = problem(&[(name, value)]);
        assert_eq!(variable, name);
        assert!(text.contains("must be") || text.contains("has "), "{text}");
    }
}

#[test]
fn t176_empty_values_are_refused_where_a_value_is_needed() {
    assert!(problem(&[("CREDENZA_DATA_DIR", " ")]).1.contains("empty"));
    assert!(problem(&[("CREDENZA_ROOT_KEY", "")]).1.contains("empty"));
    let config = config(&[("CREDENZA_EGRESS_ALLOW", ""), ("CREDENZA_SUPPORT_CONTACT", "")]).unwrap();
    assert!(config.egress_allow.is_empty() && config.support_contact.is_none());
}

#[test]
fn a_mail_server_is_read_and_never_shown_with_its_password() {
    let read = |url: &str| config(&[("CREDENZA_MAIL_URL", url)]).unwrap();
    let server = read("smtp://bot%40acme.example:hunter%2F2@mail.example").mail_server.unwrap();
    assert_eq!((server.implicit, server.host.as_str(), server.port), (false, "mail.example", 587));
    assert_eq!((server.user.expose(), server.password.expose()), ("bot@acme.example", "hunter/2"));
    let encrypted = read("smtps://u:hunter2@[2001:db8::1]");
    let server = encrypted.mail_server.as_ref().unwrap();
    assert_eq!((server.implicit, server.host.as_str(), server.port), (true, "2001:db8::1", 465));
    assert!(!format!("{encrypted:?}").contains("hunter2"));
    let shown = encrypted.explain().into_iter().find(|e| e.name == "CREDENZA_MAIL_URL").unwrap().value;
    assert!(shown.starts_with("smtps://2001:db8::1:465") && !shown.contains("hunter2"), "{shown}");
    for bad in ["mail.example", "http://mail.example", "smtp://", "smtp://u@h", "smtp://u:p%0A@h", "smtp://u:p@h/x"] {
        let (variable, text) = problem(&[("CREDENZA_MAIL_URL", bad)]);
        assert!(
            variable == "CREDENZA_MAIL_URL" && text.contains("must be") && !text.contains("u:p@h"),
            "{bad}: {text}"
        );
    }
    assert!(read("smtp://127.0.0.1:25").mail_in_clear() && !read("smtps://127.0.0.1:465").mail_in_clear());
    assert!(!read("smtp://mail.example:25").mail_in_clear());
    let named = [("CREDENZA_MAIL_URL", "smtp://post:1025"), ("CREDENZA_EGRESS_ALLOW", "post:1025")];
    assert!(config(&named).unwrap().mail_in_clear());
}

#[test]
fn mails_come_from_one_address() {
    let of = |vars: &[(&str, &str)]| config(vars).unwrap().sender();
    assert_eq!(of(&[]).address, "credenza@localhost");
    let key = ("CREDENZA_ROOT_KEY_FILE", "/keys/root.key");
    assert_eq!(of(&[("CREDENZA_PUBLIC_URL", "https://vault.example"), key]).address, "credenza@vault.example");
    let named = of(&[("CREDENZA_MAIL_FROM", "Vault of Acme <vault@acme.example>")]);
    assert_eq!((named.name.as_str(), named.address.as_str()), ("Vault of Acme", "vault@acme.example"));
    for bad in ["vault", "a@b, c@d", "a@b\r\nBcc: x@y", "<a@b", "a b@c"] {
        assert!(problem(&[("CREDENZA_MAIL_FROM", bad)]).1.contains("must be"), "{bad}");
    }
}

#[test]
fn every_problem_is_told_at_once_and_no_value_with_it() {
    let error = config(&[
        ("CREDENZA_LISTEN", "x"),
        ("CREDENZA_LOG_FORMAT", "x"),
        ("DATABASE_URL", "postgre://u:hunter2@h/d"),
        ("CREDENZA_NOPE", "hunter2"),
    ])
    .unwrap_err();
    assert_eq!(error.0.len(), 4);
    assert!(!error.to_string().contains("hunter2"), "{error}");
}

#[test]
fn plain_http_off_this_machine_must_be_asked_for() {
    let (variable, text) = problem(&[("CREDENZA_PUBLIC_URL", "http://vault.example.com")]);
    assert_eq!(variable, "CREDENZA_PUBLIC_URL");
    assert!(text.contains("CREDENZA_INSECURE_HTTP=1"), "{text}");
    assert_eq!(problem(&[("CREDENZA_LISTEN", "0.0.0.0:8080")]).0, "CREDENZA_PUBLIC_URL");
    let vars = [("CREDENZA_PUBLIC_URL", "http://vault.example.com"), ("CREDENZA_INSECURE_HTTP", "1")];
    let dangers = config(&vars).unwrap().dangers();
    assert!(dangers.iter().any(|d| d.starts_with("CREDENZA_INSECURE_HTTP")), "{dangers:?}");
    for url in ["http://localhost:9", "http://127.0.0.2", "http://[::1]:80"] {
        assert!(config(&[("CREDENZA_PUBLIC_URL", url)]).is_ok(), "{url}");
    }
    let exposed = config(&[("CREDENZA_PUBLIC_URL", "http://localhost:8080"), ("CREDENZA_LISTEN", "0.0.0.0:8080")]);
    let dangers = exposed.unwrap().dangers();
    assert!(dangers.iter().any(|d| d.starts_with("CREDENZA_LISTEN")), "{dangers:?}");
}

#[test]
fn https_wants_the_key_away_from_the_data() {
    let dir = tempfile::tempdir().unwrap();
    let (data, keys) = (dir.path().join("data"), dir.path().join("keys"));
    std::fs::create_dir(&data).unwrap();
    std::fs::create_dir(&keys).unwrap();
    std::os::unix::fs::symlink(&data, dir.path().join("alias")).unwrap();
    let with = |key: Option<PathBuf>| {
        let mut vars = vec![("CREDENZA_PUBLIC_URL", "https://vault.example.com".to_owned())];
        vars.push(("CREDENZA_DATA_DIR", data.display().to_string()));
        vars.extend(key.map(|key| ("CREDENZA_ROOT_KEY_FILE", key.display().to_string())));
        Config::from(vars.into_iter().map(|(name, value)| (name.to_owned(), value)))
    };
    for inside in [None, Some(data.join("root.key")), Some(dir.path().join("alias/k")), Some(keys.join("../data/k"))] {
        let ConfigError(problems) = with(inside).unwrap_err();
        assert_eq!(problems[0].variable, "CREDENZA_ROOT_KEY_FILE");
    }
    let config = with(Some(keys.join("root.key"))).unwrap();
    assert!(config.is_https() && config.dangers().is_empty(), "{:?}", config.dangers());
}

#[test]
fn secrets_may_come_from_files() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    std::fs::write(&path, "postgres://u:hunter2@h/d\n").unwrap();
    let name = path.to_str().unwrap();
    let from_file = config(&[("DATABASE_URL_FILE", name)]).unwrap();
    let Database::Postgres(url) = &from_file.database else { panic!("not postgres") };
    assert_eq!(url.expose(), "postgres://u:hunter2@h/d");
    assert!(!format!("{from_file:?} {:?}", from_file.explain()).contains("hunter2"));
    let twice = problem(&[("DATABASE_URL_FILE", name), ("DATABASE_URL", "sqlite://x.db")]);
    assert!(twice.1.contains("twice"), "{twice:?}");
    assert!(problem(&[("DATABASE_URL_FILE", "/nowhere/db")]).1.contains("cannot be read"));
    std::fs::write(&path, "\n").unwrap();
    assert!(problem(&[("DATABASE_URL_FILE", name)]).1.contains("empty"));
}

#[test]
fn one_root_key_only() {
    let both = [("CREDENZA_ROOT_KEY_FILE", "/k"), ("CREDENZA_ROOT_KEY", "hunter2")];
    assert!(problem(&both).1.contains("keep one"));
    let value = config(&both[1..]).unwrap();
    assert!(matches!(value.root_key, RootKeySource::Value(_)));
    assert!(!format!("{value:?} {:?} {:?}", value.explain(), value.dangers()).contains("hunter2"));
    assert!(value.dangers()[0].starts_with("CREDENZA_ROOT_KEY:"));
}

#[test]
fn t052_a_root_key_command_is_an_array_and_nothing_for_a_shell() {
    let given = |text: &str| config(&[("CREDENZA_ROOT_KEY_COMMAND", text)]);
    let argv = |text: &str| match given(text).unwrap().root_key {
        RootKeySource::Command(argv) => argv,
        other => panic!("{other:?}"),
    };
    assert_eq!(argv(r#"["/usr/bin/helper", "a b", "$(id)"]"#), ["/usr/bin/helper", "a b", "$(id)"]);
    assert_eq!(argv("/usr/bin/helper  --key credenza"), ["/usr/bin/helper", "--key", "credenza"]);
    assert_eq!(argv("helper"), ["helper"]);
    for refused in [
        "cat /key | head",
        "cat $HOME/key",
        "echo `id`",
        "a; b",
        "a 'b c'",
        "./helper",
        "bin/helper",
        "[]",
        "[1]",
        r#"{"a":1}"#,
        r#"["/a""#,
        r#"[""]"#,
        "a && b",
        "a > b",
        "cat ~/key",
        r#"["/a", "\u0000"]"#,
    ] {
        let (variable, text) = problem(&[("CREDENZA_ROOT_KEY_COMMAND", refused)]);
        assert_eq!(variable, "CREDENZA_ROOT_KEY_COMMAND");
        assert!(text.contains("must"), "{refused}: {text}");
    }
    let both = [("CREDENZA_ROOT_KEY_COMMAND", "/a"), ("CREDENZA_ROOT_KEY_FILE", "/k")];
    assert!(problem(&both).1.contains("keep one"));
    let shown = given(r#"["/usr/bin/helper","--token=hunter2"]"#).unwrap();
    assert!(!format!("{:?}", shown.explain()).contains("hunter2"));
    assert!(shown.dangers().is_empty());
}

#[test]
fn t176_dangerous_settings_are_listed() {
    let vars = [
        ("CREDENZA_ROOT_KEY_FILE", "/etc/credenza/root.key"),
        ("CREDENZA_EGRESS_ALLOW", "mail.internal:25, 10.0.0.0/8:5432"),
        ("CREDENZA_TRUSTED_PROXIES", "0.0.0.0/0, ::1"),
    ];
    let config = config(&vars).unwrap();
    assert_eq!(config.egress_allow, ["mail.internal:25", "10.0.0.0/8:5432"]);
    let dangers = config.dangers();
    assert_eq!(dangers.len(), 2, "{dangers:?}");
    assert!(dangers[0].contains("mail.internal:25, 10.0.0.0/8:5432"));
}

#[test]
fn what_is_explained_is_what_is_in_force() {
    let config = config(&[("CREDENZA_LOG", "warn,credenza::egress=debug")]).unwrap();
    let explained = config.explain();
    let find = |name: &str| explained.iter().find(|e| e.name == name).unwrap();
    assert_eq!(find("CREDENZA_LOG").value, "warn,credenza::egress=debug");
    assert_eq!(find("CREDENZA_LOG").origin, Origin::Environment);
    assert_eq!(find("DATABASE_URL").value, "sqlite://./data/credenza.db");
    assert_eq!(find("DATABASE_URL").origin, Origin::Default);
    assert_eq!(explained.len(), VARIABLES.len());
}

#[test]
fn where_the_database_is_may_be_told_and_nothing_more() {
    for (url, shown) in [
        ("postgres://kim:hunter2@localhost:5433/vault?sslmode=require", "postgres://localhost:5433/vault"),
        ("postgres:///vault?host=/run/postgresql&user=kim&password=hunter2", "postgres:///run/postgresql/vault"),
    ] {
        let explained = config(&[("DATABASE_URL", url)]).unwrap().explain();
        let value = &explained.iter().find(|e| e.name == "DATABASE_URL").unwrap().value;
        assert!(value.starts_with(shown) && !value.contains("hunter2") && !value.contains("kim"), "{value}");
    }
}

#[test]
fn metrics_have_an_address_of_their_own_or_none() {
    for off in ["", "off"] {
        assert_eq!(config(&[("CREDENZA_METRICS_LISTEN", off)]).unwrap().metrics_listen, None);
    }
    let on = config(&[("CREDENZA_METRICS_LISTEN", "127.0.0.1:9090")]).unwrap();
    assert_eq!(on.metrics_listen.unwrap().to_string(), "127.0.0.1:9090");
    assert!(!on.dangers().iter().any(|danger| danger.contains("METRICS")));
    let open = config(&[("CREDENZA_METRICS_LISTEN", "0.0.0.0:9090")]).unwrap();
    assert!(open.dangers().iter().any(|danger| danger.starts_with("CREDENZA_METRICS_LISTEN")));
    for bad in ["9090", "127.0.0.1:8080", "metrics.example:9090"] {
        assert!(problem(&[("CREDENZA_METRICS_LISTEN", bad)]).1.contains("must be"), "{bad}");
    }
}

#[test]
fn a_free_port_moves_the_public_address_along() {
    let dir = tempfile::tempdir().unwrap();
    let mut testing = Config::for_testing(dir.path()).unwrap();
    testing.listening_on(SocketAddr::from((Ipv4Addr::LOCALHOST, 4711)));
    assert_eq!(testing.public_url.as_str(), "http://127.0.0.1:4711/");
    let mut fixed = config(&[("CREDENZA_PUBLIC_URL", "http://localhost:9")]).unwrap();
    fixed.listening_on(SocketAddr::from((Ipv4Addr::LOCALHOST, 4711)));
    assert_eq!(fixed.public_url.as_str(), "http://localhost:9/");
}

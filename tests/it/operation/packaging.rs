//! The files that the program is packed and run with: they can be read, and say what this program understands.

use crate::layers::folder;
use credenza::config::Config;
use regex::Regex;
use std::collections::BTreeSet;
use yaml_rust2::{Yaml, YamlLoader};

fn read(name: &str) -> String {
    std::fs::read_to_string(folder(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn yaml(name: &str) -> Yaml {
    let mut all = YamlLoader::load_from_str(&read(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(all.len(), 1, "{name} is one document");
    all.remove(0)
}

fn texts(list: &Yaml) -> Vec<&str> {
    list.as_vec().map(|all| all.iter().filter_map(Yaml::as_str).collect()).unwrap_or_default()
}

/// Fails on a variable that this program would refuse or ignore.
fn understood<'a>(file: &str, names: impl IntoIterator<Item = &'a str>) {
    let known: BTreeSet<&str> =
        Config::from([]).expect("the defaults").explain().into_iter().map(|setting| setting.name).collect();
    let mut seen = 0;
    for name in names {
        seen += 1;
        let is_known = known.contains(name) || name.strip_suffix("_FILE").is_some_and(|base| known.contains(base));
        assert!(is_known, "{file} sets {name}");
    }
    assert!(seen > 0, "{file} sets nothing");
}

/// The continued lines of a Dockerfile as one, without comments.
fn instructions(text: &str) -> Vec<(String, String)> {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with('#')).collect();
    let joined = lines.join("\n").replace("\\\n", " ");
    let instruction = |line: &str| line.split_once(' ').map(|(word, rest)| (word.to_owned(), rest.trim().to_owned()));
    joined.lines().filter(|line| !line.trim().is_empty()).filter_map(instruction).collect()
}

#[test]
fn the_image_is_built_with_tls_and_runs_as_nobody() {
    let all = instructions(&read("Dockerfile"));
    let of = |word: &str| all.iter().filter(|(w, _)| w == word).map(|(_, rest)| rest.as_str()).collect::<Vec<_>>();
    let known =
        ["ARG", "FROM", "RUN", "WORKDIR", "COPY", "USER", "ENV", "VOLUME", "EXPOSE", "HEALTHCHECK", "ENTRYPOINT"];
    assert!(all.iter().all(|(word, _)| known.contains(&word.as_str())), "{all:?}");
    assert_eq!(of("FROM").len(), 2, "what builds is left behind");
    assert!(of("RUN").iter().any(|run| run.contains("--locked --release --features pg-tls")));
    assert!(of("COPY").iter().any(|copy| copy.starts_with("--from=build") && copy.ends_with("/usr /usr")));
    let user = of("USER").pop().expect("a user");
    assert!(
        !user.starts_with("0") && user.starts_with(|c: char| c.is_ascii_digit()),
        "a number that is not root: {user}"
    );
    assert_eq!(of("ENTRYPOINT"), ["[\"/usr/local/bin/credenza\"]"]);
    let health = of("HEALTHCHECK").pop().expect("a check").to_owned();
    let command: Vec<String> =
        serde_json::from_str(health.split_once("CMD ").expect("a command").1).expect("an array of texts");
    assert!(command.last().expect("a script").contains("/health/ready"));
    let env = of("ENV").join(" ");
    understood("Dockerfile", env.split_whitespace().filter_map(|pair| pair.split_once('=')).map(|(name, _)| name));
    let version = Regex::new(r"(?m)^ARG RUST_VERSION=(\d+)\.(\d+)$").expect("a pattern");
    let dockerfile = read("Dockerfile");
    let version = version.captures(&dockerfile).expect("a version");
    let least = Regex::new(r#"rust-version = "(\d+)\.(\d+)""#).expect("a pattern");
    let manifest = read("Cargo.toml");
    let least = least.captures(&manifest).expect("the least version");
    let number = |captures: &regex::Captures<'_>| [1, 2].map(|n| captures[n].parse::<u32>().expect("a number"));
    assert!(number(&version) >= number(&least), "the toolchain of the image is old");
}

/// The check of the image, run by this machine's own bash against a server that answers and one that does not.
#[tokio::test]
async fn the_image_knows_whether_it_is_healthy() {
    let all = instructions(&read("Dockerfile"));
    let (_, health) = all.iter().find(|(word, _)| word == "HEALTHCHECK").expect("a check");
    let command: Vec<String> =
        serde_json::from_str(health.split_once("CMD ").expect("a command").1).expect("an array of texts");
    let app = crate::support::app::TestApp::start().await;
    let port = app.base.rsplit(':').next().expect("a port").to_owned();
    let healthy = |port: &str| {
        let script = command[2].replace("/8080", &format!("/{port}"));
        std::process::Command::new(&command[0]).args([&command[1], &script]).output().expect("bash").status.success()
    };
    assert!(healthy(&port), "it answers");
    assert!(!healthy("1"), "nobody listens there");
}

#[test]
fn compose_keeps_the_secrets_in_files_and_the_database_to_itself() {
    let file = yaml("compose.yaml");
    let (console, database) = (&file["services"]["credenza"], &file["services"]["database"]);
    let variables = console["environment"].as_hash().expect("variables");
    understood("compose.yaml", variables.keys().filter_map(Yaml::as_str));
    let secrets = file["secrets"].as_hash().expect("secrets");
    for service in [console, database] {
        for secret in texts(&service["secrets"]) {
            let kept = &secrets[&Yaml::String(secret.to_owned())]["file"];
            assert!(kept.as_str().is_some_and(|path| path.starts_with("./secrets/")), "{secret}");
        }
        let volumes = file["volumes"].as_hash().expect("volumes");
        for mount in texts(&service["volumes"]) {
            let name = mount.split(':').next().expect("a name").to_owned();
            assert!(volumes.contains_key(&Yaml::String(name)), "{mount}");
        }
        for (name, value) in service["environment"].as_hash().expect("variables") {
            let (name, value) = (name.as_str().expect("a name"), value.as_str().expect("a text"));
            assert!(!name.ends_with("_FILE") || value.starts_with("/run/secrets/"), "{name}");
            assert!(name.ends_with("_FILE") || !name.contains("PASSWORD") && name != "DATABASE_URL", "{name} in clear");
        }
    }
    assert_eq!(console["read_only"].as_bool(), Some(true));
    assert_eq!(texts(&console["cap_drop"]), ["ALL"]);
    assert!(texts(&console["ports"]).iter().all(|port| port.starts_with("127.0.0.1:")), "TLS is the proxy's");
    assert_eq!(database["network_mode"].as_str(), Some("none"));
    assert!(database["healthcheck"]["test"].as_vec().is_some());
    assert!(read(".gitignore").lines().any(|line| line.trim_matches('/') == "secrets"), "secrets are not checked in");
    assert!(read(".dockerignore").lines().any(|line| line == "secrets"), "nor built in");
}

#[test]
fn the_workflow_runs_the_command_of_the_readme_and_the_rules_of_dependencies() {
    let file = yaml(".github/workflows/ci.yml");
    let command = Regex::new(r"## Test it\s+```sh\n(.+)\n```").expect("a pattern");
    let readme = read("README.md");
    let command = &command.captures(&readme).expect("the command of the README")[1];
    let jobs = file["jobs"].as_hash().expect("jobs");
    let steps: Vec<&Yaml> = jobs.values().flat_map(|job| job["steps"].as_vec().expect("steps")).collect();
    let runs: Vec<&str> = steps.iter().filter_map(|step| step["run"].as_str()).collect();
    assert!(runs.contains(&command), "{command} is not run: {runs:?}");
    assert!(runs.contains(&"cargo deny check"));
    assert_eq!(file["permissions"]["contents"].as_str(), Some("read"));
    let pinned = Regex::new(r"^[\w-]+/[\w-]+@[0-9a-f]{40}$").expect("a pattern");
    for used in steps.iter().filter_map(|step| step["uses"].as_str()) {
        assert!(pinned.is_match(used), "{used} is not pinned to a commit");
    }
    assert!(jobs.values().all(|job| job["timeout-minutes"].as_i64().is_some()));
}

#[test]
fn the_unit_hands_the_key_over_and_gives_up_rights() {
    let unit = read("packaging/credenza.service");
    let pairs: Vec<(&str, &str)> =
        unit.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('=')).collect();
    let of = |name: &str| pairs.iter().filter(|(n, _)| *n == name).map(|(_, value)| *value).collect::<Vec<_>>();
    let env: Vec<(&str, &str)> = of("Environment").into_iter().filter_map(|pair| pair.split_once('=')).collect();
    understood("credenza.service", env.iter().map(|(name, _)| *name));
    let credential = of("LoadCredential").pop().and_then(|pair| pair.split_once(':')).expect("a credential").0;
    assert!(env.contains(&("CREDENZA_ROOT_KEY_FILE", &format!("%d/{credential}"))), "the program reads it");
    assert_eq!(of("RestartPreventExitStatus"), ["2 3"], "what is refused stays refused");
    for (name, value) in [
        ("User", "credenza"),
        ("NoNewPrivileges", "yes"),
        ("CapabilityBoundingSet", ""),
        ("ProtectSystem", "strict"),
        ("MemoryDenyWriteExecute", "yes"),
        ("LimitCORE", "0"),
    ] {
        assert_eq!(of(name), [value], "{name}");
    }
    let example = read("packaging/credenza.env");
    let set = example.lines().map(|line| line.trim_start_matches("# ")).filter_map(|line| line.split_once('='));
    let set: Vec<(&str, &str)> =
        set.filter(|(name, _)| name.chars().all(|c| c.is_ascii_uppercase() || c == '_')).collect();
    understood("credenza.env", set.iter().map(|(name, _)| *name));
    assert!(set.iter().all(|(_, value)| !value.starts_with("/etc/credenza/")), "what root keeps is handed over");
    let operations = read("docs/OPERATIONS.md");
    let command = operations.split("systemd-run").nth(1).and_then(|rest| rest.split("### Containers").next());
    for handed in ["CREDENZA_ROOT_KEY_FILE", "DATABASE_URL_FILE"] {
        let given = format!("--setenv={handed}=/run/credentials/credenza-command.service/");
        assert!(command.is_some_and(|text| text.contains(&given)), "a command has {handed} as the service has");
    }
    let key = ("CREDENZA_ROOT_KEY_FILE".to_owned(), "/run/key".to_owned());
    let plain = set.iter().filter(|(name, _)| !name.ends_with("_FILE"));
    let all = plain.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).chain([key]);
    Config::from(all).expect("the example is accepted");
}

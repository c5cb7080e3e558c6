//! What a service would answer to a call, made from its catalogue file: what the file expects of a good
//! answer, or what one of its rules speaks of.

use super::calls::{Call, Role, token_of};
use super::deeds::{Deed, deeds, speaks_of, values};
use super::web_server::Answer;
use super::words::Mood;
use crate::catalog::schema::{
    Expect, Field, FieldKind, FieldSource, Grant, Integration, JsonMatch, Lifetime, Method, OAuth, Outcome, Rule,
    SaveFrom, StatusMatch, StatusRange, Step, TimeUnit,
};
use serde_json::Value;

/// Whose account a call is about.
#[derive(Debug, Clone, Copy)]
pub struct Account<'r> {
    /// Any number that stays the same for one account: other accounts have other names.
    pub number: u64,
    /// The host that was called: where each account has a host of its own, it is called like it.
    pub host: &'r str,
}

/// The answer of a service in this mood.
pub fn of(call: &Call<'_>, mood: Mood, defaults: &[Rule], account: Account<'_>) -> Answer {
    match mood {
        Mood::Fine => good(call, account),
        Mood::Slow => Answer::Silence,
        mood => refusal(call, mood, defaults),
    }
}

/// A good answer in the making.
struct Good<'c> {
    integration: &'c Integration,
    method: &'c Method,
    account: Account<'c>,
    body: Value,
    headers: Vec<(String, String)>,
}

fn good<'c>(call: &Call<'c>, account: Account<'c>) -> Answer {
    let mut good =
        Good { integration: call.integration, method: call.method, account, body: Value::Null, headers: Vec::new() };
    let status = match call.role {
        Role::Token(oauth) => good.token(oauth),
        Role::Step(step) => good.step(step),
        Role::Sample => good.sample(&call.method.check.expect),
        Role::SignOut => 204,
    };
    let body = if good.body.is_null() { Value::Object(serde_json::Map::new()) } else { good.body };
    let answer = if status == 204 { Answer::Reply(204, Vec::new(), Vec::new()) } else { Answer::json(status, &body) };
    good.headers.iter().fold(answer, |answer, (name, value)| answer.with(name, value))
}

impl Good<'_> {
    fn token(&mut self, oauth: &OAuth) -> u16 {
        oauth.ok.iter().for_each(|wanted| self.say(wanted));
        let path = oauth.token_path.as_deref().unwrap_or("access_token");
        self.put(path, self.secret());
        if oauth.grant == Grant::Code && oauth.renews() {
            let beside = path.rsplit_once('.').map_or_else(String::new, |(above, _)| format!("{above}."));
            let renews = self.opaque(&format!("renews-{}", token_of(self.integration, self.method)));
            self.put(&format!("{beside}refresh_token"), renews.into());
        }
        self.put("token_type", "Bearer".into());
        self.life(oauth.lifetime.as_ref());
        self.put("expires_in", 3600.into());
        oauth.save.iter().for_each(|(name, from)| self.save(name, from));
        oauth.ok.iter().for_each(|wanted| self.show(wanted));
        200
    }

    fn step(&mut self, step: &Step) -> u16 {
        step.expect.json.iter().for_each(|wanted| self.say(wanted));
        self.life(step.lifetime.as_ref());
        step.save.iter().for_each(|(name, from)| self.save(name, from));
        step.expect.json.iter().for_each(|wanted| self.show(wanted));
        status(step.expect.status.as_ref())
    }

    fn sample(&mut self, expect: &Expect) -> u16 {
        expect.json.iter().for_each(|wanted| self.say(wanted));
        let shown: Vec<String> = self.method.check.identity.iter().flat_map(|identity| identity.paths()).collect();
        for path in shown.iter().filter_map(|path| path.strip_prefix("json.")) {
            self.put(path, self.name(path));
        }
        expect.json.iter().for_each(|wanted| self.show(wanted));
        status(expect.status.as_ref())
    }

    /// Says what is expected at a path, where the file names it.
    fn say(&mut self, wanted: &JsonMatch) {
        if let Some(value) = values(wanted).into_iter().next().filter(|_| names_value(wanted)) {
            self.put(&wanted.path, value);
        }
    }

    /// Has anything at a path where something is expected; last, since what else is said may lie below it.
    fn show(&mut self, wanted: &JsonMatch) {
        if wanted.present != Some(false) && !names_value(wanted) {
            self.put(&wanted.path, self.name(&wanted.path));
        }
    }

    fn life(&mut self, lifetime: Option<&Lifetime>) {
        let Some(Lifetime { from: Some(SaveFrom::Json(path)), unit, .. }) = lifetime else { return };
        let hour = match unit {
            TimeUnit::Milliseconds => 3_600_000,
            TimeUnit::Seconds => 3600,
            TimeUnit::Minutes => 60,
            TimeUnit::Hours => 1,
        };
        self.put(path, hour.into());
    }

    /// Says what the file keeps of the answer.
    fn save(&mut self, name: &str, from: &SaveFrom) {
        let field = self.method.field(name);
        match from {
            SaveFrom::Json(path) => {
                let value = match (name, field.and_then(address)) {
                    (_, Some(address)) => address.into(),
                    ("expires_in_s", _) => 3600.into(),
                    ("token", _) => self.secret(),
                    _ => self.name(path),
                };
                self.put(path, value);
            }
            SaveFrom::Header(header) => self.headers.push((header.to_ascii_lowercase(), self.opaque(name))),
            SaveFrom::Cookie(cookie) => {
                let value = format!("{cookie}={}; HttpOnly", self.opaque(name));
                self.headers.push(("set-cookie".to_owned(), value));
            }
            SaveFrom::Query(_) => {}
        }
    }

    fn opaque(&self, name: &str) -> String {
        format!("{name}-{:016x}", self.account.number)
    }

    fn secret(&self) -> Value {
        self.opaque(&format!("token-{}", token_of(self.integration, self.method))).into()
    }

    fn put(&mut self, path: &str, value: Value) {
        put(&mut self.body, &path.split('.').collect::<Vec<_>>(), value);
    }

    /// A name or number such as an account has at this path.
    fn name(&self, path: &str) -> Value {
        const NAMES: [&str; 6] =
            ["Acme Store", "Acme Wholesale", "Acme Support", "Acme Outlet", "Acme Marketing", "Acme Logistics"];
        let key = path.rsplit('.').find(|part| part.parse::<usize>().is_err()).unwrap_or_default().to_ascii_lowercase();
        let has = |word: &str| key.contains(word);
        let number = self.account.number;
        let own = self.own_name().unwrap_or_else(|| NAMES[(number % NAMES.len() as u64) as usize].to_owned());
        if has("mail") {
            "bots@acme.example".into()
        } else if has("phone") {
            // From the numbers kept for fiction.
            format!("+1 202-555-{:04}", 100 + number % 100).into()
        } else if has("url") || has("link") {
            "https://acme.example".into()
        } else if has("domain") || has("host") {
            "acme.example".into()
        } else if has("type") || has("plan") {
            "standard".into()
        } else if has("user") || has("login") || has("slug") {
            own.to_lowercase().replace(' ', "-").into()
        } else if key.ends_with("id") || key == "sid" || has("number") || has("cnpj") {
            (10_000_000 + number % 89_999_999).into()
        } else {
            own.into()
        }
    }

    /// `acme-principal.example.com` is the account of Acme Principal, where the service has a host for each.
    fn own_name(&self) -> Option<String> {
        let wild = self.method.egress.hosts.iter().find_map(|host| host.strip_prefix("*."))?;
        let label = self.account.host.strip_suffix(wild)?.split('.').next().filter(|label| label.contains('-'))?;
        let capital = |word: &str| word.get(..1).map(|first| format!("{}{}", first.to_uppercase(), &word[1..]));
        Some(label.split('-').filter_map(capital).collect::<Vec<_>>().join(" "))
    }
}

fn names_value(wanted: &JsonMatch) -> bool {
    !wanted.one_of.is_empty() || wanted.equals.is_some() || wanted.or_range.is_some() || wanted.contains.is_some()
}

/// An address on the hosts from which the service's answer is taken.
fn address(field: &Field) -> Option<String> {
    let host = field.hosts.first().filter(|_| field.source != FieldSource::User)?.replace('*', "acme");
    Some(if field.kind == FieldKind::Url { format!("https://{host}") } else { host })
}

fn status(wanted: Option<&StatusMatch>) -> u16 {
    match wanted.and_then(|wanted| wanted.0.first()) {
        Some(StatusRange::One(one)) => *one,
        Some(StatusRange::Class(hundreds)) => hundreds * 100,
        None => 200,
    }
}

/// Puts a value at a path, unless something is there.
fn put(document: &mut Value, path: &[&str], value: Value) {
    let Some((first, rest)) = path.split_first() else {
        if document.is_null() {
            *document = value;
        }
        return;
    };
    let inner = match first.parse::<usize>() {
        Ok(at) if document.is_null() || document.is_array() => {
            if document.is_null() {
                *document = Value::Array(Vec::new());
            }
            let Some(list) = document.as_array_mut() else { return };
            if list.len() <= at {
                list.resize(at + 1, Value::Null);
            }
            list.get_mut(at)
        }
        _ => {
            if document.is_null() {
                *document = Value::Object(serde_json::Map::new());
            }
            document.as_object_mut().map(|map| map.entry((*first).to_owned()).or_insert(Value::Null))
        }
    };
    if let Some(inner) = inner {
        put(inner, rest, value);
    }
}

/// The refusal that comes nearest to a mood, of those that the method's rules and the defaults speak of.
fn refusal(call: &Call<'_>, mood: Mood, defaults: &[Rule]) -> Answer {
    let rules = || call.method.check.on.iter().chain(defaults);
    // A rule behind another one that speaks of the same answer is never heard.
    let heard = |deed: &Deed, outcome: Outcome| {
        rules().find(|rule| speaks_of(rule, deed)).is_some_and(|first| first.outcome == outcome)
    };
    let nearest = mood.outcomes().iter().find_map(|outcome| {
        let meant = rules().filter(|rule| rule.outcome == *outcome).flat_map(|rule| deeds(rule, call.method));
        meant.filter(|deed| heard(deed, *outcome)).find_map(|deed| said(&deed, call.role))
    });
    nearest.unwrap_or_else(|| Answer::json(if mood == Mood::Wrong { 401 } else { 503 }, &Value::Null))
}

/// A deed as the answer to a call; `None` for one that does not happen there.
fn said(deed: &Deed, role: Role<'_>) -> Option<Answer> {
    let answer = match (deed, role) {
        (Deed::Token(status, body), Role::Token(_) | Role::Step(_)) => Answer::json(*status, body),
        (Deed::Http(status, body), _) => Answer::json(*status, body),
        _ => return None,
    };
    Some(if matches!(answer, Answer::Reply(429, ..)) { answer.with("retry-after", "60") } else { answer })
}

#[cfg(test)]
mod tests {
    use super::put;
    use serde_json::{Value, json};

    #[test]
    fn documents_grow_by_paths_and_keep_what_is_there() {
        let mut document = Value::Null;
        for (path, value) in
            [("ok", json!(true)), ("data.0.id", json!(7)), ("data.0.name", json!("a")), ("ok", json!(1))]
        {
            put(&mut document, &path.split('.').collect::<Vec<_>>(), value);
        }
        put(&mut document, &["ok", "deeper"], json!(2));
        assert_eq!(document, json!({ "ok": true, "data": [{ "id": 7, "name": "a" }] }));
    }
}

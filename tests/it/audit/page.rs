//! The audit page: sentences, filters, pages, and what it says of the chain.

use super::execute;
use crate::layers::{files, folder};
use crate::support::app::{ACME, TestApp, email};
use crate::support::database::is_postgres;
use crate::support::person::{Person, Reply};
use chrono::TimeDelta;
use credenza::db::schema::audit_events as events;
use credenza::jobs::keep_house;
use credenza::model::audit::{self, Entry, Target};
use credenza::model::permission::{ALL, Actor};
use credenza::web::audit::words::{DONE, TRIED};
use diesel::prelude::*;
use regex::Regex;
use std::collections::BTreeSet;
use std::fs;

const PAGE: &str = "/w/acme/audit";

/// The sentences of a page, newest first.
fn sentences(reply: &Reply) -> Vec<String> {
    reply.texts("table.audit th p")
}

/// The numbers of the lines of a page.
fn numbers(reply: &Reply) -> Vec<i64> {
    let ids = reply.attributes("table.audit tbody tr", "id");
    ids.iter().map(|id| id.trim_start_matches("event-").parse().expect("a number")).collect()
}

async fn page(person: &Person, query: &str) -> Reply {
    person.get(&format!("{PAGE}{query}")).await.expect(200)
}

/// So many lines of an act on some target, by whoever this is.
async fn write(app: &TestApp, n: usize, action: &'static str, target: &str, actor: &Actor) {
    let (means, chain) = (app.means.clone(), app.workspace(ACME).await);
    let (target, actor) = (Target::credential(target), actor.clone());
    app.write(move |tx| {
        for _ in 0..n {
            audit::record(tx, &means, chain.as_str(), &actor, Entry::allow(action, target.clone()))?;
        }
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn it_says_who_did_what_to_whom_when_from_where_and_how_it_ended() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let id = app.website(&admin, "Shop events", "a signing secret of a shop").await;
    admin.post(&format!("/w/acme/credentials/{id}/name"), &[("name", "Events of the shop")]).await.expect(303);
    app.member().await.get(&format!("/w/acme/credentials/{id}/edit")).await.expect(403);
    let reply = page(&admin, "").await;
    let told = sentences(&reply);
    assert_eq!(told[0], "member tried to change a credential; the role does not allow it");
    assert_eq!(told[1], "admin renamed Events of the shop from “Shop events” to “Events of the shop”");
    assert_eq!(told[2], "admin created Events of the shop without verification");
    assert!(told.last().expect("lines").contains("made the workspace"), "{told:?}");
    assert_eq!(reply.texts("table.audit tr:first-child td[data-label=Outcome]")[0], "Refused");
    assert_eq!(reply.texts("table.audit tr:first-child td[data-label=Address]")[0], "127.0.0.1");
    let when = &reply.texts("table.audit tr:first-child td[data-label=When]")[0];
    assert!(when.starts_with("just now") && when.ends_with("UTC"), "{when}");
    let object = format!("/w/acme/credentials/{id}");
    assert!(reply.attributes("table.audit th a", "href").contains(&object));
    // Its own page leads to its own lines.
    let detail = admin.get(&object).await.expect(200);
    let link = format!("{PAGE}?credential={id}");
    assert!(detail.attributes("a", "href").contains(&link));
    let own = admin.get(&link).await.expect(200);
    assert_eq!(sentences(&own), told[1..3]);
    assert_eq!(own.attributes("input[name=credential]", "value"), ["Events of the shop"]);
}

#[tokio::test]
async fn t030_admins_and_support_read_it_members_do_not() {
    let app = TestApp::start().await;
    page(&app.admin().await, "").await;
    page(&app.support().await, "").await;
    let member = app.member().await;
    member.get(PAGE).await.expect(403);
    app.foreign_admin().await.get(PAGE).await.expect(404);
    assert!(!member.get("/w/acme/credentials").await.body.contains(PAGE), "nothing leads a member there");
    assert!(app.admin().await.get("/w/acme/credentials").await.body.contains(PAGE));
}

#[tokio::test]
async fn filters_narrow_alone_and_together_and_stay_in_the_address() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (one, two) = (
        app.website(&admin, "Água", "a signing secret of one").await,
        app.website(&admin, "Second", "a signing secret of two").await,
    );
    admin.post(&format!("/w/acme/credentials/{two}/name"), &[("name", "Other")]).await.expect(303);
    app.member().await.get(&format!("/w/acme/credentials/{one}/edit")).await.expect(403);
    let (user, member) =
        (app.user(&email("admin", ACME)).await.to_string(), app.user(&email("member", ACME)).await.to_string());
    let count = async |query: &str| numbers(&page(&admin, query).await).len();
    assert_eq!(count("?action=credential.created").await, 2);
    assert_eq!(count("?outcome=deny").await, 1);
    assert_eq!(count(&format!("?person={member}")).await, 1);
    assert_eq!(count(&format!("?person={user}")).await, 3);
    assert_eq!(count(&format!("?person={user}&action=credential.created")).await, 2);
    assert_eq!(count(&format!("?person={user}&action=credential.created&credential={two}")).await, 1);
    assert_eq!(count(&format!("?person={user}&outcome=deny")).await, 0);
    assert_eq!(count("?credential=agua").await, 1, "by its name, folded");
    assert_eq!(count("?credential=second").await, 2, "by its handle");
    assert_eq!(count(&format!("?about={member}")).await, 1, "what was done to somebody");
    assert!(count("?person=operator").await >= 1);
    let unknown = page(&admin, "?credential=no-such").await;
    assert!(unknown.body.contains("No credential is called “no-such”"));
    let kept = page(&admin, "?action=credential.created&outcome=allow").await;
    assert_eq!(kept.attributes("select[name=action] option[selected]", "value"), ["credential.created"]);
    assert_eq!(kept.attributes("select[name=outcome] option[selected]", "value"), ["allow"]);
    assert!(
        kept.attributes("nav a.chip", "href")
            .contains(&format!("{PAGE}?action=credential.created&outcome=allow&last=24h"))
    );
    let today = app.means.now().utc().format("%Y-%m-%d").to_string();
    let all = count("").await;
    app.means.clock.advance(TimeDelta::days(2));
    admin.sign_in(&email("admin", ACME)).await.expect(303);
    admin.post(&format!("/w/acme/credentials/{two}/name"), &[("name", "Third")]).await.expect(303);
    assert_eq!(count(&format!("?from={today}&to={today}")).await, all);
    assert_eq!(count("?last=24h").await, 1);
    assert_eq!(count("?last=24h&action=credential.created").await, 0);
    assert_eq!(count("?last=7d").await, all + 1);
    assert_eq!(count("?from=2030-01-01").await, 0);
    // Other filters keep the span; days take its place.
    let last_day = page(&admin, "?last=24h").await;
    assert_eq!(last_day.attributes("input[name=last]", "value"), ["24h"]);
    assert_eq!(count(&format!("?last=24h&from={today}")).await, all + 1);
    assert_eq!(count(&format!("?last=24h&from=&to={today}")).await, all);
    let days = page(&admin, &format!("?last=24h&from={today}")).await;
    assert!(days.attributes("input[name=last]", "value").is_empty());
    assert_eq!(days.attributes("input[name=from]", "value"), [today.as_str()]);
}

#[tokio::test]
async fn t135_what_is_no_filter_is_refused_in_words() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for query in ["before=-1", "before=1e18", "before=x", "outcome=maybe", "from=yesterday", "to=2026-13-01", "last=1y"]
    {
        let reply = admin.get(&format!("{PAGE}?{query}")).await.expect(400);
        let name = query.split('=').next().expect("a name");
        assert!(reply.body.contains(&format!("The filter “{name}” takes")), "{query}");
    }
    admin.get(&format!("{PAGE}?person=' OR 1=1--")).await.expect(400);
    page(&admin, "?action=no.such&credential=%27%20OR%201=1--").await;
    page(&admin, "?before=9000000000000000000").await;
}

#[tokio::test]
async fn pages_follow_on_each_other_without_gap_or_overlap() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    write(&app, 130, "credential.checked", "a", &Actor::operator()).await;
    let (mut href, mut seen) = (PAGE.to_owned(), Vec::new());
    loop {
        let reply = admin.get(&href).await.expect(200);
        seen.extend(numbers(&reply));
        match reply.attributes("a[rel=next]", "href").pop() {
            Some(next) => href = next,
            None => break,
        }
    }
    let last = app.events(ACME).await.len() as i64;
    assert_eq!(seen, (1..=last).rev().collect::<Vec<_>>());
}

#[tokio::test]
async fn a_page_that_looks_far_for_little_says_how_far_and_goes_on() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (busy, rare) = (Actor::operator(), Actor::job("ageing"));
    write(&app, 1, "credential.aged", "b", &busy).await;
    write(&app, 10_050, "credential.checked", "a", &rare).await;
    write(&app, 10_050, "credential.checked", "a", &busy).await;
    // The operator has 10 051 lines and more; the one that is asked for is behind all of those.
    let first = page(&admin, "?person=operator&action=credential.aged").await;
    assert!(numbers(&first).is_empty() && first.body.contains("Nothing found so far"));
    let next = first.attributes("a[rel=next]", "href").pop().expect("further back");
    let second = admin.get(&next).await.expect(200);
    assert_eq!(sentences(&second).len(), 1);
    assert!(second.attributes("a[rel=next]", "href").is_empty());
}

#[tokio::test]
async fn it_tells_how_far_the_chain_is_proved_and_nobody_else_can_say_so() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let said = async || page(&admin, "").await.attributes("#proof", "data-proof").remove(0);
    let mut conn = app.database.connect();
    app.website(&admin, "Shop events", "a signing secret of a shop").await;
    assert_eq!(said().await, "waiting");
    keep_house(&app).await.expect("a round");
    let reply = page(&admin, "").await;
    let last = app.events(ACME).await.len();
    assert!(
        reply.texts("#proof b")[0].starts_with(&format!("Chain verified up to event {last},")),
        "{:?}",
        reply.texts("#proof")
    );
    assert!(reply.texts("#proof p")[0].starts_with(&format!("All events up to {last}")));
    app.website(&admin, "Another", "a signing secret of another").await;
    let reply = page(&admin, "").await;
    assert!(reply.texts("#proof b")[0].contains(&format!("up to event {last} of {}", last + 1)), "not more than is so");
    // Who can write the database cannot say that more was proved.
    execute(&mut conn, "UPDATE audit_proofs SET seq = seq + 1");
    assert_eq!(said().await, "waiting");
    app.means.clock.advance(TimeDelta::minutes(61));
    admin.sign_in(&email("admin", ACME)).await.expect(303);
    keep_house(&app).await.expect("a round");
    assert_eq!(said().await, "sound");
    // What is changed behind the first walk is found by the second, a day later; a bad new line at once.
    let chain = app.workspace(ACME).await;
    execute(&mut conn, &format!("UPDATE audit_events SET address = '10.0.0.1' WHERE chain = '{chain}' AND seq = 2"));
    keep_house(&app).await.expect("a round");
    assert_eq!(said().await, "sound");
    app.means.clock.advance(TimeDelta::hours(25));
    admin.sign_in(&email("admin", ACME)).await.expect(303);
    keep_house(&app).await.expect("a round");
    let reply = page(&admin, "").await;
    assert_eq!(reply.attributes("#proof", "data-proof"), ["broken"]);
    assert!(reply.texts("#proof b")[0].contains("does not hold at event 2: the line was changed"));
    let instance = app.instance_events().await;
    assert_eq!(instance.iter().filter(|event| event.action == "audit.broken").count(), 1, "told once");
    execute(&mut conn, &format!("UPDATE audit_events SET address = '' WHERE chain = '{chain}' AND seq = 2"));
    let before: String = events::table
        .filter(events::chain.eq(chain.as_str()).and(events::seq.eq(2)))
        .select(events::actor_kind)
        .first(&mut conn)
        .expect("a line");
    assert_eq!(before, "operator", "it had no address");
    app.means.clock.advance(TimeDelta::minutes(11));
    keep_house(&app).await.expect("a round");
    assert_eq!(said().await, "sound", "a chain that holds again is told so");
}

#[test]
fn every_word_that_the_code_writes_has_a_sentence() {
    let literal = Regex::new(r#""([a-z_]+\.[a-z_]+)""#).expect("a pattern");
    // Words of this shape that are no acts.
    let others = ["console.invalid", "copy.db", "icon.svg", "icons.svg", "root.key"];
    let known: BTreeSet<&str> = DONE.iter().chain(TRIED).map(|word| word.action).collect();
    let mut found = BTreeSet::new();
    for room in ["model", "jobs", "web", "broker", "api"] {
        let folder = folder(&format!("src/{room}"));
        for path in if folder.exists() { files(&folder, "rs") } else { Vec::new() } {
            if path.ends_with("audit/words.rs") {
                continue;
            }
            let text = fs::read_to_string(&path).expect("a text");
            let text = text.split("#[cfg(test)]").next().unwrap_or_default().to_owned();
            found.extend(literal.captures_iter(&text).map(|c| c[1].to_owned()));
        }
    }
    let serve = fs::read_to_string(folder("src/cli/serve.rs")).expect("a text");
    found.extend(literal.captures_iter(&serve).map(|c| c[1].to_owned()));
    let is_act = |word: &str| {
        !others.contains(&word)
            && !word.ends_with(".sealed")
            && !word.ends_with(".html")
            && word.split('.').all(|w| w.len() > 1)
    };
    let missing: Vec<&String> = found.iter().filter(|word| is_act(word) && !known.contains(word.as_str())).collect();
    assert!(missing.is_empty(), "give each a sentence in src/web/audit/words.rs: {missing:?}");
    assert!(found.len() > 40);
    let tried: BTreeSet<&str> = TRIED.iter().map(|word| word.action).collect();
    assert!(ALL.iter().all(|(name, _)| tried.contains(name)), "each permission can be refused");
}

/// The questions of `model::audit_list`, each with the index that must lead.
#[tokio::test]
async fn t135_each_filter_uses_its_index_and_sorts_nothing() {
    let app = TestApp::start().await;
    let chain = app.workspace(ACME).await;
    for n in 0..20 {
        write(
            &app,
            100,
            if n % 2 == 0 { "credential.checked" } else { "credential.aged" },
            &format!("t{n}"),
            &Actor::operator(),
        )
        .await;
    }
    let mut conn = app.database.connect();
    if is_postgres() {
        execute(&mut conn, "ANALYZE audit_events");
    }
    let filters = [
        ("audit_events_by_target", "target_id = 't1'"),
        ("audit_events_by_actor", "actor_id = 'nobody'"),
        ("audit_events_by_action", "action = 'credential.rotated'"),
        ("audit_events_by_outcome", "outcome = 'error'"),
    ];
    for set in 0..16_u32 {
        let chosen: Vec<_> = (0..4).filter(|n| set & (1 << n) != 0).map(|n| filters[n]).collect();
        let wheres: String = chosen.iter().map(|(_, condition)| format!(" AND {condition}")).collect();
        for times in ["", " AND at >= '2026-01-01 00:00:00' AND at < '2036-01-01 00:00:00'"] {
            let plan = super::plan(
                &mut conn,
                &format!(
                    "SELECT * FROM audit_events WHERE chain = '{chain}' AND seq >= 1 AND seq < 100000{wheres}{times} \
                     ORDER BY seq DESC LIMIT 51"
                ),
            );
            assert!(!plan.contains("TEMP B-TREE") && !plan.contains("Sort") && !plan.contains("Seq Scan"), "{plan}");
            if !is_postgres() {
                let index = chosen.first().map_or("PRIMARY KEY", |(index, _)| index);
                assert!(plan.contains(index), "{index} should lead:{wheres}\n{plan}");
            }
        }
        let Some((index, condition)) = chosen.first() else { continue };
        let floor = super::plan(
            &mut conn,
            &format!(
                "SELECT seq FROM audit_events WHERE chain = '{chain}' AND seq >= 1 AND seq < 100000 AND {condition} \
                 ORDER BY seq DESC LIMIT 1 OFFSET 10000"
            ),
        );
        assert!(floor.contains(index), "{index}: {floor}");
    }
}

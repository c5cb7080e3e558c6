//! Samples of the pages about people.

use super::sample_forms::remark;
use super::samples::{HOSTILE, ago, bare, shell, tile};
use askama::Template;
use credenza::web::pages::account::{
    EmailConfirmation, EmailPage, PasskeyRow, PasskeysPage, PasswordPage, Pending, SecondFactorPage, SessionRow,
    Sessions,
};
use credenza::web::pages::entry::{Confirm, Forgot, Message, Reset, SecondStep};
use credenza::web::pages::form::{Proof, TextBox};
use credenza::web::pages::mail::{MailRow, Mails};
use credenza::web::pages::people::{
    Departure, InvitationRow, Invitations, Invited, LeftBehind, LeftRow, LeftToken, MemberPage, MemberRow, Members,
    Removal, Report, Visitor,
};
use credenza::web::pages::shell::{Link, Nav, Tone};

const ROOT: &str = "/w/acme";

type Add<'a> = &'a mut dyn FnMut(&str, askama::Result<String>);

/// Every sample of these pages.
pub fn add_all(add: Add<'_>) {
    add("members", members(true).render());
    add("members-support", members(false).render());
    add("member", member(None).render());
    add("member-last-admin", member(Some("This is the last admin of the workspace.")).render());
    add("removal", removal(None).render());
    add("removal-refused", removal(Some("This is the last admin of the workspace.")).render());
    add("report", report(left()).render());
    add("report-empty", report(LeftBehind::default()).render());
    add("departure", departure().render());
    add("invitations", invitations(true, None).render());
    add("invitations-link", invitations(false, Some("https://vault.acme.example/invitations/0123456789")).render());
    for (name, visitor) in [
        ("invited", Visitor::New),
        ("invited-known", Visitor::Known),
        ("invited-signs-in", Visitor::SignsInFirst),
        ("invited-other", Visitor::SomebodyElse(HOSTILE.to_owned())),
    ] {
        add(name, invited(visitor).render());
    }
    add("mail", mail(None, mails()).render());
    add("mail-none", mail(Some("/var/lib/credenza/mail".to_owned()), Vec::new()).render());
    add("confirm", confirm().render());
    add("password", password().render());
    add("email", email().render());
    add("email-confirmation", email_confirmation().render());
    add("sessions", sessions().render());
    add("second-step", second_step(true).render());
    add("second-step-passkey", second_step(false).render());
    add("second-factor", second_factor(false).render());
    add("second-factor-pending", second_factor(true).render());
    add("passkeys", passkeys(true, true).render());
    add("passkeys-ask", passkeys(true, false).render());
    add("passkeys-none", passkeys(false, true).render());
    add("forgot", forgot().render());
    add("reset", reset().render());
}

fn row(n: usize, name: &str, email: &str, role: &'static str) -> MemberRow {
    MemberRow {
        id: format!("0191{n:04}"),
        name: name.to_owned(),
        email: email.to_owned(),
        role,
        second_factor: Some(n == 0),
        own: n == 0,
        disabled: n == 2,
        since: ago(60 * 24 * 30),
        until: (role == "Support").then(|| ago(-300)),
        href: Some(format!("{ROOT}/members/0191{n:04}")),
    }
}

fn members(manages: bool) -> Members {
    let rows = vec![
        row(0, "Ana Braga", "ana@acme.example", "Admin"),
        row(1, HOSTILE, "b@acme.example", "Member"),
        row(2, "Caio Lima", "caio@acme.example", "Member"),
        row(3, "Dora of the help desk", "dora@help.example", "Support"),
    ];
    let rows = rows
        .into_iter()
        .map(|row| MemberRow {
            href: row.href.filter(|_| manages),
            second_factor: row.second_factor.filter(|_| manages),
            ..row
        })
        .collect();
    Members {
        shell: shell("Members", Nav::Members),
        total: 104,
        manages,
        rows,
        root: ROOT.to_owned(),
        first: Some(format!("{ROOT}/members")),
        next: Some(format!("{ROOT}/members?after=d")),
    }
}

fn member(refused: Option<&str>) -> MemberPage {
    let error = refused.map(|text| remark("last_admin", text));
    MemberPage {
        shell: shell("Bea", Nav::Members),
        base: format!("{ROOT}/members"),
        member: row(1, HOSTILE, "b@acme.example", "Member"),
        role: TextBox { error, ..TextBox::of("member") },
        steps_down: refused.is_none(),
        may_step_down: refused.is_none(),
        ask_password: refused.is_none().then(Proof::default),
    }
}

fn left() -> LeftBehind {
    let row = |n: usize, name: &str, used: Option<i64>| LeftRow {
        id: format!("0190{n:04}"),
        name: name.to_owned(),
        tile: tile("stripe", "Stripe"),
        service: "Stripe".to_owned(),
        href: format!("{ROOT}/credentials/0190{n:04}"),
        rotate: format!("{ROOT}/credentials/0190{n:04}/rotation"),
        used: used.map(ago),
    };
    let token = |name: &str, bot: Option<&str>| LeftToken {
        name: name.to_owned(),
        prefix: "crdz_k3Jd9sQ1".to_owned(),
        bot: bot.map(|name| Link { label: name.to_owned(), href: format!("{ROOT}/bots/1/tokens") }),
        rotate: format!("{ROOT}{}/tokens/2/rotation", if bot.is_some() { "/bots/1" } else { "" }),
        ends: ago(-3000),
        used: bot.map(|_| ago(7)),
    };
    LeftBehind {
        rows: vec![row(1, "Payments", Some(5)), row(2, HOSTILE, None)],
        tokens: vec![token("Worker", Some("Orders")), token(HOSTILE, Some(HOSTILE)), token("Deploy", None)],
    }
}

fn removal(refused: Option<&str>) -> Removal {
    Removal {
        shell: shell("Remove Bea", Nav::Members),
        base: format!("{ROOT}/members"),
        href: format!("{ROOT}/members/01910001"),
        name: "Bea".to_owned(),
        email: "b@acme.example".to_owned(),
        own: false,
        left: left(),
        ask_password: refused.is_none().then(Proof::default),
        refused: refused.map(str::to_owned),
    }
}

fn report(left: LeftBehind) -> Report {
    Report {
        shell: shell("What Bea leaves behind", Nav::Members),
        base: format!("{ROOT}/members"),
        name: "Bea".to_owned(),
        is_member: false,
        left,
    }
}

fn departure() -> Departure {
    let error = Some(remark("confirm_name", "Type “Acme Store” to leave it."));
    Departure {
        shell: shell("Leave", Nav::Account),
        root: ROOT.to_owned(),
        name: HOSTILE.to_owned(),
        confirm: TextBox { error, ..TextBox::of("Acme") },
        ask_password: Some(Proof::default()),
    }
}

fn invitations(by_mail: bool, link: Option<&str>) -> Invitations {
    let row = |n: usize, email: &str, over: bool| InvitationRow {
        id: format!("0192{n:04}"),
        email: email.to_owned(),
        role: "Member",
        by: "Ana Braga".to_owned(),
        at: ago(90),
        until: ago(if over { 10 } else { -6000 }),
        over,
        again: format!("{ROOT}/invitations/0192{n:04}/delivery"),
        withdraw: format!("{ROOT}/invitations/0192{n:04}/withdrawal"),
    };
    Invitations {
        shell: shell("Invitations", Nav::Members),
        root: ROOT.to_owned(),
        base: format!("{ROOT}/invitations"),
        by_mail,
        link: link.map(str::to_owned),
        email: TextBox { error: Some(remark("email", "Enter one e-mail address.")), ..TextBox::of(HOSTILE) },
        role: TextBox::of("member"),
        ask_password: link.is_none().then(Proof::default),
        rows: vec![row(1, "nina@acme.example", false), row(2, HOSTILE, true)],
    }
}

fn invited(visitor: Visitor) -> Invited {
    Invited {
        shell: bare("Join"),
        action: "/invitations/0123456789".to_owned(),
        workspace: HOSTILE.to_owned(),
        email: "nina@acme.example".to_owned(),
        role: "Member",
        visitor,
        name: TextBox::of("Nina"),
        password: TextBox { error: Some(remark("password", "Use at least 15 characters.")), ..TextBox::default() },
        password_min: 15,
    }
}

fn mails() -> Vec<MailRow> {
    let row = |n: usize, state, tone, problem: &str| MailRow {
        id: format!("0193{n:04}"),
        about: "Invitation",
        to: "nina@acme.example".to_owned(),
        state,
        tone,
        problem: problem.to_owned(),
        at: ago(12),
        next: (tone == Tone::Warn).then(|| ago(-3)),
        again: (!problem.is_empty()).then(|| format!("{ROOT}/mail/0193{n:04}/delivery")),
    };
    vec![
        row(1, "Sent", Tone::Good, ""),
        row(2, "Tried again", Tone::Warn, "The mail server did not answer in time."),
        row(3, "Not sent", Tone::Bad, HOSTILE),
    ]
}

fn mail(kept_in: Option<String>, rows: Vec<MailRow>) -> Mails {
    Mails {
        shell: shell("Mail", Nav::Members),
        base: format!("{ROOT}/mail"),
        kept_in,
        rows,
        first: Some(format!("{ROOT}/mail")),
        next: Some(format!("{ROOT}/mail?after=01930003")),
    }
}

fn confirm() -> Confirm {
    let error = Some(remark("current_password", "This is not your password."));
    Confirm {
        shell: shell("Confirm that it is you", Nav::Account),
        next: "/w/acme/members".to_owned(),
        proof: Proof { error, app: true, passkeys: true },
        fresh: false,
    }
}

fn refused(code: &'static str, text: &str) -> TextBox {
    TextBox { error: Some(remark(code, text)), ..TextBox::default() }
}

fn password() -> PasswordPage {
    PasswordPage {
        shell: shell("Another password", Nav::Account),
        current: TextBox::default(),
        password: refused("password", "Use at least 15 characters."),
        password_min: 15,
    }
}

fn email() -> EmailPage {
    EmailPage {
        shell: shell("Another address", Nav::Account),
        now: "ana@acme.example".to_owned(),
        email: TextBox { error: Some(remark("email", "Enter one e-mail address.")), ..TextBox::of(HOSTILE) },
        ask_password: Some(Proof::default()),
    }
}

fn email_confirmation() -> EmailConfirmation {
    EmailConfirmation {
        shell: shell("Confirm your address", Nav::Account),
        email: HOSTILE.to_owned(),
        action: "/account/email/0123456789".to_owned(),
    }
}

fn sessions() -> Sessions {
    let row = |n: usize, device: &str, own| SessionRow {
        handle: format!("{n:024x}"),
        own,
        device: device.to_owned(),
        agent: HOSTILE.to_owned(),
        address: "2001:db8::17".to_owned(),
        since: ago(200),
        seen: ago(2),
    };
    Sessions {
        shell: shell("Where you are signed in", Nav::Account),
        rows: vec![row(1, "Firefox on Linux", true), row(2, HOSTILE, false)],
    }
}

fn forgot() -> Forgot {
    Forgot {
        shell: bare("Forgot"),
        email: TextBox { error: Some(remark("email", "Enter one.")), ..TextBox::of(HOSTILE) },
    }
}

fn reset() -> Reset {
    Reset {
        shell: bare("Choose a new password"),
        action: "/password/reset/0123456789".to_owned(),
        email: HOSTILE.to_owned(),
        password: refused("password", "Use at least 15 characters."),
        password_min: 15,
    }
}

fn second_step(app: bool) -> SecondStep {
    let text = "This code is not right.".to_owned();
    SecondStep {
        shell: bare("Second factor"),
        app,
        codes: app,
        passkeys: true,
        message: app.then(|| Message { bad: true, code: "second_factor".to_owned(), text }),
    }
}

fn second_factor(pending: bool) -> SecondFactorPage {
    let drawn = Pending { width: 29, path: "M4 4h1v1h-1z".to_owned(), typed: "GEZD GNBV GY3T QOJQ".to_owned() };
    SecondFactorPage {
        shell: shell("Second factor", Nav::Account),
        app: !pending,
        passkeys: 0,
        left: 8,
        asked_by: vec![HOSTILE.to_owned()],
        pending: pending.then_some(drawn),
        code: refused("code", "This is not the code."),
        codes: if pending { Vec::new() } else { vec!["ABCD-EFGH-JKLM-NPQR".to_owned()] },
        ask_password: Some(Proof::default()),
    }
}

fn passkeys(possible: bool, fresh: bool) -> PasskeysPage {
    PasskeysPage {
        shell: shell("Passkeys", Nav::Account),
        possible,
        name: TextBox { error: Some(remark("name", "A name has 1 to 200 characters.")), ..TextBox::of(HOSTILE) },
        ask_password: (!fresh).then(|| Proof { passkeys: true, ..Proof::default() }),
        rows: vec![PasskeyRow {
            id: "AAAA".to_owned(),
            name: HOSTILE.to_owned(),
            rename: TextBox { error: Some(remark("name", "Enter a name.")), ..TextBox::of(HOSTILE) },
            made: ago(900),
            used: Some(ago(3)),
        }],
    }
}

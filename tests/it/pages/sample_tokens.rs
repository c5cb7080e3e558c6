//! Samples of the pages of tokens.

use super::sample_forms::remark;
use super::samples::{HOSTILE, ago, shell};
use credenza::web::pages::form::{Proof, TextBox};
use credenza::web::pages::shell::{Link, Nav};
use credenza::web::pages::tokens::{Change, OwnerView, Shown, TokenForm, TokenRow, TokenState, Tokens};

const BOT: &str = "/w/acme/bots/01901";

fn of_bot() -> OwnerView {
    let link = |label: &str, href: &str| Link { label: label.to_owned(), href: href.to_owned() };
    OwnerView {
        above: vec![link("Bots", "/w/acme/bots"), link("Lead intake", BOT)],
        tokens: format!("{BOT}/tokens"),
        bot: Some("Lead intake".to_owned()),
    }
}

fn of_workspace() -> OwnerView {
    let above = vec![Link { label: "Settings".to_owned(), href: "/w/acme/settings".to_owned() }];
    OwnerView { above, tokens: "/w/acme/tokens".to_owned(), bot: None }
}

fn row(n: usize, name: &str, state: TokenState) -> TokenRow {
    TokenRow {
        href: format!("{BOT}/tokens/0190{n}"),
        name: name.to_owned(),
        prefix: format!("crdz_Ab3dEf9h{n}x"),
        scopes: "have calls made, fetch values".to_owned(),
        reach: "the credentials of its blocks".to_owned(),
        networks: "from 203.0.113.0/24".to_owned(),
        made: (ago(9000), "Ana".to_owned()),
        last: n.is_multiple_of(2).then(|| ago(3)),
        state,
        ends: ago(100),
        leaked: n == 1,
    }
}

pub fn list() -> Tokens {
    let states =
        [TokenState::Open, TokenState::EndsSoon, TokenState::Replaced, TokenState::Expired, TokenState::Revoked];
    let mut rows: Vec<TokenRow> =
        states.into_iter().enumerate().map(|(n, state)| row(n, "Mail worker", state)).collect();
    rows.push(row(7, HOSTILE, TokenState::Open));
    Tokens {
        shell: shell("Tokens", Nav::Bots),
        owner: of_bot(),
        rows,
        form: TokenForm { uses: true, days: TextBox::of("90"), ..TokenForm::default() },
        most_days: 366,
    }
}

fn proof() -> Proof {
    Proof { error: Some(remark("current_password", "This is not right.")), app: true, passkeys: true }
}

pub fn list_refused() -> Tokens {
    let wrong = |text: &str| TextBox { error: Some(remark("invalid", text)), ..TextBox::of(HOSTILE) };
    let form = TokenForm {
        name: wrong("Say in a few words where the token will live."),
        scope: wrong("Choose what the token may do."),
        credentials: wrong("There is no credential with the handle x."),
        networks: wrong("“x” is not a network."),
        days: wrong("A token lives for 1 to 366 days."),
        refused: Some("There are 50 tokens already.".to_owned()),
        ask_password: Some(proof()),
        ..TokenForm::default()
    };
    Tokens { rows: Vec::new(), form, ..list() }
}

pub fn manage() -> Tokens {
    let row = |n, state| TokenRow {
        href: format!("/w/acme/tokens/0190{n}"),
        scopes: "manage this workspace".to_owned(),
        reach: "never reads a secret".to_owned(),
        ..row(n, "Deploy pipeline", state)
    };
    let rows = vec![row(2, TokenState::Open), row(1, TokenState::EndsSoon), row(3, TokenState::Revoked)];
    let form = TokenForm { days: TextBox::of("90"), ..TokenForm::default() };
    Tokens { shell: shell("Tokens that manage", Nav::Settings), owner: of_workspace(), rows, form, most_days: 366 }
}

pub fn manage_refused() -> Tokens {
    Tokens { owner: of_workspace(), ..list_refused() }
}

pub fn manage_shown() -> Shown {
    Shown { owner: of_workspace(), variable: "MANAGE_TOKEN", name: "Deploy pipeline".to_owned(), ..shown() }
}

pub fn manage_rotation() -> Change {
    Change { owner: of_workspace(), href: "/w/acme/tokens/01902".to_owned(), ..rotation() }
}

pub fn manage_revocation() -> Change {
    Change { rotates: false, ..manage_rotation() }
}

pub fn shown() -> Shown {
    Shown {
        shell: shell("Mail worker", Nav::Bots),
        owner: of_bot(),
        variable: "BOT_TOKEN",
        name: "Mail worker".to_owned(),
        prefix: "crdz_Ab3dEf9h1x".to_owned(),
        text: Some("crdz_Ab3dEf9h1x_0123456789012345678901234567890123456789012_abcdef".to_owned()),
        console: "https://console.example/".to_owned(),
    }
}

pub fn gone() -> Shown {
    Shown { text: None, ..shown() }
}

pub fn rotation() -> Change {
    Change {
        shell: shell("Rotate Mail worker", Nav::Bots),
        owner: of_bot(),
        href: format!("{BOT}/tokens/01902"),
        name: "Mail worker".to_owned(),
        prefix: "crdz_Ab3dEf9h1x".to_owned(),
        last: Some(ago(5)),
        rotates: true,
        overlap: 60,
        ask_password: Some(Proof::default()),
    }
}

pub fn revocation() -> Change {
    Change { rotates: false, last: None, ask_password: None, ..rotation() }
}

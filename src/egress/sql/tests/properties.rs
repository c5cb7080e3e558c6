//! Whatever a server says, the talk ends with an answer or a fault.

use super::{HOST, PASSWORD, mysql, postgres};
use crate::egress::fault::Fault;
use crate::egress::sql::{Served, SqlLogin, mysql as client_mysql, postgres as client_postgres};
use crate::egress::target::{Mode, Target};
use crate::egress::trace::Trace;
use crate::secret::Secret;
use proptest::prelude::*;
use std::time::Duration;
use tokio::io::{AsyncWriteExt, DuplexStream, duplex};

/// What a good server says in one go, so that changes to it reach deep.
fn good(mode: Mode) -> Vec<u8> {
    match mode {
        Mode::PostgresPlain => [postgres::auth(postgres::OK, &[]), postgres::ready(), postgres::one()].concat(),
        _ => [
            mysql::greeting("8.4.3", 0xdfff_ffff, "caching_sha2_password"),
            mysql::packet(2, &[1, 3]),
            mysql::packet(3, &mysql::OK),
            mysql::one(),
        ]
        .concat(),
    }
}

fn talk(mode: Mode, said: Vec<u8>) -> Result<Served, Fault> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let result = runtime.block_on(async {
        let (ours, mut theirs) = duplex(256 * 1024);
        theirs.write_all(&said).await.unwrap();
        theirs.shutdown().await.unwrap();
        tokio::time::timeout(Duration::from_secs(5), client(mode, ours)).await
    });
    result.unwrap_or_else(|_| panic!("it does not end"))
}

async fn client(mode: Mode, stream: DuplexStream) -> Result<Served, Fault> {
    let target = Target::sql(HOST, 5432, mode).unwrap();
    let login = SqlLogin::new(target, Secret::new("joe".into()), Secret::new(PASSWORD.into()), "shop").unwrap();
    let mut trace = Trace::within(Duration::from_secs(5));
    if mode == Mode::PostgresPlain {
        return client_postgres::talk(stream, &login, client_postgres::Channel::Plain, &mut trace).await;
    }
    let (stream, greeting) = client_mysql::greet(stream).await?;
    client_mysql::talk(stream, &login, &greeting, false, &mut trace).await
}

const MODES: [Mode; 2] = [Mode::PostgresPlain, Mode::MysqlPlain];

#[test]
fn what_is_changed_below_is_good() {
    for mode in MODES {
        assert!(talk(mode, good(mode)).is_ok());
    }
}

proptest! {
    #[test]
    fn any_bytes_come_to_an_end(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        for mode in MODES {
            prop_assert!(talk(mode, bytes.clone()).is_err());
        }
    }

    #[test]
    fn a_good_talk_with_changes_comes_to_an_end(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
    ) {
        for mode in MODES {
            let mut bytes = good(mode);
            for (at, byte) in &changes {
                let at = at.index(bytes.len());
                bytes[at] = *byte;
            }
            let _ = talk(mode, bytes.clone());
            bytes.truncate(cut.index(bytes.len()));
            prop_assert!(talk(mode, bytes).is_err());
        }
    }
}

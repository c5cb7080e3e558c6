//! Passkeys (WebAuthn level 2): what a browser is asked, and whether what it answers is true. The person's device
//! always asks for a gesture that proves who holds it, so that a passkey is enough alone.

use crate::error::{Error, Result};
use url::{Host, Url};
use webauthn_rs::prelude::{
    DiscoverableAuthentication, Passkey, PasskeyRegistration, PublicKeyCredential, RegisterPublicKeyCredential, Uuid,
    Webauthn, WebauthnBuilder,
};
use webauthn_rs_proto::ResidentKeyRequirement;

/// Judges passkeys for one address.
pub struct Passkeys {
    webauthn: Webauthn,
}

/// A challenge: what the browser gets, and what its answer is judged by.
pub struct Challenge {
    /// For the browser, as JSON.
    pub options: String,
    /// To be kept until the answer comes, as JSON; it holds no secret, but must not be changed.
    pub state: String,
}

/// A passkey that was just made.
pub struct Made {
    /// Its id, in base64.
    pub id: String,
    /// Its public key and what else is to be kept, as JSON.
    pub kept: String,
}

/// An answer to a challenge, before it is judged.
pub struct Answer {
    credential: PublicKeyCredential,
    /// The person that it names.
    pub person: String,
    /// The passkey that it was made with, in base64.
    pub id: String,
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

impl Passkeys {
    /// For the address that people use; `None` where browsers have no passkeys: at a bare address of a network, and
    /// without https. This very machine is called `localhost`.
    pub fn at(public_url: &Url) -> Option<Self> {
        let mut origin = public_url.clone();
        let local = match public_url.host()? {
            Host::Domain(name) => name == "localhost",
            Host::Ipv4(ip) => ip.is_loopback(),
            Host::Ipv6(ip) => ip.is_loopback(),
        };
        if local {
            origin.set_host(Some("localhost")).ok()?;
        } else if origin.scheme() != "https" {
            return None;
        }
        let name = origin.domain()?.to_owned();
        let webauthn = WebauthnBuilder::new(&name, &origin).ok()?.rp_name("Credenza").build().ok()?;
        Some(Self { webauthn })
    }

    /// Asks for a new passkey. `known` are those that the person has, so that no device makes a second one.
    ///
    /// # Errors
    /// A fault of ours.
    pub fn register(&self, person: &str, email: &str, name: &str, known: &[String]) -> Result<Challenge> {
        use base64::Engine;
        let decode = |id: &String| base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(id).ok();
        let known = known.iter().filter_map(decode).collect();
        let id = Uuid::parse_str(person).map_err(Error::internal)?;
        let (mut asked, state) =
            self.webauthn.start_passkey_registration(id, email, name, Some(known)).map_err(Error::internal)?;
        // It signs in without a name being typed.
        if let Some(selection) = &mut asked.public_key.authenticator_selection {
            selection.resident_key = Some(ResidentKeyRequirement::Required);
            selection.require_resident_key = true;
        }
        challenge(&asked, &state)
    }

    /// Judges the answer to [`Passkeys::register`]; `None` if it is not true.
    pub fn registered(&self, state: &str, answer: &str) -> Option<Made> {
        let state: PasskeyRegistration = serde_json::from_str(state).ok()?;
        let answer: RegisterPublicKeyCredential = serde_json::from_str(answer).ok()?;
        let made = self.webauthn.finish_passkey_registration(&answer, &state).ok()?;
        let kept = serde_json::to_string(&made).ok()?;
        Some(Made { id: base64(made.cred_id().as_ref()), kept })
    }

    /// Asks for any passkey of this site.
    ///
    /// # Errors
    /// A fault of ours.
    pub fn ask(&self) -> Result<Challenge> {
        let (mut asked, state) = self.webauthn.start_discoverable_authentication().map_err(Error::internal)?;
        asked.mediation = None;
        challenge(&asked, &state)
    }

    /// Reads an answer to [`Passkeys::ask`]; `None` if it is none.
    pub fn read(&self, answer: &str) -> Option<Answer> {
        let credential: PublicKeyCredential = serde_json::from_str(answer).ok()?;
        let (person, id) = self.webauthn.identify_discoverable_authentication(&credential).ok()?;
        let (person, id) = (person.hyphenated().to_string(), base64(id));
        Some(Answer { credential, person, id })
    }

    /// Judges an answer by the challenge and the passkey as it was kept: origin, challenge, signature, gesture, and a
    /// counter that has grown. The passkey as it is to be kept from now on; `None` if the answer is not true.
    pub fn judged(&self, state: &str, answer: &Answer, kept: &str) -> Option<String> {
        let state: DiscoverableAuthentication = serde_json::from_str(state).ok()?;
        let mut passkey: Passkey = serde_json::from_str(kept).ok()?;
        let seen = self
            .webauthn
            .finish_discoverable_authentication_v2(&answer.credential, state, &passkey)
            .ok()
            .filter(|seen| seen.user_verified())?;
        passkey.update_credential(&seen);
        serde_json::to_string(&passkey).ok()
    }
}

fn challenge(asked: &impl serde::Serialize, state: &impl serde::Serialize) -> Result<Challenge> {
    Ok(Challenge {
        options: serde_json::to_string(asked).map_err(Error::internal)?,
        state: serde_json::to_string(state).map_err(Error::internal)?,
    })
}

#[cfg(test)]
mod tests {
    use super::Passkeys;
    use url::Url;

    #[test]
    fn passkeys_are_there_where_browsers_have_them() {
        let at = |url: &str| Passkeys::at(&Url::parse(url).unwrap()).is_some();
        for good in ["https://vault.example", "http://localhost:8080", "http://127.0.0.1:8080", "http://[::1]:8080"] {
            assert!(at(good), "{good}");
        }
        for bad in ["http://vault.example", "https://192.0.2.7", "http://192.0.2.7:8080"] {
            assert!(!at(bad), "{bad}");
        }
    }

    #[test]
    fn what_is_no_answer_is_no_answer() {
        let passkeys = Passkeys::at(&Url::parse("https://vault.example").unwrap()).unwrap();
        let asked = passkeys.ask().unwrap();
        assert!(asked.options.contains("\"userVerification\":\"required\""), "{}", asked.options);
        for answer in ["", "{}", "[]", "null", &asked.options] {
            assert!(passkeys.read(answer).is_none(), "{answer}");
            assert!(passkeys.registered(&asked.state, answer).is_none(), "{answer}");
        }
    }
}

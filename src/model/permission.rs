//! A permission is a value that must be held: [`Allowed<P>`] cannot be made outside this room.

use super::bot_token::BotToken;
use super::membership;
use super::workspace::Workspace;
use crate::clock::At;
use crate::db::Tx;
use crate::db::types::text_enum;
use crate::error::{Error, Result};
use crate::id::Id;
use crate::work;
use std::marker::PhantomData;

text_enum! {
    /// What a person may do in one workspace.
    Role {
        /// Manages credentials, people and settings.
        Admin = "admin",
        /// Sees names, types and status.
        Member = "member",
        /// Audits, without seeing secrets.
        Support = "support",
    }
}

impl Role {
    /// Whether hosts, accounts, steps and history are shown.
    pub fn inspects(self) -> bool {
        self != Self::Member
    }
}

/// Something that may be allowed in a workspace.
pub trait Permission: 'static {
    /// Its name in the audit log.
    const NAME: &'static str;
    /// The roles that have it.
    const ROLES: &'static [Role];
}

macro_rules! permissions {
    ($($(#[$meta:meta])* $name:ident = $text:literal: $($role:ident)*;)+) => {
        $($(#[$meta])*
        #[derive(Debug)]
        pub enum $name {}

        impl Permission for $name {
            const NAME: &'static str = $text;
            const ROLES: &'static [Role] = &[$(Role::$role),*];
        })+

        /// Every permission with the roles that have it.
        pub const ALL: &[(&str, &[Role])] = &[$(($text, &[$(Role::$role),*])),+];
    };
}

permissions! {
    /// See names, services, methods, environments and statuses.
    ReadCredentials = "credentials.read": Admin Member Support;
    /// Read the guide pages of the services.
    ReadIntegrations = "integrations.read": Admin Member Support;
    /// Store a new credential.
    CreateCredential = "credentials.create": Admin;
    /// Change fields of a credential.
    EditCredential = "credentials.edit": Admin;
    /// Give a credential another name.
    RenameCredential = "credentials.rename": Admin;
    /// Replace the secret of a credential.
    RotateCredential = "credentials.rotate": Admin;
    /// Run the live check of a stored credential.
    VerifyCredential = "credentials.verify": Admin;
    /// Send a mail to oneself with a stored credential.
    SendTestMail = "credentials.test_mail": Admin;
    /// Switch a credential off.
    SuspendCredential = "credentials.suspend": Admin;
    /// Move blocks from one credential to another.
    ReplaceCredential = "credentials.replace": Admin;
    /// Connect a credential at its service, again too.
    ConnectCredential = "credentials.connect": Admin;
    /// Enter the OAuth clients of a workspace.
    ManageApps = "apps.manage": Admin;
    /// Renew tokens before they end; only the program itself does this.
    RefreshCredential = "credentials.refresh": Admin;
    /// Delete a credential, and see and purge what was deleted.
    DeleteCredential = "credentials.delete": Admin;
    /// Bring a deleted credential back.
    RestoreCredential = "credentials.restore": Admin;
    /// See bots, their blocks and whether their credentials work.
    ReadBots = "bots.read": Admin Member Support;
    /// Make, change, publish and delete bots and their blocks.
    ManageBots = "bots.manage": Admin;
    /// Make, rotate and revoke tokens.
    ManageTokens = "tokens.manage": Admin;
    /// Use a credential: no role, only the token of a bot.
    UseCredential = "credentials.use":;
    /// Let statuses age and deleted credentials go; only the program itself does this.
    KeepHouse = "credentials.housekeeping": Admin;
    /// Rotate and retire the keys of a workspace: no role, only the shell and the program itself.
    ManageKeys = "keys.manage":;
    /// See how a workspace is, as far as the role sees its parts.
    ReadOverview = "overview.read": Admin Member Support;
    /// Read the audit of a workspace.
    ReadAudit = "audit.read": Admin Support;
    /// Take the audit of a workspace away as a file.
    ExportAudit = "audit.export": Admin Support;
    /// Change the name and the policies of a workspace, and delete it.
    ManageSettings = "settings.manage": Admin;
    /// Let support look into a workspace, and end that.
    ManageSupport = "support.manage": Admin;
    /// Add people to a workspace.
    ManageMembers = "members.manage": Admin;
    /// See who belongs to a workspace.
    ReadMembers = "members.read": Admin Support;
    /// Go by oneself.
    LeaveWorkspace = "workspace.leave": Admin Member Support;
    /// See what became of mails, and have them sent again.
    ManageMail = "mail.manage": Admin;
}

/// What a token with the scope `manage` may do in its workspace. It can be given nothing else: not to read or use a
/// secret, not to make tokens, not to let people in, not to read the audit.
pub trait ByToken: Permission {}

macro_rules! by_token {
    ($($name:ident)+) => { $(impl ByToken for $name {})+ };
}

by_token! {
    ReadCredentials ReadIntegrations CreateCredential EditCredential RenameCredential RotateCredential
    VerifyCredential SuspendCredential ReplaceCredential DeleteCredential RestoreCredential ReadBots ManageBots
}

/// Who acts, as the audit log names them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Actor {
    /// `person`, `bot`, `token` (one that manages a workspace), `operator`, `job` or `anonymous`.
    pub kind: &'static str,
    /// The id of the person, bot or token, the job's name, or empty.
    pub id: String,
    /// The first characters of the hashed session key or of the token, or empty.
    pub session: String,
    /// The client's address, or empty.
    pub address: String,
    /// The client's description of itself, at most 200 characters, on one line.
    pub agent: String,
    /// The id of the request, job or command that the act belongs to, or empty.
    pub request_id: String,
}

impl Actor {
    /// Whoever has a shell on the machine.
    pub fn operator() -> Self {
        Self { kind: "operator", request_id: work::current_id(), ..Self::default() }
    }

    /// The program itself, at one of its jobs.
    pub fn job(name: &str) -> Self {
        Self { kind: "job", id: name.to_owned(), request_id: work::current_id(), ..Self::default() }
    }
}

/// Whose right is read again inside each write; nobody's for the shell and for jobs.
#[derive(Debug, Clone)]
enum By {
    Person(Id<super::user::User>),
    Token(Id<BotToken>),
    Program,
}

/// Proof that somebody may do `P` in one workspace, and who it is.
#[derive(Debug)]
pub struct Allowed<P> {
    workspace: Id<Workspace>,
    actor: Actor,
    by: By,
    permission: PhantomData<fn() -> P>,
}

impl<P> Clone for Allowed<P> {
    fn clone(&self) -> Self {
        Self {
            workspace: self.workspace.clone(),
            actor: self.actor.clone(),
            by: self.by.clone(),
            permission: PhantomData,
        }
    }
}

impl<P: Permission> Allowed<P> {
    /// For a person whose role was just read; `None` if the role does not have the permission.
    pub(super) fn person(
        workspace: Id<Workspace>,
        user: Id<super::user::User>,
        role: Role,
        actor: Actor,
    ) -> Option<Self> {
        P::ROLES.contains(&role).then_some(Self { workspace, actor, by: By::Person(user), permission: PhantomData })
    }

    /// For the operator at the shell.
    pub fn operator(workspace: Id<Workspace>) -> Self {
        Self { workspace, actor: Actor::operator(), by: By::Program, permission: PhantomData }
    }

    /// For one of the program's own jobs.
    pub fn job(workspace: Id<Workspace>, name: &str) -> Self {
        Self { workspace, actor: Actor::job(name), by: By::Program, permission: PhantomData }
    }

    /// For a bot whose token was just judged.
    pub(super) fn bot(workspace: Id<Workspace>, actor: Actor, token: Id<BotToken>) -> Self {
        Self { workspace, actor, by: By::Token(token), permission: PhantomData }
    }

    /// For a token that manages its workspace and was just judged.
    pub(super) fn token(workspace: Id<Workspace>, actor: Actor, token: Id<BotToken>) -> Self
    where
        P: ByToken,
    {
        Self { workspace, actor, by: By::Token(token), permission: PhantomData }
    }

    /// For whoever holds an invitation, which was judged a moment ago in the same transaction.
    pub(super) fn invited(workspace: Id<Workspace>, actor: Actor) -> Self {
        Self { workspace, actor, by: By::Program, permission: PhantomData }
    }

    /// The person who acts, if it is one of the workspace's.
    pub fn by(&self) -> Option<&Id<super::user::User>> {
        match &self.by {
            By::Person(user) => Some(user),
            By::Token(_) | By::Program => None,
        }
    }

    /// The workspace it holds in.
    pub fn workspace(&self) -> &Id<Workspace> {
        &self.workspace
    }

    /// Who acts.
    pub fn actor(&self) -> &Actor {
        &self.actor
    }

    /// Locks the workspace's chain and reads the membership or the token again, inside the write that needs it:
    /// a role taken away a moment ago is felt.
    pub(super) fn begin(&self, tx: &mut Tx<'_>, now: At) -> Result<()> {
        super::audit::lock(tx, self.workspace.as_str())?;
        let user = match &self.by {
            By::Program => return Ok(()),
            By::Token(token) => {
                let token = BotToken::find(tx.conn(), &self.workspace, token)?;
                let open = token.is_some_and(|token| token.revoked_at.is_none() && token.expires_at > now);
                return if open { Ok(()) } else { Err(Error::TokenEnded) };
            }
            By::Person(user) => user,
        };
        match membership::role(tx.conn(), &self.workspace, user, now)? {
            None => Err(Error::NotFound),
            Some(role) if P::ROLES.contains(&role) => Ok(()),
            Some(_) => Err(Error::Forbidden),
        }
    }
}

//! The command line: `credenza` serves; the other words are for the operator's shell.

mod audit;
mod backup;
mod bots;
mod catalog;
mod config;
mod demo;
mod doctor;
mod drill;
mod exit;
mod keys;
mod log;
mod open;
mod people;
mod serve;
mod start;

pub use exit::Exit;

use crate::work::Work;
use clap::{Parser, Subcommand};
use exit::Failure;
use std::path::PathBuf;

/// The console where a workspace keeps the credentials that its bots and automations use.
#[derive(Debug, Parser)]
#[command(name = "credenza", version, about, disable_help_subcommand = true)]
pub struct Cli {
    /// What to do; without a word, serve.
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the console until told to stop (the default).
    Serve {
        /// Serve a database that was put back to an older state; written down, and ends every session and token.
        #[arg(long)]
        accept_rollback: bool,
    },
    /// Serve a throw-away workspace to look at: its data vanish at the end, its services (databases aside) are imitated.
    ///
    /// It uses no database, data directory or key that is configured. Of the environment count only the
    /// variables on listening, the public address, proxies, the log, the support contact and the catalogue's folder.
    Demo,
    /// Make the first workspace and its admin without a browser; prints the workspace's slug.
    Setup {
        /// The workspace's name.
        #[arg(long)]
        workspace: String,
        /// The admin's e-mail address.
        #[arg(long)]
        email: String,
        /// A file that holds the admin's password; `-` reads standard input.
        #[arg(long)]
        password_file: PathBuf,
    },
    /// Workspaces.
    #[command(subcommand)]
    Workspace(WorkspaceCommand),
    /// Members of a workspace.
    #[command(subcommand)]
    Member(MemberCommand),
    /// Bots, which use credentials.
    #[command(subcommand)]
    Bot(BotCommand),
    /// Tokens, which bots and automations sign in with.
    #[command(subcommand)]
    Token(TokenCommand),
    /// The audit log.
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Write a copy of the SQLite database while the server runs; for PostgreSQL it says what to run.
    Backup {
        /// The file to write; it must not be there yet.
        file: PathBuf,
    },
    /// Open all that is sealed in a backup and prove its chains, changing nothing; exit 1 if something is wrong.
    Drill {
        /// The file of a backup, or the postgres:// address of a restored one.
        from: String,
    },
    /// Root keys and the keys of workspaces.
    #[command(subcommand)]
    Keys(KeysCommand),
    /// The catalogue of services.
    #[command(subcommand)]
    Catalog(CatalogCommand),
    /// The settings.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Look at everything that is set up and change nothing; exit 1 if something fails.
    Doctor,
}

#[derive(Debug, Subcommand)]
enum WorkspaceCommand {
    /// Make a workspace; prints its slug.
    Add {
        /// Its name.
        #[arg(long)]
        name: String,
    },
    /// List the workspaces: slug, name.
    List,
}

#[derive(Debug, Subcommand)]
enum MemberCommand {
    /// Add a person to a workspace, making the person if nobody has the address.
    Add {
        /// The workspace's slug.
        #[arg(long)]
        workspace: String,
        /// The person's e-mail address.
        #[arg(long)]
        email: String,
        /// `admin`, `member` or `support`.
        #[arg(long)]
        role: String,
        /// Why somebody from support is let in; the workspace's admins see it.
        #[arg(long)]
        reason: Option<String>,
        /// When the access of support ends: a day such as 2026-03-31 (its end, in UTC) or a time as RFC 3339 writes it.
        #[arg(long, value_name = "TIME")]
        until: Option<String>,
        /// A file that holds the password of a new person; `-` reads standard input.
        #[arg(long)]
        password_file: Option<PathBuf>,
    },
    /// List the people of a workspace: address, role, state.
    List {
        /// The workspace's slug.
        #[arg(long)]
        workspace: String,
    },
    /// Take a person's access to everything away at once; their sessions end.
    Disable {
        /// The person's e-mail address.
        #[arg(long)]
        email: String,
    },
    /// Take every second factor of a person away who lost them all; their sessions end, and the password alone opens.
    ResetSecondFactor {
        /// The person's e-mail address.
        #[arg(long)]
        email: String,
    },
    /// Give a disabled person access again.
    Enable {
        /// The person's e-mail address.
        #[arg(long)]
        email: String,
    },
}

#[derive(Debug, Subcommand)]
enum BotCommand {
    /// Register a bot, as a draft; prints its id.
    Add {
        /// The workspace's slug.
        #[arg(long)]
        workspace: String,
        /// Its name.
        #[arg(long)]
        name: String,
    },
}

#[derive(Debug, Subcommand)]
enum TokenCommand {
    /// Make a token; prints it, once.
    Add(bots::NewToken),
}

#[derive(Debug, Subcommand)]
enum KeysCommand {
    /// Say which keys there are, what each is needed for, and when it was last used.
    Status,
    /// Wrap the instance's keys under a new root key too; a server that starts with it makes it the active one.
    Stage {
        /// A file with the new root key: base64 of 32 bytes, mode 0600.
        #[arg(long, group = "source", required_unless_present_any = ["env", "command"])]
        file: Option<PathBuf>,
        /// The name of an environment variable that holds it.
        #[arg(long, group = "source")]
        env: Option<String>,
        /// A command that prints it, as CREDENZA_ROOT_KEY_COMMAND takes it.
        #[arg(long, group = "source")]
        command: Option<String>,
    },
    /// Erase what a root key that is no longer needed opens; refused while it is needed.
    Retire {
        /// Its label, as “keys status” tells it.
        label: String,
        /// Although a server ran with it less than seven days ago.
        #[arg(long)]
        at_once: bool,
    },
    /// Make a new key for each workspace, seal everything anew under it, and erase the old one.
    Rotate {
        /// Only this workspace, by its slug.
        #[arg(long)]
        workspace: Option<String>,
        /// Only keys that have sealed for at least so many days.
        #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(i64).range(0..))]
        older_than: Option<i64>,
        /// Only make the new keys, and leave the rest to the running server.
        #[arg(long)]
        background: bool,
        /// Instead, make a new instance root, which wraps the keys of workspaces from the next start on.
        #[arg(long, conflicts_with_all = ["workspace", "older_than", "background"])]
        instance_root: bool,
    },
}

#[derive(Debug, Subcommand)]
enum AuditCommand {
    /// Prove every chain; exit 1 and the first bad number if one is broken.
    ///
    /// Without a file: the chains of the database, against the anchor and the signed checkpoints. With a file: an
    /// export, with public keys alone; no database and no root key is needed.
    Verify {
        /// An export in JSON lines; `-` reads standard input.
        #[arg(requires = "public_key")]
        file: Option<PathBuf>,
        /// A public key as “audit key” prints it; several may be given.
        #[arg(long, value_name = "KEY", requires = "file")]
        public_key: Vec<String>,
        /// A further file of signed checkpoints, such as a copy that was kept elsewhere.
        #[arg(long, value_name = "FILE", conflicts_with = "file")]
        checkpoints: Vec<PathBuf>,
    },
    /// Print the public keys of this instance, the one in use last.
    Key,
    /// Write the whole chain of a workspace as JSON lines, which “audit verify FILE” proves elsewhere.
    Export {
        /// The workspace's slug; `instance` is the chain of what belongs to no workspace.
        #[arg(long, value_name = "SLUG")]
        workspace: String,
        /// The file to write; it must not be there yet. Without it, standard output.
        file: Option<PathBuf>,
    },
}

#[derive(Debug, Subcommand)]
enum CatalogCommand {
    /// List the services and the ways to sign in.
    List,
    /// Read every file, report what is wrong (exit 2) or could be better (exit 1).
    Lint,
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Print each setting: its value, where it comes from, and what it is for; never a secret.
    Explain,
}

/// Runs what the arguments ask for.
pub fn run(cli: Cli) -> Exit {
    // Before any file is made: one of these commands makes the database.
    crate::harden::use_small_pages();
    let ungranted = crate::harden::harden();
    let command = cli.command.unwrap_or(Command::Serve { accept_rollback: false });
    let done = Work::command().enter(|| obey(command, &ungranted));
    done.unwrap_or_else(|failure| {
        log::last_words(&failure.text);
        failure.exit
    })
}

fn obey(command: Command, ungranted: &[String]) -> Result<Exit, Failure> {
    match command {
        Command::Serve { accept_rollback } => serve::serve(ungranted, accept_rollback),
        Command::Demo => demo::demo(ungranted),
        Command::Setup { workspace, email, password_file } => people::setup(&workspace, &email, &password_file),
        Command::Workspace(WorkspaceCommand::Add { name }) => people::add_workspace(&name),
        Command::Workspace(WorkspaceCommand::List) => people::list_workspaces(),
        Command::Member(MemberCommand::Add { workspace, email, role, reason, until, password_file }) => {
            people::add_member(&workspace, &email, &role, people::Terms { reason, until }, password_file.as_deref())
        }
        Command::Bot(BotCommand::Add { workspace, name }) => bots::add(&workspace, &name),
        Command::Token(TokenCommand::Add(new)) => bots::add_token(new),
        Command::Member(MemberCommand::List { workspace }) => people::list_members(&workspace),
        Command::Member(MemberCommand::Disable { email }) => people::set_disabled(&email, true),
        Command::Member(MemberCommand::ResetSecondFactor { email }) => people::reset_second_factor(&email),
        Command::Member(MemberCommand::Enable { email }) => people::set_disabled(&email, false),
        Command::Audit(AuditCommand::Verify { file: Some(file), public_key, .. }) => {
            audit::verify_file(&file, &public_key)
        }
        Command::Audit(AuditCommand::Verify { checkpoints, .. }) => audit::verify(&checkpoints),
        Command::Audit(AuditCommand::Key) => audit::keys(),
        Command::Audit(AuditCommand::Export { workspace, file }) => audit::export(&workspace, file.as_deref()),
        Command::Backup { file } => backup::backup(&file),
        Command::Drill { from } => drill::drill(&from),
        Command::Keys(command) => keys::run(command),
        Command::Catalog(CatalogCommand::List) => catalog::list(),
        Command::Catalog(CatalogCommand::Lint) => catalog::lint(),
        Command::Config(ConfigCommand::Explain) => config::explain(),
        Command::Doctor => doctor::doctor(),
    }
}

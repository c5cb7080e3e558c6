//! The command line: `credenza` serves; the other words are for the operator's shell.

mod audit;
mod catalog;
mod demo;
mod exit;
mod open;
mod people;
mod serve;

pub use exit::Exit;

use clap::{Parser, Subcommand};
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
    Serve,
    /// Serve a throw-away workspace to look at: its data vanish at the end, its services are imitated.
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
    /// The audit log.
    #[command(subcommand)]
    Audit(AuditCommand),
    /// The catalogue of services.
    #[command(subcommand)]
    Catalog(CatalogCommand),
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
        /// A file that holds the password of a new person; `-` reads standard input.
        #[arg(long)]
        password_file: Option<PathBuf>,
    },
}

#[derive(Debug, Subcommand)]
enum AuditCommand {
    /// Prove every chain; exit 1 and the first bad number if one is broken.
    Verify,
}

#[derive(Debug, Subcommand)]
enum CatalogCommand {
    /// List the services and the ways to sign in.
    List,
    /// Read every file, report what is wrong (exit 2) or could be better (exit 1).
    Lint,
}

/// Runs what the arguments ask for.
pub fn run(cli: Cli) -> Exit {
    // Before any file is made: each of these commands may be the one that makes the database.
    let ungranted = crate::harden::harden();
    let done = match cli.command.unwrap_or(Command::Serve) {
        Command::Serve => serve::serve(&ungranted),
        Command::Demo => demo::demo(&ungranted),
        Command::Setup { workspace, email, password_file } => people::setup(&workspace, &email, &password_file),
        Command::Workspace(WorkspaceCommand::Add { name }) => people::add_workspace(&name),
        Command::Workspace(WorkspaceCommand::List) => people::list_workspaces(),
        Command::Member(MemberCommand::Add { workspace, email, role, password_file }) => {
            people::add_member(&workspace, &email, &role, password_file.as_deref())
        }
        Command::Audit(AuditCommand::Verify) => audit::verify(),
        Command::Catalog(CatalogCommand::List) => catalog::list(),
        Command::Catalog(CatalogCommand::Lint) => catalog::lint(),
    };
    done.unwrap_or_else(|failure| {
        eprintln!("credenza: {}", failure.text);
        failure.exit
    })
}

//! `credenza backup`: a verified copy of the database while the server writes.

use super::exit::{Exit, Failure};
use super::open;
use crate::config::{Config, Database};
use crate::crypto::hex;
use crate::db::{DatabaseUrl, file, inspect};
use crate::model::audit_verify::{self, Verdict};
use crate::model::backup;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Writes the backup.
pub fn backup(target: &Path) -> Result<Exit, Failure> {
    let config = open::config()?;
    let source = match &config.database {
        Database::Sqlite(path) => path.clone(),
        Database::Postgres(_) => return Err(for_postgres(target)),
    };
    refuse_existing(target)?;
    open::block_on(async move { written(&config, source, target).await })
}

/// PostgreSQL has its own tool, which this program does not stand in for.
fn for_postgres(target: &Path) -> Failure {
    let file = target.display();
    Failure::refused(format!(
        "The data is in PostgreSQL; nothing was written. Run, with the same DATABASE_URL:\n  \
         pg_dump --format=custom --no-owner --file={file} \"$DATABASE_URL\"\n\
         To see that it can be restored, restore it under another name and have it gone through:\n  \
         createdb credenza_drill && pg_restore --no-owner --exit-on-error --dbname=credenza_drill {file}\n  \
         credenza drill postgres://HOST/credenza_drill"
    ))
}

fn refuse_existing(target: &Path) -> Result<(), Failure> {
    match target.symlink_metadata() {
        Ok(_) => Err(Failure::refused(format!("{} exists already; a backup is never overwritten.", target.display()))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Failure::refused(format!("{}: {error}", target.display()))),
    }
}

async fn written(config: &Config, source: PathBuf, target: &Path) -> Result<Exit, Failure> {
    let vault = open::existing_vault(config, true).await?;
    let part = Part::beside(target)?;
    let path = part.path.clone();
    tokio::task::spawn_blocking(move || copied(&source, &path)).await.map_err(Failure::refused)??;
    let faults = faults(&vault, &part.path)?;
    if !faults.is_empty() {
        for fault in &faults {
            println!("FAULT {fault}");
        }
        println!(
            "No backup was written: the copy, and with it the database, is not sound. See “credenza audit verify”."
        );
        return Ok(Exit::Failed);
    }
    let failed = |error: &dyn std::fmt::Display| Failure::refused(format!("{}: {error}", part.path.display()));
    let mut file = OpenOptions::new().read(true).write(true).open(&part.path).map_err(|error| failed(&error))?;
    let digest = backup::put_mark(&vault.means.keyring, &mut file).map_err(|error| failed(&error))?;
    file.sync_all().map_err(|error| failed(&error))?;
    let bytes = file.metadata().map_err(|error| failed(&error))?.len();
    let (means, name) = (vault.means.clone(), target.file_name().unwrap_or_default().to_string_lossy().into_owned());
    vault.db.write(move |tx| backup::record(tx, &means, &name, bytes, &digest)).await?;
    part.become_file(target)?;
    println!("{}: {bytes} bytes, sha256 {}", target.display(), hex(&digest));
    println!("It holds no root key: keep that one elsewhere. “credenza drill” opens everything that is sealed in it.");
    Ok(Exit::Fine)
}

fn copied(source: &Path, target: &Path) -> Result<(), Failure> {
    let url = DatabaseUrl::Sqlite(source.to_owned());
    let mut conn = url.connect().map_err(Failure::refused)?;
    file::copy(&mut conn, target).map_err(|error| {
        let Failure { exit, text } = Failure::from(error);
        Failure { exit, text: format!("No backup was written, {} could not be: {text}", target.display()) }
    })
}

/// What is wrong with the copy: its pages, its chains.
fn faults(vault: &open::Vault, copy: &Path) -> Result<Vec<String>, Failure> {
    let mut conn = file::open_still(copy).map_err(Failure::refused)?;
    let mut faults = file::damages(&mut conn);
    if inspect::schema(&mut conn)?.pending > 0 {
        println!("The database is of an older version: its chains are proved by “credenza drill” after the upgrade.");
        return Ok(faults);
    }
    let keyring = &vault.means.keyring;
    let mut after = String::new();
    loop {
        let chains = audit_verify::chains(&mut conn, &after)?;
        let Some(last) = chains.last() else { return Ok(faults) };
        after.clone_from(last);
        for chain in chains {
            if let Verdict::Broken(found) = audit_verify::chain(&mut conn, keyring, &chain)? {
                faults.extend(found.iter().map(|fault| format!("audit chain {chain}: {fault}")));
            }
        }
    }
}

/// The file under its temporary name; gone unless it becomes the backup.
struct Part {
    path: PathBuf,
    dir: PathBuf,
}

impl Part {
    /// Makes an empty private file in the directory of the target.
    fn beside(target: &Path) -> Result<Self, Failure> {
        let refused =
            |error: std::io::Error| Failure::refused(format!("{} cannot be written: {error}", target.display()));
        let name = target.file_name().ok_or_else(|| Failure::refused("Name the file of the backup."))?;
        let dir = target.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let path = dir.join(format!(".{}.{}.part", name.to_string_lossy(), std::process::id()));
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).map_err(refused)?;
        Ok(Self { path, dir: dir.to_owned() })
    }

    /// Gives it its name, unless that was taken meanwhile, and has the directory flushed.
    fn become_file(self, target: &Path) -> Result<(), Failure> {
        let refused = |error: std::io::Error| Failure::refused(format!("{}: {error}", target.display()));
        match renameat_with(CWD, &self.path, CWD, target, RenameFlags::NOREPLACE) {
            Ok(()) => {}
            // Not every file system can rename so.
            Err(Errno::INVAL | Errno::NOSYS) => {
                refuse_existing(target)?;
                std::fs::rename(&self.path, target).map_err(refused)?;
            }
            Err(errno) => return Err(refused(errno.into())),
        }
        File::open(&self.dir).and_then(|dir| dir.sync_all()).map_err(refused)
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // Not there any more when it has become the backup.
        let _ = std::fs::remove_file(&self.path);
    }
}

//! The static files: compiled in, written out at start, served from there.

use crate::app::Assets;
use crate::catalog::load::Catalog;
use crate::web::pages::sprite;
use include_dir::{Dir, DirEntry, include_dir};
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::LazyLock;

static FILES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/static");

/// Writes the files to `{data}/static-<hash>` and returns where they are. A folder of the same hash that is
/// there already is used as it is, unless a file in it is missing or of another length.
pub fn write_out(data: &Path, catalog: &Catalog) -> io::Result<Assets> {
    let sheet = icon_sheet(catalog);
    let mut hash = Sha256::new();
    for (path, bytes) in all() {
        hash.update(path.to_string_lossy().as_bytes());
        hash.update(bytes);
    }
    hash.update(&sheet);
    let hash: String = hash.finalize().iter().take(8).map(|b| format!("{b:02x}")).collect();
    let folder = data.join(format!("static-{hash}"));
    for (path, bytes) in all().into_iter().chain([(Path::new("icons.svg"), sheet.as_bytes())]) {
        let target = folder.join(path);
        let whole = fs::metadata(&target).is_ok_and(|found| found.len() == bytes.len() as u64);
        if !whole {
            if let Some(parent) = target.parent() {
                fs::create_dir_all(parent)?;
            }
            fs::write(target, bytes)?;
        }
    }
    Ok(Assets { folder, hash })
}

/// The names of the icons' files; looking through the folders for every row of a list would be slow.
static ICONS: LazyLock<HashSet<&str>> = LazyLock::new(|| {
    let files = FILES.get_dir("icons").into_iter().flat_map(|folder| folder.files());
    files.filter_map(|file| file.path().file_name()?.to_str()).collect()
});

/// Whether the icon sheet holds an icon for this service.
pub fn has_icon(icon: Option<&str>) -> bool {
    icon.is_some_and(|file| ICONS.contains(file))
}

fn icon_sheet(catalog: &Catalog) -> String {
    let icons: Vec<(&str, &str)> = catalog
        .all()
        .iter()
        .filter_map(|integration| {
            let file = FILES.get_file(format!("icons/{}", integration.icon.as_ref()?))?;
            Some((integration.id.as_str(), file.contents_utf8()?))
        })
        .collect();
    sprite::build(icons)
}

fn all() -> Vec<(&'static Path, &'static [u8])> {
    let mut found = Vec::new();
    let mut folders = vec![&FILES];
    while let Some(folder) = folders.pop() {
        for entry in folder.entries() {
            match entry {
                DirEntry::Dir(inner) => folders.push(inner),
                DirEntry::File(file) => found.push((file.path(), file.contents())),
            }
        }
    }
    found.sort();
    found
}

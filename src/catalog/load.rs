//! Reads the catalogue: the files compiled in, and the operator's folder.

use crate::catalog::fault::{Fault, Judged, LoadError, Within, ensure};
use crate::catalog::file::{Defaults, File};
use crate::catalog::resolve;
use crate::catalog::rules;
use crate::catalog::schema::{Integration, Method, Rule};
use crate::fold;
use include_dir::{Dir, include_dir};
use serde::de::DeserializeOwned;
use std::collections::{HashMap, HashSet};
use std::path::Path;

static SHIPPED: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/catalog");

/// The file with the rules that hold when a method's own say nothing.
const DEFAULTS: &str = "_defaults.toml";

/// No file of a catalogue needs to be larger.
const LARGEST: u64 = 256 * 1024;

/// All integrations, by name, and the default outcome rules. Made once at start and shared.
#[derive(Debug)]
pub struct Catalog {
    integrations: Vec<Integration>,
    by_id: HashMap<String, usize>,
    defaults: Vec<Rule>,
}

/// Integrations of one category, for the gallery.
#[derive(Debug)]
pub struct Category<'c> {
    /// As the files call it.
    pub id: &'c str,
    /// As it is read.
    pub label: String,
    /// Its integrations, by name.
    pub integrations: Vec<&'c Integration>,
}

/// The text of a file and its name without folder.
struct Text {
    file: String,
    text: String,
    own: bool,
}

impl Catalog {
    /// The files compiled in and, where given, those of the operator's folder. Fails on the first bad file.
    pub fn load(own: Option<&Path>) -> Result<Self, LoadError> {
        let mut texts = shipped()?;
        let defaults = texts.iter().position(|t| t.file == DEFAULTS).map(|at| texts.remove(at));
        if let Some(folder) = own {
            texts.extend(folder_texts(folder)?);
        }
        Self::from_texts(texts, defaults)
    }

    /// A catalogue of exactly these files (name, text), for tests and tools; the default rules are the shipped ones.
    pub fn of_files<'t>(files: impl IntoIterator<Item = (&'t str, &'t str)>) -> Result<Self, LoadError> {
        let defaults = shipped()?.into_iter().find(|t| t.file == DEFAULTS);
        let text = |(file, text): (&str, &str)| Text { file: file.to_owned(), text: text.to_owned(), own: false };
        Self::from_texts(files.into_iter().map(text).collect(), defaults)
    }

    fn from_texts(texts: Vec<Text>, defaults: Option<Text>) -> Result<Self, LoadError> {
        let defaults = match defaults {
            Some(text) => parse::<Defaults>(&text.text).and_then(judged_defaults).map_err(|f| f.in_file(DEFAULTS))?,
            None => Vec::new(),
        };
        let mut integrations: Vec<Integration> = Vec::new();
        let mut names = HashSet::new();
        for text in texts {
            let one = integration(&text).map_err(|fault| fault.in_file(&text.file))?;
            let free = !integrations.iter().any(|known| known.id == one.id);
            let unique = names.insert(fold::fold(&one.name));
            ensure(free, format!("`{}` is the id of an integration that is already there", one.id))
                .within("id")
                .and_then(|()| {
                    ensure(unique, format!("`{}` is the name of another integration", one.name)).within("name")
                })
                .map_err(|fault| fault.in_file(&text.file))?;
            integrations.push(one);
        }
        integrations.sort_by_cached_key(|one| fold::fold(&one.name));
        let by_id = integrations.iter().enumerate().map(|(at, one)| (one.id.clone(), at)).collect();
        Ok(Self { integrations, by_id, defaults })
    }

    /// All of them, by name.
    pub fn all(&self) -> &[Integration] {
        &self.integrations
    }

    /// The integration of that id.
    pub fn get(&self, id: &str) -> Option<&Integration> {
        self.integrations.get(*self.by_id.get(id)?)
    }

    /// An integration and its method.
    pub fn method(&self, integration: &str, method: &str) -> Option<(&Integration, &Method)> {
        let one = self.get(integration)?;
        one.method(method).map(|method| (one, method))
    }

    /// The outcome rules that hold when a method's own say nothing, first match wins.
    pub fn defaults(&self) -> &[Rule] {
        &self.defaults
    }

    /// All of them by category.
    pub fn categories(&self) -> Vec<Category<'_>> {
        let mut categories: Vec<Category<'_>> = Vec::new();
        for one in &self.integrations {
            match categories.iter_mut().find(|c| c.id == one.category) {
                Some(category) => category.integrations.push(one),
                None => categories.push(Category {
                    id: &one.category,
                    label: category_label(&one.category),
                    integrations: vec![one],
                }),
            }
        }
        categories.sort_by_cached_key(|c| fold::fold(&c.label));
        categories
    }

    /// Those for which every word of the query starts a word of name, id, category or search words.
    pub fn search(&self, query: &str) -> Vec<&Integration> {
        let wanted = fold::words(query);
        let fits = |one: &&Integration| {
            let texts = [&one.name, &one.id, &one.category].into_iter().chain(&one.search);
            let words: Vec<String> = texts.flat_map(|text| fold::words(text)).collect();
            wanted.iter().all(|w| words.iter().any(|word| word.starts_with(w.as_str())))
        };
        self.integrations.iter().filter(fits).collect()
    }
}

/// What a category is called on the page.
pub fn category_label(id: &str) -> String {
    match id {
        "ai" => "AI".to_owned(),
        "api" => "API".to_owned(),
        "crm" => "CRM".to_owned(),
        "erp" => "ERP".to_owned(),
        "ecommerce" => "E-commerce".to_owned(),
        "spreadsheets" => "Spreadsheets and documents".to_owned(),
        _ => {
            let text = id.replace(['-', '_'], " ");
            let mut chars = text.chars();
            chars.next().map(|c| c.to_uppercase().chain(chars).collect()).unwrap_or_default()
        }
    }
}

fn integration(text: &Text) -> Judged<Integration> {
    let file: File = parse(&text.text)?;
    let stem = text.file.strip_suffix(".toml").unwrap_or(&text.file);
    ensure(stem == file.id, format!("the file is called {}, so the id must be `{stem}`", text.file)).within("id")?;
    let one = resolve::integration(file, text.own)?;
    rules::integration(&one)?;
    Ok(one)
}

fn judged_defaults(defaults: Defaults) -> Judged<Vec<Rule>> {
    for (at, rule) in defaults.on.iter().enumerate() {
        rules::default_rule(rule).within(format!("on {}", at + 1))?;
    }
    Ok(defaults.on)
}

/// Parses TOML; the reason names the line and the key on it.
fn parse<T: DeserializeOwned>(text: &str) -> Judged<T> {
    toml::from_str(text).map_err(|error| {
        let fault = Fault::new(error.message().lines().collect::<Vec<_>>().join(" "));
        let Some(span) = error.span() else { return fault };
        let number = text.get(..span.start).unwrap_or_default().matches('\n').count() + 1;
        let line = text.lines().nth(number - 1).unwrap_or_default();
        let fault = fault.within(format!("line {number}"));
        match line.split_once('=').map(|(key, _)| key.trim()).filter(|key| (1..60).contains(&key.len())) {
            Some(key) => fault.within(format!("key \"{key}\"")),
            None => fault,
        }
    })
}

fn shipped() -> Result<Vec<Text>, LoadError> {
    let mut texts = Vec::new();
    for file in SHIPPED.files() {
        let name = file.path().to_string_lossy().into_owned();
        if name.ends_with(".toml") {
            let text = file.contents_utf8().ok_or_else(|| Fault::new("not UTF-8").in_file(&name))?;
            texts.push(Text { file: name, text: text.to_owned(), own: false });
        }
    }
    Ok(texts)
}

fn folder_texts(folder: &Path) -> Result<Vec<Text>, LoadError> {
    let shown = folder.display().to_string();
    let failed = |e: std::io::Error| Fault::new(format!("cannot be read: {e}")).in_file(&shown);
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|e| e == "toml") {
            paths.push(path);
        }
    }
    paths.sort();
    paths.iter().map(|path| own_text(path)).collect()
}

fn own_text(path: &Path) -> Result<Text, LoadError> {
    let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let failed = |reason: String| Fault::new(reason).in_file(&file);
    if file.starts_with('_') {
        return Err(failed("only the shipped catalogue has a file of this name; rename or remove it".to_owned()));
    }
    let size = std::fs::metadata(path).map_err(|e| failed(format!("cannot be read: {e}")))?.len();
    if size > LARGEST {
        return Err(failed("larger than 256 KiB".to_owned()));
    }
    let text = std::fs::read_to_string(path).map_err(|e| failed(format!("cannot be read: {e}")))?;
    Ok(Text { file, text, own: true })
}

//! What people write about a credential, read: name, description, environment, tags.

use crate::catalog::form::Remark;
use crate::catalog::load::Catalog;
use crate::model::credential::{self, Environment};
use crate::model::credential_change::Details;

/// The most tags of a credential.
const MOST_TAGS: usize = 20;
/// The most characters of a description.
const LONGEST_DESCRIPTION: usize = 1000;
/// The most characters of a tag.
const LONGEST_TAG: usize = 40;

/// What was written, as it was sent.
#[derive(Debug, Default, Clone)]
pub struct Written {
    /// `name`.
    pub name: String,
    /// `description`.
    pub description: String,
    /// `environment`.
    pub environment: String,
    /// `tags`.
    pub tags: Vec<String>,
}

/// What is wrong with what every credential has.
#[derive(Debug, Default, Clone)]
pub struct DetailRemarks {
    /// Of the name.
    pub name: Option<Remark>,
    /// Of the description.
    pub description: Option<Remark>,
    /// Of the environment.
    pub environment: Option<Remark>,
    /// Of the tags.
    pub tags: Option<Remark>,
}

impl DetailRemarks {
    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.all().iter().all(|(_, remark)| remark.is_none())
    }

    /// The remarks by the names of their fields.
    pub fn all(&self) -> [(&'static str, &Option<Remark>); 4] {
        [
            ("name", &self.name),
            ("description", &self.description),
            ("environment", &self.environment),
            ("tags", &self.tags),
        ]
    }

    /// The remark that another credential has the name.
    pub fn name_taken(holder: &str) -> Self {
        let text = format!("“{holder}” exists already. Choose a name that tells the two apart.");
        Self { name: Some(Remark { code: "taken", text }), ..Self::default() }
    }
}

/// The remark on a secret that was written where everybody can read it.
fn leaked(catalog: &Catalog, text: &str) -> Option<Remark> {
    catalog.recognise(text.trim()).map(|found| Remark {
        code: "secret_in_plain",
        text: format!(
            "This looks like a {}. A secret belongs into its own box: everybody can read this one.",
            found.shape.label
        ),
    })
}

fn invalid(text: &str) -> Remark {
    Remark { code: "invalid", text: text.to_owned() }
}

/// Reads a name alone.
pub fn checked_name(catalog: &Catalog, text: &str) -> Result<String, Remark> {
    let name = credential::checked_name(text).map_err(invalid)?;
    match catalog.recognise(&name) {
        None => Ok(name),
        Some(found) => Err(Remark {
            code: "secret_in_plain",
            text: format!("This looks like a {}. Everybody can read a name: choose another.", found.shape.label),
        }),
    }
}

impl Written {
    /// The details, or what is wrong with them.
    pub fn read(&self, catalog: &Catalog) -> Result<Details, Box<DetailRemarks>> {
        let mut wrong = DetailRemarks::default();
        let name = credential::checked_name(&self.name).unwrap_or_else(|text| {
            wrong.name = Some(invalid(text));
            String::new()
        });
        wrong.name = wrong.name.or_else(|| leaked(catalog, &self.name));
        let description = self.description.trim().to_owned();
        if description.chars().count() > LONGEST_DESCRIPTION || description.chars().any(char::is_control) {
            wrong.description = Some(invalid("A description is one line of at most 1000 characters."));
        }
        wrong.description = wrong.description.or_else(|| leaked(catalog, &description));
        let environment = Environment::parse(&self.environment).unwrap_or_else(|| {
            wrong.environment = Some(invalid("Choose Production, Test or None."));
            Environment::None
        });
        let tags = self.tags.iter().map(|tag| tag.trim()).filter(|tag| !tag.is_empty()).map(str::to_owned);
        let tags: Vec<String> = tags.collect();
        let unfit = |tag: &String| tag.chars().count() > LONGEST_TAG || tag.chars().any(|c| c.is_control() || c == ',');
        if tags.len() > MOST_TAGS || tags.iter().any(unfit) {
            wrong.tags = Some(invalid("At most 20 tags of at most 40 characters each, without commas in them."));
        }
        wrong.tags = wrong.tags.or_else(|| tags.iter().find_map(|tag| leaked(catalog, tag)));
        if wrong.is_empty() { Ok(Details { name, environment, description, tags }) } else { Err(Box::new(wrong)) }
    }
}

//! Tables of templates: headers, query, form and JSON bodies, each entry left out when it comes out empty.

use crate::catalog::place::Place;
use crate::catalog::template::{RenderError, Scope, Template};
use crate::secret::Secret;
use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use std::fmt;

/// A table of `name = "template"`; names may be templates too.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entries(pub Vec<Entry>);

/// One line of [`Entries`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What it is called, mostly a constant.
    pub name: Template,
    /// What is sent.
    pub value: Template,
}

impl Entries {
    /// The entries rendered as headers; empty ones are left out.
    pub fn headers(&self, scope: &Scope<'_>) -> Result<Vec<(String, Secret)>, RenderError> {
        self.rendered(scope, Place::HeaderName, Place::Header)
    }

    /// The entries rendered for a query or a form, not yet encoded; empty ones are left out.
    pub fn pairs(&self, scope: &Scope<'_>) -> Result<Vec<(String, Secret)>, RenderError> {
        self.rendered(scope, Place::Raw, Place::Raw)
    }

    /// The entries rendered as cookies; empty ones are left out.
    pub fn cookies(&self, scope: &Scope<'_>) -> Result<Vec<(String, Secret)>, RenderError> {
        self.rendered(scope, Place::HeaderName, Place::Cookie)
    }

    /// Every template in it, names first.
    pub fn templates(&self) -> impl Iterator<Item = &Template> {
        self.0.iter().flat_map(|entry| [&entry.name, &entry.value])
    }

    fn rendered(&self, scope: &Scope<'_>, name: Place, value: Place) -> Result<Vec<(String, Secret)>, RenderError> {
        let mut out = Vec::new();
        for entry in &self.0 {
            let rendered = entry.value.render(scope, value)?;
            if !rendered.is_empty() {
                out.push((entry.name.render(scope, name)?.expose().to_owned(), rendered));
            }
        }
        Ok(out)
    }
}

/// A JSON body whose texts are templates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JsonTemplate {
    /// Sent as it is: a number or a switch.
    Fixed(Value),
    /// A text.
    Text(Template),
    /// A list.
    List(Vec<JsonTemplate>),
    /// A table.
    Map(Vec<(String, JsonTemplate)>),
}

impl JsonTemplate {
    /// The finished value without the entries that came out empty; `None` when nothing is left.
    ///
    /// The value may hold secrets: turn it into bytes and drop it.
    pub fn render(&self, scope: &Scope<'_>) -> Result<Option<Value>, RenderError> {
        Ok(match self {
            Self::Fixed(value) => Some(value.clone()),
            Self::Text(template) => {
                let text = template.render(scope, Place::Raw)?;
                (!text.is_empty()).then(|| Value::String(text.expose().to_owned()))
            }
            Self::List(items) => {
                let mut list = Vec::new();
                for item in items {
                    list.extend(item.render(scope)?);
                }
                Some(Value::Array(list))
            }
            Self::Map(entries) => {
                let mut map = serde_json::Map::new();
                for (name, entry) in entries {
                    if let Some(value) = entry.render(scope)? {
                        map.insert(name.clone(), value);
                    }
                }
                Some(Value::Object(map))
            }
        })
    }

    /// Every template in it.
    pub fn templates(&self) -> Vec<&Template> {
        match self {
            Self::Fixed(_) => Vec::new(),
            Self::Text(template) => vec![template],
            Self::List(items) => items.iter().flat_map(Self::templates).collect(),
            Self::Map(entries) => entries.iter().flat_map(|(_, entry)| entry.templates()).collect(),
        }
    }
}

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Table;
        impl<'de> Visitor<'de> for Table {
            type Value = Entries;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table of texts")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
                let mut entries = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, Template>()? {
                    let name = Template::parse(&name).map_err(de::Error::custom)?;
                    entries.push(Entry { name, value });
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(Table)
    }
}

impl<'de> Deserialize<'de> for JsonTemplate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = JsonTemplate;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON value")
            }

            fn visit_bool<E>(self, value: bool) -> Result<JsonTemplate, E> {
                Ok(JsonTemplate::Fixed(value.into()))
            }

            fn visit_i64<E>(self, value: i64) -> Result<JsonTemplate, E> {
                Ok(JsonTemplate::Fixed(value.into()))
            }

            fn visit_f64<E>(self, value: f64) -> Result<JsonTemplate, E> {
                Ok(JsonTemplate::Fixed(value.into()))
            }

            fn visit_str<E: de::Error>(self, value: &str) -> Result<JsonTemplate, E> {
                Template::parse(value).map(JsonTemplate::Text).map_err(E::custom)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<JsonTemplate, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = seq.next_element()? {
                    items.push(item);
                }
                Ok(JsonTemplate::List(items))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<JsonTemplate, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(JsonTemplate::Map(entries))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

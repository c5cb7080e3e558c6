//! Text folded for comparing and searching: case and accents do not count.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Lower case, compatibility-decomposed, without accents, white space collapsed.
///
/// The same folding makes unique keys and search words, so that both databases agree.
pub fn fold(text: &str) -> String {
    let plain: String = text.nfkd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase).collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The words of a text for search: folded runs of letters and digits.
pub fn words(text: &str) -> Vec<String> {
    fold(text).split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).map(str::to_owned).collect()
}

/// A handle made from a name: folded, other runs become `-`, at most 60 characters; may be empty.
pub fn handle(name: &str) -> String {
    let mut out = String::new();
    for word in fold(name).split(|c: char| !c.is_ascii_alphanumeric()).filter(|w| !w.is_empty()) {
        if !out.is_empty() {
            out.push('-');
        }
        out.push_str(word);
    }
    out.truncate(60);
    out.trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::{fold, handle, words};

    #[test]
    fn folding_ignores_case_and_accents() {
        assert_eq!(fold("  Promoção\u{a0} de  NATAL "), "promocao de natal");
        assert_eq!(words("Loja-principal (São Paulo)"), ["loja", "principal", "sao", "paulo"]);
        assert_eq!(handle("Produção: Gmail SMTP"), "producao-gmail-smtp");
        assert_eq!(handle("日本"), "");
        assert!(handle(&"a".repeat(200)).len() <= 60);
    }
}

//! Which text search configuration a language has: stemming and stop words, or `simple` (neither) where PostgreSQL knows none.

/// The name of the configuration of a BCP 47 tag. All of these stand in PostgreSQL 14 and later.
pub(super) fn configuration(language_tag: &str) -> &'static str {
    let primary = language_tag
        .split(['-', '_'])
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase();
    match primary.as_str() {
        "ar" => "arabic",
        "ca" => "catalan",
        "da" => "danish",
        "de" => "german",
        "el" => "greek",
        "en" => "english",
        "es" => "spanish",
        "eu" => "basque",
        "fi" => "finnish",
        "fr" => "french",
        "ga" => "irish",
        "hi" => "hindi",
        "hu" => "hungarian",
        "hy" => "armenian",
        "id" => "indonesian",
        "it" => "italian",
        "lt" => "lithuanian",
        "nb" | "nn" | "no" => "norwegian",
        "ne" => "nepali",
        "nl" => "dutch",
        "pt" => "portuguese",
        "ro" => "romanian",
        "ru" => "russian",
        "sr" => "serbian",
        "sv" => "swedish",
        "ta" => "tamil",
        "tr" => "turkish",
        "yi" => "yiddish",
        _ => "simple",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_changes_no_language() {
        assert_eq!(configuration("de-AT"), "german");
        assert_eq!(configuration("PT_br"), "portuguese");
        assert_eq!(configuration("pl"), "simple");
        assert_eq!(configuration(""), "simple");
    }
}

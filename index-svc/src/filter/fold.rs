//! Texts as they are compared where case does not count: Unicode's full case folding, so that `ΜΟΥΣ` is in
//! `ΜΟΥΣΙΚΗ` (lower-casing makes another sigma of the last one) and `STRASSE` is `straße`; and one form of
//! letters that can be written in two (NFC), since file systems and tag editors write either.

use std::borrow::Cow;

use icu_casemap::CaseMapper;
use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};

/// The canonical caseless form of a text (definition D145 of the Unicode Standard, composed again, so that a
/// letter is not in the same letter with an accent).
pub(super) fn fold(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            Cow::Owned(text.to_ascii_lowercase())
        } else {
            Cow::Borrowed(text)
        };
    }
    let decomposed = DecomposingNormalizerBorrowed::new_nfd().normalize(text);
    let folded = CaseMapper::new().fold_string(&decomposed);
    Cow::Owned(ComposingNormalizerBorrowed::new_nfc().normalize(&folded).into_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn case_and_spelling_do_not_count() {
        for (a, b) in [
            ("ΜΟΥΣ", "μους"),
            ("ΜΟΥΣ", "μουσ"),
            ("Straße", "STRASSE"),
            ("Beyonc\u{e9}", "BEYONCE\u{301}"),
            ("ﬁn", "FIN"),
            ("ꮳꮃꭹ", "ᏣᎳᎩ"),
            ("Plain ASCII", "pLAIN ascii"),
        ] {
            assert_eq!(fold(a), fold(b), "{a} {b}");
        }
        assert!(fold("ΜΟΥΣΙΚΗ").contains(&*fold("ΜΟΥΣ")));
        // An accent is not case.
        assert!(!fold("Beyonc\u{e9}").contains(&*fold("beyonce")));
        assert_ne!(fold("I"), fold("ı"));
    }

    proptest! {
        #[test]
        fn folding_again_changes_nothing(text in ".{0,20}") {
            let once = fold(&text).into_owned();
            prop_assert_eq!(fold(&once), once.as_str());
        }
    }
}

//! The pages of error codes, compiled in.

include!(concat!(env!("OUT_DIR"), "/pages.rs"));

/// The page of a code such as `NX-2001` or `UNDEFINED_ACTIVITY`.
pub fn page(id: &str) -> Option<&'static str> {
    PAGES.iter().find(|(name, _)| name.eq_ignore_ascii_case(id)).map(|(_, text)| *text)
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_code_has_a_page_that_begins_with_it() {
        for code in nexus_kernel::code::ALL {
            let page = super::page(code.id).unwrap_or_else(|| panic!("{} has no page", code.id));
            assert!(page.starts_with(&format!("# {}", code.id)), "{}", code.id);
        }
    }

    #[test]
    fn every_rule_has_a_page_and_every_page_a_code_or_rule() {
        for rule in nexus_lang::twf::rules::RULES {
            let page = super::page(rule.code).unwrap_or_else(|| panic!("{} has no page", rule.code));
            assert!(page.starts_with(&format!("# {}: {}\n", rule.code, rule.title)), "{}", rule.code);
        }
        let rules = nexus_lang::twf::rules::RULES.len();
        assert_eq!(super::PAGES.len(), rules + nexus_kernel::code::ALL.len());
    }
}

//! The pages of error codes, compiled in.

include!(concat!(env!("OUT_DIR"), "/pages.rs"));

/// The page of a code such as `NX-2001`.
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
}

//! Follows resource versions, to notice when the cluster was restored from a backup.
//!
//! They only grow, unless the cluster's state was restored from an earlier one.

/// The highest version of which is known.
///
/// Kubernetes promises that versions of one kind can be compared as numbers (since 1.35, and etcd's always could). One that
/// is no number says nothing.
#[derive(Debug, Default)]
pub(super) struct Versions {
    highest: u64,
}

impl Versions {
    /// A list of all pods is at this version, from where on things are counted. Whether that is behind what was seen.
    pub(super) fn list(&mut self, version: &str) -> bool {
        let Ok(version) = version.parse() else {
            return false;
        };
        std::mem::replace(&mut self.highest, version) > version
    }

    /// A watch has come to this version. Whether that is behind what was seen.
    pub(super) fn watch(&mut self, version: &str) -> bool {
        let version = version.parse().unwrap_or(self.highest);
        self.highest = self.highest.max(version);
        version < self.highest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_list_leads_back() {
        let mut versions = Versions::default();
        assert!(!versions.list("100"));
        assert!(!versions.watch("100") && !versions.watch("107") && !versions.watch("x"));
        assert!(versions.watch("50") && versions.watch("51"));
        assert!(versions.list("60"));
        assert!(!versions.watch("61") && !versions.list("61"));
    }
}

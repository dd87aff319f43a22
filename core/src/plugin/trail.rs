//! The trail: what each plugin recorded on the way to a decision.

use std::fmt;

/// An extension point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(
    missing_docs,
    reason = "the traits of the same names say what they are"
)]
pub enum Point {
    Scope,
    Classify,
    Evidence,
    Judge,
    Permit,
    Act,
}

impl Point {
    /// The point's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Scope => "Scope",
            Self::Classify => "Classify",
            Self::Evidence => "Evidence",
            Self::Judge => "Judge",
            Self::Permit => "Permit",
            Self::Act => "Act",
        }
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One plugin's word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrailEntry {
    /// Where it was said.
    pub point: Point,
    /// By which plugin.
    pub plugin: &'static str,
    /// What.
    pub what: String,
}

impl fmt::Display for TrailEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}: {}", self.point, self.plugin, self.what)
    }
}

/// What was said, in order. Most decisions are to wait and nobody reads why, so a trail is recorded only on demand;
/// one that is not costs nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trail {
    entries: Option<Vec<TrailEntry>>,
    /// Which word was the first to speak against acting now.
    hold: Option<usize>,
}

impl Trail {
    /// A trail that forgets all that is said.
    pub const fn off() -> Self {
        Self {
            entries: None,
            hold: None,
        }
    }

    /// A trail that records.
    pub const fn on() -> Self {
        Self {
            entries: Some(Vec::new()),
            hold: None,
        }
    }

    /// `plugin` says something at `point`.
    pub fn record(&mut self, point: Point, plugin: &'static str, what: fmt::Arguments<'_>) {
        if let Some(entries) = &mut self.entries {
            entries.push(TrailEntry {
                point,
                plugin,
                what: what.to_string(),
            });
        }
    }

    /// The last word speaks against acting now.
    pub(crate) fn mark_hold(&mut self) {
        self.hold = self.hold.or_else(|| self.entries().len().checked_sub(1));
    }

    /// The first word that spoke against acting now.
    pub(crate) fn hold(&self) -> &str {
        self.hold
            .and_then(|at| self.entries().get(at))
            .map_or("", |entries| &entries.what)
    }

    /// What was said so far.
    pub fn entries(&self) -> &[TrailEntry] {
        self.entries.as_deref().unwrap_or_default()
    }

    pub(crate) fn into_entries(self) -> Vec<TrailEntry> {
        self.entries.unwrap_or_default()
    }
}

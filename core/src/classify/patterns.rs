//! Text patterns, compiled for searching.

use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, LazyLock};

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use super::table::{self, Pattern};

/// Bytes of all texts of a policy's patterns together: 500 patterns as long as those of the built-in table take a
/// quarter of it. A pattern's automaton takes about 20 times its bytes.
pub const OWN_BYTES_MAX: usize = 64 << 10;

/// A policy's own patterns. They are prepared once; copies share that.
#[derive(Clone)]
pub struct Patterns(Arc<Searcher>);

impl Patterns {
    /// Prepares the search.
    ///
    /// # Errors
    /// If they are longer than [`OWN_BYTES_MAX`] together.
    pub fn new(patterns: Vec<Pattern>) -> Result<Self, TooManyPatterns> {
        if patterns.iter().map(Pattern::bytes).sum::<usize>() > OWN_BYTES_MAX {
            return Err(TooManyPatterns);
        }
        // A table of all transitions would be faster, and takes 50 times the memory: as much as a tenant likes.
        Searcher::new(patterns, AhoCorasickKind::ContiguousNFA).map(|ready| Self(Arc::new(ready)))
    }

    /// Bytes of all texts together.
    pub fn bytes(&self) -> usize {
        self.iter().map(Pattern::bytes).sum()
    }

    /// Whether both are one and the same, prepared at once.
    pub fn is_shared_with(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    pub(super) fn searcher(&self) -> &Searcher {
        &self.0
    }
}

impl Default for Patterns {
    /// None.
    fn default() -> Self {
        static NONE: LazyLock<Arc<Searcher>> = LazyLock::new(|| {
            let none = Searcher::new(Vec::new(), AhoCorasickKind::ContiguousNFA);
            Arc::new(none.expect("no text is not too many"))
        });
        Self(Arc::clone(&NONE))
    }
}

impl Deref for Patterns {
    type Target = [Pattern];

    fn deref(&self) -> &[Pattern] {
        &self.0.patterns
    }
}

impl fmt::Debug for Patterns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl PartialEq for Patterns {
    fn eq(&self, other: &Self) -> bool {
        self.is_shared_with(other) || self[..] == other[..]
    }
}

impl Eq for Patterns {}

/// Patterns, and the automaton that finds their texts.
#[derive(Debug)]
pub(super) struct Searcher {
    pub(super) patterns: Vec<Pattern>,
    /// Per pattern, the numbers of its texts in the automaton.
    texts: Vec<TextIds>,
    /// Per text of the automaton, the patterns that it is the first of.
    begun_by: Vec<Vec<usize>>,
    automaton: AhoCorasick,
}

/// A pattern's texts in the automaton: one, or two in order.
#[derive(Clone, Copy, Debug)]
struct TextIds {
    first: u16,
    then: Option<u16>,
}

impl Searcher {
    /// The built-in table, which is prepared once: small and of our own making, it may take the memory that makes it fast.
    pub(super) fn built_in() -> Result<Arc<Self>, TooManyPatterns> {
        static BUILT_IN: LazyLock<Result<Arc<Searcher>, TooManyPatterns>> = LazyLock::new(|| {
            Searcher::new(table::PATTERNS.to_vec(), AhoCorasickKind::DFA).map(Arc::new)
        });
        BUILT_IN.clone()
    }

    fn new(patterns: Vec<Pattern>, kind: AhoCorasickKind) -> Result<Self, TooManyPatterns> {
        let mut distinct: Vec<&str> = Vec::new();
        let mut id_of = |text| {
            let id = distinct.iter().position(|t| *t == text).unwrap_or_else(|| {
                distinct.push(text);
                distinct.len() - 1
            });
            u16::try_from(id).map_err(|_| TooManyPatterns)
        };
        let mut texts = Vec::with_capacity(patterns.len());
        for pattern in &patterns {
            let first = id_of(&pattern.text)?;
            let then = pattern.then.as_deref().map(&mut id_of).transpose()?;
            texts.push(TextIds { first, then });
        }
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .kind(Some(kind))
            .build(&distinct)
            .map_err(|_| TooManyPatterns)?;
        let mut begun_by = vec![Vec::new(); distinct.len()];
        for (number, ids) in texts.iter().enumerate() {
            begun_by[usize::from(ids.first)].push(number);
        }
        Ok(Self {
            patterns,
            texts,
            begun_by,
            automaton,
        })
    }

    /// What of the patterns occurs in a masked error, or a part of one if it is not `whole`.
    pub(super) fn search(&self, clean: &[u8], whole: bool) -> Found<'_> {
        // Most policies have no patterns of their own: an automaton without texts would still read every byte.
        let hits = if self.patterns.is_empty() {
            Vec::new()
        } else {
            self.hits(clean)
        };
        let mut numbers: Vec<usize> = hits
            .iter()
            .flat_map(|hit| &self.begun_by[hit.text])
            .copied()
            .filter(|number| self.is_found(*number, &hits))
            .filter(|number| {
                !self.patterns[*number].whole || whole && self.fills(*number, &hits, clean)
            })
            .collect();
        numbers.sort_unstable();
        Found {
            searcher: self,
            hits,
            numbers,
        }
    }

    /// Where each text that occurs was found; few do.
    fn hits(&self, clean: &[u8]) -> Vec<Hit> {
        let mut hits: Vec<Hit> = Vec::with_capacity(8);
        for found in self.automaton.find_overlapping_iter(clean) {
            let text = found.pattern().as_usize();
            match hits.iter_mut().find(|hit| hit.text == text) {
                Some(hit) => hit.last_start = found.start(),
                None => hits.push(Hit {
                    text,
                    start: found.start(),
                    end: found.end(),
                    last_start: found.start(),
                }),
            }
        }
        hits
    }

    /// Whether a pattern of which the first text was found has no second, or has it somewhere behind.
    fn is_found(&self, number: usize, hits: &[Hit]) -> bool {
        let TextIds { first, then } = self.texts[number];
        let hit = |text: u16| hits.iter().find(|hit| hit.text == usize::from(text));
        then.is_none_or(|then| {
            hit(first)
                .zip(hit(then))
                .is_some_and(|(first, then)| then.last_start >= first.end)
        })
    }

    /// Whether the first text of a pattern is all that there is.
    fn fills(&self, number: usize, hits: &[Hit], all: &[u8]) -> bool {
        let first = usize::from(self.texts[number].first);
        hits.iter()
            .any(|hit| hit.text == first && hit.end - hit.start == all.len())
    }
}

/// What was found in a message.
pub(super) struct Found<'s> {
    searcher: &'s Searcher,
    hits: Vec<Hit>,
    /// The patterns' numbers, in the order of the table.
    pub(super) numbers: Vec<usize>,
}

impl Found<'_> {
    /// Where a pattern's last text stands first.
    pub(super) fn place_of(&self, number: usize) -> Option<std::ops::Range<usize>> {
        let ids = self.searcher.texts[number];
        let text = usize::from(ids.then.unwrap_or(ids.first));
        let hit = self.hits.iter().find(|hit| hit.text == text);
        hit.map(|hit| hit.start..hit.end)
    }
}

/// Where a text was found.
#[derive(Clone, Copy, Debug)]
struct Hit {
    /// Its number in the automaton.
    text: usize,
    /// Start of the first occurrence.
    start: usize,
    /// End of the first occurrence.
    end: usize,
    /// Start of the last occurrence.
    last_start: usize,
}

/// The patterns do not fit into one automaton.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManyPatterns;

impl fmt::Display for TooManyPatterns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the patterns are too many or too long to search for at once: together they may have {OWN_BYTES_MAX} bytes"
        )
    }
}

impl std::error::Error for TooManyPatterns {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cause::{Cause, Permanence};

    fn of_bytes(bytes: usize) -> Vec<Pattern> {
        let text = "x".repeat(bytes);
        vec![Pattern::new(
            &text,
            None,
            Cause::Timeout,
            Permanence::Ambiguous,
        )]
    }

    #[test]
    fn patterns_have_a_budget_of_bytes() {
        assert_eq!(
            Patterns::new(of_bytes(OWN_BYTES_MAX)).unwrap().bytes(),
            OWN_BYTES_MAX
        );
        assert_eq!(
            Patterns::new(of_bytes(OWN_BYTES_MAX + 1)),
            Err(TooManyPatterns)
        );
    }

    #[test]
    fn the_memory_of_an_automaton_is_a_small_multiple_of_its_texts() {
        /// Bytes of memory for a byte of text; 255 transitions of 4 bytes each would be 1020.
        const MULTIPLE_MAX: usize = 30;
        // No two texts begin alike, and they have as many different bytes as UTF-8 has: the worst there is.
        let texts = (0..80_u32).map(|n| {
            let chars = (0..200_u32).map(|at| {
                let code = 0x10000 + (n * 200 + at) * 61 % 0xf_0000;
                char::from_u32(code).unwrap_or('x')
            });
            chars.collect::<String>()
        });
        let patterns: Vec<Pattern> = texts
            .map(|text| Pattern::new(&text, None, Cause::Timeout, Permanence::Ambiguous))
            .collect();
        let patterns = Patterns::new(patterns).unwrap();
        let bytes = patterns.searcher().automaton.memory_usage();
        assert!(
            bytes < patterns.bytes() * MULTIPLE_MAX,
            "{bytes} for {}",
            patterns.bytes()
        );
    }
}

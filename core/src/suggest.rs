//! Suggests the name that a mistyped one was probably meant to be.

/// The candidate that is closest to `word`, if one is close enough to be meant.
pub fn closest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = word.chars().count() / 3 + 1;
    candidates
        .into_iter()
        .map(|candidate| {
            (
                distance(&word.to_lowercase(), &candidate.to_lowercase()),
                candidate,
            )
        })
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// What to write instead of `word`: the candidate that was probably meant, or else all of them.
pub fn hint(word: &str, names: &[&str]) -> String {
    match closest(word, names.iter().copied()) {
        Some(name) => format!("did you mean `{name}`?"),
        None => format!("expected {}", one_of_these(names)),
    }
}

fn one_of_these(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.as_slice() {
        [only] => only.clone(),
        [most @ .., last] => format!("{} or {last}", most.join(", ")),
        [] => String::new(),
    }
}

/// Edits from one word to the other (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closest_is_meant() {
        let names = ["ManifestNotFound", "Timeout", "Unknown"];
        assert_eq!(closest("ManifestNotfound", names), Some("ManifestNotFound"));
        assert_eq!(closest("timeot", names), Some("Timeout"));
        assert_eq!(closest("Pineapple", names), None);
        assert_eq!(closest("", names), None);
    }
}

//! The description of a scenario: the comment at the start of its file.

/// The comment as paragraphs; its first line, which says what happens, is the first of them.
pub(super) fn of(text: &str) -> Vec<String> {
    let comment = text
        .lines()
        .map_while(|line| line.strip_prefix('#'))
        .map(str::trim)
        .filter(|line| !is_for_programs(line));
    let mut paragraphs: Vec<String> = Vec::new();
    let mut is_open = false;
    for line in comment {
        match paragraphs.last_mut() {
            Some(last) if is_open && !line.is_empty() => {
                last.push(' ');
                last.push_str(line);
            }
            _ if line.is_empty() => is_open = false,
            first => {
                is_open = first.is_some();
                paragraphs.push(line.to_owned());
            }
        }
    }
    paragraphs
}

/// Lines for editors, such as `yaml-language-server: $schema=…` and `vim: …`.
fn is_for_programs(line: &str) -> bool {
    line.starts_with("yaml-language-server:") || line.starts_with("vim:")
}

#[cfg(test)]
mod tests {
    use super::of;

    #[test]
    fn the_first_line_stands_alone_and_the_others_flow() {
        let text = "# A typo waits.\n# It is of six\n# hours ago.\n#\n# Hard.\napiVersion: v1\n# not this\n";
        assert_eq!(
            of(text),
            ["A typo waits.", "It is of six hours ago.", "Hard."]
        );
    }

    #[test]
    fn lines_for_editors_are_no_description() {
        let text = "# yaml-language-server: $schema=scenario.schema.json\n#\n# A typo.\n";
        assert_eq!(of(text), ["A typo."]);
        assert_eq!(of("apiVersion: v1\n# later\n"), [""; 0]);
        assert_eq!(of(""), [""; 0]);
    }
}

//! Reads JSON, and says of broken JSON what Go's decoder says: clients see these words.

use serde_json::Value;

/// Reads JSON.
///
/// # Errors
/// In Go's words.
pub(super) fn parse(bytes: &[u8]) -> Result<Value, String> {
    serde_json::from_slice(bytes).map_err(|error| {
        let said = Scanner { bytes, at: 0 }.document();
        // What serde_json rejects and Go does not: nesting too deep, lone surrogates.
        said.err().unwrap_or_else(|| error.to_string())
    })
}

struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
}

type TrailEntry = Result<(), String>;

impl Scanner<'_> {
    fn document(&mut self) -> TrailEntry {
        self.value(0)?;
        match self.skip_space() {
            None => Ok(()),
            Some(other) => Err(unexpected(other, "after top-level value")),
        }
    }

    fn value(&mut self, depth: usize) -> TrailEntry {
        // Go's own limit.
        if depth > 10_000 {
            return Err("exceeded max depth".to_owned());
        }
        match self.skip_space() {
            Some(b'{') => self.members(depth),
            Some(b'[') => self.elements(depth),
            Some(b'"') => self.string(),
            Some(b't') => self.literal("true"),
            Some(b'f') => self.literal("false"),
            Some(b'n') => self.literal("null"),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(other) => Err(unexpected(other, "looking for beginning of value")),
            None => Err(end()),
        }
    }

    fn members(&mut self, depth: usize) -> TrailEntry {
        self.at += 1;
        if self.skip_space() == Some(b'}') {
            self.at += 1;
            return Ok(());
        }
        loop {
            match self.skip_space() {
                Some(b'"') => self.string()?,
                Some(other) => {
                    let context = "looking for beginning of object key string";
                    return Err(unexpected(other, context));
                }
                None => return Err(end()),
            }
            self.separator(b':', "after object key")?;
            self.value(depth + 1)?;
            if self.closes(b'}', "after object key:value pair")? {
                return Ok(());
            }
        }
    }

    fn elements(&mut self, depth: usize) -> TrailEntry {
        self.at += 1;
        if self.skip_space() == Some(b']') {
            self.at += 1;
            return Ok(());
        }
        loop {
            self.value(depth + 1)?;
            if self.closes(b']', "after array element")? {
                return Ok(());
            }
        }
    }

    fn separator(&mut self, expected: u8, context: &str) -> TrailEntry {
        match self.skip_space() {
            Some(byte) if byte == expected => {
                self.at += 1;
                Ok(())
            }
            Some(other) => Err(unexpected(other, context)),
            None => Err(end()),
        }
    }

    /// After a member or element: true at the closing bracket, false at a comma.
    fn closes(&mut self, bracket: u8, context: &str) -> Result<bool, String> {
        match self.skip_space() {
            Some(byte) if byte == bracket || byte == b',' => {
                self.at += 1;
                Ok(byte == bracket)
            }
            Some(other) => Err(unexpected(other, context)),
            None => Err(end()),
        }
    }

    fn string(&mut self) -> TrailEntry {
        self.at += 1;
        loop {
            match self.step().ok_or_else(end)? {
                b'"' => return Ok(()),
                b'\\' => self.escape()?,
                control @ 0..=0x1f => return Err(unexpected(control, "in string literal")),
                _ => {}
            }
        }
    }

    fn escape(&mut self) -> TrailEntry {
        match self.step().ok_or_else(end)? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Ok(()),
            b'u' => (0..4).try_for_each(|_| match self.step().ok_or_else(end)? {
                digit if digit.is_ascii_hexdigit() => Ok(()),
                other => Err(unexpected(other, "in \\u hexadecimal character escape")),
            }),
            other => Err(unexpected(other, "in string escape code")),
        }
    }

    fn literal(&mut self, word: &str) -> TrailEntry {
        self.at += 1;
        word.bytes()
            .skip(1)
            .try_for_each(|expected| match self.step().ok_or_else(end)? {
                byte if byte == expected => Ok(()),
                other => {
                    let expected = char::from(expected);
                    let context = format!("in literal {word} (expecting '{expected}')");
                    Err(unexpected(other, &context))
                }
            })
    }

    fn number(&mut self) -> TrailEntry {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => self.at += 1,
            _ => self.digits("in numeric literal")?,
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits("after decimal point in numeric literal")?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits("in exponent of numeric literal")?;
        }
        Ok(())
    }

    /// At least one digit.
    fn digits(&mut self, context: &str) -> TrailEntry {
        match self.step().ok_or_else(end)? {
            b'0'..=b'9' => {}
            other => return Err(unexpected(other, context)),
        }
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        Ok(())
    }

    fn skip_space(&mut self) -> Option<u8> {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
        self.peek()
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn step(&mut self) -> Option<u8> {
        let byte = self.peek();
        self.at += 1;
        byte
    }
}

fn end() -> String {
    "unexpected end of JSON input".to_owned()
}

/// Go reads bytes, and prints each as the character of that number.
fn unexpected(byte: u8, context: &str) -> String {
    let quoted = match char::from(byte) {
        '\'' => r"'\''".to_owned(),
        '"' => "'\"'".to_owned(),
        '\n' => r"'\n'".to_owned(),
        '\t' => r"'\t'".to_owned(),
        '\r' => r"'\r'".to_owned(),
        control if control.is_control() => format!("'\\x{byte:02x}'"),
        other => format!("'{other}'"),
    };
    format!("invalid character {quoted} {context}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_json_is_told_as_go_tells_it() {
        for (text, said) in [
            ("", "unexpected end of JSON input"),
            ("{", "unexpected end of JSON input"),
            (
                "{nope",
                "invalid character 'n' looking for beginning of object key string",
            ),
            ("{\"a\" 1}", "invalid character '1' after object key"),
            (
                "{\"a\":1 2}",
                "invalid character '2' after object key:value pair",
            ),
            ("[1 2]", "invalid character '2' after array element"),
            ("{} x", "invalid character 'x' after top-level value"),
            (
                "trux",
                "invalid character 'x' in literal true (expecting 'e')",
            ),
            ("\"\\q\"", "invalid character 'q' in string escape code"),
            ("-x", "invalid character 'x' in numeric literal"),
            (
                "1.x",
                "invalid character 'x' after decimal point in numeric literal",
            ),
            (
                "\u{cf}",
                "invalid character 'Ã' looking for beginning of value",
            ),
        ] {
            assert_eq!(parse(text.as_bytes()).unwrap_err(), said, "{text}");
        }
        assert_eq!(parse(b" {\"a\": [1, -2.5e3, null]} ").unwrap()["a"][0], 1);
    }
}

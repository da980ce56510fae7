//! Checks the nesting depth of EDN before it is parsed.
//!
//! The parser uses no stack for nesting, but dropping its result does, even after a parse error. So this scan checks
//! the depth first, with the token rules of the parser.

/// The offset at which `text` is nested deeper than `limit`, if there is one.
pub(super) fn too_deep(text: &str, limit: usize) -> Option<usize> {
    let mut open = OpenForms::default();
    let mut token = EdnToken::Between;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match token {
            EdnToken::Comment if matches!(c, '\n' | '\r') => token = EdnToken::Between,
            EdnToken::Text if c == '\\' => {
                chars.next();
            }
            EdnToken::Text if c == '"' => {
                token = EdnToken::Between;
                open.complete();
            }
            EdnToken::Comment | EdnToken::Text => {}
            EdnToken::Character if !c.is_whitespace() && !is_delimiter(c) => {}
            EdnToken::Tag | EdnToken::Word if !ends_word(c) => {}
            EdnToken::Between | EdnToken::Character | EdnToken::Tag | EdnToken::Word => {
                if matches!(token, EdnToken::Character | EdnToken::Word) {
                    open.complete();
                }
                token = EdnToken::Between;
                match c {
                    '"' => token = EdnToken::Text,
                    ';' => token = EdnToken::Comment,
                    '\\' => {
                        token = EdnToken::Character;
                        chars.next();
                    }
                    '[' | '(' | '{' => open.0.push(Frame::Bracket),
                    ']' | ')' | '}' => {
                        if open.0.pop() != Some(Frame::Bracket) {
                            return None; // The parser reports this bracket.
                        }
                        open.complete();
                    }
                    '#' => match chars.peek().map(|(_, next)| *next) {
                        Some('{') => {
                            chars.next();
                            open.0.push(Frame::Bracket);
                        }
                        Some('_') => {
                            chars.next();
                            open.0.push(Frame::Discard);
                        }
                        _ => {
                            token = EdnToken::Tag;
                            open.0.push(Frame::Tag);
                        }
                    },
                    c if c == ',' || c.is_whitespace() => {}
                    _ => token = EdnToken::Word,
                }
            }
        }
        if open.0.len() > limit {
            return Some(at);
        }
    }
    None
}

/// The open brackets, tags and discards.
#[derive(Default)]
struct OpenForms(Vec<Frame>);

impl OpenForms {
    /// Ends a form, with the tags or the discard before it.
    fn complete(&mut self) {
        while self.0.last() == Some(&Frame::Tag) {
            self.0.pop();
        }
        if self.0.last() == Some(&Frame::Discard) {
            self.0.pop();
        }
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Frame {
    Bracket,
    Discard,
    Tag,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum EdnToken {
    Between,
    Character,
    Comment,
    Tag,
    Text,
    Word,
}

fn is_delimiter(c: char) -> bool {
    matches!(c, ',' | ']' | '}' | ')' | ';' | '(' | '[' | '{')
}

fn ends_word(c: char) -> bool {
    c.is_whitespace() || is_delimiter(c) || c == '"'
}

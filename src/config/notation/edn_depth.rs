//! Checks the nesting depth of EDN before it is parsed.
//!
//! The parser uses no stack for nesting, but dropping its result does, even after a parse error. So this scan checks
//! the depth first, with the token rules of the parser.

/// The offset at which `text` is nested deeper than `limit`, if there is one.
pub(super) fn too_deep(text: &str, limit: usize) -> Option<usize> {
    let mut open = Open::default();
    let mut token = Token::Between;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match token {
            Token::Comment if matches!(c, '\n' | '\r') => token = Token::Between,
            Token::Text if c == '\\' => {
                chars.next();
            }
            Token::Text if c == '"' => {
                token = Token::Between;
                open.complete();
            }
            Token::Comment | Token::Text => {}
            Token::Character if !c.is_whitespace() && !is_delimiter(c) => {}
            Token::Tag | Token::Word if !ends_word(c) => {}
            Token::Between | Token::Character | Token::Tag | Token::Word => {
                if matches!(token, Token::Character | Token::Word) {
                    open.complete();
                }
                token = Token::Between;
                match c {
                    '"' => token = Token::Text,
                    ';' => token = Token::Comment,
                    '\\' => {
                        token = Token::Character;
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
                            token = Token::Tag;
                            open.0.push(Frame::Tag);
                        }
                    },
                    c if c == ',' || c.is_whitespace() => {}
                    _ => token = Token::Word,
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
struct Open(Vec<Frame>);

impl Open {
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
enum Token {
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

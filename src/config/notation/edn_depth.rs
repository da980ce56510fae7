//! How deep EDN is nested, found before it is parsed.
//!
//! The parser needs no stack for nesting, but dropping what it has parsed does, even where it gives up in the
//! middle. So the text is scanned first, by the parser's own rules for where a token begins and ends.

/// Where `text` is nested deeper than `limit`, if it is.
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
                            return None; // The parser gives up here.
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

/// What has begun and not ended.
#[derive(Default)]
struct Open(Vec<Frame>);

impl Open {
    /// A form has ended, and with it the tags before it; or it was discarded.
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

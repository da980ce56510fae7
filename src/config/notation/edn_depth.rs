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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_open_brackets_tags_and_discards_nest() {
        for (text, deepest) in [
            ("", 0),
            ("a b :c 1", 0),
            ("[]", 1),
            ("[1 (2 {3 4}) 5]", 3),
            ("[] [] []", 1),
            ("#{1 [2]}", 2),
            // A tag and a discard last until the end of their form.
            ("#a 1 #a 1", 1),
            ("#a #b 1 [2]", 2),
            ("#a [1] [2]", 2),
            ("#_ 1 [2]", 1),
            ("#_ #_ 1 2 [3]", 2),
            // The first form ends the inner discard only.
            ("#_ #_ 1 [[2]]", 3),
            ("#_[1] [2]", 2),
            // Brackets in text, comments and characters do not count.
            ("\"[[[\"", 0),
            ("\"a\\\"[[[\" [1]", 1),
            ("; [[[\n[1]", 1),
            ("\\[ \\( [\\{]", 1),
            ("[a\"[\"]", 1),
            // The parser reports the bracket that closes nothing.
            ("] [[[", 0),
            ("#a ] [[[", 1),
        ] {
            if deepest > 0 {
                assert!(too_deep(text, deepest - 1).is_some(), "{text}");
            }
            assert_eq!(too_deep(text, deepest), None, "{text}");
        }
    }

    #[test]
    fn the_place_is_the_first_form_beyond_the_limit() {
        for (text, limit, place) in [
            ("[[[", 2, Some(2)),
            ("ü [ [", 1, Some(5)),
            ("[#a [", 2, Some(4)),
            ("[\"[\" [", 1, Some(5)),
            ("[[]]", 1, Some(1)),
        ] {
            assert_eq!(too_deep(text, limit), place, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_text_that_is_too_deep_for_a_limit_is_too_deep_for_a_smaller_one(
            text in "[\\[\\](){}#_a \"\\\\;\n]{0,40}",
            limit in 1..6_usize,
        ) {
            let smaller = too_deep(&text, limit - 1);
            let larger = too_deep(&text, limit);
            if let Some(place) = larger {
                prop_assert!(text.is_char_boundary(place));
                prop_assert!(smaller.is_some_and(|at| at <= place));
            }
        }
    }
}

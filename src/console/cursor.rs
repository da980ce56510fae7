//! Cursors of pages: opaque to clients, and useful only for the list that made them.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use super::problem::Problem;

/// Writes the cursor of a list. `position` is where its next page starts.
pub(super) fn write(list: &str, position: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(format!("{list}:{position}"))
}

/// Reads a cursor of a list.
pub(super) fn read(list: &str, cursor: &str) -> Result<String, Problem> {
    let text = BASE64_URL_SAFE_NO_PAD
        .decode(cursor)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok());
    let position = text.as_deref().and_then(|text| {
        let rest = text.strip_prefix(list)?;
        rest.strip_prefix(':')
    });
    position
        .map(str::to_owned)
        .ok_or_else(|| Problem::parameter("cursor", "take it from `next` of the same list"))
}

/// Reads a cursor that is a number.
pub(super) fn read_number(list: &str, cursor: &str) -> Result<i64, Problem> {
    let position = read(list, cursor)?;
    let number = position.parse();
    number.map_err(|_| Problem::parameter("cursor", "take it from `next` of the same list"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_by_its_own_list_only() {
        let cursor = write("endpoints", "workflows/a");
        assert_eq!(read("endpoints", &cursor).ok().unwrap(), "workflows/a");
        assert!(read("audit", &cursor).is_err());
        assert!(read("endpoint", &cursor).is_err());
        assert!(read("endpoints", "not base64!").is_err());
        assert!(read("endpoints", "").is_err());
        assert!(read_number("endpoints", &cursor).is_err());
    }
}

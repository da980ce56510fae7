//! The multipart boundary in `Content-Type`.

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue};

use super::headers::{Parameter, parameters};

/// `None` unless the body is `multipart/form-data`; `Some(None)` if its boundary is missing or invalid.
pub fn boundary_of(headers: &HeaderMap) -> Option<Option<Vec<u8>>> {
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    if !headers.get_all(CONTENT_TYPE).iter().any(is_form_data) {
        return None;
    }
    // With two types, the backend might use either one.
    let (Some(only), None) = (types.next(), types.next()) else {
        return Some(None);
    };
    let semicolon = memchr::memchr(b';', only.as_bytes());
    let rest = semicolon.and_then(|at| only.as_bytes().get(at..));
    let Some(parameters) = rest.and_then(parameters) else {
        return Some(None);
    };
    if !parameters.iter().all(Parameter::is_well_formed) {
        return Some(None);
    }
    let mut named = parameters
        .into_iter()
        .filter(|parameter| parameter.name == b"boundary");
    let (Some(named), None) = (named.next(), named.next()) else {
        return Some(None);
    };
    // RFC 2046 §5.1.1 allows fewer characters than clients use.
    let is_valid = |boundary: &Vec<u8>| {
        (1..=70).contains(&boundary.len())
            && boundary
                .iter()
                .all(|byte| byte.is_ascii_graphic() || *byte == b' ')
            && !boundary.ends_with(b" ")
    };
    Some(named.well_formed_value().filter(is_valid))
}

fn is_form_data(value: &HeaderValue) -> bool {
    let essence = value.as_bytes().split(|byte| *byte == b';').next();
    essence.is_some_and(|text| {
        text.trim_ascii()
            .eq_ignore_ascii_case(b"multipart/form-data")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The boundary of a request with these lines of `Content-Type`; `Some("")` for an invalid one.
    fn boundary(lines: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(CONTENT_TYPE, HeaderValue::from_str(line).unwrap());
        }
        let boundary = boundary_of(&headers)?.unwrap_or_default();
        Some(String::from_utf8(boundary).unwrap())
    }

    #[test]
    fn a_form_has_one_boundary_that_every_parser_reads_alike() {
        let longest = format!("multipart/form-data; boundary={}", "x".repeat(70));
        let too_long = format!("multipart/form-data; boundary={}", "x".repeat(71));
        let of_70 = "x".repeat(70);
        let cases: [(&[&str], Option<&str>); 27] = [
            (&[], None),
            (&["application/json"], None),
            (&["multipart/mixed; boundary=x"], None),
            (&["multipart/form-data-x; boundary=x"], None),
            (&["multipart/form-data; boundary=x"], Some("x")),
            (&["Multipart/Form-Data ;Boundary=X"], Some("X")),
            (
                &["multipart/form-data; charset=utf-8; boundary=x"],
                Some("x"),
            ),
            (&["multipart/form-data;; boundary=x;"], Some("x")),
            (&["multipart/form-data; boundary=\"a b\""], Some("a b")),
            (
                &["multipart/form-data; boundary=\"a;b\\\"c\""],
                Some("a;b\"c"),
            ),
            (
                &["multipart/form-data; boundary=----a/b=c"],
                Some("----a/b=c"),
            ),
            (&[longest.as_str()], Some(of_70.as_str())),
            (&[too_long.as_str()], Some("")),
            (&["multipart/form-data"], Some("")),
            (&["multipart/form-data; boundary"], Some("")),
            (&["multipart/form-data; boundary="], Some("")),
            (&["multipart/form-data; boundary=\"\""], Some("")),
            (&["multipart/form-data; boundary=\"a"], Some("")),
            (&["multipart/form-data; boundary=\"a \""], Some("")),
            (&["multipart/form-data; boundary=\"a\"b"], Some("")),
            (&["multipart/form-data; boundary=a b"], Some("")),
            (&["multipart/form-data; boundary =a"], Some("")),
            (&["multipart/form-data; boundary=a, boundary=b"], Some("")),
            (&["multipart/form-data; boundary=a; boundary=a"], Some("")),
            (&["multipart/form-data; x; boundary=a"], Some("")),
            (&["multipart/form-data; boundary=a", "text/plain"], Some("")),
            (&["text/plain", "multipart/form-data; boundary=a"], Some("")),
        ];
        for (lines, expected) in cases {
            assert_eq!(boundary(lines).as_deref(), expected, "{lines:?}");
        }
    }
}

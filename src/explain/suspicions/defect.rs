//! The cause for a value in the delivery that made its proof fail.

use super::{Case, cause};
use crate::auth::{Defect, TimestampSource};
use crate::explain::diagnosis::Cause;
use crate::explain::wording::describe_defect;

pub(super) fn cause_of_defect(case: &Case<'_>) -> Option<Cause> {
    case.defect.map(|defect| describe(defect, case))
}

/// The cause for a defect, with the next step.
#[expect(clippy::too_many_lines, reason = "a table: one row for each defect")]
pub(super) fn describe(defect: &Defect, case: &Case<'_>) -> Cause {
    let (name, sender, operator) = match defect {
        Defect::Algorithm => (
            "algorithm-unexpected",
            Some("sign with the algorithm of the endpoint's scheme, and name no other"),
            Some("`portcullis presets show` says which algorithm the scheme takes"),
        ),
        Defect::BodyEdge => (
            "body-edge",
            Some("send a body that begins and ends as JSON or XML does"),
            None,
        ),
        Defect::BodyNotText => (
            "body-not-text",
            Some("send UTF-8 without NUL"),
            Some("choose a scheme with an HMAC, if the provider has one"),
        ),
        Defect::Border { .. } => (
            "value-border",
            Some("send a value that does not contain the separator of signed values"),
            None,
        ),
        Defect::CertificateUrl => (
            "certificate-url",
            None,
            Some("compare the region of the message with that of the setting `topic_arn`"),
        ),
        Defect::Charset => (
            "body-charset-header",
            Some("send the body as UTF-8, and name no other charset in Content-Type"),
            Some("make sure that nothing in front of the gate changes Content-Type"),
        ),
        Defect::Claim { .. } | Defect::ClaimNotTime(_) => (
            "claim-unexpected",
            Some("sign a token for this endpoint, with every claim that the scheme needs"),
            Some("compare the endpoint's URL and settings with those at the sender"),
        ),
        Defect::Component(_) => (
            "component-not-signed",
            Some("sign every component that the scheme needs"),
            None,
        ),
        Defect::ContentEncoding => (
            "content-encoding",
            Some("send the body without Content-Encoding"),
            Some("make sure that nothing in front of the gate compresses bodies"),
        ),
        Defect::Contradiction(_) => (
            "value-contradicted",
            Some("send the value in one place"),
            Some("make sure that nothing in front of the gate adds it a second time"),
        ),
        Defect::FoldedName { .. } => (
            "name-folded",
            Some("send only the signed value, and no name that is easily confused with it"),
            Some("make sure that nothing in front of the gate adds the other name"),
        ),
        Defect::FormMalformed => (
            "form-malformed",
            Some("encode the form as application/x-www-form-urlencoded, without semicolons"),
            None,
        ),
        Defect::HeaderList { .. } => (
            "header-list-malformed",
            Some("list each signed header once, in lower case, and send it once"),
            Some("make sure that nothing in front of the gate changes the list"),
        ),
        Defect::HeaderValue { .. } => (
            "header-unexpected",
            Some("send the header with the value that the scheme expects"),
            Some("check whether the sender uses another version of the scheme"),
        ),
        Defect::JsonMalformed => (
            "json-malformed",
            Some("send JSON"),
            Some("capture the exact bytes of the body"),
        ),
        Defect::Missing(source) if is_time(source, case) => (
            "timestamp-missing",
            Some("send the time that was signed"),
            Some("check whether something in front of the gate removes headers"),
        ),
        Defect::Missing(_) => (
            "signed-value-missing",
            Some("send every value that is signed"),
            Some("check whether something in front of the gate removes headers"),
        ),
        Defect::NoUrl => (
            "url-not-given",
            None,
            Some("pass the URL that the sender uses with --url"),
        ),
        Defect::NotForm => (
            "body-not-form",
            Some("send Content-Type: application/x-www-form-urlencoded with a form"),
            None,
        ),
        Defect::NotJson => (
            "body-not-json",
            Some("send the body once as application/json"),
            Some("make sure that nothing in front of the gate changes or repeats Content-Type"),
        ),
        Defect::NotScalar(_) => (
            "value-not-scalar",
            Some("send a string or a number there"),
            None,
        ),
        Defect::ProofTooLong(_) => (
            "header-too-long",
            Some("send the signature and nothing else in this header"),
            Some("check whether something in front of the gate adds to the header"),
        ),
        Defect::QueryMalformed => (
            "query-malformed",
            Some("encode the query as application/x-www-form-urlencoded"),
            None,
        ),
        Defect::Repeated(place) if place.starts_with("header:") => (
            "header-twice",
            Some("send it once"),
            Some("make sure that nothing in front of the gate adds the header a second time"),
        ),
        Defect::Repeated(_) => ("value-repeated", Some("send the value once"), None),
        Defect::ShadowedByQuery(_) => (
            "name-in-query",
            Some("leave the parameter out of the URL"),
            Some("register a URL without this parameter at the sender"),
        ),
        Defect::Tag(_) => (
            "timestamp-tag",
            Some("write the header as documented, with one timestamp"),
            None,
        ),
        Defect::TagUnexpected(_) => (
            "tag-unexpected",
            Some("sign with the tag that the scheme expects"),
            Some("compare the tag of the endpoint's scheme with the sender's documentation"),
        ),
        Defect::Timestamp { .. } => (
            "timestamp-form",
            Some("send the time in the documented unit, and sign it as it is sent"),
            None,
        ),
        Defect::TooLargeToRead => ("body-too-large-to-read", Some("send a smaller body"), None),
        Defect::TooManyParameters => ("query-too-long", Some("send fewer parameters"), None),
        Defect::Topic => (
            "other-topic",
            None,
            Some("set `topic_arn` to the sending topic, or subscribe the configured topic"),
        ),
        Defect::WrongType(_) => (
            "value-type",
            Some("send arrays and objects as the provider documents them"),
            None,
        ),
    };
    cause(name, describe_defect(defect), sender, operator)
}

fn is_time(source: &str, case: &Case<'_>) -> bool {
    let rule = case.base.scheme.timestamp();
    rule.is_some_and(|rule| match &rule.from {
        TimestampSource::Source(from) => from.to_string() == source,
        _ => false,
    })
}

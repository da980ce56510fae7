//! Errors of AWS KMS as [`KeyServiceError`].

use std::error::Error;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_kms::error::{ProvideErrorMetadata, SdkError};

use crate::secrets::KeyServiceError;

/// The meaning of `error`. The message of the service is kept unless it may quote a credential.
pub(super) fn meaning<E>(error: &SdkError<E>) -> KeyServiceError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    match error {
        SdkError::TimeoutError(_) => KeyServiceError::TimedOut,
        SdkError::ServiceError(answer) => {
            let answer = answer.err();
            by_code(answer.code().unwrap_or_default(), answer.message())
        }
        // The answer could not be parsed, whatever its status.
        SdkError::ResponseError(_) => {
            KeyServiceError::Unavailable("its answer is not one of KMS".to_owned())
        }
        other => {
            let sources = || std::iter::successors(other.source(), |it| (*it).source());
            if sources().any(|it| it.is::<CredentialsError>() || is_slow_identity(it)) {
                KeyServiceError::NoCredentials(causes(sources()))
            } else {
                KeyServiceError::Unavailable(causes(sources()))
            }
        }
    }
}

/// The codes of <https://docs.aws.amazon.com/kms/latest/APIReference/CommonErrors.html> and of the three operations.
/// An unknown code counts as a temporary failure of the service.
fn by_code(code: &str, message: Option<&str>) -> KeyServiceError {
    let description = || {
        let message = first_line(message.unwrap_or_default());
        match (code, message.as_str()) {
            ("", "") => "an answer without a code".to_owned(),
            (_, "") => code.to_owned(),
            _ => format!("{code}: {message}"),
        }
    };
    match code {
        "IncorrectKeyException" | "InvalidCiphertextException" => KeyServiceError::Corrupt,
        "AccessDeniedException"
        | "AccessDenied"
        | "InvalidGrantTokenException"
        | "NotAuthorized"
        | "OptInRequired"
        | "ValidationException"
        | "ValidationError" => KeyServiceError::Denied(description()),
        // AWS may quote the signed headers, with a session token, in its answer to a wrong signature.
        "InvalidSignatureException" | "SignatureDoesNotMatch" | "IncompleteSignature" => {
            KeyServiceError::BadCredentials(format!(
                "{code}: the secret access key is wrong, or the clock of this machine is"
            ))
        }
        "InvalidClientTokenId" | "MissingAuthenticationToken" | "UnrecognizedClientException" => {
            KeyServiceError::BadCredentials(description())
        }
        "ExpiredToken" | "ExpiredTokenException" | "RequestExpired" => {
            KeyServiceError::NoCredentials(description())
        }
        "DisabledException"
        | "InvalidArnException"
        | "InvalidKeyUsageException"
        | "KMSInvalidStateException"
        | "NotFoundException" => KeyServiceError::KeyUnusable(description()),
        "LimitExceededException"
        | "RequestLimitExceeded"
        | "Throttling"
        | "ThrottlingException"
        | "TooManyRequestsException" => KeyServiceError::Throttled(description()),
        _ => KeyServiceError::Unavailable(description()),
    }
}

/// The credential chain has its own timeout and no error type for it.
fn is_slow_identity(error: &(dyn Error + 'static)) -> bool {
    error.to_string().contains("identity resolver timed out")
}

/// The messages of the causes, from the outermost to the root, without repetitions.
fn causes<'e>(errors: impl Iterator<Item = &'e (dyn Error + 'static)>) -> String {
    let mut causes: Vec<String> = Vec::new();
    for error in errors {
        let text = first_line(&error.to_string());
        if !causes.iter().any(|known| known.contains(&text)) {
            causes.push(text);
        }
    }
    causes.join(": ")
}

/// The first line without control characters, short enough for a log line.
fn first_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    line.chars()
        .filter(|c| !c.is_control())
        .take(MAX_CHARS)
        .collect()
}

const MAX_CHARS: usize = 300;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_of_aws_is_a_refusal_only_if_a_retry_is_useless() {
        for (code, kind, is_refusal) in [
            ("InvalidCiphertextException", "corrupt", true),
            ("IncorrectKeyException", "corrupt", true),
            ("AccessDeniedException", "denied", true),
            ("ValidationException", "denied", true),
            ("SignatureDoesNotMatch", "bad_credentials", true),
            ("UnrecognizedClientException", "bad_credentials", true),
            ("DisabledException", "key_unusable", true),
            ("NotFoundException", "key_unusable", true),
            ("KMSInvalidStateException", "key_unusable", true),
            // Credentials are renewed, and a limit passes.
            ("ExpiredTokenException", "no_credentials", false),
            ("ThrottlingException", "throttled", false),
            ("LimitExceededException", "throttled", false),
            ("KMSInternalException", "unavailable", false),
            ("DependencyTimeoutException", "unavailable", false),
            ("SomethingNewException", "unavailable", false),
            ("", "unavailable", false),
        ] {
            let error = by_code(code, Some("text"));
            assert_eq!(KeyServiceError::KINDS[error.kind()], kind, "{code}");
            assert_eq!(error.is_refusal(), is_refusal, "{code}");
        }
    }

    #[test]
    fn a_message_is_one_bounded_line_and_never_quotes_signed_headers() {
        let long = "x".repeat(MAX_CHARS + 1);
        let cut = format!("AccessDenied: {}", "x".repeat(MAX_CHARS));
        for (code, message, expected) in [
            ("AccessDenied", None, "AccessDenied"),
            ("AccessDenied", Some(""), "AccessDenied"),
            ("AccessDenied", Some("no\nsecond line"), "AccessDenied: no"),
            (
                "AccessDenied",
                Some("a\u{1b}[31mb\r"),
                "AccessDenied: a[31mb",
            ),
            ("AccessDenied", Some(long.as_str()), cut.as_str()),
            ("", Some("text"), ": text"),
            ("", None, "an answer without a code"),
        ] {
            let text = by_code(code, message).to_string();
            assert!(text.ends_with(expected), "{code} {message:?}: {text}");
        }
        let quoted = "x-amz-security-token:hunter2";
        for code in [
            "SignatureDoesNotMatch",
            "InvalidSignatureException",
            "IncompleteSignature",
        ] {
            let text = by_code(code, Some(quoted)).to_string();
            assert!(text.contains(code) && !text.contains("hunter2"), "{text}");
        }
    }

    #[test]
    fn repeated_causes_are_named_once() {
        let errors = ["dns failed: no such host", "no such host", "timeout"];
        let errors = errors.map(std::io::Error::other);
        let sources = errors.iter().map(|error| error as &(dyn Error + 'static));
        assert_eq!(causes(sources), "dns failed: no such host: timeout");
    }
}

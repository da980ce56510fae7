//! What came back instead of an answer, in the words of `secrets`.

use std::error::Error;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_kms::error::{ProvideErrorMetadata, SdkError};

use crate::secrets::KeyServiceError;

/// What `error` means. What the service has said is kept as far as it holds no credential.
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
        // It was not understood, whatever its status.
        SdkError::ResponseError(_) => {
            KeyServiceError::Unavailable("what it answered is no answer of KMS".to_owned())
        }
        other => {
            let sources = || std::iter::successors(other.source(), |it| (*it).source());
            if sources().any(|it| it.is::<CredentialsError>() || is_slow_identity(it)) {
                KeyServiceError::NoCredentials(told(sources()))
            } else {
                KeyServiceError::Unavailable(told(sources()))
            }
        }
    }
}

/// The codes are those of <https://docs.aws.amazon.com/kms/latest/APIReference/CommonErrors.html> and of the
/// three operations. One that is not among them is taken for a failure of the service, which passes.
fn by_code(code: &str, message: Option<&str>) -> KeyServiceError {
    let said = || {
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
        | "ValidationError" => KeyServiceError::Denied(said()),
        // What AWS says to a wrong signature may quote the headers that were signed, a token among them.
        "InvalidSignatureException" | "SignatureDoesNotMatch" | "IncompleteSignature" => {
            KeyServiceError::BadCredentials(format!(
                "{code}: the secret access key is another one, or the clock here is wrong"
            ))
        }
        "InvalidClientTokenId" | "MissingAuthenticationToken" | "UnrecognizedClientException" => {
            KeyServiceError::BadCredentials(said())
        }
        "ExpiredToken" | "ExpiredTokenException" | "RequestExpired" => {
            KeyServiceError::NoCredentials(said())
        }
        "DisabledException"
        | "InvalidArnException"
        | "InvalidKeyUsageException"
        | "KMSInvalidStateException"
        | "NotFoundException" => KeyServiceError::KeyUnusable(said()),
        "LimitExceededException"
        | "RequestLimitExceeded"
        | "Throttling"
        | "ThrottlingException"
        | "TooManyRequestsException" => KeyServiceError::Throttled(said()),
        _ => KeyServiceError::Unavailable(said()),
    }
}

/// The chain of credentials has its own deadline, and no error type for it.
fn is_slow_identity(error: &(dyn Error + 'static)) -> bool {
    error.to_string().contains("identity resolver timed out")
}

/// The causes, from the outside in, each once.
fn told<'e>(causes: impl Iterator<Item = &'e (dyn Error + 'static)>) -> String {
    let mut told: Vec<String> = Vec::new();
    for cause in causes {
        let text = first_line(&cause.to_string());
        if !told.iter().any(|known| known.contains(&text)) {
            told.push(text);
        }
    }
    told.join(": ")
}

/// What fits into a line of a log.
fn first_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    line.chars()
        .filter(|c| !c.is_control())
        .take(MAX_CHARS)
        .collect()
}

const MAX_CHARS: usize = 300;

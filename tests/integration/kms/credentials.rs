//! Where credentials come from, and what `check` says if they, the key or the region are wrong.

use super::*;

#[test]
fn what_is_wrong_is_said_with_its_key_and_what_the_service_answered() {
    let (kms, backend) = (Kms::start(), Backend::accepting());
    let mut gate = kms.gate(&backend, "");
    let checked = gate.run(&["check"]).succeeded();
    assert!(checked.contains("portcullis.toml: ok; "), "{checked}");
    for (fault, expected) in [
        (
            Fault::DENIED,
            "secrets.aws.key, or the permissions of these credentials: the key service denies access: \
             AccessDeniedException: User: arn:aws:iam::123456789012:user/gate is not authorized to perform: \
             kms:Decrypt (region eu-central-1)",
        ),
        (
            Fault::Error(
                400,
                "UnrecognizedClientException",
                "The security token is invalid.",
            ),
            "the credentials of AWS: the key service rejects the credentials: \
             UnrecognizedClientException: The security token is invalid.",
        ),
        (
            Fault::Error(
                400,
                "InvalidSignatureException",
                "The canonical string is a-private-text",
            ),
            "the credentials of AWS: the key service rejects the credentials: \
             InvalidSignatureException: the secret access key is wrong, or the clock of this machine is",
        ),
        (
            Fault::Error(
                400,
                "NotFoundException",
                "Alias arn:aws:kms:eu-central-1:1:alias/x is not found.",
            ),
            "secrets.aws.key: the key cannot be used: NotFoundException: Alias \
             arn:aws:kms:eu-central-1:1:alias/x is not found.",
        ),
        (
            Fault::DISABLED,
            "secrets.aws.key: the key cannot be used: DisabledException",
        ),
        (
            Fault::INTERNAL,
            "secrets.aws.region or secrets.aws.endpoint: the key service is unavailable: KMSInternalException",
        ),
        (
            Fault::Garbage,
            "secrets.aws.region or secrets.aws.endpoint: the key service is unavailable",
        ),
        (
            Fault::Hang,
            "secrets.aws.region or secrets.aws.endpoint: the key service did not answer in time",
        ),
    ] {
        kms.proxy.set(fault.clone());
        if matches!(fault, Fault::Hang) {
            gate = kms.hasty(gate);
        }
        let output = gate.run(&["check"]).failed_with(3);
        assert!(output.contains(expected), "{fault:?}: {output}");
        for private in [SECRET_KEY, "a-private-text"] {
            assert!(!output.contains(private), "{output}");
        }
    }
}

#[test]
fn a_key_that_is_not_there_and_a_host_that_is_not_are_told_apart() {
    let (kms, backend) = (Kms::start(), Backend::accepting());
    let gate = kms.gate(&backend, "");
    let right = std::fs::read_to_string(gate.config()).unwrap();
    let check = |from: &str, to: &str| {
        assert!(right.contains(from));
        std::fs::write(gate.config(), right.replace(from, to)).unwrap();
        gate.run(&["check"]).failed_with(3)
    };
    let output = check(&kms.key, "alias/nobody");
    assert!(
        output.contains("secrets.aws.key: the key cannot be used: NotFoundException"),
        "{output}"
    );
    let output = check(&kms.proxy.url(), "http://127.0.0.1:1");
    assert!(
        output.contains("secrets.aws.region or secrets.aws.endpoint: "),
        "{output}"
    );
    assert!(output.contains("refused"), "{output}");
}

#[test]
fn no_credentials_at_all_are_said_so_and_a_server_starts_all_the_same() {
    let (kms, backend) = (Kms::start(), Backend::accepting());
    let gate = kms.gate(&backend, "").endpoint("hmac");
    let secret = gate.secret(ID);
    let text = std::fs::read_to_string(gate.config()).unwrap();
    drop(gate.run(&["check"]).succeeded());
    let bare = without_credentials(Gate::configured(text));
    std::fs::copy(
        gate.folder().join("portcullis.db"),
        bare.folder().join("portcullis.db"),
    )
    .unwrap();
    let output = bare.run(&["check"]).failed_with(3);
    assert!(
        output.contains("the credentials of AWS: no valid credentials for the key service: "),
        "{output}"
    );
    let bare = bare.start();
    assert_eq!(signed(&bare, ID, &secret), unavailable());
    assert_eq!(
        bare.metric("portcullis_key_service_failures_total{kind=\"no_credentials\"}"),
        1
    );
}

#[test]
fn an_instance_without_metadata_is_not_waited_for_long() {
    let (kms, backend) = (Kms::start(), Backend::accepting());
    // Where the metadata would be, connections are taken and nothing is ever said.
    let silent = Backend::deaf();
    let text = {
        let gate = kms.hasty(kms.gate(&backend, ""));
        std::fs::read_to_string(gate.config()).unwrap()
    };
    // The metadata never come: what goes on has not waited for them.
    let gate = Gate::configured(text)
        .environment("AWS_CONFIG_FILE", "/nonexistent")
        .environment("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
        .environment(
            "AWS_EC2_METADATA_SERVICE_ENDPOINT",
            &format!("http://{}", silent.address()),
        )
        .start();
    let output = gate.run(&["check", "--running"]).failed_with(3);
    assert!(
        output.contains("no valid credentials for the key service"),
        "{output}"
    );
}

#[test]
fn credentials_come_from_a_profile_a_program_or_the_container() {
    let (kms, backend) = (Kms::start(), Backend::accepting());
    let text = {
        let gate = kms.gate(&backend, "");
        std::fs::read_to_string(gate.config()).unwrap()
    };
    let bare = || Gate::configured(&text).environment("AWS_EC2_METADATA_DISABLED", "true");

    let gate = bare();
    let profile =
        format!("[gate]\naws_access_key_id = {ACCESS_KEY}\naws_secret_access_key = {SECRET_KEY}\n");
    let path = gate.file("credentials", profile);
    let gate = gate
        .environment("AWS_SHARED_CREDENTIALS_FILE", path.to_str().unwrap())
        .environment("AWS_CONFIG_FILE", "/nonexistent")
        .environment("AWS_PROFILE", "gate");
    gate.run(&["check"]).succeeded();

    let gate = bare();
    let found =
        format!(r#"{{"Version":1,"AccessKeyId":"{ACCESS_KEY}","SecretAccessKey":"{SECRET_KEY}"}}"#);
    let answer = gate.file("answer.json", &found);
    let program = format!("[default]\ncredential_process = cat {}\n", answer.display());
    let path = gate.file("config", program);
    let gate = gate
        .environment("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
        .environment("AWS_CONFIG_FILE", path.to_str().unwrap());
    gate.run(&["check"]).succeeded();

    let found = format!(
        r#"{{"AccessKeyId":"{ACCESS_KEY}","SecretAccessKey":"{SECRET_KEY}","Token":"t","Expiration":"2099-01-01T00:00:00Z"}}"#
    );
    let answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{found}",
        found.len()
    );
    let container = Backend::raw(move |mut stream| {
        let mut request = [0; 4096];
        let read = std::io::Read::read(&mut stream, &mut request).unwrap();
        assert!(request[..read].starts_with(b"GET /role "));
        let _ = std::io::Write::write_all(&mut stream, answer.as_bytes());
    });
    let gate = bare()
        .environment("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
        .environment("AWS_CONFIG_FILE", "/nonexistent")
        .environment(
            "AWS_CONTAINER_CREDENTIALS_FULL_URI",
            &format!("http://{}/role", container.address()),
        );
    gate.run(&["check"]).succeeded();
}

#[test]
fn the_region_comes_from_the_key_or_from_the_environment_or_is_missed() {
    let (kms, backend) = (Kms::start(), Backend::accepting());
    let gate = kms.gate(&backend, "");
    let text = std::fs::read_to_string(gate.config()).unwrap();
    let text = text.replace("region = \"eu-central-1\"\n", "");
    let with_arn = with_credentials(Gate::configured(&text));
    // moto makes keys in the region that is asked for; it is the first one's.
    with_arn.run(&["check"]).succeeded();
    let id = kms.key.rsplit('/').next().unwrap();
    let by_id = text.replace(&kms.key, id);
    let gate = with_credentials(Gate::configured(&by_id));
    let output = gate.run(&["check"]).failed_with(3);
    assert!(
        output.contains("no region for the key service `aws`: set `region` in [secrets.aws]"),
        "{output}"
    );
    gate.serve_that_ends().failed_with(5);
    let gate = gate.environment("AWS_REGION", "eu-central-1");
    gate.run(&["check"]).succeeded();
}

#[test]
fn kms_is_spoken_to_over_tls_and_its_certificate_is_verified() {
    let authority = Authority::new();
    let kms = Backend::over_tls(&authority.sign("localhost"), None);
    let endpoint = format!("https://localhost:{}", kms.address().port());
    let backend = Backend::accepting();
    let gate = with_credentials(Gate::before(&backend))
        .with("secrets", "key_service = \"aws\"")
        .with(
            "secrets.aws",
            &format!(
                "key = \"alias/a\"\nregion = \"eu-central-1\"\nendpoint = \"{endpoint}\"\nattempts = 1"
            ),
        );
    let output = gate.run(&["check"]).failed_with(3);
    assert!(output.contains("certificate"), "{output}");
    assert!(kms.received().is_empty());

    let trusted = gate.file("authority.pem", authority.certificate());
    let gate = gate.environment("SSL_CERT_FILE", trusted.to_str().unwrap());
    let output = gate.run(&["check"]).failed_with(3);
    // What answers there is no KMS, but it was asked.
    assert!(
        output.contains("the key service is unavailable"),
        "{output}"
    );
    let calls = kms.only();
    assert_eq!(calls.header("x-amz-target"), "TrentService.Encrypt");
    assert!(
        calls
            .header("authorization")
            .starts_with("AWS4-HMAC-SHA256 ")
    );
}

//! Mistakes in the configuration: each is told once, all at once, with its file, line and key and what
//! would be right, and nothing is created on the way.

mod example;
mod files;
mod server_urls;
mod text;

use crate::support::*;

/// What `check` complained about.
#[derive(Debug)]
struct Complaint {
    line: usize,
    key: String,
    message: String,
}

/// Checks a configuration that is wrong.
#[track_caller]
fn complaints(text: &str) -> Vec<Complaint> {
    let gate = Gate::configured(text);
    let ran = gate.run(&["check", "--running"]);
    assert_eq!(ran.stdout, "", "{text}");
    let output = ran.failed_with(3);
    assert_eq!(gate.files(), ["portcullis.toml"], "{text}");
    let file = format!("{}:", gate.config().display());
    let output = output.strip_prefix("error: ").unwrap_or(&output);
    output
        .lines()
        .map(|line| parse(line.strip_prefix(&file).unwrap_or_else(|| panic!("{line}"))))
        .collect()
}

/// `LINE:COLUMN: KEY: MESSAGE`
fn parse(complaint: &str) -> Complaint {
    let (place, rest) = complaint.split_once(": ").unwrap();
    let (line, column) = place
        .split_once(':')
        .unwrap_or_else(|| panic!("no place: {complaint}"));
    assert!(column.parse::<usize>().unwrap() > 0);
    let (key, message) = rest.split_once(": ").unwrap_or(("", rest));
    Complaint {
        line: line.parse().unwrap(),
        key: key.to_owned(),
        message: message.to_owned(),
    }
}

#[track_caller]
fn only(text: &str) -> Complaint {
    let mut complaints = complaints(text);
    assert_eq!(complaints.len(), 1, "{text}\n{complaints:#?}");
    complaints.remove(0)
}

#[test]
fn the_smallest_example_is_in_order() {
    let gate = Gate::configured(include_str!("../../../conf/minimal.toml"));
    let output = gate.run(&["check", "--running"]).succeeded();
    assert!(output.contains("portcullis.toml: ok; "), "{output}");
    assert_eq!(gate.files(), ["portcullis.toml"]);
}

#[test]
fn every_mistake_has_its_line_its_key_and_what_would_be_right() {
    for (section, entry, right) in [
        ("server", "threads = 0", "from 1 to 1024"),
        ("server", "threads = -1", "from 1 to 1024"),
        (
            "server",
            r#"threads = "2""#,
            "expected a number, found string",
        ),
        ("server", "threads = 1.5", "expected a number, found float"),
        ("server", "upstream_pool_size = 0", "from 1 to 65536"),
        (
            "server",
            "shutdown_grace = 30",
            r#"such as "10s", found integer"#,
        ),
        ("server", r#"shutdown_grace = "30""#, r#""10s" or "500ms""#),
        ("server", r#"shutdown_grace = "0s""#, r#""10s" or "500ms""#),
        ("public", "http = 8080", "expected a string, found integer"),
        (
            "public",
            r#"url = "portal.example.com""#,
            "https://portal.example.com",
        ),
        (
            "public",
            r#"url = "https://h/hooks""#,
            "https://portal.example.com",
        ),
        ("public", r#"url = "ftp://h""#, "https://portal.example.com"),
        ("public", r#"http2 = "yes""#, "true or false"),
        (
            "public",
            r#"head_timeout = "10 parsecs""#,
            r#""10s" or "500ms""#,
        ),
        (
            "public",
            "max_head = 65536",
            r#"such as "50 MiB", found integer"#,
        ),
        (
            "public",
            r#"max_head = "65536""#,
            r#""50 MiB" or "512 KiB""#,
        ),
        (
            "public",
            r#"max_head = "0 KiB""#,
            r#""50 MiB" or "512 KiB""#,
        ),
        ("public", "max_headers = 1000", "from 1 to 200"),
        (
            "public",
            r#"trusted_proxies = "10.0.0.0/8""#,
            "a list of strings",
        ),
        (
            "admin",
            "allowed_hosts = [1]",
            "expected a string, found integer",
        ),
        ("auth", r#"allow_unauthenticated = "yes""#, "true or false"),
        ("bodies", "max = 1000", r#"such as "50 MiB", found integer"#),
        ("bodies", r#"timeout = "-5s""#, r#""10s" or "500ms""#),
        (
            "bodies",
            r#"budget = "99 MiB""#,
            "must be at least 16/7 of `bodies.max`",
        ),
        ("store", "path = true", "expected a string, found boolean"),
        (
            "secrets",
            "cache_time_to_live = 300",
            r#"such as "10s", found integer"#,
        ),
        ("secrets", "cache_capacity = 0", "from 1 to"),
        ("directory", r#"follow_every = "401ms""#, "at most 400ms"),
        ("headers", r#"namespace = """#, "must not be empty"),
        ("headers", r#"reason = "no""#, "true or false"),
        (
            "log",
            r#"level = "loud""#,
            "`error`, `warn`, `info`, `debug`, `trace`",
        ),
        ("log", r#"format = "xml""#, "`text` or `json`"),
        (
            "upstreams.b",
            r#"connect_timeout = "9s"
addresses = ["h:1"]"#,
            "at most `total_timeout`",
        ),
        (
            "upstreams.b",
            r#"path = "/in/{nosuch}"
addresses = ["h:1"]"#,
            "no route has a parameter `{nosuch}`",
        ),
        (
            "upstreams.b",
            r#"path = "/in/{workspace}"
addresses = ["h:1"]"#,
            "no route has a parameter `{workspace}`",
        ),
        (
            "upstreams.b",
            r#"host = "a b"
addresses = ["h:1"]"#,
            r#"such as "engine.internal""#,
        ),
        (
            "upstreams.b",
            "addresses = []",
            r#"such as ["10.0.0.7:3000"]"#,
        ),
        (
            "upstreams.b",
            r#"addresses = ["host"]"#,
            r#"such as "10.0.0.7:3000""#,
        ),
        (
            "upstreams.b",
            r#"addresses = ["host:0"]"#,
            r#"such as "10.0.0.7:3000""#,
        ),
        (
            "upstreams.b",
            r#"addresses = [":80"]"#,
            r#"such as "10.0.0.7:3000""#,
        ),
        (
            "upstreams.b",
            r#"addresses = ["h:65536"]"#,
            r#"such as "10.0.0.7:3000""#,
        ),
        (
            "secrets",
            r#"key_service = "vault""#,
            "expected `local` or `aws`",
        ),
        ("secrets", r#"grace = "0.5s""#, "must be from 1s to 604800s"),
        ("secrets", r#"grace = "8d""#, "such as \"10s\""),
        (
            "secrets.aws",
            r#"key = "portcullis""#,
            "an alias (alias/portcullis)",
        ),
        ("secrets.aws", r#"key = "alias/""#, "the ARN of either"),
        (
            "secrets.aws",
            r#"key = "arn:aws:s3:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab""#,
            "the ARN of either",
        ),
        (
            "secrets.aws",
            r#"region = "europe""#,
            "such as `eu-central-1`",
        ),
        (
            "secrets.aws",
            r#"endpoint = "http://kms.internal:8080""#,
            "must use https://, because responses contain decrypted keys and the host is not this machine",
        ),
        ("secrets.aws", r#"endpoint = "kms""#, "expected a URL"),
        (
            "secrets.aws",
            r#"attempt_timeout = "6s""#,
            "must not exceed `call_timeout`",
        ),
        (
            "secrets.aws",
            r#"call_timeout = "2m""#,
            "must be from 10ms to 60s",
        ),
        ("secrets.aws", "attempts = 0", "from 1 to 10"),
        ("secrets.aws", "max_calls_in_flight = 0", "from 1 to 1000"),
        (
            "secrets.aws",
            r#"data_keys = "per-secret""#,
            "expected `none` or `shared`",
        ),
        (
            "secrets.aws",
            "data_key_max_secrets = 0",
            "from 1 to 1000000",
        ),
    ] {
        let text = format!("{UPSTREAM}[{section}]\n{entry}\n");
        let complaint = only(&text);
        let key = format!("{section}.{}", entry.split(' ').next().unwrap());
        assert_eq!((complaint.line, &complaint.key), (4, &key), "{text}");
        assert!(complaint.message.contains(right), "{text}{complaint:?}");
    }
}

#[test]
fn the_key_service_aws_needs_a_key_and_one_of_its_region() {
    let complaint = only(&format!("{UPSTREAM}[secrets]\nkey_service = \"aws\"\n"));
    assert_eq!(complaint.key, "secrets.aws.key");
    assert!(complaint.message.contains("is missing"), "{complaint:?}");

    let arn = "arn:aws:kms:eu-central-1:123456789012:key/";
    let with = |id: &str| {
        format!(
            "{UPSTREAM}[secrets.aws]\nregion = \"eu-west-1\"\nkey = \"{arn}{id}\"\n[secrets]\nkey_service = \"aws\"\n"
        )
    };
    let complaint = only(&with("1234abcd-12ab-34cd-56ef-1234567890ab"));
    assert_eq!(
        (complaint.line, complaint.key.as_str()),
        (5, "secrets.aws.key")
    );
    let message = "the key is in the region `eu-central-1`, but `region` is `eu-west-1`";
    assert!(complaint.message.contains(message), "{complaint:?}");
    // One that has replicas is in every region.
    let replicated = with("mrk-1234abcd12ab34cd56ef1234567890ab");
    portcullis::config::Config::parse(std::path::Path::new("c.toml"), &replicated)
        .unwrap_or_else(|it| panic!("{it}"));
}

#[test]
fn an_address_that_is_none_is_told_what_one_looks_like() {
    for (section, key) in [("public", "http"), ("admin", "listen")] {
        for nonsense in [
            "nonsense",
            "localhost:8080",
            "8080",
            ":8080",
            "127.0.0.1",
            "h:80:80",
        ] {
            let complaint = only(&format!("{UPSTREAM}[{section}]\n{key} = \"{nonsense}\"\n"));
            assert_eq!(complaint.key, format!("{section}.{key}"));
            assert_eq!(complaint.line, 4);
            assert!(
                complaint.message.contains("such as"),
                "{nonsense}: {complaint:?}"
            );
        }
    }
}

#[test]
fn a_network_that_is_none_is_told_what_one_looks_like() {
    let text = format!("{UPSTREAM}[public]\ntrusted_proxies = [\"10.0.0.0/33\"]\n");
    let complaint = only(&text);
    assert_eq!(complaint.key, "public.trusted_proxies");
    assert!(complaint.message.contains("such as"), "{complaint:?}");
}

#[test]
fn one_mistake_is_one_complaint_and_not_what_follows_from_it() {
    for (text, key) in [
        (
            format!("{UPSTREAM}[bodies]\nmax = 5\nbudget = \"80 MiB\"\n"),
            "bodies.max",
        ),
        (
            "[upstreams.a]\naddresses = \"h:1\"\n".to_owned(),
            "upstreams.a.addresses",
        ),
        (
            "[upstreams.a]\naddresses = [1]\n".to_owned(),
            "upstreams.a.addresses",
        ),
        ("upstreams = 5\n".to_owned(), "upstreams"),
    ] {
        let keys: Vec<String> = complaints(&text).into_iter().map(|it| it.key).collect();
        assert_eq!(keys, [key], "{text}");
    }
}

#[test]
fn what_is_unknown_is_refused_and_what_is_known_is_listed() {
    for (text, line, key, known) in [
        ("wrong = 1\n", 1, "wrong", "`upstreams`"),
        (
            "[publik]\nhttp = \"127.0.0.1:0\"\n",
            1,
            "publik",
            "`public`",
        ),
        (
            "[public]\nhtttp = \"127.0.0.1:0\"\n",
            2,
            "public.htttp",
            "`http`",
        ),
        (
            "[public]\nmax-head = \"64 KiB\"\n",
            2,
            "public.max-head",
            "`max_head`",
        ),
        ("[log]\n\n\nLevel = \"info\"\n", 4, "log.Level", "`level`"),
        (
            "[headers.names]\norganization = \"T\"\n",
            2,
            "headers.names.organization",
            "`organisation`",
        ),
        (
            "[upstreams.a]\naddresses = [\"h:1\"]\nadress = 1\n",
            3,
            "upstreams.a.adress",
            "`addresses`",
        ),
        (
            "[[routes]]\nname = \"a\"\npattern = \"/a/{b}\"\nendpoint = \"a/{b}\"\nmethod = \"GET\"\n",
            5,
            "routes[0].method",
            "`pattern`",
        ),
    ] {
        let complaint = only(&format!("{text}{UPSTREAM}"));
        assert_eq!((complaint.line, complaint.key.as_str()), (line, key));
        assert!(complaint.message.contains("unknown key"), "{complaint:?}");
        assert!(complaint.message.contains(known), "{complaint:?}");
    }
}

#[test]
fn routes_that_cannot_be_used_are_named_by_their_position() {
    let route = |pattern: &str, endpoint: &str| {
        format!("[[routes]]\nname = \"r\"\npattern = \"{pattern}\"\nendpoint = \"{endpoint}\"\n")
    };
    for (routes, key, what) in [
        (route("/a/{b}", "a/{c}"), "routes[0]", "{c}"),
        (route("no-slash", "a"), "routes[0]", "begin with"),
        (route("/a/x{b}", "a/{b}"), "routes[0]", "a whole segment"),
        (
            route("/a/{b}", "a/{b}") + &route("/a/{c}", "c/{c}"),
            "routes[1]",
            "/a/{b}",
        ),
        (
            "[[routes]]\npattern = \"/a\"\nendpoint = \"a\"\n".to_owned(),
            "routes[0].name",
            "is missing",
        ),
    ] {
        let complaint = only(&format!("{UPSTREAM}{routes}"));
        assert_eq!(complaint.key, key, "{complaint:?}");
        assert!(complaint.line >= 3, "{complaint:?}");
        assert!(complaint.message.contains(what), "{complaint:?}");
    }
}

#[test]
fn a_route_is_told_with_a_line_of_its_own() {
    let text = format!(
        "{UPSTREAM}[[routes]]\nname = \"a\"\npattern = \"/a/{{b}}\"\nendpoint = \"a/{{b}}\"\n\
         [[routes]]\nname = \"c\"\npattern = \"/c\"\nendpoint = \"c/{{d}}\"\n"
    );
    let complaint = only(&text);
    assert!(complaint.key.starts_with("routes[1]"), "{complaint:?}");
    assert!((7..=10).contains(&complaint.line), "{complaint:?}");
}

#[test]
fn a_name_of_a_header_that_is_none_is_told_where_it_stands() {
    for (section, entry) in [
        ("headers", r#"namespace = "X Portal""#),
        ("headers.names", r#"organisation = "a b""#),
        ("headers.names", r#"workspace = """#),
        ("headers.names", r#"target = "Content-Length""#),
        ("headers.names", r#"event = "transfer_encoding""#),
        ("headers.names", r#"mode = "Host""#),
        ("headers.names", r#"delivery = "X-Forwarded-For""#),
        ("headers.names", r#"endpoint = "X-Request-Id""#),
        ("headers.names", r#"event = "Cookie""#),
        ("headers.names", r#"event = "x_hub_signature_256""#),
        ("headers.names", r#"event = "Portcullis-Reason""#),
        ("headers", r#"namespace = "Content-""#),
        ("headers", r#"namespace = "Content""#),
        ("headers", r#"namespace = "X-""#),
        ("headers", r#"namespace = "C""#),
    ] {
        let complaint = only(&format!("{UPSTREAM}[{section}]\n{entry}\n"));
        let key = format!("{section}.{}", entry.split(' ').next().unwrap());
        assert_eq!((complaint.line, complaint.key), (4, key), "{entry}");
    }
}

#[test]
fn one_header_cannot_say_two_things() {
    for names in [
        "organisation = \"X-A\"\nworkspace = \"x_a\"",
        "workspace = \"X-Portal-Org-Id\"",
    ] {
        let complaint = only(&format!("{UPSTREAM}[headers.names]\n{names}\n"));
        assert_eq!(complaint.key, "headers.names");
        assert!(
            complaint.message.contains("two headers have the name"),
            "{complaint:?}"
        );
    }
}

#[test]
fn all_mistakes_come_at_once_in_the_order_of_the_file() {
    let text = r#"top = 1
[server]
threads = 0
[publik]
[public]
http = "127.0.0.1:0"
max_head = 1
[bodies]
max = "1 GiB"
timeout = "30"
budget = "1 GiB"
[upstreams.default]
addresses = ["nowhere"]
read_timeout = 8
tls = "yes"
[upstreams.empty]
connect_timeout = "0s"
"#;
    let output: Vec<(usize, String)> = complaints(text)
        .into_iter()
        .map(|it| (it.line, it.key))
        .collect();
    let expected = [
        (1, "top"),
        (3, "server.threads"),
        (4, "publik"),
        (7, "public.max_head"),
        (10, "bodies.timeout"),
        (11, "bodies.budget"),
        (13, "upstreams.default.addresses"),
        (14, "upstreams.default.read_timeout"),
        (15, "upstreams.default.tls"),
        (16, "upstreams.empty.addresses"),
        (17, "upstreams.empty.connect_timeout"),
    ];
    assert_eq!(output, expected.map(|(line, key)| (line, key.to_owned())));

    // The server says the same, and does not start.
    let gate = Gate::configured(text);
    let refused = gate.serve_that_ends().failed_with(3);
    assert_eq!(refused, gate.run(&["check"]).failed_with(3));
    assert_eq!(refused.lines().count(), expected.len());
    assert_eq!(gate.files(), ["portcullis.toml"]);
}

const UPSTREAM: &str = "[upstreams.default]\naddresses = [\"127.0.0.1:3000\"]\n";

//! One example for each command. `--help` prints it, and docs/reference/cli.md is generated from it.

use clap::Command;

/// Adds the example of each command to its help.
pub(super) fn add_to(command: Command) -> Command {
    let path = command.get_name().to_owned();
    add_below(command, &path)
}

fn add_below(command: Command, path: &str) -> Command {
    let names: Vec<String> = command
        .get_subcommands()
        .map(|it| it.get_name().to_owned())
        .collect();
    names.into_iter().fold(command, |command, name| {
        let path = format!("{path} {name}");
        command.mut_subcommand(name, |inner| {
            let inner = match example_of(&path) {
                Some(example) => inner.after_help(format!("Example:\n  {example}")),
                None => inner,
            };
            add_below(inner, &path)
        })
    })
}

fn example_of(path: &str) -> Option<&'static str> {
    let is_of_path = |example: &&&str| {
        let rest = example.strip_prefix(path);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
    };
    EXAMPLES.iter().find(is_of_path).copied()
}

const EXAMPLES: &[&str] = &[
    "portcullis init gate --backend 127.0.0.1:3000",
    "portcullis serve --config /etc/portcullis/portcullis.toml",
    "portcullis check --running",
    "portcullis demo --exit",
    "portcullis endpoint create workflows/pr-bot --organisation acme --workspace main --mode hmac",
    "portcullis endpoint list workflows/",
    "portcullis endpoint show workflows/pr-bot",
    "portcullis endpoint update workflows/pr-bot --max-body 1MiB --clear label",
    "portcullis endpoint expect-handshake workflows/tasks --for 10m",
    "portcullis endpoint test workflows/pr-bot --event pull_request --body event.json",
    "portcullis endpoint deliveries workflows/pr-bot --outcome refused --limit 5",
    "portcullis endpoint export workflows/ > endpoints.json",
    "portcullis endpoint enable workflows/pr-bot",
    "portcullis endpoint disable workflows/pr-bot",
    "portcullis endpoint delete workflows/pr-bot",
    "portcullis apply --file endpoints.toml --dry-run",
    "portcullis flow release orders --note 'accept refunds'",
    "portcullis flow promote orders --installation tenant-7 --version 3",
    "portcullis flow rollback orders --dry-run",
    "portcullis flow history orders --limit 10",
    "portcullis flow list --json",
    "portcullis flow show orders",
    "portcullis flow delete orders --installation tenant-7",
    "portcullis presets list",
    "portcullis presets show stripe",
    "portcullis handshakes list",
    "portcullis handshakes show slack",
    "portcullis secret bind flows/orders/live webhook-signing-secret < secret",
    "portcullis secret reveal workflows/pr-bot",
    "portcullis secret rotate workflows/pr-bot --overlap 24h --yes",
    "portcullis secret status workflows/pr-bot",
    "portcullis secret retire workflows/pr-bot",
    "portcullis secret set workflows/pr-bot < secret",
    "portcullis secret rewrap --dry-run",
    "portcullis token create --workspace shop --label ci --expires 30d > token",
    "portcullis token list --workspace shop",
    "portcullis token revoke 0123456789abcdef",
    "portcullis operator token create --label deploy --role operator@acme --expires 30d > token",
    "portcullis operator token list",
    "portcullis operator token revoke 0123456789abcdef",
    "portcullis operator sign-out ana",
    "portcullis console login --url http://127.0.0.1:9443 --role viewer@acme",
    "portcullis sign workflows/pr-bot --header 'X-GitHub-Event: ping' | sh",
    "portcullis send workflows/pr-bot --body event.json --times 3",
    "portcullis capture list workflows/pr-bot",
    "portcullis capture show 01a2004e-2afd-7617-bd78-7b0893944a1c > refused.http",
    "portcullis explain refused.http --endpoint workflows/pr-bot",
    "portcullis audit list --limit 5",
    "portcullis audit verify --json",
    "portcullis audit export --after 1000 > audit.jsonl",
    "portcullis store migrate",
    "portcullis store copy --from portcullis.db",
    "portcullis store backup backup.db",
];

//! A `pull_request` event as GitHub sends it: compact, about 20 KB, most of it URLs.

use serde_json::{Map, Value, json};

/// The event, as it is sent.
pub(crate) fn event() -> Vec<u8> {
    let repo = repository();
    let event = json!({
        "action": "opened",
        "number": 1347,
        "pull_request": {
            "url": "https://api.github.com/repos/octocat/hello-world/pulls/1347",
            "id": 279_147_437_u64,
            "node_id": "MDExOlB1bGxSZXF1ZXN0Mjc5MTQ3NDM3",
            "number": 1347,
            "state": "open",
            "locked": false,
            "title": "Update the README with new information",
            "user": user("octocat"),
            "body": "This is a pretty simple change that we need to pull into main.\r\n\r\n".repeat(42),
            "created_at": "2026-01-15T15:20:33Z",
            "updated_at": "2026-01-15T15:20:33Z",
            "closed_at": null,
            "merged_at": null,
            "merge_commit_sha": null,
            "assignee": user("hubot"),
            "assignees": [user("hubot")],
            "requested_reviewers": [user("other_user")],
            "requested_teams": [],
            "labels": [{ "id": 208_045_946_u64, "node_id": "MDU6TGFiZWwyMDgwNDU5NDY=", "url": "https://api.github.com/repos/octocat/hello-world/labels/bug", "name": "bug", "color": "f29513", "default": true, "description": "Something isn't working" }],
            "draft": false,
            "head": { "label": "octocat:new-topic", "ref": "new-topic", "sha": "6dcb09b5b57875f334f61aebed695e2e4193db5e", "user": user("octocat"), "repo": repo },
            "base": { "label": "octocat:main", "ref": "main", "sha": "6dcb09b5b57875f334f61aebed695e2e4193db5e", "user": user("octocat"), "repo": repo },
            "author_association": "OWNER",
            "merged": false,
            "comments": 10,
            "commits": 3,
            "additions": 100,
            "deletions": 3,
            "changed_files": 5,
        },
        "repository": repo,
        "sender": user("octocat"),
    });
    event.to_string().into_bytes()
}

fn user(login: &str) -> Value {
    let api = format!("https://api.github.com/users/{login}");
    let mut user = Map::new();
    user.insert("login".into(), login.into());
    user.insert("id".into(), 1.into());
    user.insert("node_id".into(), "MDQ6VXNlcjE=".into());
    user.insert(
        "avatar_url".into(),
        "https://github.com/images/error/octocat_happy.gif".into(),
    );
    for name in [
        "followers",
        "following",
        "gists",
        "starred",
        "subscriptions",
        "organizations",
        "repos",
        "events",
        "received_events",
    ] {
        user.insert(format!("{name}_url"), format!("{api}/{name}").into());
    }
    user.insert("type".into(), "User".into());
    user.insert("site_admin".into(), false.into());
    user.into()
}

fn repository() -> Value {
    let api = "https://api.github.com/repos/octocat/hello-world";
    let mut repo = Map::new();
    repo.insert("id".into(), 1_296_269.into());
    repo.insert("name".into(), "hello-world".into());
    repo.insert("full_name".into(), "octocat/hello-world".into());
    repo.insert("owner".into(), user("octocat"));
    repo.insert("private".into(), false.into());
    repo.insert("description".into(), "This your first repo!".into());
    for name in [
        "archive",
        "assignees",
        "blobs",
        "branches",
        "collaborators",
        "comments",
        "commits",
        "compare",
        "contents",
        "contributors",
        "deployments",
        "downloads",
        "events",
        "forks",
        "hooks",
        "issues",
        "keys",
        "labels",
        "languages",
        "merges",
        "milestones",
        "notifications",
        "pulls",
        "releases",
        "stargazers",
        "statuses",
        "subscribers",
        "tags",
        "teams",
        "trees",
    ] {
        repo.insert(format!("{name}_url"), format!("{api}/{name}{{/id}}").into());
    }
    for name in [
        "has_issues",
        "has_projects",
        "has_wiki",
        "has_pages",
        "has_downloads",
        "archived",
        "disabled",
    ] {
        repo.insert(name.into(), true.into());
    }
    for name in [
        "forks_count",
        "stargazers_count",
        "watchers_count",
        "size",
        "open_issues_count",
    ] {
        repo.insert(name.into(), 108.into());
    }
    repo.insert("default_branch".into(), "main".into());
    repo.insert(
        "topics".into(),
        json!(["octocat", "atom", "electron", "api"]),
    );
    repo.insert("pushed_at".into(), "2026-01-26T19:06:43Z".into());
    repo.insert("license".into(), Value::Null);
    repo.into()
}

//! `portcullis console`: signs people in at the console.

use clap::{Args, Subcommand};
use url::Url;
use zeroize::Zeroizing;

use super::failure::Failure;
use super::operator::name;
use super::output;
use super::session::Session;
use crate::operators::{LoginLink, Role, RoleGrant};

#[derive(Debug, Subcommand)]
pub(super) enum ConsoleCommand {
    /// Print a link that signs in at the console.
    ///
    /// The link works once, within 5 minutes. Its secret is in the fragment, which browsers do not send to servers.
    Login(Login),
}

/// Options of `console login`.
#[derive(Args, Debug)]
pub(super) struct Login {
    /// What the session allows: `viewer`, `operator`, `revealer` or `admin`, everywhere or for one organisation or
    /// workspace. Repeatable. Default: `admin` and `revealer`, everywhere.
    #[arg(long = "role", value_name = "ROLE[@ORGANISATION[/WORKSPACE]]")]
    roles: Vec<RoleGrant>,

    /// The name of the person in the audit log. Default: the user of the operating system.
    #[arg(long, value_name = "NAME", value_parser = name)]
    subject: Option<String>,

    /// The URL of the console. Default: that of the configuration.
    #[arg(long, value_name = "URL", value_parser = origin)]
    url: Option<String>,
}

impl ConsoleCommand {
    pub(super) async fn run(self, session: &Session) -> Result<String, Failure> {
        match self {
            Self::Login(login) => login.run(session).await,
        }
    }
}

impl Login {
    async fn run(self, session: &Session) -> Result<String, Failure> {
        let configured = session.config.console.as_ref();
        let url = self
            .url
            .or_else(|| configured.map(|console| console.url_at(console.listen)));
        let url = url.ok_or_else(|| {
            let text =
                "there is no console: add the section `[console]`, or name its URL with --url";
            Failure::Usage(text.to_owned())
        })?;
        let roles = if self.roles.is_empty() {
            [Role::Admin, Role::Revealer].map(everywhere).into()
        } else {
            self.roles
        };
        let actor = &session.actor;
        let subject = self.subject.unwrap_or_else(|| actor.name().to_owned());
        let words: Vec<String> = roles.iter().map(ToString::to_string).collect();
        let control = &session.control;
        let link = control.create_login_link(actor, subject.clone(), roles);
        let link = link.await?;
        output::note(&format!(
            "the link signs in {subject} with {}; it works once, within {} minutes",
            words.join(" "),
            LoginLink::LIFETIME.as_mins()
        ));
        let path = "/sign-in#";
        // The full capacity: growing would leave a copy of the secret in freed memory.
        let len = url.len() + path.len() + link.len();
        let mut text = Zeroizing::new(String::with_capacity(len));
        text.extend([&*url, path, &*link]);
        output::print_exact(&text);
        Ok(String::new())
    }
}

fn everywhere(role: Role) -> RoleGrant {
    RoleGrant {
        role,
        organisation: None,
        workspace: None,
    }
}

/// Parses the origin of the console, which has no path.
fn origin(text: &str) -> Result<String, &'static str> {
    let url = Url::parse(text).ok().filter(|url| {
        let is_plain = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        let has_user = !url.username().is_empty() || url.password().is_some();
        matches!(url.scheme(), "http" | "https") && is_plain && !has_user
    });
    let url = url.ok_or("expected a URL such as https://console.example.com, without a path")?;
    Ok(url.origin().ascii_serialization())
}

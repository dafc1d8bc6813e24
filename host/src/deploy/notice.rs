//! What the deployer tells people: one line for each deploy.

use std::fmt;
use std::time::Duration;

use crate::apps::{AppKey, Route};

/// Something happened to an application. Its text is one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// An application is served as it was before the host was restarted.
    Restored {
        /// Which.
        app: AppKey,
        /// The version's digest, shortened.
        version: String,
        /// Where it answers.
        routes: Vec<Route>,
    },
    /// More applications than are worth a line each are served as before.
    RestoredMany(usize),
    /// A version answers from now on.
    Deployed {
        /// Which.
        app: AppKey,
        /// The version's digest, shortened.
        version: String,
        /// Where it answers.
        routes: Vec<Route>,
        /// Since its files were noticed, settling included.
        took: Duration,
    },
    /// A version was refused.
    Refused {
        /// Of which application.
        app: AppKey,
        /// What was found and what was expected.
        reason: String,
        /// The version that goes on answering, if there is one.
        serving: Option<String>,
    },
    /// An application's component is gone, and so are its routes.
    Removed {
        /// Which.
        app: AppKey,
    },
    /// A name in the directory that is no application's.
    Ignored {
        /// Its path, as it is in the directory.
        path: String,
        /// Why it is none.
        reason: String,
    },
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Restored { app, version, routes } => write!(f, "serving {app} ({version}) at {}", Listed(routes)),
            Self::RestoredMany(count) => write!(f, "serving {count} applications as before"),
            Self::Deployed { app, version, routes, took } => {
                write!(f, "deployed {app} ({version}) at {} in {} ms", Listed(routes), took.as_millis())
            }
            Self::Refused { app, reason, serving: None } => write!(f, "refused {app}: {}", OneLine(reason)),
            Self::Refused { app, reason, serving: Some(version) } => {
                write!(f, "refused {app}: {} ({version} stays)", OneLine(reason))
            }
            Self::Removed { app } => write!(f, "removed {app}"),
            Self::Ignored { path, reason } => {
                write!(f, "ignored {}: {}", OneLine(path), OneLine(reason))
            }
        }
    }
}

/// Routes as people read them.
pub(crate) struct Listed<'a>(pub(crate) &'a [Route]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, route) in self.0.iter().enumerate() {
            write!(f, "{}{route}", if at == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

/// A text that may come from a guest's file: its control characters can neither break the line nor command a terminal.
pub(crate) struct OneLine<'a>(pub(crate) &'a str);

impl fmt::Display for OneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |c: &char| !c.is_control();
        self.0.chars().map(|c| if shown(&c) { c } else { ' ' }).try_for_each(|c| fmt::Write::write_char(f, c))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_is_one_line() {
        let app: AppKey = "acme/shop".parse().unwrap();
        let routes = vec!["/shop".parse().unwrap(), "a.com".parse().unwrap()];
        let took = Duration::from_millis(84);
        let deployed = Notice::Deployed { app: app.clone(), version: "3f2a9c1b".into(), routes, took };
        assert_eq!(deployed.to_string(), "deployed acme/shop (3f2a9c1b) at /shop, a.com in 84 ms");
        let reason = "a\nb\x1b[2J".to_owned();
        let refused = Notice::Refused { app, reason, serving: Some("3f2a9c1b".into()) };
        assert_eq!(refused.to_string(), "refused acme/shop: a b [2J (3f2a9c1b stays)");
    }
}

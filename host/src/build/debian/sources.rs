//! Where this machine gets Debian from: apt's sources in both of their formats
//! (sources.list(5)), read for the mirror and the key that its archive is signed with.

use std::path::Path;

/// The suites by which an entry is known to be Debian's archive, and not its updates, its
/// security archive or somebody else's.
const SUITES: &[&str] =
    &["bullseye", "bookworm", "trixie", "forky", "duke", "sid", "oldstable", "stable", "testing", "unstable"];

/// Debian's keys as its package `debian-archive-keyring` installs them.
const KEYRINGS: &[&str] =
    &["/usr/share/keyrings/debian-archive-keyring.gpg", "/usr/share/keyrings/debian-archive-keyring.pgp"];

/// An archive that this machine trusts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mirror {
    /// For instance `http://deb.debian.org/debian`.
    pub(super) uri: String,
    /// What its entry says in `Signed-By`: a file, fingerprints, or the key itself in lines.
    signed_by: Option<String>,
}

impl Mirror {
    /// An entry of our own for one suite of it. Always with a key, whatever the machine's
    /// entry allows.
    pub(super) fn entry(&self, suite: &str, architecture: &str) -> Option<String> {
        let keyring = || KEYRINGS.iter().find(|file| Path::new(file).is_file()).map(ToString::to_string);
        let signed_by = self.signed_by.clone().or_else(keyring)?;
        let uri = &self.uri;
        Some(format!(
            "Types: deb\nURIs: {uri}\nSuites: {suite}\nComponents: main\nArchitectures: {architecture}\nSigned-By: {signed_by}\n"
        ))
    }
}

/// Every Debian archive in the sources below `etc` (`/etc/apt`), those that are called so first:
/// other vendors have suites called `stable` too.
pub(super) fn mirrors(etc: &Path) -> Vec<Mirror> {
    let entries = etc.join("sources.list.d").read_dir().into_iter().flatten().flatten();
    let mut files: Vec<_> = entries.map(|entry| entry.path()).collect();
    files.sort();
    files.insert(0, etc.join("sources.list"));
    let mut found = Vec::new();
    for file in files {
        let Ok(text) = std::fs::read_to_string(&file) else {
            continue;
        };
        match file.extension().and_then(|end| end.to_str()) {
            Some("list") => found.extend(text.lines().filter_map(line)),
            Some("sources") => found.extend(stanzas(&text).iter().filter_map(stanza)),
            _ => (),
        }
    }
    found.sort_by_key(|mirror| !mirror.uri.trim_end_matches('/').ends_with("debian"));
    found.dedup();
    found
}

/// `deb [signed-by=FILE arch=amd64] URI SUITE COMPONENT…`
fn line(line: &str) -> Option<Mirror> {
    let line = line.split('#').next()?.trim().strip_prefix("deb")?;
    let rest = line.strip_prefix([' ', '\t'])?.trim_start();
    let (options, rest) = match rest.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => ("", rest),
    };
    let mut words = rest.split_whitespace();
    let (uri, suite) = (words.next()?, words.next()?);
    let is_debian = SUITES.contains(&suite) && words.any(|component| component == "main");
    let signed_by = options.split_whitespace().find_map(|option| option.strip_prefix("signed-by="));
    // Several keys are parted by commas here, and by spaces in the other format.
    is_debian.then(|| Mirror { uri: uri.to_owned(), signed_by: signed_by.map(|keys| keys.replace(',', " ")) })
}

type Fields = Vec<(String, String)>;

/// Paragraphs of `Name: value`, where a line that begins with a space continues the one before.
fn stanzas(text: &str) -> Vec<Fields> {
    let mut stanzas = vec![Fields::new()];
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let Some(fields) = stanzas.last_mut() else {
            continue;
        };
        if line.trim().is_empty() {
            stanzas.push(Fields::new());
        } else if line.starts_with([' ', '\t']) {
            let Some((_, value)) = fields.last_mut() else {
                continue;
            };
            value.push('\n');
            value.push_str(line);
        } else if let Some((name, value)) = line.split_once(':') {
            fields.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
    stanzas
}

fn stanza(fields: &Fields) -> Option<Mirror> {
    let field = |name: &str| fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str());
    let has = |name: &str, wanted: &[&str]| {
        field(name).is_some_and(|value| value.split_whitespace().any(|word| wanted.contains(&word)))
    };
    let enabled = !has("enabled", &["no", "false", "0"]);
    if !enabled || !has("types", &["deb"]) || !has("suites", SUITES) || !has("components", &["main"]) {
        return None;
    }
    let uri = field("uris")?.split_whitespace().next()?.to_owned();
    Some(Mirror { uri, signed_by: field("signed-by").map(str::to_owned) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mirror(uri: &str, signed_by: Option<&str>) -> Mirror {
        Mirror { uri: uri.into(), signed_by: signed_by.map(str::to_owned) }
    }

    #[test]
    fn one_line_entries() {
        assert_eq!(line("deb http://m/debian bookworm main contrib"), Some(mirror("http://m/debian", None)));
        let signed = line("deb [ arch=amd64 signed-by=/k.gpg ] http://m/debian/ trixie main # the mirror");
        assert_eq!(signed, Some(mirror("http://m/debian/", Some("/k.gpg"))));
        assert_eq!(line("deb [trusted=yes] http://m/debian sid main"), Some(mirror("http://m/debian", None)));
    }

    #[test]
    fn other_lines() {
        for other in [
            "",
            "# deb http://m/debian bookworm main",
            "deb-src http://m/debian bookworm main",
            "deb http://security.m/debian-security bookworm-security main",
            "deb http://m/debian bookworm-updates main",
            "deb http://m/docker bookworm stable",
            "deb [signed-by=/k.gpg http://m/debian bookworm main",
            "deb http://m/debian",
        ] {
            assert_eq!(line(other), None, "{other}");
        }
    }

    #[test]
    fn stanzas_of_fields() {
        let text = "Types: deb\n# http://snapshot\nURIs: http://m/debian http://n/debian\nSuites: bookworm bookworm-updates\n\
                    Components: main\nSigned-By: /k.gpg\n\nTypes: deb deb-src\nuris: http://o\nSuites: trixie\nComponents: main\n\
                    Signed-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mQ\n\n\
                    Types: deb\nURIs: http://p\nSuites: trixie\nComponents: main\nEnabled: no\n\n\
                    Types: deb\nURIs: http://q\nSuites: bookworm-security\nComponents: main\n";
        let found: Vec<_> = stanzas(text).iter().filter_map(stanza).collect();
        let key = "\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mQ";
        assert_eq!(found, [mirror("http://m/debian", Some("/k.gpg")), mirror("http://o", Some(key))]);
    }

    #[test]
    fn debians_own_come_first() {
        let etc = tempfile::tempdir().unwrap();
        let parts = etc.path().join("sources.list.d");
        std::fs::create_dir(&parts).unwrap();
        std::fs::write(parts.join("browser.list"), "deb http://vendor/browser stable main").unwrap();
        std::fs::write(
            parts.join("debian.sources"),
            "Types: deb\nURIs: http://m/debian/\nSuites: sid\nComponents: main",
        )
        .unwrap();
        std::fs::write(
            parts.join("debian.sources.bak"),
            "Types: deb\nURIs: http://old/debian\nSuites: sid\nComponents: main",
        )
        .unwrap();
        let uris: Vec<_> = mirrors(etc.path()).into_iter().map(|mirror| mirror.uri).collect();
        assert_eq!(uris, ["http://m/debian/", "http://vendor/browser"]);
    }

    #[test]
    fn an_entry_is_always_signed() {
        let entry = mirror("http://m/debian", Some("/k.gpg")).entry("forky", "amd64").unwrap();
        assert!(entry.contains("Suites: forky\n") && entry.contains("Signed-By: /k.gpg\n"), "{entry}");
        let entry = mirror("http://m/debian", None).entry("forky", "amd64");
        assert!(entry.is_none_or(|entry| { entry.contains("Signed-By: /usr/share/keyrings/debian-archive-keyring.") }));
    }
}

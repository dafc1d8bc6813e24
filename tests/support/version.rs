//! Applications that say which version they are: one guest, and as many components as a test likes.

use std::sync::OnceLock;

use super::guests;

/// The mark that the guest `version` answers with until it is replaced.
const MARK: &[u8] = b"<the mark of this very version.>";

/// The guest before it gets a mark.
pub fn unmarked() -> &'static [u8] {
    static COMPONENT: OnceLock<Vec<u8>> = OnceLock::new();
    COMPONENT.get_or_init(|| std::fs::read(guests::component("version")).expect("a component"))
}

/// A component that answers with `mark`, which is padded to 32 characters.
pub fn version(mark: &str) -> Vec<u8> {
    marked(unmarked(), mark)
}

/// The same of a component that was made of the guest before it got a mark.
pub fn marked(component: &[u8], mark: &str) -> Vec<u8> {
    let mark = padded(mark);
    let mut component = component.to_vec();
    let at = component.windows(MARK.len()).position(|window| window == MARK).expect("a component with a mark");
    component[at..at + MARK.len()].copy_from_slice(mark.as_bytes());
    component
}

/// `mark` as it is answered.
pub fn padded(mark: &str) -> String {
    assert!(mark.len() <= MARK.len(), "{mark} is too long");
    format!("{mark:<32}")
}

/// `component` with a custom section at its end.
pub fn with_section(component: &[u8], name: &str, content: &[u8]) -> Vec<u8> {
    let name_length = u8::try_from(name.len()).ok().filter(|length| *length < 0x80).expect("a short name");
    let mut section = vec![name_length];
    section.extend_from_slice(name.as_bytes());
    section.extend_from_slice(content);
    let mut whole = component.to_vec();
    whole.push(0);
    let mut left = section.len();
    while left >= 0x80 {
        whole.push((left & 0x7f) as u8 | 0x80);
        left >>= 7;
    }
    whole.push(left as u8);
    whole.extend_from_slice(&section);
    whole
}

/// One of many: a mark and a custom section that no other has.
pub fn unique(number: usize) -> (String, Vec<u8>) {
    let mark = format!("application {number}");
    let section = format!("this is application number {number}").repeat(1 + number % 7);
    (padded(&mark), with_section(&version(&mark), "unique", section.as_bytes()))
}

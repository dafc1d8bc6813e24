//! The guest's process environment: nothing but what the manifest says.

/// Variables, each name once. Neither names nor values have a NUL in them, as the manifest sees to.
#[derive(Default)]
pub struct Env {
    variables: Vec<(String, String)>,
    /// `NAME=value` and a NUL, one after the other.
    text: Vec<u8>,
}

impl Env {
    pub(super) fn variables(&self) -> &[(String, String)] {
        &self.variables
    }

    /// Eight bytes of all of them, each as `NAME=value` and a NUL; beyond the last are NULs.
    pub(super) fn word(&self, offset: u32) -> u64 {
        let rest = usize::try_from(offset).ok().and_then(|offset| self.text.get(offset..)).unwrap_or_default();
        let mut word = [0; 8];
        let len = rest.len().min(word.len());
        word[..len].copy_from_slice(&rest[..len]);
        u64::from_le_bytes(word)
    }
}

impl<S: Into<String>> FromIterator<(S, S)> for Env {
    fn from_iter<I: IntoIterator<Item = (S, S)>>(variables: I) -> Env {
        let variables: Vec<_> = variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        let text = variables.iter().flat_map(|(name, value)| format!("{name}={value}\0").into_bytes()).collect();
        Env { variables, text }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_the_text_and_then_nothing() {
        let env: Env = [("NAME", "value"), ("B", "")].into_iter().collect();
        let text: Vec<u8> = (0..).step_by(8).map(|at| env.word(at).to_le_bytes()).take(3).flatten().collect();
        assert_eq!(text, b"NAME=value\0B=\0\0\0\0\0\0\0\0\0\0\0");
        assert_eq!((env.word(1), env.word(u32::MAX)), (u64::from_le_bytes(*b"AME=valu"), 0));
    }
}

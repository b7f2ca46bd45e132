use std::fmt;

/// So many of something, by the word for one of them: `1 layer`, `2 layers`.
#[derive(Debug, Clone, Copy)]
pub struct Count<'a, N>(pub N, pub &'a str);

impl<N: fmt::Display + PartialEq + From<u8>> fmt::Display for Count<'_, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = if self.0 == N::from(1) { "" } else { "s" };
        write!(f, "{} {}{end}", self.0, self.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_not_told_as_several() {
        let told = [0_u64, 1, 2].map(|number| Count(number, "layer").to_string());
        assert_eq!(told, ["0 layers", "1 layer", "2 layers"]);
    }
}

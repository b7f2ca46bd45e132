/// The line of `text` that the byte at `offset` is in, counted from one.
pub fn line_of(text: &str, offset: usize) -> usize {
    let before = text.as_bytes().get(..offset).unwrap_or(text.as_bytes());
    before.split(|byte| *byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_from_one() {
        let lines = [0, 1, 2, 3, 4, 99].map(|offset| line_of("a\n\nb\n", offset));
        assert_eq!(lines, [1, 1, 2, 3, 3, 4]);
    }
}

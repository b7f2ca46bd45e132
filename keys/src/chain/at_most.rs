//! Unverified lists, cut to a limit while they are parsed.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, IgnoredAny, SeqAccess, Visitor};

/// Deserializes a sequence and keeps its first `MOST` elements; the others are read and dropped. For
/// serde's `deserialize_with`.
///
/// An element of three bytes of JSON may take eight times as much memory. A caller that refuses
/// more than `N` elements keeps `N + 1` of them, which is enough to see that there are too many.
pub fn at_most<'de, D, T, const MOST: usize>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    deserializer.deserialize_seq(First::<T, MOST>(PhantomData))
}

struct First<T, const MOST: usize>(PhantomData<T>);

impl<'de, T: Deserialize<'de>, const MOST: usize> Visitor<'de> for First<T, MOST> {
    type Value = Vec<T>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a sequence")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Self::Value, A::Error> {
        let mut kept = Vec::new();
        while kept.len() < MOST {
            match sequence.next_element()? {
                Some(element) => kept.push(element),
                None => return Ok(kept),
            }
        }
        // The rest must be read all the same: serde_json refuses a list that its visitor leaves before the end.
        while sequence.next_element::<IgnoredAny>()?.is_some() {}
        Ok(kept)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[derive(serde::Deserialize)]
    struct Names {
        #[serde(default, deserialize_with = "at_most::<_, _, 3>")]
        names: Vec<String>,
    }

    #[test]
    fn keeps_the_first_elements_and_takes_no_room_for_the_others() {
        let kept = |json: &str| serde_json::from_str::<Names>(json).map(|names| names.names);
        for (json, expected) in [
            ("{}", &[][..]),
            (r#"{"names": ["a"]}"#, &["a"]),
            (r#"{"names": ["a", "b", "c"]}"#, &["a", "b", "c"]),
            (r#"{"names": ["a", "b", "c", "d"]}"#, &["a", "b", "c"]),
        ] {
            assert_eq!(kept(json).unwrap(), expected, "{json}");
        }
        let many = kept(&format!(r#"{{"names": ["{}"]}}"#, vec![""; 100_000].join("\",\""))).unwrap();
        assert_eq!((many.len(), many.capacity()), (3, 4));
        assert!(kept(r#"{"names": ["a", "b", "c", "d"}"#).is_err(), "it is no JSON");
        assert!(kept(r#"{"names": [1]}"#).is_err());
    }
}

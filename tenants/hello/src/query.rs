//! Query strings (WHATWG URL, `application/x-www-form-urlencoded`).

/// The value of the first parameter with this name, decoded; `None` if there is none or it is not UTF-8.
pub(crate) fn parameter(query: &str, name: &str) -> Option<String> {
    let pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs.into_iter().find(|(key, _)| *key == name).and_then(|(_, value)| decode(value))
}

fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        bytes.push(match first {
            b'+' => b' ',
            b'%' => {
                let [high, low, tail @ ..] = rest else { return None };
                rest = tail;
                hex(*high)? * 16 + hex(*low)?
            }
            other => *other,
        });
    }
    String::from_utf8(bytes).ok()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_and_decodes_a_parameter() {
        let query = "port=3000&host=%3A%3A1&name=a+b&host=second&flag";
        assert_eq!(parameter(query, "host").as_deref(), Some("::1"));
        assert_eq!(parameter(query, "name").as_deref(), Some("a b"));
        assert_eq!(parameter(query, "flag").as_deref(), Some(""));
        assert_eq!(parameter(query, "missing"), None);
        assert_eq!(parameter("", "host"), None);
    }

    #[test]
    fn refuses_what_does_not_decode() {
        for value in ["%", "%4", "%zz", "%ff", "%+1"] {
            assert_eq!(parameter(&format!("host={value}"), "host"), None, "{value}");
        }
    }
}

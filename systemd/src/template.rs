//! The unit templates and their rendering.

use std::ops::Range;

/// Larger than any unit we ship by far (the largest has 6 KiB): a bound on what is read from a release folder.
pub const MAX_TEMPLATE_BYTES: usize = 64 * 1024;

/// The units of this version, `(file name, template)`. A release carries them below `units/`.
pub const TEMPLATES: &[(&str, &str)] = &[
    ("landfall.service", include_str!("../units/landfall.service")),
    ("landfall-recover.service", include_str!("../units/landfall-recover.service")),
    ("landfall-firewall.service", include_str!("../units/landfall-firewall.service")),
];

/// The unit of the container engine on this host, which ours are ordered after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EngineUnit {
    /// `docker.service`
    #[default]
    Docker,
    /// `podman.socket`
    Podman,
    /// The engine is not a unit of this host.
    None,
}

impl EngineUnit {
    fn as_str(self) -> &'static str {
        match self {
            Self::Docker => "docker.service",
            Self::Podman => "podman.socket",
            Self::None => "",
        }
    }
}

/// What a host fills into the templates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Values {
    /// `@ENGINE_UNIT@`
    pub engine: EngineUnit,
}

impl Values {
    fn get(self, name: &str) -> Option<&'static str> {
        match name {
            "ENGINE_UNIT" => Some(self.engine.as_str()),
            _ => None,
        }
    }
}

/// A template that this installer cannot fill.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RenderError {
    /// A placeholder that this version has no value for: the template is of a later one.
    #[error("line {line} of the unit template has the placeholder @{name}@, which this installer does not know")]
    UnknownPlaceholder {
        /// Counted from 1.
        line: usize,
        /// The name between the two signs.
        name: String,
    },
    /// A line that begins a placeholder and does not end it.
    #[error("line {line} of the unit template begins the placeholder @{name} and does not end it")]
    UnfinishedPlaceholder {
        /// Counted from 1.
        line: usize,
        /// The name so far.
        name: String,
    },
    /// More than [`MAX_TEMPLATE_BYTES`].
    #[error("the unit template has {bytes} bytes, more than the {MAX_TEMPLATE_BYTES} that a unit can need")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
}

/// Fills the placeholders of a template.
///
/// A placeholder is `@NAME@` in capitals, digits and underscores; `@system-service` and `getty@tty1` are none. A line
/// that has a placeholder whose value is empty is left out.
///
/// # Errors
/// [`RenderError`]: a placeholder that has no value or no end, or a template that is too large.
pub fn render(template: &str, values: &Values) -> Result<String, RenderError> {
    if template.len() > MAX_TEMPLATE_BYTES {
        return Err(RenderError::TooLarge { bytes: template.len() });
    }
    let mut unit = String::with_capacity(template.len());
    for (index, line) in template.split_inclusive('\n').enumerate() {
        if let Some(filled) = render_line(line, index + 1, *values)? {
            unit.push_str(&filled);
        }
    }
    Ok(unit)
}

/// The filled line, or `None` if it is to be left out.
fn render_line(line: &str, number: usize, values: Values) -> Result<Option<String>, RenderError> {
    let mut filled = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(Placeholder { name, span, finished }) = next_placeholder(rest) {
        let name = name.to_owned();
        if !finished {
            return Err(RenderError::UnfinishedPlaceholder { line: number, name });
        }
        match values.get(&name) {
            None => return Err(RenderError::UnknownPlaceholder { line: number, name }),
            Some("") => return Ok(None),
            Some(value) => {
                filled.push_str(&rest[..span.start]);
                filled.push_str(value);
                // Behind the value: a value is never taken for a template.
                rest = &rest[span.end..];
            }
        }
    }
    filled.push_str(rest);
    Ok(Some(filled))
}

struct Placeholder<'a> {
    name: &'a str,
    /// With the signs around the name, as far as they are there.
    span: Range<usize>,
    finished: bool,
}

/// The first `@` that a capital letter follows, and the name up to the first character that no name has.
fn next_placeholder(line: &str) -> Option<Placeholder<'_>> {
    let is_name = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    let bytes = line.as_bytes();
    let start = bytes.windows(2).position(|pair| pair[0] == b'@' && pair[1].is_ascii_uppercase())?;
    let length = bytes[start + 1..].iter().take_while(|byte| is_name(**byte)).count();
    let end = start + 1 + length;
    let finished = bytes.get(end) == Some(&b'@');
    Some(Placeholder { name: &line[start + 1..end], span: start..end + usize::from(finished), finished })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCKER: Values = Values { engine: EngineUnit::Docker };
    const NONE: Values = Values { engine: EngineUnit::None };

    #[test]
    fn fills_every_placeholder_of_a_line() {
        let unit = render("After=@ENGINE_UNIT@ x @ENGINE_UNIT@\nWants=y", &DOCKER);
        assert_eq!(unit.as_deref(), Ok("After=docker.service x docker.service\nWants=y"));
    }

    #[test]
    fn omits_a_line_whose_value_is_empty() {
        assert_eq!(render("[Unit]\nAfter=@ENGINE_UNIT@\nWants=y\n", &NONE).as_deref(), Ok("[Unit]\nWants=y\n"));
    }

    #[test]
    fn keeps_text_that_is_not_a_placeholder() {
        let text = "SystemCallFilter=@system-service ~@privileged\nWants=getty@tty1.service @ @\n# ä@ö\n@";
        assert_eq!(render(text, &DOCKER).as_deref(), Ok(text));
    }

    #[test]
    fn refuses_a_placeholder_it_has_no_value_for() {
        let error = RenderError::UnknownPlaceholder { line: 2, name: "USER".to_owned() };
        assert_eq!(render("[Service]\nUser=@USER@\n", &DOCKER), Err(error));
    }

    #[test]
    fn refuses_a_placeholder_without_an_end() {
        let error = RenderError::UnfinishedPlaceholder { line: 1, name: "ENGINE_UNIT".to_owned() };
        assert_eq!(render("After=@ENGINE_UNIT\n", &DOCKER), Err(error));
    }

    #[test]
    fn refuses_a_template_that_is_too_large() {
        let bytes = MAX_TEMPLATE_BYTES + 1;
        assert_eq!(render(&"#".repeat(bytes), &DOCKER), Err(RenderError::TooLarge { bytes }));
    }
}

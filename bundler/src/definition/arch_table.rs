use landfall_manifests::Arch;
use serde::de::{Deserialize, Deserializer, Error, IntoDeserializer as _, SeqAccess, Visitor};
use std::fmt;

/// The value of `arch`: one architecture, or a list of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Archs(pub(super) Vec<Arch>);

impl<'de> Deserialize<'de> for Archs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ArchsVisitor)
    }
}

struct ArchsVisitor;

impl<'de> Visitor<'de> for ArchsVisitor {
    type Value = Archs;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"amd64\" or \"arm64\", or a list of them")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Archs, E> {
        Ok(Archs(vec![Arch::deserialize(name.into_deserializer())?]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Archs, A::Error> {
        let mut archs = Vec::new();
        while let Some(arch) = list.next_element::<Arch>()? {
            if archs.contains(&arch) {
                return Err(A::Error::custom(format_args!("arch names {} twice", arch.name())));
            }
            archs.push(arch);
        }
        if archs.is_empty() { Err(A::Error::custom("arch is an empty list")) } else { Ok(Archs(archs)) }
    }
}

/// A processor architecture, or several.
#[cfg(test)]
#[derive(schemars::JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "the schema is derived from its forms")]
pub(super) enum ArchsForm {
    One(Arch),
    Several(#[schemars(length(min = 1))] Vec<Arch>),
}

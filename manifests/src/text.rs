//! Values that are text in `landfall.json`: each is parsed, never merely read.

/// Makes a type with `FromStr` and `Display` a JSON string, and gives its JSON Schema pattern.
macro_rules! json_text {
    ($type:ty, $name:literal, $pattern:expr) => {
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        impl schemars::JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                $name.into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({"type": "string", "pattern": $pattern})
            }
        }
    };
}

use crate::{
    BundlePath, Digest, HostSystem, ImageName, Mode, PackageName, PackageVersion, Product, Version, WritablePath,
};

json_text!(Digest, "Digest", "^sha256:[0-9a-f]{64}$");
json_text!(Product, "Product", "^[a-z0-9]+(-[a-z0-9]+)*$");
json_text!(ImageName, "ImageName", "^[a-z0-9]+([._-][a-z0-9]+)*$");
json_text!(BundlePath, "BundlePath", "^[^/\\\\]+(/[^/\\\\]+)*$");
json_text!(Mode, "Mode", "^0[0-7]{3}$");
json_text!(Version, "Version", "^[0-9]+\\.[0-9]+\\.[0-9]+(-[0-9A-Za-z.-]+)?$");
json_text!(HostSystem, "HostSystem", "^[a-z0-9._-]+ [a-z0-9._-]+$");
json_text!(PackageName, "PackageName", "^[a-z0-9][a-z0-9+.-]*$");
json_text!(PackageVersion, "PackageVersion", "^[0-9][0-9A-Za-z.+~:-]*$");
json_text!(WritablePath, "WritablePath", "^(/[^/]+)+$");

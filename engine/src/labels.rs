//! The labels of what belongs to tenants in the engine, and the number of the canary.
//!
//! The runtime sets them and finds tenants' objects by them; the installer removes what bears them.

use std::collections::BTreeMap;

/// The labels of an object, as names and values.
pub type Labels = BTreeMap<String, String>;

/// On every object of a tenant. The value is the tenant's number.
pub const TENANT: &str = "io.landfall.tenant";

/// On every object of a tenant. The value says which tenant of that number it belongs to: numbers repeat after a database
/// was restored, this value does not.
pub const INSTANCE: &str = "io.landfall.instance";

/// On a volume that was made again because the one before was gone. The value is the time, RFC 3339.
pub const RECREATED: &str = "io.landfall.recreated";

/// The number of the canary, the tenant that a self-check makes and removes. Other tenants are numbered from 1.
pub const CANARY: i64 = 0;

/// The filter that all objects of the tenants with this number match.
pub fn of_tenant(number: i64) -> String {
    format!("{TENANT}={number}")
}

/// Whether `labels` match a filter: `name` matches any value of that label, `name=value` exactly this one.
pub fn matches(filter: &str, labels: &Labels) -> bool {
    match filter.split_once('=') {
        Some((name, value)) => labels.get(name).is_some_and(|found| found == value),
        None => labels.contains_key(filter),
    }
}

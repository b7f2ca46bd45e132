//! The serial floor and the product: records beside `installed.json` that outlive an uninstallation, so that removing a
//! release is no way to an older one or to another product.

use crate::durable::{self, PathError};
use crate::layout::Layout;
use crate::record::{RecordError, read_line};
use landfall_manifests::{Product, Serial};

/// The longest `serial-floor` that is read, in bytes: a serial has at most 16 digits.
const FLOOR_BYTES: u64 = 32;

/// The longest `product` that is read, in bytes: more than any product's name has.
const PRODUCT_BYTES: u64 = 256;

/// The serial below which bundles are refused.
pub(crate) fn read_floor(layout: &Layout) -> Result<Option<Serial>, RecordError> {
    let path = layout.serial_floor();
    let Some(bytes) = durable::read(&path, FLOOR_BYTES)? else { return Ok(None) };
    let number = std::str::from_utf8(&bytes).ok().and_then(|text| text.trim_end().parse::<u64>().ok());
    let serial = number.and_then(|number| Serial::try_from(number).ok());
    serial.map(Some).ok_or(RecordError::Text { path, expected: "serial" })
}

/// Raises the floor to `serial`; never lowers it.
pub(crate) fn raise_floor(layout: &Layout, serial: Serial) -> Result<(), RecordError> {
    // The commit of a rollback comes here with a lower serial.
    if read_floor(layout)?.is_some_and(|floor| floor >= serial) {
        return Ok(());
    }
    Ok(durable::write(&layout.serial_floor(), format!("{serial}\n").as_bytes(), 0o600)?)
}

/// The product of this host. No other product is installed on it before a purge.
pub(crate) fn read_product(layout: &Layout) -> Result<Option<Product>, RecordError> {
    read_line(&layout.product(), PRODUCT_BYTES, "product")
}

/// Records the product.
pub(crate) fn write_product(layout: &Layout, product: &Product) -> Result<(), PathError> {
    durable::write(&layout.product(), format!("{product}\n").as_bytes(), 0o600)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn the_floor_only_rises() {
        let root = tempfile::tempdir().unwrap();
        let layout = Layout::new(root.path());
        std::fs::create_dir_all(layout.state()).unwrap();
        assert_eq!(read_floor(&layout).unwrap(), None);
        for (raise, floor) in [(3, 3), (2, 3), (7, 7)] {
            raise_floor(&layout, Serial::try_from(raise).unwrap()).unwrap();
            assert_eq!(read_floor(&layout).unwrap(), Some(Serial::try_from(floor).unwrap()));
        }
        std::fs::write(layout.serial_floor(), "x").unwrap();
        assert!(matches!(read_floor(&layout), Err(RecordError::Text { .. })));
    }
}

use std::fmt;

/// A number of bytes as people read it, in binary units (IEC 80000-13): `10.10 MiB`. The alternate form (`{:#}`) has the exact number too, for who
/// compares it or frees room: `10.10 MiB (10593792 bytes)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

/// The smallest number that is not exact in its unit.
const KIB: u64 = 1 << 10;

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", indicatif::BinaryBytes(self.0))?;
        if f.alternate() && self.0 >= KIB { write!(f, " ({} bytes)", self.0) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exact_size_has_its_unit_too() {
        for (bytes, rounded, exact) in [
            (0, "0 B", "0 B"),
            (1023, "1023 B", "1023 B"),
            (1024, "1.00 KiB", "1.00 KiB (1024 bytes)"),
            (10_593_792, "10.10 MiB", "10.10 MiB (10593792 bytes)"),
        ] {
            let size = Size(bytes);
            assert_eq!((size.to_string().as_str(), format!("{size:#}").as_str()), (rounded, exact));
        }
    }
}

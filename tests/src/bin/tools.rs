//! Installs the Debian packages that the tests use; `make test` runs it before the first test.

fn main() -> anyhow::Result<()> {
    landfall_tests::ensure_tools()
}

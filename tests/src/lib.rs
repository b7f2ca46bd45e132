//! Landfall's tests on real hosts.

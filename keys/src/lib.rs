//! Ed25519 keys and signatures in minisign's text formats.

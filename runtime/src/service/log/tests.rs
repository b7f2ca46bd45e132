#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
use super::entry::Entry;
use super::subscriber::Log;
use crate::service::log;
use std::collections::BTreeMap;
use std::os::unix::net::UnixDatagram;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// What a journal at a socket of the test's own gets while `act` runs, entry by entry.
pub(crate) fn entries(act: impl FnOnce()) -> Vec<BTreeMap<String, String>> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let socket = UnixDatagram::bind(&path).unwrap();
    tracing::subscriber::with_default(Log::to_journal(path), act);
    socket.set_nonblocking(true).unwrap();
    let mut datagram = vec![0; 1 << 16];
    let mut entries = Vec::new();
    while let Ok(length) = socket.recv(&mut datagram) {
        entries.push(parse(&datagram[..length]));
    }
    entries
}

/// As journald reads an entry.
fn parse(mut entry: &[u8]) -> BTreeMap<String, String> {
    let mut fields = BTreeMap::new();
    while !entry.is_empty() {
        let end = entry.iter().position(|byte| *byte == b'\n').unwrap();
        let (line, rest) = (&entry[..end], &entry[end + 1..]);
        let (name, value) = if let Some(at) = line.iter().position(|byte| *byte == b'=') {
            entry = rest;
            (&line[..at], &line[at + 1..])
        } else {
            let (length, rest) = rest.split_at(8);
            let length = usize::try_from(u64::from_le_bytes(length.try_into().unwrap())).unwrap();
            assert_eq!(rest[length], b'\n');
            entry = &rest[length + 1..];
            (line, &rest[..length])
        };
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        assert!(name.iter().all(|byte| byte.is_ascii_uppercase() || *byte == b'_') && name[0] != b'_');
        fields.insert(text(name), text(value));
    }
    fields
}

#[test]
fn an_event_of_a_tenant_is_found_by_its_number_and_priority() {
    let entries = entries(|| {
        log::info!("tenant_removed", tenant = 3);
        log::warning!("spawn_undone", tenant = 4, error = "no\nPRIORITY=0");
        log::error!("database_failed", error = "disk full");
    });
    let field = |name: &str| entries.iter().map(|entry| entry.get(name).map(String::as_str)).collect::<Vec<_>>();
    assert_eq!(field("PRIORITY"), [Some("6"), Some("4"), Some("3")]);
    assert_eq!(field("TENANT"), [Some("3"), Some("4"), None]);
    assert_eq!(field("EVENT"), [Some("tenant_removed"), Some("spawn_undone"), Some("database_failed")]);
    assert_eq!(field("ERROR"), [None, Some("no\nPRIORITY=0"), Some("disk full")], "a value makes no field");
    let escaped = "event=spawn_undone tenant=4 error=\"no\\nPRIORITY=0\"";
    assert_eq!(field("MESSAGE")[..2], [Some("event=tenant_removed tenant=3"), Some(escaped)]);
    assert!(entries.iter().all(|entry| entry["SYSLOG_IDENTIFIER"] == "landfall"));
}

#[test]
fn long_values_are_cut_and_what_libraries_say_is_left_out() {
    let entries = entries(|| {
        tracing::error!("a library's own words");
        log::warning!("probe", error = "é".repeat(100_000));
    });
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0]["ERROR"].len(), super::entry::MOST);
    assert!(entries[0]["MESSAGE"].len() <= super::entry::MOST);
}

#[test]
fn on_standard_error_an_event_is_one_line_whatever_its_values() {
    struct Lines(std::sync::Mutex<Vec<String>>);
    impl Subscriber for &'static Lines {
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            true
        }
        fn event(&self, event: &Event<'_>) {
            self.0.lock().unwrap().push(Entry::new(event).line());
        }
        fn new_span(&self, _: &Attributes<'_>) -> Id {
            Id::from_u64(1)
        }
        fn record(&self, _: &Id, _: &Record<'_>) {}
        fn record_follows_from(&self, _: &Id, _: &Id) {}
        fn enter(&self, _: &Id) {}
        fn exit(&self, _: &Id) {}
    }
    let lines: &'static Lines = Box::leak(Box::new(Lines(std::sync::Mutex::default())));
    tracing::subscriber::with_default(lines, || {
        log::warning!("probe", name = "a\nlevel=error", port = 3001, empty = "");
    });
    let written = "level=warn event=probe name=\"a\\nlevel=error\" port=3001 empty=\"\"\n";
    assert_eq!(*lines.0.lock().unwrap(), [written]);
}

use super::TARGET;
use super::entry::Entry;
use super::journal::Journal;
use std::io::Write as _;
use std::path::PathBuf;
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Metadata, Subscriber};

/// Writes the events of this program as they come.
#[derive(Debug)]
pub(super) struct Log {
    journal: Option<Journal>,
}

impl Log {
    pub(super) fn to_stderr() -> Self {
        Self { journal: None }
    }

    /// To the journal that listens at `path`; what it does not take goes to standard error, which systemd passes on to it.
    pub(super) fn to_journal(path: PathBuf) -> Self {
        Self { journal: Journal::at(path).ok() }
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && metadata.target() == TARGET
    }

    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.enabled(metadata) { Interest::always() } else { Interest::never() }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::INFO)
    }

    fn event(&self, event: &Event<'_>) {
        let entry = Entry::new(event);
        let line = match &self.journal {
            Some(journal) if journal.send(&entry.fields()).is_ok() => return,
            Some(_) => entry.line_with_priority(),
            None => entry.line(),
        };
        // In one write, so that lines stay whole. Where standard error is closed, there is no other place to report that.
        let _ = std::io::stderr().lock().write_all(line.as_bytes());
    }

    // There are no spans: an event has all its values itself.
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

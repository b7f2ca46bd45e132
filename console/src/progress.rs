use crate::Size;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::Write as _;
use std::time::Instant;

/// A stage that moves bytes. On a terminal it is a bar with bytes, rate and time left; elsewhere one line at the end,
/// which names the bytes and the time that they took. Dropping it without [`Progress::finish`] removes the bar silently.
#[derive(Debug, Clone)]
pub struct Progress {
    bar: ProgressBar,
    what: String,
    started: Instant,
    lines: bool,
}

impl Progress {
    pub(crate) fn start(what: String, total: Option<u64>, bars: bool, lines: bool) -> Self {
        let target = if bars { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(total, target).with_style(style(total.is_some()));
        bar.set_message(what.clone());
        Self { bar, what, started: Instant::now(), lines }
    }

    /// A stage that is not shown.
    pub fn hidden() -> Self {
        Self::start(String::new(), None, false, false)
    }

    /// `bytes` more are done.
    pub fn add(&self, bytes: u64) {
        self.bar.inc(bytes);
    }

    /// Bytes done so far.
    pub fn done(&self) -> u64 {
        self.bar.position()
    }

    /// The stage is complete.
    pub fn finish(self) {
        // Read before the bar ends: ending sets its position to the total, whatever was done.
        let bytes = Size(self.bar.position());
        let seconds = self.started.elapsed().as_secs_f64();
        self.bar.finish_and_clear();
        // The bar has been cleared from the terminal: this line keeps its numbers.
        if self.lines || !self.bar.is_hidden() {
            // A closed standard error has no reader.
            let _ = writeln!(std::io::stderr(), "{}: {bytes} in {seconds:.1} s", self.what);
        }
    }

    /// Reads through `reader`, counting.
    pub fn reader<R: std::io::Read>(&self, reader: R) -> impl std::io::Read + use<R> {
        self.bar.wrap_read(reader)
    }
}

fn style(bounded: bool) -> ProgressStyle {
    let template = if bounded {
        "{msg:28} [{bar:24}] {binary_bytes} of {binary_total_bytes}, {binary_bytes_per_sec}, {eta} left"
    } else {
        "{msg:28} {spinner} {binary_bytes}, {binary_bytes_per_sec}"
    };
    ProgressStyle::with_template(template)
        // A plain bar is better than no command, should a later indicatif refuse the template.
        .map_or_else(|_| ProgressStyle::default_bar(), |style| style.progress_chars("=> "))
}

use crate::{Size, escape::escaped};
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
    pub(crate) fn start(what: &str, total: Option<u64>, bars: bool, lines: bool) -> Self {
        let target = if bars { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        // It may have the name of a file in it.
        let what = escaped(what);
        let bar = ProgressBar::with_draw_target(total, target).with_style(style(total.is_some()));
        bar.set_message(what.clone());
        Self { bar, what, started: Instant::now(), lines }
    }

    /// A stage that is not shown.
    pub fn hidden() -> Self {
        Self::start("", None, false, false)
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

/// A line of at most 79 columns, whatever it tells: a longer one would wrap on a terminal of 80, and be drawn anew below itself.
fn style(bounded: bool) -> ProgressStyle {
    let template = if bounded {
        "{msg:25!} [{bar:8}] {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} {eta}"
    } else {
        "{msg:40!} {spinner} {binary_bytes} {binary_bytes_per_sec}"
    };
    ProgressStyle::with_template(template)
        // A plain bar is better than no command, should a later indicatif refuse the template.
        .map_or_else(|_| ProgressStyle::default_bar(), |style| style.progress_chars("=> "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use indicatif::{ProgressDrawTarget, TermLike};
    use std::io;
    use std::sync::{Arc, Mutex, PoisonError};
    use std::time::Duration;

    /// A terminal of 200 columns that remembers what was written to it.
    #[derive(Debug, Clone, Default)]
    struct Terminal(Arc<Mutex<Vec<String>>>);

    impl TermLike for Terminal {
        fn width(&self) -> u16 {
            200
        }
        fn move_cursor_up(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_down(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_right(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_left(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn write_line(&self, text: &str) -> io::Result<()> {
            self.write_str(text)
        }
        fn write_str(&self, text: &str) -> io::Result<()> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(text.trim_end().to_owned());
            Ok(())
        }
        fn clear_line(&self) -> io::Result<()> {
            Ok(())
        }
        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn the_line_of_progress_fits_80_columns() {
        for total in [Some(1023 << 40), None] {
            let terminal = Terminal::default();
            let target = ProgressDrawTarget::term_like(Box::new(terminal.clone()));
            let bar = ProgressBar::with_draw_target(total, target).with_style(style(total.is_some()));
            bar.set_message("Reading a-rather-long-name-of-an-archive-with-many-images.tar.gz");
            bar.set_elapsed(Duration::from_secs(100_000));
            bar.set_position(1000 << 40);
            bar.force_draw();
            let written = terminal.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let longest = written.iter().max_by_key(|line| line.chars().count()).cloned().unwrap_or_default();
            assert!((40..80).contains(&longest.chars().count()), "{longest:?} has {} columns", longest.chars().count());
        }
    }
}

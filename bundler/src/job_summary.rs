//! What a build tells the people who read a job's page.

use crate::assemble::WrittenBundle;
use crate::lint::Lint;
use crate::regular::NotRegular;
use crate::trust::UnverifiedRoot;
use landfall_console::{Count, OneLine, Size};
use landfall_manifests::Digest;
use std::fmt::{self, Write as _};
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// A file that tells people in Markdown what a job has done, as GitHub's and Gitea's `$GITHUB_STEP_SUMMARY`: each step adds to it.
#[derive(Debug)]
pub(crate) struct SummaryFile {
    path: PathBuf,
    file: File,
}

/// The summary cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("the summary {} cannot be written", path.display())]
pub(crate) struct SummaryError {
    path: PathBuf,
    source: io::Error,
}

impl SummaryFile {
    /// Opens the file for what is added to it; it is made if it does not exist.
    pub(crate) fn open(path: &Path) -> Result<Self, SummaryError> {
        let failed = |source| SummaryError { path: path.to_owned(), source };
        // A pipe would wait for a reader.
        if path.metadata().is_ok_and(|found| !found.is_file()) {
            return Err(failed(NotRegular.into()));
        }
        let file = OpenOptions::new().create(true).append(true).open(path).map_err(failed)?;
        Ok(Self { path: path.to_owned(), file })
    }

    /// Adds a text.
    pub(crate) fn add(&mut self, text: &str) -> Result<(), SummaryError> {
        let Self { path, file } = self;
        file.write_all(text.as_bytes()).map_err(|source| SummaryError { path: path.clone(), source })
    }
}

/// What was built, in Markdown (GitHub Flavored Markdown, for its tables).
pub(crate) fn markdown(written: &WrittenBundle, lints: &[Lint], out: &Path) -> Result<String, fmt::Error> {
    let signed = &written.signed;
    let release = signed.release();
    let mut text = String::new();
    writeln!(text, "## {} {}\n\n| | |\n| --- | --- |", release.product, release.version)?;
    let name = out.file_name().unwrap_or_default().to_string_lossy();
    let parts = if written.parts.is_empty() { String::new() } else { format!(" in {} parts", written.parts.len()) };
    writeln!(text, "| bundle | {}{parts} |", code(&name))?;
    writeln!(text, "| release | serial {}, for {} |", release.serial, release.platform())?;
    writeln!(text, "| manifest | {} |", code(&Digest::of(signed.bytes()).to_string()))?;
    writeln!(text, "| size | {:#} |", Size(signed.bundle_bytes()))?;
    let keys: Vec<String> = signed.signatures().iter().map(|signature| code(&signature.key_id().to_string())).collect();
    writeln!(text, "| signed by | {} |", keys.join(", "))?;
    if let Some(root) = UnverifiedRoot::of(&release.trust) {
        writeln!(text, "| trust root | {} |", plain(&root.to_string()))?;
    }
    if let Some(base) = &release.base {
        writeln!(text, "| delta on | {} |", plain(&base.versions()))?;
    }
    let blobs = Count(release.blobs.len(), "blob");
    writeln!(text, "| holds | {}, {blobs} |\n", Count(release.files.len(), "file"))?;
    if !release.images.is_empty() {
        writeln!(text, "| image | digest | layers | stored | from |\n| --- | --- | ---: | ---: | --- |")?;
    }
    let sizes = release.blob_sizes();
    for image in &release.images {
        let (digest, source) = (code(&image.manifest.to_string()), code(&image.source));
        let (layers, size) = (image.layers.len(), Size(image.stored_bytes(&sizes)));
        writeln!(text, "| {} | {digest} | {layers} | {size} | {source} |", plain(image.name.as_str()))?;
    }
    if !lints.is_empty() {
        writeln!(text, "\n**{}**\n", Count(lints.len(), "warning"))?;
    }
    for lint in lints {
        writeln!(text, "- {}", plain(&lint.to_string()))?;
    }
    writeln!(text)?;
    Ok(text)
}

/// Text that is shown as it is written, in a table as well: a backtick would end it, and a bar the cell.
fn code(text: &str) -> String {
    format!("`{}`", OneLine(text).to_string().replace('`', "'").replace('|', "\\|"))
}

/// Text in which nothing is markup.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    for character in OneLine(text).to_string().chars() {
        if "\\`*_[]<>|&~#".contains(character) {
            plain.push('\\');
        }
        plain.push(character);
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_quoted_is_markup() {
        assert_eq!(code("docker://a|b`c`\n"), "`docker://a\\|b'c'\\n`");
        assert_eq!(plain("image a_b: <b> [x](y) | *"), "image a\\_b: \\<b\\> \\[x\\](y) \\| \\*");
    }
}

//! A TOML file with the byte ranges of its section headers, keys, values and comments, so that an edit changes only the lines that
//! it means.

use super::SettingsError;
use std::collections::BTreeMap;
use std::ops::Range;
use toml_edit::{Document, Item, Table, Value};

/// A key with its sections, outermost first.
pub(super) type Path = Vec<String>;

/// A parsed settings file. All lines of the text end in LF.
#[derive(Debug)]
pub(super) struct ParsedToml<'a> {
    pub(super) text: &'a str,
    /// In the order of the text.
    pub(super) rows: Vec<Row>,
    values: BTreeMap<Path, Value>,
    /// Indexes into `rows`, of headers and of keys.
    indexes: [BTreeMap<Path, usize>; 2],
}

/// A header, or a key with its value; ranges are in bytes of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) kind: Kind,
    pub(super) path: Path,
    /// For a header its own path, for a key that of the header it stands under.
    pub(super) section: Path,
    /// Comments and blank lines above it.
    pub(super) lead: Range<usize>,
    /// Its own lines, with the end of the last.
    pub(super) line: Range<usize>,
    /// The value, or the header with its brackets. Behind it the line may have a comment.
    pub(super) core: Range<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Header,
    Key,
}

impl<'a> ParsedToml<'a> {
    /// Reads the lines of `text`. `what` names the file in errors.
    pub(super) fn parse(what: &'static str, text: &'a str) -> Result<Self, SettingsError> {
        let document = Document::parse(text).map_err(|source| SettingsError::Parse { what, source })?;
        let mut parsed = Self { text, rows: Vec::new(), values: BTreeMap::new(), indexes: Default::default() };
        parsed.walk(what, document.as_table(), &Path::new())?;
        parsed.rows.sort_by_key(|row| row.core.start);
        let (mut end, mut section) = (0, Path::new());
        for (place, row) in parsed.rows.iter_mut().enumerate() {
            if row.kind == Kind::Header {
                section.clone_from(&row.path);
            }
            row.section.clone_from(&section);
            row.lead = end..row.line.start;
            end = row.line.end;
            parsed.indexes[row.kind as usize].insert(row.path.clone(), place);
        }
        Ok(parsed)
    }

    fn walk(&mut self, what: &'static str, table: &Table, path: &[String]) -> Result<(), SettingsError> {
        for (key, item) in table {
            let path = [path, &[key.to_owned()]].concat();
            let shape = || SettingsError::Shape { what, key: name(&path) };
            match item {
                Item::Value(value) => {
                    let start = table.key(key).and_then(toml_edit::Key::span).ok_or_else(shape)?.start;
                    let core = value.span().ok_or_else(shape)?;
                    self.push_row(Kind::Key, path.clone(), start, core);
                    self.values.insert(path, value.clone());
                }
                Item::Table(inner) => {
                    // `[a.b]` and `b.c = 1` make tables without a header of their own: there is no line to edit.
                    if !inner.is_implicit() && !inner.is_dotted() {
                        let core = inner.span().ok_or_else(shape)?;
                        self.push_row(Kind::Header, path.clone(), core.start, core);
                    }
                    self.walk(what, inner, &path)?;
                }
                Item::None => {}
                // Its tables have no path by which three versions could be compared.
                Item::ArrayOfTables(_) => return Err(shape()),
            }
        }
        Ok(())
    }

    fn push_row(&mut self, kind: Kind, path: Path, start: usize, core: Range<usize>) {
        let begin = self.text[..start].rfind('\n').map_or(0, |end| end + 1);
        let end = self.text[core.end..].find('\n').map_or(self.text.len(), |end| core.end + end + 1);
        self.rows.push(Row { kind, path, section: Path::new(), lead: begin..begin, line: begin..end, core });
    }

    pub(super) fn value(&self, path: &[String]) -> Option<&Value> {
        self.values.get(path)
    }

    /// Every value by its key.
    pub(super) fn values(&self) -> &BTreeMap<Path, Value> {
        &self.values
    }

    pub(super) fn find(&self, kind: Kind, path: &[String]) -> Option<&Row> {
        self.indexes[kind as usize].get(path).map(|place| &self.rows[*place])
    }

    /// Whether any key lies below `section`, in whatever form it is written.
    pub(super) fn has_below(&self, section: &[String]) -> bool {
        self.values.keys().any(|path| path.len() > section.len() && path.starts_with(section))
    }

    /// Where the section's last line ends; for the outermost, where the last key before any header does.
    pub(super) fn end_of(&self, section: &[String]) -> usize {
        self.rows.iter().filter(|row| row.section == section).map(|row| row.line.end).max().unwrap_or(0)
    }

    /// What follows the last row.
    pub(super) fn rest(&self) -> Range<usize> {
        self.rows.last().map_or(0, |row| row.line.end)..self.text.len()
    }

    /// What stands behind the value or the header on its line, with the line's end.
    pub(super) fn tail(row: &Row) -> Range<usize> {
        row.core.end..row.line.end
    }
}

/// The key as people write it.
pub(super) fn name(path: &[String]) -> String {
    path.join(".")
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    const TEXT: &str = "# File.\n\na.b = 1\n# Section.\n[s] # tail\nk = \"\"\"\nx\ny\"\"\" # tail\n\n[s.t]\n'q.r' = [\n 1,\n]\n# End.\n";

    #[test]
    fn finds_each_row_with_its_leading_and_trailing_comments() {
        let parsed = ParsedToml::parse("the test", TEXT).unwrap();
        let shown = |row: &Row| {
            let text = |range: &Range<usize>| TEXT[range.clone()].to_owned();
            (row.path.join("/"), row.section.join("/"), text(&row.lead), text(&row.core), text(&ParsedToml::tail(row)))
        };
        let expected = [
            ("a/b", "", "# File.\n\n", "1", "\n"),
            ("s", "s", "# Section.\n", "[s]", " # tail\n"),
            ("s/k", "s", "", "\"\"\"\nx\ny\"\"\"", " # tail\n"),
            ("s/t", "s/t", "\n", "[s.t]", "\n"),
            ("s/t/q.r", "s/t", "", "[\n 1,\n]", "\n"),
        ];
        let rows: Vec<_> = parsed.rows.iter().map(shown).collect();
        assert_eq!(rows, expected.map(|(a, b, c, d, e)| [a, b, c, d, e].map(str::to_owned).into()));
        assert_eq!(&TEXT[parsed.rest()], "# End.\n");
    }

    #[test]
    fn arrays_of_tables_are_refused() {
        let error = ParsedToml::parse("the test", "[[x]]\na = 1\n").unwrap_err();
        assert!(matches!(error, SettingsError::Shape { key, .. } if key == "x"));
    }
}

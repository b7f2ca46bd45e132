//! Promises over random releases and random edits of the operator.

use super::super::*;
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// The keys of a release's file by section, each with a comment's, a value's and a line's end's number; `None` where it
/// has none.
type Keys = Vec<Option<(u8, u8, u8)>>;
type File = (u8, Vec<Option<(u8, Keys)>>, u8);

fn release() -> impl Strategy<Value = File> {
    let key = proptest::option::weighted(0.7, (0_u8..3, 0_u8..4, 0_u8..2));
    let section = proptest::option::weighted(0.8, (0_u8..3, vec(key, 4)));
    (0_u8..3, vec(section, 4), 0_u8..2)
}

fn remark(about: &str, number: u8) -> String {
    if number == 0 { String::new() } else { format!("# About {about}, {number}.\n") }
}

fn text_of((head, sections, rest): &File) -> String {
    let mut text = format!("# Settings, {head}.\n");
    for (index, (comment, keys)) in
        sections.iter().enumerate().filter_map(|(index, section)| Some((index, section.as_ref()?)))
    {
        let _ = writeln!(text, "\n{}[s{index}]", remark(&format!("s{index}"), *comment));
        for (key, (comment, value, tail)) in
            keys.iter().enumerate().filter_map(|(key, entry)| Some((key, entry.as_ref()?)))
        {
            let value = if *value == 3 { "\"three\"".to_owned() } else { value.to_string() };
            let tail = if *tail == 0 { "" } else { " # tail" };
            let _ = writeln!(text, "{}k{key} = {value}{tail}", remark(&format!("s{index}.k{key}"), *comment));
        }
    }
    text + &remark("the end", *rest)
}

/// What an operator does to the nth line, or to the nth with a key.
#[derive(Debug, Clone)]
enum Edit {
    Set(usize, u8),
    Delete(usize),
    Comment(usize),
    Blank(usize),
    Tail(usize),
    DropComments,
}

fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let edit = prop_oneof![
        (any::<usize>(), any::<u8>()).prop_map(|(line, value)| Edit::Set(line, value)),
        any::<usize>().prop_map(Edit::Delete),
        any::<usize>().prop_map(Edit::Comment),
        any::<usize>().prop_map(Edit::Blank),
        any::<usize>().prop_map(Edit::Tail),
        Just(Edit::DropComments),
    ];
    vec(edit, 0..5)
}

/// The operator's file. Their values are none that a release has.
fn edited(base: &str, edits: &[Edit], endings: u8) -> String {
    let mut lines: Vec<String> = base.lines().map(str::to_owned).collect();
    for (number, edit) in edits.iter().enumerate() {
        let keys: Vec<usize> = (0..lines.len()).filter(|line| lines[*line].contains(" = ")).collect();
        let key = |nth: usize| (!keys.is_empty()).then(|| keys[nth % keys.len()]);
        match edit {
            Edit::Set(nth, value) => {
                let Some(line) = key(*nth) else { continue };
                let (name, _) = lines[line].split_once(" = ").unwrap_or_default();
                lines[line] = format!("{name}   =  {} # mine", 100 + u32::from(*value));
            }
            Edit::Delete(nth) => drop(key(*nth).map(|line| lines.remove(line))),
            Edit::Comment(nth) => lines.insert(nth % (lines.len() + 1), format!("  # Note {number}.")),
            Edit::Blank(nth) => lines.insert(nth % (lines.len() + 1), String::new()),
            Edit::Tail(nth) => drop(key(*nth).map(|line| lines[line].push_str(" # noted"))),
            Edit::DropComments => lines.retain(|line| !line.starts_with("# ")),
        }
    }
    let end = if endings & 1 == 0 { "\n" } else { "\r\n" };
    let mut text = lines.join(end);
    if endings & 2 == 0 {
        text += end;
    }
    if endings & 4 == 0 { text } else { format!("\u{feff}{text}") }
}

/// What the runtime reads: the file over the defaults.
fn effective(text: &str, defaults: &str) -> BTreeMap<Path, String> {
    let (text, defaults) = (LineEndings::normalize(text).0, LineEndings::normalize(defaults).0);
    let [text, defaults] = [&text, &defaults].map(|text| ParsedToml::parse("the test", text).unwrap());
    let values = defaults.values().iter().chain(text.values());
    values.map(|(path, value)| (path.clone(), value.clone().decorated("", "").to_string())).collect()
}

/// The keys that a person has to decide about, by the definition of a conflict.
fn contested(base: &str, mine: &str, theirs: &str) -> BTreeSet<String> {
    let [base, mine, theirs] = [base, mine, theirs].map(|text| effective(text, ""));
    let changed = mine.iter().filter(|(path, value)| base.get(*path) != Some(value));
    changed.filter(|(path, _)| base.get(*path) != theirs.get(*path)).map(|(path, _)| path.join(".")).collect()
}

fn keeps_all(base: &File, theirs: &File) -> bool {
    let sections = base.1.iter().zip(&theirs.1);
    sections.into_iter().all(|pair| match pair {
        (None, _) => true,
        (Some(_), None) => false,
        (Some((_, old)), Some((_, new))) => old.iter().zip(new).all(|(old, new)| old.is_none() || new.is_some()),
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn without_edits_the_file_becomes_the_new_releases_and_back(base in release(), theirs in release()) {
        let (base, theirs) = (text_of(&base), text_of(&theirs));
        let there = three_way(&base, &base, &theirs).unwrap();
        prop_assert_eq!(&there.text, &theirs);
        prop_assert_eq!(three_way(&theirs, &there.text, &base).unwrap().text, base);
    }

    #[test]
    fn edits_survive_or_are_shown_as_conflicts(
        base in release(), theirs in release(), edits in edits(), endings in 0_u8..8,
    ) {
        let all_kept = keeps_all(&base, &theirs);
        let (base, theirs) = (text_of(&base), text_of(&theirs));
        let mine = edited(&base, &edits, endings);
        let contested = contested(&base, &mine, &theirs);
        let there = match three_way(&base, &mine, &theirs) {
            Err(SettingsError::Conflicts(Conflicts(conflicts))) => {
                let keys: BTreeSet<String> = conflicts.into_iter().map(|conflict| conflict.key).collect();
                prop_assert_eq!(keys, contested);
                return Ok(());
            }
            other => other.unwrap(),
        };
        prop_assert!(contested.is_empty());

        // What the runtime reads afterwards: the release's values, but for what the operator had changed.
        let (old, own, mut expected) = (effective(&base, ""), effective(&mine, ""), effective("", &theirs));
        expected.extend(own.into_iter().filter(|(path, value)| old.get(path) != Some(value)));
        prop_assert_eq!(effective(&there.text, &theirs), expected);
        for line in mine.trim_start_matches('\u{feff}').lines().filter(|line| line.contains("# Note") || line.contains("# mine")) {
            prop_assert!(there.text.trim_start_matches('\u{feff}').lines().any(|other| other == line), "{} is lost:\n{}", line, there.text);
        }

        // A second time nothing changes, seen from either release.
        prop_assert_eq!(&three_way(&base, &there.text, &theirs).unwrap().text, &there.text);
        let again = three_way(&theirs, &there.text, &theirs).unwrap();
        prop_assert_eq!((&again.text, again.changes.len()), (&there.text, 0));

        let back = three_way(&theirs, &there.text, &base).unwrap();
        prop_assert_eq!(effective(&back.text, &base), effective(&mine, &base));
        // What both sides took away comes back with the release.
        if all_kept && !edits.iter().any(|edit| matches!(edit, Edit::DropComments)) {
            prop_assert_eq!(back.text, mine);
        }
    }

    #[test]
    fn no_text_makes_it_panic_or_give_something_that_does_not_parse(base in "[a-c\\[\\].={}\"'# \\n\\r1]{0,40}", mine in "[a-c\\[\\].={}\"'# \\n\\r1]{0,40}") {
        for (base, mine, theirs) in [(&base, &mine, &base), (&base, &base, &mine), (&mine, &base, &base)] {
            if let Ok(merged) = three_way(base, mine, theirs) {
                prop_assert!(merged.text.parse::<toml_edit::DocumentMut>().is_ok(), "{:?}", merged.text);
            }
        }
    }
}

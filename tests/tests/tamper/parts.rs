//! Bundles in parts, of which some are missing, changed, or another bundle's.

use crate::attack::{Attack, Kind, NAME};
use crate::harness::Harness;
use anyhow::Result;
use landfall_manifests::parts::part_name;

/// Five parts, whose borders lie anywhere in headers and contents.
const PART_BYTES: usize = 3001;

/// Parts, by name.
type Parts = Vec<(String, Vec<u8>)>;

fn cut(bytes: &[u8]) -> Parts {
    let names = (1..).map(|number| part_name(NAME, number));
    names.zip(bytes.chunks(PART_BYTES).map(<[u8]>::to_vec)).collect()
}

#[test]
fn refuses_parts_that_are_missing_changed_renamed_or_mixed_up() -> Result<()> {
    let (_turn, harness) = (Harness::turn(), Harness::new()?);
    let (parts, later) = (cut(&harness.bytes), cut(&harness.later));
    harness.takes(&Attack::in_parts("untouched", parts.clone()))?;
    let mut attacks = Vec::new();
    for at in 0..parts.len() {
        let mut add = |how: &str, change: &dyn Fn(&mut Parts)| {
            let mut changed = parts.clone();
            change(&mut changed);
            if changed != parts {
                attacks.push(Attack::in_parts(format!("part {} {how}", at + 1), changed));
            }
        };
        add("missing", &|parts| drop(parts.remove(at)));
        if at + 1 < parts.len() {
            add("and all before it missing", &|parts| drop(parts.drain(..=at)));
        }
        if at > 0 {
            add("and all after it missing", &|parts| parts.truncate(at));
        }
        add("a byte shorter", &|parts| {
            parts[at].1.pop();
        });
        add("a byte longer", &|parts| parts[at].1.push(0));
        add("empty", &|parts| parts[at].1.clear());
        add("twice as long", &|parts| parts[at].1 = parts[at].1.repeat(2));
        add("of the next release", &|parts| parts[at].clone_from(&later[at]));
        add("numbered elsewhere", &|parts| parts[at].0 = part_name(NAME, 500));
        add("in capitals", &|parts| parts[at].0 = parts[at].0.replace("part", "PART"));
        add("with two digits", &|parts| parts[at].0 = parts[at].0.replace("part0", "part"));
        for other in 0..parts.len() {
            add("that holds another one's bytes", &|parts| parts[at].1 = parts[other].1.clone());
            add("swapped with another one", &|parts| {
                let (one, two) = (parts[at].1.clone(), parts[other].1.clone());
                (parts[at].1, parts[other].1) = (two, one);
            });
        }
        for place in (0..parts[at].1.len()).step_by(97) {
            add(&format!("with a bit flipped at {place}"), &|parts| parts[at].1[place] ^= 0x10);
        }
    }
    for more in [vec![0], vec![0; 512], parts[0].1.clone()] {
        let mut longer = parts.clone();
        longer.push((part_name(NAME, u32::try_from(parts.len())? + 1), more));
        attacks.push(Attack::in_parts("one part more", longer));
    }
    harness.refuses(&Kind::listed("bundles in parts", attacks))
}

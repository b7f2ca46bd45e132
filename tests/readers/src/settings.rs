//! Settings: what an operator wrote between the defaults of two releases, and an operator's answers.

use crate::{ReadOutcome, SEPARATOR, Target, none, texts};
use landfall_installer::readers::{answer, answers, settings};

/// A merge is settled: done again, seen from either release, it changes nothing.
pub(crate) const TARGET: Target = Target { name: "settings", read, seeds, findings: none, mutate: None };

fn read(input: &[u8]) -> ReadOutcome {
    let Some(texts) = texts(input) else { return ReadOutcome::Refused };
    let &[base, mine, theirs] = texts.as_slice() else { return ReadOutcome::Refused };
    let _ = (answers(base, mine), answer(mine));
    let Ok((merged, is_clean)) = settings(base, mine, theirs) else { return ReadOutcome::Refused };
    if is_clean {
        for release in [base, theirs] {
            let again = settings(release, &merged, theirs).ok();
            assert_eq!(again, Some((merged.clone(), true)), "merged again from\n{release}");
        }
    }
    ReadOutcome::Accepted
}

const OLD: &str = "# Settings.\n[api]\naddress = \"0.0.0.0\" # all\nport = 3000\n\n[tenants]\n# The first.\nfirst_port = 3001\nmemory = \"4GiB\"\ncpus = 2.0\n";

fn seeds() -> Vec<Vec<u8>> {
    let new = OLD.replace("4GiB", "8GiB").replace("cpus = 2.0", "pids = 512") + "\n[update]\nkeep = 2\n";
    let mine = OLD.replace("3000", "8080 # mine").replace('\n', "\r\n");
    let conflict = OLD.replace("4GiB", "1GiB");
    let short = "[api]\nport = 1\n";
    let inputs =
        [(OLD, OLD, new.as_str()), (OLD, &mine, &new), (OLD, &conflict, &new), (&new, "", OLD), (OLD, short, OLD)];
    inputs.map(|(base, mine, theirs)| [base, mine, theirs].join(SEPARATOR).into_bytes()).to_vec()
}

//! Settings: an operator's text over that of a release, and an operator's answers.

use crate::{ReadOutcome, SEPARATOR, Target, none, texts};
use landfall_installer::readers::{answer, answers, settings, usable_settings};

/// What an automatic revert leaves of a text is taken by the release; answers count once they are in the text.
pub(crate) const TARGET: Target = Target { name: "settings", read, seeds, findings: none, mutate: None };

fn read(input: &[u8]) -> ReadOutcome {
    let Some(texts) = texts(input) else { return ReadOutcome::Refused };
    let &[release, operator, given] = texts.as_slice() else { return ReadOutcome::Refused };
    _ = answer(given);
    if settings(release, "").is_err() {
        return ReadOutcome::Refused;
    }
    let taken = usable_settings(release, operator);
    let text = taken.as_deref().unwrap_or(operator);
    assert!(settings(release, text).is_ok(), "the release does not take what was left of\n{operator}");
    if taken.is_some() {
        return ReadOutcome::Refused;
    }
    if let Ok(answered) = answers(release, operator, given) {
        assert_eq!(answers(release, &answered, given).ok().as_ref(), Some(&answered), "set again");
    }
    ReadOutcome::Accepted
}

const RELEASE: &str = "# Settings.\n[api]\naddress = \"0.0.0.0\" # all\nport = 3000\n\n[tenants]\n# The first.\nfirst_port = 3001\nmemory = \"4GiB\"\ncpus = 2.0\n[fresh]\nknob = 1\n";

fn seeds() -> Vec<Vec<u8>> {
    let mine = "# mine\r\n[api]\r\nport = 8080 # behind a proxy\r\n";
    let inputs = [
        (RELEASE, "", "[api]\nport = 80\n"),
        (RELEASE, mine, "[tenants]\nmemory = \"1GiB\"\n[fresh]\nknob = 2\n"),
        (
            "",
            "engine = { socket = \"unix:///run/docker.sock\" }\nnetwork.pool = \"10.0.0.0/16\"\n",
            "engine.socket=auto",
        ),
        (RELEASE, "[unknown]\nkey = [1, 2]\n", "[update]\nkeep = 3\n"),
    ];
    inputs.map(|(release, operator, given)| [release, operator, given].join(SEPARATOR).into_bytes()).to_vec()
}

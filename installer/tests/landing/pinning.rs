//! What a host is about to pin is shown before, and confirmed by a person.

use crate::fixture::{Outcome, Parts, Scene};
use crate::publisher_roots::{Roots, change, key};
use crate::terminal::Terminal;
use crate::trust_chain::{PINNED, import};
use landfall_keys::SecretKey;
use std::path::{Path, PathBuf};

/// A bare host, and a bundle that two people have signed.
fn two_signers() -> (Scene, PathBuf, [SecretKey; 2]) {
    let (scene, both) = (Scene::new(), [key(), key()]);
    let bundle = scene.put("good.tar", &Parts::new("1.0.0", 1).pack_by(&both));
    (scene, bundle, both)
}

fn run_with(scene: &Scene, words: &[&str], bundle: &Path, trust: &[&str]) -> Outcome {
    let (bundle, trust) = (bundle.to_str().unwrap(), trust.iter().flat_map(|trust| ["--trust", trust]));
    let words: Vec<&str> = words.iter().copied().chain([bundle]).chain(trust).collect();
    scene.run(&words)
}

#[test]
fn the_plan_shows_whom_a_host_will_trust() {
    let scene = Scene::new();
    let bundle = scene.put("good.tar", &Parts::new("1.0.0", 1).pack(&scene.key));
    let (line, id) = (scene.key.public_key().to_line(), scene.key.id().to_string());
    let says = format!("will trust 1 of 1 keys: {id}");
    let plan = run_with(&scene, &["plan", "--json"], &bundle, &[&line]).ok().json();
    let trust = serde_json::json!({"from": null, "to": 1, "threshold": 1, "keys": [id]});
    assert_eq!((&plan["plan"]["trust"], &plan["warnings"]), (&trust, &serde_json::json!([])));
    run_with(&scene, &["plan"], &bundle, &[&line]).ok().says(&says);
    assert_eq!(run_with(&scene, &["install", "--json"], &bundle, &[&line]).ok().json()["trust"], trust);
    scene.run(&["uninstall", "--purge", "--yes"]).ok();
    run_with(&scene, &["install"], &bundle, &[&line]).ok().says(&says);
}

#[test]
fn pinning_fewer_keys_than_there_are_signers_is_a_warning() {
    const WARNING: &str = "one leaked key is enough";
    let (scene, bundle, [anna, ben]) = two_signers();
    Roots::of(&[&anna, &ben], 2).save(&scene.stick());
    let root = scene.stick().join("1.root.json");
    let (anna, ben, root) = (anna.public_key().to_line(), ben.public_key().to_line(), root.to_str().unwrap());
    for few in [&[&anna[..]][..], &[&anna, &ben]] {
        run_with(&scene, &["plan"], &bundle, few).ok().says(WARNING).says("N.root.json");
    }
    let threshold = ["plan", "--threshold", "2"];
    for (words, enough) in [(&threshold[..], &[&anna[..], &ben][..]), (&["plan"], &[root])] {
        let plan = run_with(&scene, words, &bundle, enough).ok().says("2 of 2 keys");
        assert!(!plan.out.contains(WARNING), "{plan:?}");
    }
    run_with(&scene, &["install"], &bundle, &[&anna]).ok().says(WARNING);
}

#[test]
fn a_given_root_that_differs_from_the_pinned_one_is_refused() {
    let (scene, bundle, [anna, ben]) = two_signers();
    run_with(&scene, &["install"], &bundle, &[&anna.public_key().to_line()]).ok();
    scene.run(&["uninstall", "--yes"]).ok();
    let roots = Roots::of(&[&anna, &ben], 2);
    roots.save(&scene.stick());
    let (root, before) = (scene.stick().join("1.root.json"), scene.tree());
    let root = root.to_str().unwrap();
    let refused = run_with(&scene, &["install", "--json"], &bundle, &[root]).exits(4).says(&roots.digest());
    assert_eq!(refused.json()["error"]["code"], "other_root");
    assert_eq!(scene.tree(), before);
    // Keys only add to the pinned root, and the output says so.
    run_with(&scene, &["plan"], &bundle, &[&ben.public_key().to_line()]).ok().says("only an additional check");
    // A first version takes the place of another one, since nobody signs those.
    import(&scene, Path::new(root), &["--replace", &roots.digest()]).ok();
    run_with(&scene, &["install"], &bundle, &[root]).ok();
    assert_eq!(scene.read(PINNED), roots.newest().to_json());
    // What is older than what is pinned leads to nothing else.
    let next = roots.then(&change(&[&key()], &[]), &[&anna, &ben]);
    next.save(&scene.stick());
    import(&scene, &scene.stick(), &[]).ok();
    run_with(&scene, &["plan"], &bundle, &[root]).ok().says("only an additional check");
}

#[test]
fn a_root_pinned_during_the_question_is_not_overwritten() {
    let scene = Scene::new();
    let bundle = scene.put("good.tar", &Parts::new("1.0.0", 1).pack(&scene.key));
    let (line, other) = (scene.key.public_key().to_line(), Roots::first(&key()));
    other.save(&scene.stick());
    let mut terminal = Terminal::start(&scene, &["install", bundle.to_str().unwrap(), "--trust", &line]);
    terminal.until("Go ahead?");
    import(&scene, &scene.stick(), &["--replace", &other.digest()]).ok();
    let before = scene.tree();
    terminal.types("y\n");
    terminal.until("another trust root was pinned");
    terminal.ends(8);
    assert_eq!(scene.tree(), before);
    assert_eq!(scene.read(PINNED), other.newest().to_json());
}

#[test]
fn only_keys_that_would_be_accepted_are_offered() {
    let (scene, anna, cleo) = (Scene::new(), key(), key());
    let roots = Roots::first(&anna).then(&change(&[&cleo], &[]), &[&anna]);
    // Cleo signs the release. The root that lets her do so is not signed by her; the one after it is.
    for (roots, offered) in [(roots.clone(), false), (roots.then(&change(&[&key()], &[]), &[&cleo]), true)] {
        let mut parts = Parts::new("1.0.0", 1);
        parts.release.trust.clone_from(&roots.links);
        let bundle = scene.put("good.tar", &parts.pack(&cleo));
        let mut terminal = Terminal::start(&scene, &["plan", bundle.to_str().unwrap()]);
        terminal.until(if offered { "To trust a key" } else { "no single key verifies" });
        if offered {
            terminal.types("\n\n\n");
        }
        terminal.ends(4);
    }
}

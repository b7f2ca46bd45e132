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

/// Two of three must sign. The bundle brings the publisher's first root, and is signed by Bob too, whom the root does not list.
struct TwoOfThree {
    scene: Scene,
    roots: Roots,
    bundle: PathBuf,
    /// Bob, then Anna, Ben and Cleo.
    people: [SecretKey; 4],
}

impl TwoOfThree {
    fn new() -> Self {
        let people = [key(), key(), key(), key()];
        let roots = Roots::of(&people.each_ref()[1..], 2);
        let mut new = Self { bundle: PathBuf::new(), scene: Scene::new(), roots, people };
        new.bundle = new.release("1.0.0", 1, &new.people[..3]);
        new
    }

    /// A release that brings the root.
    fn release(&self, version: &str, serial: u64, signers: &[SecretKey]) -> PathBuf {
        let mut parts = Parts::new(version, serial);
        parts.release.trust = self.roots.packed();
        self.scene.put(&format!("{version}.tar"), &parts.pack_by(signers))
    }

    /// Their public keys.
    fn lines(&self) -> [String; 4] {
        self.people.each_ref().map(|key| key.public_key().to_line())
    }

    /// The host pins the root, and takes the next release of two others.
    #[track_caller]
    fn has_pinned_the_root(&self) {
        assert_eq!(self.scene.read(PINNED), self.roots.newest().to_json());
        let next = self.release("1.1.0", 2, &self.people[2..]);
        self.scene.run(&["update", next.to_str().unwrap()]).ok();
        let too_few = self.release("1.2.0", 3, &self.people[..2]);
        self.scene.run(&["update", too_few.to_str().unwrap()]).exits(4);
    }
}

#[test]
fn where_a_bundle_brings_a_root_the_root_or_enough_of_its_keys_pin_it() {
    for by_file in [true, false] {
        let here = TwoOfThree::new();
        here.roots.save(&here.scene.stick());
        let file = here.scene.stick().join("1.root.json").display().to_string();
        let given = if by_file { vec![file] } else { here.lines()[1..3].to_vec() };
        let given: Vec<&str> = given.iter().map(String::as_str).collect();
        run_with(&here.scene, &["verify"], &here.bundle, &given).ok();
        run_with(&here.scene, &["install"], &here.bundle, &given).ok().says("will trust 2 of 3 keys");
        here.has_pinned_the_root();
    }
}

#[test]
fn where_a_bundle_brings_a_root_keys_that_do_not_suffice_for_it_install_nothing() {
    let here = TwoOfThree::new();
    let [bob, anna, ben, cleo] = here.lines();
    let stranger = key().public_key().to_line();
    // Cleo is listed, and has not signed this release.
    let few: [&[&str]; 7] =
        [&[], &[&bob], &[&stranger], &[&anna], &[&anna, &bob], &[&anna, &cleo], &[&cleo, &stranger]];
    for few in few {
        for command in ["plan", "install"] {
            let refused = run_with(&here.scene, &[command, "--json"], &here.bundle, few).exits(4).json();
            let hint = refused["error"]["hint"].as_str().unwrap();
            assert!(hint.contains(&here.roots.digest()) && hint.contains("--trust 1.root.json"), "{few:?}: {hint}");
            let code = if few.is_empty() { "not_trusted" } else { "trust_chain" };
            assert_eq!(refused["error"]["code"], code, "{few:?}");
        }
        assert_eq!(here.scene.tree(), "", "{few:?}");
    }
    let all = ["install", "--threshold", "2"];
    run_with(&here.scene, &all, &here.bundle, &[&anna, &ben, &bob]).ok();
    here.has_pinned_the_root();
}

/// Whoever has the medium can put a root of their own beside a key that somebody else was told.
#[test]
fn a_root_that_the_given_key_has_not_signed_for_is_not_pinned_by_it() {
    let (scene, anna, thief) = (Scene::new(), key(), key());
    let mut parts = Parts::new("1.0.0", 1);
    parts.release.trust = Roots::of(&[&anna, &thief], 1).packed();
    let bundle = scene.put("good.tar", &parts.pack(&thief));
    run_with(&scene, &["install"], &bundle, &[&anna.public_key().to_line()]).exits(4);
    assert_eq!(scene.tree(), "");
}

#[test]
fn a_person_is_asked_for_the_root_that_the_bundle_brings_and_never_for_a_single_key() {
    let here = TwoOfThree::new();
    let digest = here.roots.digest();
    let end = &digest[digest.len() - 8..];
    for (answers, exit) in [("\n\n\n".to_owned(), 4), (format!("{end}\ny\n"), 0)] {
        let mut terminal = Terminal::start(&here.scene, &["install", here.bundle.to_str().unwrap()]);
        terminal.until("2 of whose 3 keys must sign");
        terminal.until(&digest);
        terminal.until("To trust this root");
        terminal.types(&answers);
        terminal.ends(exit);
    }
    here.has_pinned_the_root();
}

#[test]
fn a_person_is_asked_for_the_newest_root_and_not_at_all_where_the_roots_do_not_hold() {
    let (scene, anna, cleo) = (Scene::new(), key(), key());
    let roots = Roots::first(&anna).then(&change(&[&cleo], &[]), &[&anna]);
    let forged = Roots::first(&anna).then(&change(&[&cleo], &[]), &[&cleo]);
    let digest = roots.digest();
    for (links, asks) in [(roots.packed(), true), (forged.packed(), false)] {
        let mut parts = Parts::new("1.0.0", 1);
        parts.release.trust = links;
        let bundle = scene.put("good.tar", &parts.pack(&cleo));
        let mut terminal = Terminal::start(&scene, &["plan", bundle.to_str().unwrap()]);
        terminal.until(if asks { &digest } else { "cannot be offered" });
        if asks {
            terminal.types("\n\n\n");
        }
        terminal.ends(4);
    }
}

//! The journeys, as those who go on them type them.

use crate::office::Office;
use anyhow::{Result, ensure};

const FIRST: &str = "acme-1.0.0-linux-amd64.landfall.tar";
const SECOND: &str = "acme-1.1.0-linux-amd64.landfall.tar";
const THIRD: &str = "acme-1.2.0-linux-amd64.landfall.tar";

/// Everybody makes a key on their own machine, one of them with minisign, and hands out the public half.
fn keys(office: &Office, people: &[&str], by_minisign: &str) -> Result<()> {
    for person in people {
        if *person == by_minisign {
            office.on(person, &format!("minisign -G -W -p {person}.pub -s {person}.key"))?;
        } else {
            office.on(person, &format!("landfall-bundler keygen --out {person}"))?;
        }
        office.on(person, &format!("cp {person}.pub /media/stick/"))?;
        office.on("build", &format!("cp /media/stick/{person}.pub ."))?;
    }
    Ok(())
}

/// The newest root goes to each of `people`, who look at it, sign it, and send one file back.
fn sign(office: &Office, folder: &str, version: u32, people: &[&str], by_minisign: &str) -> Result<()> {
    office.on("build", &format!("mkdir -p /media/stick/{folder} && cp {folder}/* /media/stick/{folder}/"))?;
    for person in people {
        office.on(person, &format!("landfall-bundler trust show --dir /media/stick/{folder}"))?;
        let line = if *person == by_minisign {
            let root = format!("/media/stick/{folder}/{version}.root.json");
            format!("minisign -S -s {person}.key -m {root} -x {root}.{}.minisig", office.id(person)?)
        } else {
            format!("landfall-bundler trust sign --dir /media/stick/{folder} --key {person}.key")
        };
        office.on(person, &line)?;
    }
    office.on("build", &format!("cp /media/stick/{folder}/* {folder}/"))?;
    Ok(())
}

/// The release is built, and signed by `people` on their own machines.
fn build(office: &Office, bundle: &str, people: &[&str]) -> Result<()> {
    let (first, others) = people.split_first().map_or(("", &[][..]), |(first, others)| (*first, others));
    // Whoever builds is the first who signs.
    std::fs::copy(office.machine(first).join(format!("{first}.key")), office.machine("build").join("own.key"))?;
    office.on("build", "landfall-bundler build acme.toml --key own.key")?;
    for person in others {
        office.on("build", &format!("mv {bundle} /media/stick/"))?;
        office.on(person, &format!("mv /media/stick/{bundle} . && landfall-bundler inspect {bundle}"))?;
        office
            .on(person, &format!("landfall-bundler sign {bundle} --key {person}.key && mv {bundle} /media/stick/"))?;
        office.on("build", &format!("mv /media/stick/{bundle} ."))?;
    }
    Ok(())
}

/// The release is built, signed by `people`, and put onto the stick.
fn carry(office: &Office, bundle: &str, people: &[&str]) -> Result<()> {
    build(office, bundle, people)?;
    office.on("build", &format!("landfall-bundler media {bundle} /media/stick"))?;
    Ok(())
}

/// The same with signatures that hosts no longer take: past `media`, which refuses to carry it.
fn smuggle(office: &Office, bundle: &str, people: &[&str]) -> Result<()> {
    build(office, bundle, people)?;
    let refused = office.run("build", &format!("landfall-bundler media {bundle} /media/stick"))?;
    ensure!(refused.code == 4, "it is carried: {}", refused.said());
    office.on("build", &format!("cp {bundle} /media/stick/"))?;
    Ok(())
}

/// Three people, any two of whom sign; the first release is on the host.
fn two_of_three(by_minisign: &str, more: &[&str]) -> Result<Office> {
    let people = [&["anna", "ben", "cleo"], more].concat();
    let office = Office::new(&people)?;
    keys(&office, &people, by_minisign)?;
    office.on("build", "landfall-bundler trust init --key anna.pub ben.pub cleo.pub --threshold 2")?;
    office.define("1.0.0", 1, "trust")?;
    carry(&office, FIRST, &["anna", "ben"])?;
    office.on("build", "cp trust/1.root.json /media/stick/")?;
    office.on("host", "sha256sum /media/stick/1.root.json # compared with what the publisher told")?;
    office.on("host", &format!("landfall-installer install /media/stick/{FIRST} --trust /media/stick/1.root.json"))?;
    ensure!((office.root()?, office.release()?) == (1, "1.0.0-1".to_owned()), "not installed");
    Ok(office)
}

#[test]
fn keys_change_as_planned_and_a_host_two_roots_behind_follows() -> Result<()> {
    println!("\n## A planned rotation: Cleo leaves and Dora comes; then Erik comes as well");
    let office = two_of_three("ben", &["dora", "erik"])?;
    office.on("build", &format!("landfall-bundler trust rotate {} dora.pub", office.id("cleo")?))?;
    sign(&office, "trust", 2, &["anna", "ben"], "ben")?;
    office.on("build", "landfall-bundler trust add --key erik.pub")?;
    sign(&office, "trust", 3, &["dora", "anna"], "ben")?;
    office.define("1.1.0", 2, "trust")?;
    carry(&office, SECOND, &["dora", "erik"])?;
    office.on("host", &format!("landfall-installer update --yes /media/stick/{SECOND}"))?;
    ensure!((office.root()?, office.release()?) == (3, "1.1.0-2".to_owned()), "the host did not follow");

    office.define("1.2.0", 3, "trust")?;
    smuggle(&office, THIRD, &["cleo", "anna"])?;
    office.refused(&format!("landfall-installer update --yes /media/stick/{THIRD}"), "1")
}

#[test]
fn a_lost_key_is_removed_by_the_others() -> Result<()> {
    println!("\n## One key is lost: Ben's disk died");
    let office = two_of_three("cleo", &[])?;
    office.on("ben", "rm ben.key")?;
    office.on("build", &format!("landfall-bundler trust remove {}", office.id("ben")?))?;
    sign(&office, "trust", 2, &["anna", "cleo"], "cleo")?;
    office.define("1.1.0", 2, "trust")?;
    carry(&office, SECOND, &["anna", "cleo"])?;
    office.on("host", &format!("landfall-installer update --yes /media/stick/{SECOND}"))?;
    ensure!((office.root()?, office.release()?) == (2, "1.1.0-2".to_owned()), "the host did not follow");
    Ok(())
}

#[test]
fn a_leaked_key_is_revoked_at_once_and_what_it_signed_runs_on() -> Result<()> {
    println!("\n## One key has leaked: Ben's, in a house where one signature is enough");
    let people = ["anna", "ben"];
    let office = Office::new(&people)?;
    keys(&office, &people, "anna")?;
    office.on("build", "landfall-bundler trust init --key anna.pub ben.pub")?;
    office.define("1.0.0", 1, "trust")?;
    carry(&office, FIRST, &["ben"])?;
    office.on("build", "cp trust/1.root.json /media/stick/")?;
    office.on("host", &format!("landfall-installer install /media/stick/{FIRST} --trust /media/stick/1.root.json"))?;
    office.define("1.1.0", 2, "trust")?;
    carry(&office, SECOND, &["ben"])?;
    office.on("host", &format!("landfall-installer update --yes /media/stick/{SECOND}"))?;

    office.on("build", &format!("landfall-bundler trust remove {} --leaked", office.id("ben")?))?;
    sign(&office, "trust", 2, &["anna"], "anna")?;
    office.on("host", "landfall-installer trust import /media/stick/trust")?;
    ensure!((office.root()?, office.release()?) == (2, "1.1.0-2".to_owned()), "the host did not take the root");

    println!("      # whoever has Ben's key now makes a release of their own");
    office.define("1.2.0", 3, "trust")?;
    smuggle(&office, THIRD, &["ben"])?;
    for word in ["verify", "update --yes"] {
        office.refused(&format!("landfall-installer {word} /media/stick/{THIRD}"), "revoked")?;
    }
    let shown = office.on("host", "landfall-installer trust show")?;
    ensure!(shown.contains(&office.id("ben")?), "the revoked key is not shown: {shown}");
    office.on("host", "landfall-installer status")?;
    office.on("host", "landfall-installer rollback --yes")?;
    ensure!(office.release()? == "1.0.0-1", "the release that Ben signed in good times does not come back");

    carry(&office, THIRD, &["anna"])?;
    office.on("host", &format!("landfall-installer update --yes /media/stick/{THIRD}"))?;
    ensure!(office.release()? == "1.2.0-3", "what Anna signed does not land");
    Ok(())
}

#[test]
fn when_all_keys_are_lost_a_person_tells_the_host_the_next_root() -> Result<()> {
    println!("\n## Everything is lost: the safe with all keys burnt, and Dora begins anew");
    let office = two_of_three("dora", &["dora"])?;
    for person in ["anna", "ben", "cleo"] {
        office.on(person, &format!("rm {person}.key"))?;
    }
    office.on("build", "landfall-bundler trust init --key dora.pub --version 2 --dir anew")?;
    sign(&office, "anew", 2, &["dora"], "dora")?;
    office.define("1.1.0", 2, "anew")?;
    carry(&office, SECOND, &["dora"])?;
    let update = format!("landfall-installer update --yes /media/stick/{SECOND}");
    office.refused(&update, "")?;
    office.refused("landfall-installer trust import /media/stick/anew", "")?;
    let other = format!("sha256:{}", "0".repeat(64));
    office.refused(&format!("landfall-installer trust import /media/stick/anew --replace {other}"), "")?;

    let digest = office.on("dora", "sha256sum /media/stick/anew/2.root.json # told on the telephone")?;
    let digest = digest.split(' ').next().unwrap_or_default();
    office.on("host", &format!("landfall-installer trust import /media/stick/anew --replace sha256:{digest}"))?;
    ensure!(office.root()? == 2, "the host does not go by the new root");
    office.on("host", &update)?;
    ensure!(office.release()? == "1.1.0-2", "what Dora signed does not land");
    Ok(())
}

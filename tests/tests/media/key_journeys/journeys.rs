//! The journeys, as those who go on them type them.

use super::machines::Machines;
use anyhow::{Result, ensure};

const FIRST: &str = "acme-1.0.0-linux-amd64.landfall.tar";
const SECOND: &str = "acme-1.1.0-linux-amd64.landfall.tar";
const THIRD: &str = "acme-1.2.0-linux-amd64.landfall.tar";

/// Everybody makes a key on their own machine, one of them with minisign, and hands out the public half.
fn keys(machines: &Machines, people: &[&str], by_minisign: &str) -> Result<()> {
    for person in people {
        if *person == by_minisign {
            machines.on(person, &format!("minisign -G -W -p {person}.pub -s {person}.key"))?;
        } else {
            machines.on(person, &format!("landfall-bundler keygen --out {person}"))?;
        }
        machines.on(person, &format!("cp {person}.pub /media/stick/"))?;
        machines.on("build", &format!("cp /media/stick/{person}.pub ."))?;
    }
    Ok(())
}

/// The newest root goes to each of `people`, who look at it, sign it, and send one file back.
fn sign(machines: &Machines, folder: &str, version: u32, people: &[&str], by_minisign: &str) -> Result<()> {
    machines.on("build", &format!("mkdir -p /media/stick/{folder} && cp {folder}/* /media/stick/{folder}/"))?;
    for person in people {
        machines.on(person, &format!("landfall-bundler trust show --dir /media/stick/{folder}"))?;
        let line = if *person == by_minisign {
            let root = format!("/media/stick/{folder}/{version}.root.json");
            format!("minisign -S -s {person}.key -m {root} -x {root}.{}.minisig", machines.id(person)?)
        } else {
            format!("landfall-bundler trust sign --dir /media/stick/{folder} --key {person}.key")
        };
        machines.on(person, &line)?;
    }
    machines.on("build", &format!("cp /media/stick/{folder}/* {folder}/"))?;
    Ok(())
}

/// The release is built, and signed by `people` on their own machines.
fn build(machines: &Machines, bundle: &str, people: &[&str]) -> Result<()> {
    let (first, others) = people.split_first().map_or(("", &[][..]), |(first, others)| (*first, others));
    // Whoever builds is the first who signs.
    std::fs::copy(machines.machine(first).join(format!("{first}.key")), machines.machine("build").join("own.key"))?;
    machines.on("build", "landfall-bundler build acme.toml --key own.key")?;
    for person in others {
        machines.on("build", &format!("mv {bundle} /media/stick/"))?;
        machines.on(person, &format!("mv /media/stick/{bundle} . && landfall-bundler inspect {bundle}"))?;
        machines
            .on(person, &format!("landfall-bundler sign {bundle} --key {person}.key && mv {bundle} /media/stick/"))?;
        machines.on("build", &format!("mv /media/stick/{bundle} ."))?;
    }
    Ok(())
}

/// The release is built, signed by `people`, and put onto the stick.
fn carry(machines: &Machines, bundle: &str, people: &[&str]) -> Result<()> {
    build(machines, bundle, people)?;
    machines.on("build", &format!("landfall-bundler media {bundle} /media/stick"))?;
    Ok(())
}

/// The same with signatures that hosts no longer take: past `media`, which refuses to carry it.
fn smuggle(machines: &Machines, bundle: &str, people: &[&str]) -> Result<()> {
    build(machines, bundle, people)?;
    let refused = machines.run("build", &format!("landfall-bundler media {bundle} /media/stick"))?;
    ensure!(refused.code == 4, "it is carried: {}", refused.text());
    machines.on("build", &format!("cp {bundle} /media/stick/"))?;
    Ok(())
}

/// Three people, any two of whom sign; the first release is on the host.
fn two_of_three(by_minisign: &str, more: &[&str]) -> Result<Machines> {
    let people = [&["anna", "ben", "cleo"], more].concat();
    let machines = Machines::new(&people)?;
    keys(&machines, &people, by_minisign)?;
    machines.on("build", "landfall-bundler trust init --key anna.pub ben.pub cleo.pub --threshold 2")?;
    machines.define("1.0.0", 1, "trust")?;
    carry(&machines, FIRST, &["anna", "ben"])?;
    machines.on("host", "sha256sum /media/stick/1.root.json # compared with what the publisher announced")?;
    machines
        .on("host", &format!("landfall-installer install /media/stick/{FIRST} --trust /media/stick/1.root.json"))?;
    ensure!((machines.root()?, machines.release()?) == (1, "1.0.0-1".to_owned()), "not installed");
    Ok(machines)
}

#[test]
fn keys_change_as_planned_and_a_host_two_roots_behind_follows() -> Result<()> {
    println!("\n## A planned rotation: Cleo leaves and Dora comes; then Erik comes as well");
    let machines = two_of_three("ben", &["dora", "erik"])?;
    machines.on("build", &format!("landfall-bundler trust rotate {} dora.pub", machines.id("cleo")?))?;
    sign(&machines, "trust", 2, &["anna", "ben"], "ben")?;
    machines.on("build", "landfall-bundler trust add --key erik.pub")?;
    sign(&machines, "trust", 3, &["dora", "anna"], "ben")?;
    machines.define("1.1.0", 2, "trust")?;
    carry(&machines, SECOND, &["dora", "erik"])?;
    machines.on("host", &format!("landfall-installer update --yes /media/stick/{SECOND}"))?;
    ensure!((machines.root()?, machines.release()?) == (3, "1.1.0-2".to_owned()), "the host did not follow");

    machines.define("1.2.0", 3, "trust")?;
    smuggle(&machines, THIRD, &["cleo", "anna"])?;
    machines.refused(&format!("landfall-installer update --yes /media/stick/{THIRD}"), "1")
}

#[test]
fn a_lost_key_is_removed_by_the_others() -> Result<()> {
    println!("\n## One key is lost: Ben's disk died");
    let machines = two_of_three("cleo", &[])?;
    machines.on("ben", "rm ben.key")?;
    machines.on("build", &format!("landfall-bundler trust remove {}", machines.id("ben")?))?;
    sign(&machines, "trust", 2, &["anna", "cleo"], "cleo")?;
    machines.define("1.1.0", 2, "trust")?;
    carry(&machines, SECOND, &["anna", "cleo"])?;
    machines.on("host", &format!("landfall-installer update --yes /media/stick/{SECOND}"))?;
    ensure!((machines.root()?, machines.release()?) == (2, "1.1.0-2".to_owned()), "the host did not follow");
    Ok(())
}

#[test]
fn a_leaked_key_is_revoked_at_once_and_what_it_signed_runs_on() -> Result<()> {
    println!("\n## One key has leaked: Ben's, in a house where one signature is enough");
    let people = ["anna", "ben"];
    let machines = Machines::new(&people)?;
    keys(&machines, &people, "anna")?;
    machines.on("build", "landfall-bundler trust init --key anna.pub ben.pub")?;
    machines.define("1.0.0", 1, "trust")?;
    carry(&machines, FIRST, &["ben"])?;
    machines
        .on("host", &format!("landfall-installer install /media/stick/{FIRST} --trust /media/stick/1.root.json"))?;
    machines.define("1.1.0", 2, "trust")?;
    carry(&machines, SECOND, &["ben"])?;
    machines.on("host", &format!("landfall-installer update --yes /media/stick/{SECOND}"))?;

    machines.on("build", &format!("landfall-bundler trust remove {} --leaked", machines.id("ben")?))?;
    sign(&machines, "trust", 2, &["anna"], "anna")?;
    machines.on("host", "landfall-installer trust import /media/stick/trust")?;
    ensure!((machines.root()?, machines.release()?) == (2, "1.1.0-2".to_owned()), "the host did not take the root");

    println!("      # whoever has Ben's key now makes a release of their own");
    machines.define("1.2.0", 3, "trust")?;
    smuggle(&machines, THIRD, &["ben"])?;
    for word in ["verify", "update --yes"] {
        machines.refused(&format!("landfall-installer {word} /media/stick/{THIRD}"), "revoked")?;
    }
    let shown = machines.on("host", "landfall-installer trust show")?;
    ensure!(shown.contains(&machines.id("ben")?), "the revoked key is not shown: {shown}");
    machines.on("host", "landfall-installer status")?;
    machines.on("host", "landfall-installer rollback --yes")?;
    ensure!(machines.release()? == "1.0.0-1", "the release that Ben signed in good times does not come back");

    carry(&machines, THIRD, &["anna"])?;
    machines.on("host", &format!("landfall-installer update --yes /media/stick/{THIRD}"))?;
    ensure!(machines.release()? == "1.2.0-3", "what Anna signed does not land");
    Ok(())
}

#[test]
fn when_all_keys_are_lost_a_person_tells_the_host_the_next_root() -> Result<()> {
    println!("\n## Everything is lost: the safe with all keys burnt, and Dora begins anew");
    let machines = two_of_three("dora", &["dora"])?;
    for person in ["anna", "ben", "cleo"] {
        machines.on(person, &format!("rm {person}.key"))?;
    }
    machines.on("build", "landfall-bundler trust init --key dora.pub --version 2 --dir anew")?;
    sign(&machines, "anew", 2, &["dora"], "dora")?;
    machines.define("1.1.0", 2, "anew")?;
    carry(&machines, SECOND, &["dora"])?;
    let update = format!("landfall-installer update --yes /media/stick/{SECOND}");
    machines.refused(&update, "")?;
    machines.refused("landfall-installer trust import /media/stick/anew", "")?;
    let other = format!("sha256:{}", "0".repeat(64));
    machines.refused(&format!("landfall-installer trust import /media/stick/anew --replace {other}"), "")?;

    let digest = machines.on("dora", "sha256sum /media/stick/anew/2.root.json # told on the telephone")?;
    let digest = digest.split(' ').next().unwrap_or_default();
    machines.on("host", &format!("landfall-installer trust import /media/stick/anew --replace sha256:{digest}"))?;
    ensure!(machines.root()? == 2, "the host does not go by the new root");
    machines.on("host", &update)?;
    ensure!(machines.release()? == "1.1.0-2", "what Dora signed does not land");
    Ok(())
}

//! The ground that all other tests stand on: the isolated host is isolated, is a real host, and forgets nothing.

use anyhow::{Result, ensure};
use landfall_tests::{Engine, FileList, Host, STICK, Stick, listeners, workspace};

#[test]
fn an_isolated_host_has_systemd_and_docker_and_no_network() -> Result<()> {
    let engine = Engine::shared()?;
    let file = workspace::folder("cache")?.join("a-file-with-a-long-name.txt");
    std::fs::write(&file, "landed")?;
    let stick = Stick::with(&engine, 64, &[&file])?;
    let host = Host::boot(&engine, &[stick.read_only()])?;
    let before = FileList::of(&host)?;
    ensure!(before.len() > 1000, "only {} paths", before.len());
    ensure!(host.ok("ls /sys/class/net")?.contains("lo"));
    let interfaces = host.ok("ip -brief address show up")?;
    ensure!(interfaces.lines().count() == 1 || interfaces.contains("docker0"), "{interfaces}");
    ensure!(host.run("curl --max-time 2 http://1.1.1.1/")?.code != 0, "the host reaches the outside");
    ensure!(host.ok(&format!("cat {STICK}/a-file-with-a-long-name.txt"))? == "landed");
    ensure!(host.run(&format!("touch {STICK}/file"))?.code != 0, "the stick is writable");
    listeners::start(&host)?;
    listeners::stop(&host)?;
    host.reboot()?;
    let difference = before.difference(&FileList::of(&host)?);
    ensure!(difference.is_empty(), "a reboot alone changes\n{difference}");
    Ok(())
}

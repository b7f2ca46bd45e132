//! What is wrong is refused with its documented code, a message that says what, and a hint that says what next; and the host
//! is as it was.

use anyhow::{Context as _, Result, ensure};
use landfall_tests::{Command, Engine, FileList, Host, Installation, Mount, Publisher, Release, Tenant, workspace};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Where the host sees the folder with the bundles.
const AT: &str = "/media/bundles";

/// The folder of bundles that a test shows to its host.
struct Bundles {
    publisher: Publisher,
    folder: PathBuf,
    good: PathBuf,
}

impl Bundles {
    fn new(name: &str) -> Result<Self> {
        let publisher = Publisher::new(name)?;
        let folder = workspace::fresh_folder(&format!("bundle-folders/{name}"))?;
        let good = publisher.pack(&release(&publisher, "1.0.0", "")?)?;
        std::fs::copy(&good, folder.join("good.tar"))?;
        std::fs::copy(publisher.public_key(), folder.join("landfall.pub"))?;
        std::fs::copy(publisher.programs().installer()?, folder.join("landfall-installer"))?;
        Ok(Self { publisher, folder, good })
    }

    fn host(&self, engine: &std::sync::Arc<Engine>) -> Result<Host> {
        Host::boot(engine, &[Mount { source: self.folder.clone(), at: AT, writable: false }])
    }

    /// Puts a copy of the good bundle, changed by `change`, into the folder.
    fn changed(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) -> Result<()> {
        let mut bytes = std::fs::read(&self.good)?;
        change(&mut bytes);
        std::fs::write(self.folder.join(name), bytes).context("write a changed bundle")
    }

    /// A well signed bundle for a processor that the host does not have.
    fn for_another_processor(&self) -> Result<PathBuf> {
        // The first bytes of an AArch64 program (System V ABI, "ELF Header") are all that is looked at.
        let mut program = b"\x7fELF\x02\x01\x01".to_vec();
        program.resize(64, 0);
        program[18] = 183;
        let path = self.publisher.file("arm64-program");
        std::fs::write(&path, program)?;
        let runtime = format!("[runtime]\nbinary = \"{0}\"\ninstaller = \"{0}\"\n", path.display());
        let more = format!("arch = \"arm64\"\n{runtime}");
        self.publisher.pack(&Release { version: "1.0.1".to_owned(), serial: 2, images: vec![], more })
    }

    /// Puts another bundle into the folder.
    fn put(&self, name: &str, bundle: &Path) -> Result<()> {
        std::fs::copy(bundle, self.folder.join(name)).map(drop).context("copy a bundle")
    }
}

fn release(publisher: &Publisher, version: &str, more: &str) -> Result<Release> {
    let images = vec![publisher.hello()?];
    Ok(Release { version: version.to_owned(), serial: 1, images, more: more.to_owned() })
}

/// Runs the installer on the host and holds its refusal against what is documented; the host is left as listed in `before`.
fn refused(host: &Host, before: &FileList, words: &str, exit: i32, says: &str) -> Result<()> {
    let output = host.run(&format!("{AT}/landfall-installer {words} --json </dev/null"))?.exits(exit)?;
    let report: Value = serde_json::from_str(&output.stdout).with_context(|| format!("not JSON: {}", output.text()))?;
    let error = &report["error"];
    let text = |field: &str| error[field].as_str().unwrap_or_default().to_owned();
    ensure!(error["exit"] == exit && !text("code").is_empty(), "{words}: {report}");
    ensure!(text("message").contains(says), "{words}: the message does not say {says:?}: {report}");
    ensure!(!text("hint").is_empty(), "{words}: no hint: {report}");
    let difference = before.difference(&FileList::of(host)?);
    ensure!(difference.is_empty(), "{words}: refused, and yet\n{difference}");
    ensure!(host.ok("docker image ls --quiet")?.is_empty(), "{words}: refused, and yet the engine has an image");
    Ok(())
}

#[test]
fn bad_bundles_are_refused_and_leave_the_host_as_it_was() -> Result<()> {
    let engine = Engine::shared()?;
    let bundles = Bundles::new("bad-bundles")?;
    bundles.changed("damaged.tar", |bytes| {
        let place = bytes.len() - bytes.len() / 4;
        bytes[place] ^= 0x40;
    })?;
    bundles.changed("truncated.tar", |bytes| bytes.truncate(bytes.len() / 2))?;
    bundles.changed("longer.tar", |bytes| bytes.extend_from_slice(&[0; 512]))?;
    bundles.changed("no-bundle.tar", |bytes| bytes.fill(b'x'))?;
    bundles.changed("unsigned.tar", |_| ())?;
    let unsigned = bundles.folder.join("unsigned.tar");
    let signature = Command::new("tar").arg("-tf").arg(&unsigned).ok()?;
    let signature = signature.lines().find(|name| name.ends_with(".minisig")).context("no signature in the bundle")?;
    Command::new("tar").arg("--delete").arg("-f").arg(&unsigned).arg(signature).ok()?;
    let stranger = Publisher::new("bad-bundles-stranger")?;
    bundles.put("stranger.tar", &stranger.pack(&release(&stranger, "1.0.0", "")?)?)?;
    bundles.put("other-arch.tar", &bundles.for_another_processor()?)?;

    let host = bundles.host(&engine)?;
    let before = FileList::of(&host)?;
    let trust = format!("--trust {AT}/landfall.pub");
    for (bundle, exit, says) in [
        ("damaged.tar", 3, "sha256:"),
        ("truncated.tar", 3, "cut off"),
        ("longer.tar", 3, ""),
        ("no-bundle.tar", 3, ""),
        ("unsigned.tar", 4, "sign"),
        ("stranger.tar", 4, "sign"),
    ] {
        for command in ["verify", "install"] {
            refused(&host, &before, &format!("{command} {AT}/{bundle} {trust}"), exit, says)?;
        }
    }
    refused(&host, &before, &format!("install {AT}/other-arch.tar {trust}"), 5, "arm64")?;
    refused(&host, &before, &format!("install {AT}/good.tar"), 4, "trust")?;
    refused(&host, &before, &format!("install {AT}/missing.tar {trust}"), 2, "missing.tar")
}

#[test]
fn an_unfit_host_is_refused_with_what_is_missing() -> Result<()> {
    let engine = Engine::shared()?;
    let bundles = Bundles::new("unfit")?;
    let host = bundles.host(&engine)?;
    let install = format!("install {AT}/good.tar --trust {AT}/landfall.pub");

    let before = FileList::of(&host)?;
    host.ok("systemd-run --quiet --unit taken systemd-socket-activate --listen 3000 --accept --inetd cat")?;
    refused(&host, &before, &install, 6, "port 3000 cannot be used: systemd-socket- (process ")?;
    host.ok("systemctl stop taken")?;

    host.ok("mkdir /var/lib/landfall && mount -t tmpfs -o size=1m full /var/lib/landfall")?;
    let full = FileList::of(&host)?;
    refused(&host, &full, &install, 6, "bytes")?;
    host.ok("umount /var/lib/landfall && rmdir /var/lib/landfall")?;

    host.ok("systemctl stop docker.socket docker.service")?;
    let output = host.run(&format!("{AT}/landfall-installer {install} --json"))?.exits(6)?;
    ensure!(output.stdout.contains("engine") && output.stdout.contains("\"hint\": \""), "{}", output.text());
    ensure!(before.difference(&FileList::of(&host)?).is_empty(), "refused, and yet the host is changed");
    host.ok("systemctl start docker.socket docker.service")?;

    // The host's LAN is where tenants get their addresses from, unless told otherwise.
    host.ok(
        "ip link add lan0 type veth peer name lan1 && ip address add 10.213.5.5/16 dev lan0 && ip link set lan0 up",
    )?;
    refused(
        &host,
        &before,
        &install,
        6,
        "10.213.0.0/16 of the interface lan0: give another one, such as --set network.pool=10.214.0.0/16",
    )?;
    let elsewhere = format!("{AT}/landfall-installer {install} --set network.pool=10.214.0.0/16");
    host.ok(&elsewhere).context("once all is there, and beside the LAN")?;
    let spawned = Installation::on(&host).spawn(&json!({"name": "beside", "baseImage": "hello"}))?;
    host.ok(&format!("ip route get 10.214.0.2 | grep -q lft{}", spawned.env_id))?;
    Ok(())
}

#[test]
fn bad_requests_are_refused_and_leave_no_tenant() -> Result<()> {
    let engine = Engine::shared()?;
    let bundles = Bundles::new("bad-requests")?;
    let host = bundles.host(&engine)?;
    host.ok(&format!("{AT}/landfall-installer install {AT}/good.tar --trust {AT}/landfall.pub"))?;
    let installation = Installation::on(&host);

    let spawn = |body: Value, status: u16, code: &str| refused_request(installation, &body.to_string(), status, code);
    spawn(json!({"name": "good", "language": "cobol", "framework": "cics"}), 422, "unknown_image")?;
    spawn(json!({"name": "good", "baseImage": "debian"}), 422, "unknown_image")?;
    spawn(json!({"name": "good"}), 400, "invalid_request")?;
    spawn(json!({"name": "../etc", "baseImage": "hello"}), 400, "invalid_name")?;
    spawn(json!({"name": "", "baseImage": "hello"}), 400, "invalid_name")?;
    refused_request(installation, "{", 400, "invalid_request")?;
    installation.request("GET", "/api/v1/tenant/77/status", None)?.expect(404)?;
    ensure!(host.run("curl -fsS http://127.0.0.1:3000/api/v1/tenant")?.code == 22, "the list needs no token");

    host.ok("systemctl stop docker.socket docker.service")?;
    spawn(json!({"name": "good", "baseImage": "hello"}), 503, "engine_unavailable")?;
    host.ok("systemctl start docker.socket docker.service")?;
    let tenant = installation.spawn(&json!({"name": "good", "baseImage": "hello"}))?;
    installation.visit(&tenant, "/")?.expect(200)?;
    the_journal_tells(&host, &tenant)
}

/// What should be looked at by its priority, and what concerns a tenant by its number.
fn the_journal_tells(host: &Host, tenant: &Tenant) -> Result<()> {
    let journal = "journalctl --quiet --no-pager --unit landfall";
    let spawned = format!("{journal} TENANT={} --output json | grep '\"EVENT\":\"tenant_spawned\"'", tenant.env_id);
    host.until(&spawned).context("the spawn is the tenant's event")?;
    let warnings = host.ok(&format!("{journal} --priority warning"))?;
    let refused = "caller=admin source=127.0.0.1 method=POST route=/api/v1/tenant/spawn status=503";
    ensure!(warnings.contains(refused), "{warnings}");
    ensure!(!warnings.contains("event=serving") && !warnings.contains("status=400"), "{warnings}");
    Ok(())
}

fn refused_request(installation: Installation<'_>, body: &str, status: u16, code: &str) -> Result<()> {
    let reply = installation.request("POST", "/api/v1/tenant/spawn", Some(body))?.expect(status)?;
    let error = &reply.json()?["error"];
    let is_complete =
        ["message", "requestId"].iter().all(|field| error[field].as_str().is_some_and(|text| !text.is_empty()));
    ensure!(error["code"] == code && is_complete, "{body}: {}", reply.body);
    let listed = installation.request("GET", "/api/v1/tenant", None)?.expect(200)?.json()?;
    ensure!(listed["tenants"] == json!([]), "{body}: refused, and yet there is a tenant: {listed}");
    Ok(())
}

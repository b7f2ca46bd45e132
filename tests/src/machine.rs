//! An emulated machine that can lose power: Debian's kernel and the isolated host's root on a virtio disk with ext4, a FAT32
//! stick, no network card, and a port over which the tests say what to run.

mod parts;
pub mod write_log;

pub use parts::Parts;

use crate::Output;
use anyhow::{Context as _, Result, bail, ensure};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// How long the machine may take for one thing. Emulated processors are some twenty times slower than real ones, and the
/// machine that emulates them may have other work: a boot takes twenty seconds on an idle one.
const TIMEOUT: Duration = Duration::from_mins(10);

/// The kernel's command line. After a panic the machine does not come back, and the test sees it gone.
const KERNEL_LINE: &str = "root=/dev/vda rw console=ttyS0 quiet panic=1 mitigations=off systemd.hostname=isolated \
                           systemd.show_status=no net.ifnames=0";

/// The machine's memory, in megabytes.
const MEMORY: &str = "1536";

/// What the machine's files are called in its folder.
const SOCKET: &str = "port";
const KERNEL_LOG: &str = "console.log";

/// A machine that runs. Dropped, it is cut off.
#[derive(Debug)]
pub struct Machine {
    folder: PathBuf,
    emulator: Child,
    port: UnixStream,
    lines: Receiver<String>,
    commands: u64,
    on: Instant,
}

/// A command that the machine is running.
#[derive(Debug, Clone)]
pub struct Running {
    number: u64,
    line: String,
    start: Instant,
}

impl Running {
    /// How long ago it was started.
    pub fn since(&self) -> Duration {
        self.start.elapsed()
    }
}

impl Machine {
    /// Switches a machine on and waits until it listens. With `log`, each write to `disk` and each flush is recorded in that
    /// file as well, in the order of their completion.
    pub fn boot(parts: &Parts, disk: &Path, stick: &Path, log: Option<&Path>) -> Result<Self> {
        let folder = disk.parent().context("a disk has a folder")?.to_owned();
        let socket = folder.join(SOCKET);
        // An emulator that was killed leaves its socket behind.
        if socket.exists() {
            std::fs::remove_file(&socket)?;
        }
        let on = Instant::now();
        let emulator = emulator(parts, disk, stick, log, &folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(folder.join("emulator.log"))?)
            .spawn()
            .context("start the emulator")?;
        let port = connect(&socket).with_context(|| {
            format!("reach the machine: {}", std::fs::read_to_string(folder.join("emulator.log")).unwrap_or_default())
        })?;
        // A thread of its own reads the port: what is not read fills it, and the machine would wait.
        let lines = listen(port.try_clone()?);
        let mut machine = Self { folder, emulator, port, lines, commands: 0, on };
        machine.ok("true").with_context(|| format!("boot; the kernel printed\n{}", machine.kernel_log()))?;
        Ok(machine)
    }

    /// How long ago it was switched on.
    pub fn up(&self) -> Duration {
        self.on.elapsed()
    }

    /// Starts a shell command, as root.
    pub fn start(&mut self, command: &str) -> Result<Running> {
        self.commands += 1;
        // The port carries an order a line, and a command may have several.
        let encoded = BASE64_STANDARD.encode(command);
        writeln!(self.port, "{} {encoded}", self.commands).context("speak to the machine")?;
        Ok(Running { number: self.commands, line: command.to_owned(), start: Instant::now() })
    }

    /// How `running` ended, if it does within `limit`. A machine that is gone is an error.
    pub fn wait(&mut self, running: &Running, limit: Duration) -> Result<Option<Output>> {
        let end = Instant::now() + limit;
        loop {
            let line = match self.lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(line) => line,
                Err(RecvTimeoutError::Timeout) => return Ok(None),
                Err(RecvTimeoutError::Disconnected) => bail!("the machine went off by itself:\n{}", self.kernel_log()),
            };
            if let Some(output) = answer(&line, running)? {
                return Ok(Some(output));
            }
        }
    }

    /// Runs a shell command, as root, whatever its exit code.
    pub fn run(&mut self, command: &str) -> Result<Output> {
        let running = self.start(command)?;
        let output = self.wait(&running, TIMEOUT)?;
        output.with_context(|| format!("on the machine, not done after {} s: {command}", TIMEOUT.as_secs()))
    }

    /// Runs a shell command and returns its standard output; an exit code other than 0 is an error.
    pub fn ok(&mut self, command: &str) -> Result<String> {
        Ok(self.run(command)?.ok()?.stdout)
    }

    /// Waits until `command` succeeds.
    pub fn until(&mut self, command: &str) -> Result<()> {
        let start = Instant::now();
        loop {
            let output = self.run(command)?;
            if output.code == 0 {
                return Ok(());
            }
            if start.elapsed() > TIMEOUT {
                bail!("on the machine, not within {} s: {command}\n{}", TIMEOUT.as_secs(), output.text());
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// Cuts the power: whatever the machine had not handed to its disk is lost.
    pub fn cut(mut self) -> Result<()> {
        self.kill()
    }

    /// Shuts the machine down in good order.
    pub fn shut_down(mut self) -> Result<()> {
        self.start("systemctl poweroff")?;
        let start = Instant::now();
        while start.elapsed() < TIMEOUT {
            if let Some(status) = self.emulator.try_wait()? {
                ensure!(status.success(), "the emulator ended with {status}");
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        bail!("the machine did not shut down:\n{}", self.kernel_log())
    }

    /// The end of what the kernel wrote to its console.
    fn kernel_log(&self) -> String {
        let bytes = std::fs::read(self.folder.join(KERNEL_LOG)).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    fn kill(&mut self) -> Result<()> {
        // SIGKILL: nothing that the emulator still holds reaches the file behind the disk.
        self.emulator.kill().context("cut the power")?;
        self.emulator.wait().map(drop).context("wait for the emulator")
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if let Err(error) = self.kill() {
            eprintln!("{error:#}");
        }
    }
}

/// The emulator's command line. It dies with the thread that starts it, however that ends.
fn emulator(parts: &Parts, disk: &Path, stick: &Path, log: Option<&Path>, folder: &Path) -> std::process::Command {
    let mut command = std::process::Command::new("setpriv");
    // `-no-reboot` and the kernel's `panic=1`: a crash ends the emulator.
    command.args(["--pdeathsig", "KILL", "qemu-system-x86_64", "-nodefaults", "-display", "none", "-no-reboot"]);
    // One processor: with two, on a machine that has other work, now and then both waited for each other for ever.
    command.args(["-machine", "q35", "-accel", "tcg,thread=single", "-cpu", "max", "-smp", "1", "-m", MEMORY]);
    command.args(["-nic", "none"]);
    command.arg("-kernel").arg(&parts.kernel).arg("-initrd").arg(&parts.initrd).args(["-append", KERNEL_LINE]);
    command.args(["-serial", &format!("file:{}", folder.join(KERNEL_LOG).display())]);
    // The file behind the disk need not survive a power cut of the real machine.
    let mut drives = vec![format!("driver=file,node-name=disk,filename={},cache.no-flush=on", disk.display())];
    if let Some(log) = log {
        drives.push(format!("driver=file,node-name=log,filename={},cache.no-flush=on", log.display()));
        drives.push("driver=blklogwrites,node-name=recorded,file=disk,log=log".to_owned());
    }
    drives.push(format!("driver=file,node-name=stick,filename={},read-only=on", stick.display()));
    for drive in drives {
        command.args(["-blockdev", &drive]);
    }
    let disk = if log.is_some() { "recorded" } else { "disk" };
    // Writes and flushes only: the record's reader knows no other requests.
    command.args(["-device", &format!("virtio-blk-pci,drive={disk},discard=off,write-zeroes=off")]);
    command.args(["-device", "virtio-blk-pci,drive=stick"]);
    let socket = folder.join(SOCKET);
    command.args(["-chardev", &format!("socket,id=port,path={},server=on,wait=off", socket.display())]);
    command.args(["-device", "virtio-serial-pci"]);
    command.args(["-device", "virtserialport,chardev=port,name=landfall.testbed"]);
    command
}

fn connect(socket: &Path) -> Result<UnixStream> {
    const LIMIT: Duration = Duration::from_secs(30);
    let start = Instant::now();
    loop {
        match UnixStream::connect(socket) {
            Ok(port) => return Ok(port),
            Err(error) if start.elapsed() > LIMIT => return Err(error.into()),
            Err(_) => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}

/// The lines that come over the port, until the machine is gone.
fn listen(port: UnixStream) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(port).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    receiver
}

/// The outcome of `running`, if the line is about it.
fn answer(line: &str, running: &Running) -> Result<Option<Output>> {
    let words: Vec<&str> = line.split(' ').collect();
    let [number, code, stdout, stderr] = words.as_slice() else { bail!("not an answer: {line}") };
    // The late answer to a command that was no longer waited for.
    if number.parse() != Ok(running.number) {
        return Ok(None);
    }
    Ok(Some(Output {
        line: running.line.clone(),
        code: code.parse().context("an exit code")?,
        stdout: unbase64(stdout)?,
        stderr: unbase64(stderr)?,
        took: running.start.elapsed(),
    }))
}

fn unbase64(word: &str) -> Result<String> {
    let encoded = word.strip_prefix(':').with_context(|| format!("not an answer: {word}"))?;
    Ok(String::from_utf8_lossy(&BASE64_STANDARD.decode(encoded)?).into_owned())
}

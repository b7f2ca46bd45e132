use crate::{Command, Image, TIMEOUT, workspace};
use anyhow::{Context as _, Result, ensure};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// A registry on loopback, as Debian has it. It ends when it is dropped, and takes what was pushed with it at the next start.
#[derive(Debug)]
pub struct Registry {
    process: Child,
    host: String,
}

impl Registry {
    /// An empty registry, whose folder is called `name`.
    pub fn start(name: &str) -> Result<Self> {
        let folder = workspace::fresh_folder(&format!("registry/{name}"))?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let settings = folder.join("registry.yml");
        let text = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: \"127.0.0.1:{port}\"}}\n",
            folder.join("data").display()
        );
        std::fs::write(&settings, text)?;
        let mut command = std::process::Command::new("docker-registry");
        command.arg("serve").arg(settings).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let process = command.spawn().context("start docker-registry")?;
        let mut registry = Self { process, host: format!("localhost:{port}") };
        let end = Instant::now() + TIMEOUT;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let ended = registry.process.try_wait()?;
            ensure!(ended.is_none() && Instant::now() < end, "docker-registry takes no connections: {ended:?}");
            thread::sleep(Duration::from_millis(20));
        }
        Ok(registry)
    }

    /// Pushes an image, with layers in gzip. Returns it as one of this registry.
    pub fn push(&self, image: &Image) -> Result<Image> {
        let source = format!("docker://{}/{}:1", self.host, image.name);
        let words = ["--insecure-policy", "copy", "--quiet", "--dest-tls-verify=false", &image.source, &source];
        Command::new("skopeo").args(words).ok().with_context(|| format!("push {}", image.name))?;
        Ok(Image { source, ..image.clone() })
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

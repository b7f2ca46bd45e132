//! The text on the medium, for readers who have nothing but the medium: plain ASCII, lines ended by LF, and no line longer than
//! a terminal is wide but those with long names.

use super::{FileRecord, INSTALLER_NAME, RootFile};
use landfall_keys::PublicKey;
use landfall_manifests::{Digest, Release};
use std::fmt;

/// The guide's name on the medium.
pub(crate) const NAME: &str = "README.txt";

/// How each guide begins, so that nobody else's text is replaced.
pub(crate) const FIRST_LINE: &str = "LANDFALL: A RELEASE FOR A HOST WITHOUT A NETWORK";

/// What a guide tells.
#[derive(Debug)]
pub(crate) struct Guide<'a> {
    pub(crate) release: &'a Release,
    /// The digest of the manifest, which is what is signed.
    pub(crate) manifest: Digest,
    /// The keys that the bundle names and that signed it.
    pub(crate) keys: &'a [PublicKey],
    /// The root on the medium, if there is one.
    pub(crate) root: Option<&'a RootFile>,
    /// The bundle's name, without the number of a part.
    pub(crate) bundle: &'a str,
    /// How many parts the bundle is cut into, if it is.
    pub(crate) parts: Option<u32>,
    /// What is on the medium beside the guide.
    pub(crate) files: &'a [FileRecord],
}

impl fmt::Display for Guide<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.release(f)?;
        self.files(f)?;
        self.keys(f)?;
        self.whom_to_trust(f)?;
        self.commands(f)?;
        self.damage(f)?;
        f.write_str(EXIT_CODES)
    }
}

impl Guide<'_> {
    fn release(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let release = self.release;
        writeln!(f, "{FIRST_LINE}\n")?;
        writeln!(f, "  product   {}", release.product)?;
        writeln!(f, "  version   {}", release.version)?;
        writeln!(f, "  serial    {}", release.serial)?;
        writeln!(f, "  platform  {}", release.platform())?;
        writeln!(f, "  manifest\n    {}", self.manifest)?;
        f.write_str(
            "\nNothing on this medium has to be believed: the installer holds every byte of the\n\
             bundle against signatures by keys that you trust. Whoever can write to the\n\
             medium can also write this text: compare what it says about keys and digests\n\
             with what the publisher told you by another way.\n",
        )
    }

    fn files(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\n\nWHAT IS HERE\n\n")?;
        for file in self.files {
            writeln!(f, "  {}\n    {} bytes\n    {}", file.name, file.size, file.digest)?;
        }
        writeln!(
            f,
            "\n{INSTALLER_NAME} runs as root before anything has been verified: compare its\n\
             sha256sum with what the publisher told you, or use the one that the host has\n\
             from an earlier release."
        )?;
        let Some(parts) = self.parts else { return Ok(()) };
        writeln!(
            f,
            "\nThe bundle is cut into {parts} parts. Name any one of them, or the bundle without\n\
             .partNNN. They are read where they are, one after the other: they need not be\n\
             joined. Parts in other folders are found with --parts DIR, which may be given\n\
             several times; for one that is missing, a person at a terminal is asked to\n\
             insert the medium."
        )
    }

    fn keys(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\n\nWHO IS SAID TO HAVE SIGNED\n\n")?;
        for key in self.keys {
            writeln!(f, "  key {}\n    {}", key.id(), key.to_line())?;
        }
        if self.keys.is_empty() {
            f.write_str("  The bundle does not name its signers: the publisher tells you their keys.\n")?;
        }
        f.write_str("\nThe whole line, from RW to its end, is the key. Its id can be imitated.\n")
    }

    fn whom_to_trust(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\n\nWHOM A NEW HOST TRUSTS\n\n")?;
        match self.root {
            Some(root) => Self::root(root, f)?,
            None => f.write_str(
                "The keys of the publisher, once you have compared them. If the publisher has\n\
                 several signers, their root (a file N.root.json) is better: --trust N.root.json\n\
                 tells the host all of them, and how many must sign.\n",
            )?,
        }
        f.write_str(
            "\nA host that has accepted keys once keeps to them, and follows its publisher when\n\
             they change their keys: there, give no --trust.\n",
        )
    }

    fn root(root: &RootFile, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  {}\n    {}\n", root.name(), root.digest())?;
        writeln!(f, "This is version {} of the publisher's trust root. A release must be signed by\n", root.version())?;
        writeln!(f, "  {} of {} keys", root.threshold(), root.keys().len())?;
        for key in root.keys() {
            writeln!(f, "  key {}\n    {}", key.id(), key.to_line())?;
        }
        writeln!(
            f,
            "\nCompare the root's digest, which sha256sum {} prints, with what the\n\
             publisher told you by another way than this medium.",
            root.name()
        )
    }

    fn commands(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let trust = self.trust();
        let bundle = self.bundle;
        writeln!(f, "\n\nWHAT TO DO\n\nAs root, in the folder of this medium.\n")?;
        writeln!(f, "A host that has no {} yet:\n", self.release.product)?;
        for command in ["verify", "plan", "install"] {
            writeln!(f, "  ./{INSTALLER_NAME} {command} \\\n      {bundle}{trust}")?;
        }
        writeln!(f, "\nA host that has {}, with the installer that is on it:\n", self.release.product)?;
        for command in ["verify", "plan", "update"] {
            writeln!(f, "  {INSTALLER_NAME} {command} \\\n      {bundle}")?;
        }
        writeln!(
            f,
            "\nverify reads all and changes nothing; plan says what would change; install and\n\
             update do it, and leave the host as it was when anything fails. --help tells\n\
             more. If the host runs nothing from this medium (\"Permission denied\"):\n\n  \
             install -m 700 {INSTALLER_NAME} /root/"
        )
    }

    /// The options by which a host that trusts nobody yet is told the root, or to ask for all the signers.
    fn trust(&self) -> String {
        if let Some(root) = self.root {
            return format!(" \\\n      --trust ./{}", root.name());
        }
        let mut options: Vec<String> = self.keys.iter().map(|key| format!("--trust {}", key.to_line())).collect();
        match self.keys.len() {
            0 => options.push("--trust KEY".to_owned()),
            1 => {}
            several => options.push(format!("--threshold {several}")),
        }
        options.insert(0, String::new());
        options.join(" \\\n      ")
    }

    fn damage(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (bundle, product, trust) = (self.bundle, &self.release.product, self.trust());
        let patch = self.release.patch_file_name();
        writeln!(
            f,
            "\n\nWHEN SOMETHING IS DAMAGED\n\n\
             Exit code 3 says where. The rest of the bundle stays of use: have what is\n\
             damaged made again, and carry only that.\n\n\
             First, onto a medium that can be written, on a host that has no {product} yet:\n\n  \
             ./{INSTALLER_NAME} verify --request request.json \\\n      {bundle}{trust}\n\n\
             On a host that has {product}:\n\n  \
             {INSTALLER_NAME} verify --request request.json \\\n      {bundle}\n\n\
             Where the bundle was made, with request.json:\n\n  \
             landfall-bundler repair request.json --from \\\n      {bundle}\n\n\
             Back with the file that this wrote, on a host that has no {product} yet:\n"
        )?;
        let option = format!("--patch {patch}");
        for command in ["verify", "install"] {
            writeln!(f, "  ./{INSTALLER_NAME} {command} \\\n      {option} \\\n      {bundle}{trust}")?;
        }
        writeln!(f, "\nOn a host that has {product}:\n")?;
        for command in ["verify", "update"] {
            writeln!(f, "  {INSTALLER_NAME} {command} \\\n      {option} \\\n      {bundle}")?;
        }
        writeln!(f, "\nplan takes --patch as well.")
    }
}

/// As in `landfall_console::Exit`.
const EXIT_CODES: &str = "\n\nEXIT CODES\n
  0  done
  1  unexpected error
  2  the command line or a file named there is wrong
  3  damaged: the message says where
  4  not signed by the keys that the host trusts
  5  refused by policy: downgrade, other product, processor or upgrade path
  6  the host is not fit: something is missing, full or taken
  7  the update failed, and the release from before runs again
  8  another operation is under way, or has to be recovered first
";

#[cfg(test)]
mod tests;

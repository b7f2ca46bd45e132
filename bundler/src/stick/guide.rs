//! The text on the medium, for readers who have nothing but the medium: plain ASCII, lines ended by LF, and no line longer than
//! a terminal is wide but those with long names.

use super::{FileRecord, INSTALLER_NAME, RootFile};
use landfall_keys::PublicKey;
use landfall_manifests::{Digest, Release};
use std::fmt;

/// The guide's name on the medium.
pub(crate) const NAME: &str = "README.txt";

/// The first line of each guide: a file that begins otherwise is not replaced.
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
    /// The name of the bundle's parity file, without the number of a part, if there is one.
    pub(crate) parity: Option<&'a str>,
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
            "\nYou need not trust this medium: the installer checks every byte of the bundle\n\
             against signatures by keys that you trust. But anyone who can write to the\n\
             medium can also change this text: compare the keys and digests in it with\n\
             those that the publisher gave you over another channel.\n",
        )
    }

    fn files(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\n\nFILES\n\n")?;
        for file in self.files {
            writeln!(f, "  {}\n    {} bytes\n    {}", file.name, file.size, file.digest)?;
        }
        writeln!(
            f,
            "\n{INSTALLER_NAME} runs as root before anything has been verified: check it\n\
             first, as INSTALLATION AND UPDATE says, or use the one that the host has from an\n\
             earlier release."
        )?;
        let Some(parts) = self.parts else { return Ok(()) };
        writeln!(
            f,
            "\nThe bundle is cut into {parts} parts. Name any one of them, or the bundle without\n\
             .partNNN. They are read where they are, one after the other: they need not be\n\
             joined. Parts in other folders are found with --parts DIR, which may be given\n\
             several times; if one is missing, the installer asks for its medium when it runs\n\
             on a terminal."
        )
    }

    fn keys(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\n\nCLAIMED SIGNERS\n\n")?;
        for key in self.keys {
            writeln!(f, "  key {}\n    {}", key.id(), key.to_line())?;
        }
        if self.keys.is_empty() {
            f.write_str("  The bundle does not name its signers: ask the publisher for their keys.\n")?;
        }
        f.write_str("\nThe key is the whole line, from RW to its end. Ids can be forged.\n")
    }

    fn whom_to_trust(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\n\nTRUSTED KEYS OF A NEW HOST\n\n")?;
        match self.root {
            Some(root) => Self::root(root, f)?,
            None => f.write_str(
                "The publisher's keys, after you have compared them. If the publisher has several\n\
                 signers, give their trust root (a file N.root.json) instead: --trust N.root.json\n\
                 names all of them, and how many must sign.\n",
            )?,
        }
        f.write_str(
            "\nA host that has accepted keys keeps them, and follows the publisher's changes of\n\
             keys by itself: do not give --trust there.\n",
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
             publisher gave you over another channel than this medium.",
            root.name()
        )
    }

    fn commands(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let trust = self.trust();
        let bundle = self.bundle;
        writeln!(f, "\n\nINSTALLATION AND UPDATE\n\nAs root, in the folder of this medium.\n")?;
        if let Some(base) = &self.release.base {
            let (product, versions) = (&self.release.product, base.versions());
            writeln!(
                f,
                "This bundle is a delta, for hosts that have {product} {versions}. Any other host\nneeds the full bundle.\n"
            )?;
        }
        writeln!(
            f,
            "A host that has no {} yet. Before anything else, check the installer:\n\n  \
             sha256sum {INSTALLER_NAME}\n\n\
             Go on only if that prints what the publisher gave you over another channel, on\n\
             paper for example. The digest in this text proves nothing: whoever changed the\n\
             installer can have changed the text.\n",
            self.release.product
        )?;
        let first = if self.release.base.is_some() { &["verify"][..] } else { &["verify", "plan", "install"] };
        for command in first {
            writeln!(f, "  ./{INSTALLER_NAME} {command} \\\n      {bundle}{trust}")?;
        }
        writeln!(f, "\nA host that has {}, with the installer that is on it:\n", self.release.product)?;
        for command in ["verify", "plan", "update"] {
            writeln!(f, "  {INSTALLER_NAME} {command} \\\n      {bundle}")?;
        }
        writeln!(
            f,
            "\nverify reads everything and changes nothing; plan shows what would change;\n\
             install and update do it, and restore the host if anything fails. --help tells\n\
             more. If the host runs nothing from this medium (\"Permission denied\"):\n\n  \
             install -m 700 {INSTALLER_NAME} /root/"
        )
    }

    /// The options that give the root to a host that trusts no key yet, or all the signers' keys.
    fn trust(&self) -> String {
        if let Some(root) = self.root {
            return format!(" \\\n      --trust ./{}", root.name());
        }
        // With the threshold by which `RootFile::choose` tried the bundle.
        let mut options: Vec<String> = self.keys.iter().map(|key| format!("--trust {}", key.to_line())).collect();
        match self.keys.len() {
            0 => options.push("--trust KEY".to_owned()),
            1 => {}
            several => options.push(format!("--threshold {several}")),
        }
        // An empty first one, so that each option begins on a line of its own.
        options.insert(0, String::new());
        options.join(" \\\n      ")
    }

    fn damage(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (bundle, product, trust) = (self.bundle, &self.release.product, self.trust());
        let patch = self.release.patch_file_name();
        f.write_str("\n\nIF THE BUNDLE IS DAMAGED\n\n")?;
        if let Some(parity) = self.parity {
            writeln!(
                f,
                "{parity}\n\
                 lets the installer compute what this medium no longer gives back. Keep it\n\
                 beside the bundle. It is used by itself, and the installer says where: then\n\
                 copy all of it to another medium. The rest of this section is for a bundle of\n\
                 which more is lost.\n"
            )?;
        }
        writeln!(
            f,
            "\
             The installer exits with code 3 and names the damaged places. The rest of the\n\
             bundle is still usable: only the damaged blobs have to be brought again.\n\n\
             First, write a request to a writable medium. On a host that has no {product} yet:\n\n  \
             ./{INSTALLER_NAME} verify --request request.json \\\n      {bundle}{trust}\n\n\
             On a host that has {product}:\n\n  \
             {INSTALLER_NAME} verify --request request.json \\\n      {bundle}\n\n\
             On the machine where the bundle was made:\n\n  \
             landfall-bundler repair request.json --from \\\n      {bundle}\n\n\
             Then, with the patch that this wrote, on a host that has no {product} yet:\n"
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

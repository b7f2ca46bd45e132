//! The stick's folders and files, apart from how the kernel asks for them.

use super::flash::{Content, Flash};
use super::read_fault::{Answer, ReadFault};
use super::{Reads, StickSpec};
use fuser::Errno;
use std::collections::{BTreeMap, HashMap};
use std::ffi::{OsStr, OsString};

/// The number of the top folder (`FUSE_ROOT_ID`).
pub(super) const ROOT: u64 = 1;
/// The largest file on FAT32, in bytes.
const FAT_FILE: u64 = u32::MAX as u64;

/// All that the stick holds, and how it behaves.
#[derive(Debug)]
pub(super) struct Tree {
    pub(super) spec: StickSpec,
    pub(super) fault: HashMap<String, ReadFault>,
    pub(super) reads: HashMap<String, Reads>,
    /// How many bytes may still be written before the stick is pulled out.
    pub(super) writes_left: Option<u64>,
    flash: Flash,
    nodes: HashMap<u64, Node>,
    next: u64,
}

#[derive(Debug)]
pub(super) enum Node {
    Folder(BTreeMap<OsString, u64>),
    File { name: String, content: Content },
}

/// The result of what the kernel asks for.
pub(super) type Asked<T> = Result<T, Errno>;

impl Tree {
    pub(super) fn new(spec: StickSpec) -> Self {
        Self {
            spec,
            fault: HashMap::new(),
            reads: HashMap::new(),
            writes_left: None,
            flash: Flash::new(spec.capacity),
            nodes: HashMap::from([(ROOT, Node::Folder(BTreeMap::new()))]),
            next: ROOT + 1,
        }
    }

    pub(super) fn put(&mut self, name: &str, bytes: &[u8]) {
        let mut content = Content::default();
        self.flash.write(&mut content, 0, bytes);
        let number = self.number(Node::File { name: name.to_owned(), content });
        if let Some(Node::Folder(entries)) = self.nodes.get_mut(&ROOT) {
            entries.insert(name.into(), number);
        }
    }

    pub(super) fn names(&self) -> Vec<String> {
        let entries = self.folder(ROOT).map(|entries| entries.keys());
        entries.into_iter().flatten().map(|name| name.to_string_lossy().into_owned()).collect()
    }

    /// Free bytes, as the stick tells.
    pub(super) fn free(&self) -> u64 {
        self.spec.size.saturating_sub(self.flash.used())
    }

    pub(super) fn node(&self, number: u64) -> Asked<&Node> {
        self.is_there()?;
        self.nodes.get(&number).ok_or(Errno::ENOENT)
    }

    /// The size of a file as the stick tells it; 0 of a folder.
    pub(super) fn size(&self, node: &Node) -> u64 {
        let Node::File { name, content } = node else { return 0 };
        let calls = self.reads.get(name).map_or(0, Reads::calls);
        self.fault.get(name).map_or(content.size, |fault| fault.size(content.size, calls))
    }

    pub(super) fn entries(&self, folder: u64) -> Asked<Vec<(u64, OsString)>> {
        self.is_there()?;
        Ok(self.folder(folder)?.iter().map(|(name, number)| (*number, name.clone())).collect())
    }

    pub(super) fn find(&self, folder: u64, name: &OsStr) -> Asked<u64> {
        self.is_there()?;
        self.folder(folder)?.get(name).copied().ok_or(Errno::ENOENT)
    }

    pub(super) fn make_folder(&mut self, folder: u64, name: &OsStr) -> Asked<u64> {
        self.add(folder, name, Node::Folder(BTreeMap::new()))
    }

    pub(super) fn make_file(&mut self, folder: u64, name: &OsStr) -> Asked<u64> {
        let node = Node::File { name: name.to_string_lossy().into_owned(), content: Content::default() };
        self.add(folder, name, node)
    }

    pub(super) fn remove(&mut self, folder: u64, name: &OsStr) -> Asked<()> {
        let number = self.find(folder, name)?;
        if matches!(self.nodes.get(&number), Some(Node::Folder(entries)) if !entries.is_empty()) {
            return Err(Errno::ENOTEMPTY);
        }
        self.folder_mut(folder)?.remove(name);
        // The node stays for those who have it open.
        Ok(())
    }

    pub(super) fn rename(&mut self, from: (u64, &OsStr), to: (u64, &OsStr)) -> Asked<()> {
        let number = self.find(from.0, from.1)?;
        self.folder_mut(from.0)?.remove(from.1);
        self.folder_mut(to.0)?.insert(to.1.to_owned(), number);
        if let Some(Node::File { name, .. }) = self.nodes.get_mut(&number) {
            // Faults and counts go by the name that a file has now.
            *name = to.1.to_string_lossy().into_owned();
        }
        Ok(())
    }

    pub(super) fn write(&mut self, number: u64, offset: u64, bytes: &[u8]) -> Asked<()> {
        self.is_there()?;
        let end = offset + bytes.len() as u64;
        if self.spec.fat && end > FAT_FILE {
            return Err(Errno::EFBIG);
        }
        // By the size that the stick reports: a stick that lies accepts what it will lose.
        if bytes.len() as u64 > self.free() {
            return Err(Errno::ENOSPC);
        }
        if let Some(left) = &mut self.writes_left {
            // The write that reaches the limit is lost whole: the stick is gone before it answers.
            *left = left.saturating_sub(bytes.len() as u64);
        }
        self.is_there()?;
        match self.nodes.get_mut(&number) {
            Some(Node::File { content, .. }) => {
                self.flash.write(content, offset, bytes);
                Ok(())
            }
            _ => Err(Errno::EISDIR),
        }
    }

    pub(super) fn read(&mut self, number: u64, offset: u64, length: u64) -> Asked<Vec<u8>> {
        self.is_there()?;
        let Some(Node::File { name, content }) = self.nodes.get(&number) else { return Err(Errno::EISDIR) };
        let fault = self.fault.get(name).cloned().unwrap_or_default();
        let reads = self.reads.entry(name.clone()).or_default();
        let honest = |range: std::ops::Range<u64>| {
            let length = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
            self.flash.read(content, range.start, length)
        };
        let answer = fault.answer(offset..offset.saturating_add(length), reads, honest);
        match answer {
            Answer::Bytes(bytes) => {
                reads.add(offset..offset + bytes.len() as u64);
                Ok(bytes)
            }
            Answer::Failure => Err(Errno::EIO),
        }
    }

    /// A stick that was pulled out answers nothing.
    fn is_there(&self) -> Asked<()> {
        if self.writes_left == Some(0) { Err(Errno::EIO) } else { Ok(()) }
    }

    fn add(&mut self, folder: u64, name: &OsStr, node: Node) -> Asked<u64> {
        if self.find(folder, name).is_ok() {
            return Err(Errno::EEXIST);
        }
        self.is_there()?;
        let number = self.number(node);
        self.folder_mut(folder)?.insert(name.to_owned(), number);
        Ok(number)
    }

    fn number(&mut self, node: Node) -> u64 {
        let number = self.next;
        self.next += 1;
        self.nodes.insert(number, node);
        number
    }

    fn folder(&self, number: u64) -> Asked<&BTreeMap<OsString, u64>> {
        match self.nodes.get(&number) {
            Some(Node::Folder(entries)) => Ok(entries),
            _ => Err(Errno::ENOTDIR),
        }
    }

    fn folder_mut(&mut self, number: u64) -> Asked<&mut BTreeMap<OsString, u64>> {
        match self.nodes.get_mut(&number) {
            Some(Node::Folder(entries)) => Ok(entries),
            _ => Err(Errno::ENOTDIR),
        }
    }
}

//! How the kernel asks (FUSE): each question is put to the tree, and its answer is never kept.

use super::tree::{Asked, Node, ROOT, Tree};
use fuser::{
    BsdFileFlags, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation, INodeNo, LockOwner,
    OpenFlags, RenameFlags, ReplyAttr, ReplyCreate, ReplyData, ReplyDirectory, ReplyEmpty, ReplyEntry, ReplyOpen,
    ReplyStatfs, ReplyWrite, Request, TimeOrNow, WriteFlags,
};
use std::ffi::OsStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How long the kernel may keep an answer.
const KEPT: Duration = Duration::ZERO;
/// The unit in which the stick counts its room, in bytes.
const UNIT: u32 = 4096;

/// Answers for the stick.
pub(super) struct Server {
    pub(super) tree: Arc<Mutex<Tree>>,
}

impl Server {
    fn tree(&self) -> MutexGuard<'_, Tree> {
        self.tree.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn about(&self, number: u64) -> Asked<FileAttr> {
        let tree = self.tree();
        let node = tree.node(number)?;
        let (kind, perm) = match node {
            Node::Folder(_) => (FileType::Directory, 0o755),
            Node::File { .. } => (FileType::RegularFile, 0o755),
        };
        let size = tree.size(node);
        Ok(FileAttr {
            ino: INodeNo(number),
            size,
            blocks: size.div_ceil(512),
            atime: UNIX_EPOCH,
            mtime: UNIX_EPOCH,
            ctime: UNIX_EPOCH,
            crtime: UNIX_EPOCH,
            kind,
            perm,
            nlink: 1,
            uid: 0,
            gid: 0,
            rdev: 0,
            blksize: UNIT,
            flags: 0,
        })
    }

    fn entry(&self, found: Asked<u64>, reply: ReplyEntry) {
        match found.and_then(|number| self.about(number)) {
            Ok(about) => reply.entry(&KEPT, &about, Generation(0)),
            Err(error) => reply.error(error),
        }
    }
}

fn done(outcome: Asked<()>, reply: ReplyEmpty) {
    match outcome {
        Ok(()) => reply.ok(),
        Err(error) => reply.error(error),
    }
}

impl Filesystem for Server {
    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let found = self.tree().find(parent.0, name);
        self.entry(found, reply);
    }

    fn getattr(&self, _: &Request, number: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        match self.about(number.0) {
            Ok(about) => reply.attr(&KEPT, &about),
            Err(error) => reply.error(error),
        }
    }

    fn setattr(
        &self,
        _: &Request,
        number: INodeNo,
        mode: Option<u32>,
        _: Option<u32>,
        _: Option<u32>,
        _: Option<u64>,
        _: Option<TimeOrNow>,
        _: Option<TimeOrNow>,
        _: Option<SystemTime>,
        _: Option<FileHandle>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        // FAT knows no permissions: a FAT driver in user space reports that.
        match self.about(number.0).and_then(|about| if mode.is_some() { Err(Errno::ENOSYS) } else { Ok(about) }) {
            Ok(about) => reply.attr(&KEPT, &about),
            Err(error) => reply.error(error),
        }
    }

    fn mkdir(&self, _: &Request, parent: INodeNo, name: &OsStr, _: u32, _: u32, reply: ReplyEntry) {
        let made = self.tree().make_folder(parent.0, name);
        self.entry(made, reply);
    }

    fn unlink(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        done(self.tree().remove(parent.0, name), reply);
    }

    fn rmdir(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        done(self.tree().remove(parent.0, name), reply);
    }

    fn rename(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        new_parent: INodeNo,
        new_name: &OsStr,
        _: RenameFlags,
        reply: ReplyEmpty,
    ) {
        done(self.tree().rename((parent.0, name), (new_parent.0, new_name)), reply);
    }

    fn open(&self, _: &Request, number: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        match self.about(number.0) {
            // Past the page cache: each read(2) of a program is one that the stick sees.
            Ok(_) => reply.opened(FileHandle(0), FopenFlags::FOPEN_DIRECT_IO),
            Err(error) => reply.error(error),
        }
    }

    fn create(&self, _: &Request, parent: INodeNo, name: &OsStr, _: u32, _: u32, _: i32, reply: ReplyCreate) {
        let made = self.tree().make_file(parent.0, name);
        match made.and_then(|number| self.about(number)) {
            Ok(about) => reply.created(&KEPT, &about, Generation(0), FileHandle(0), FopenFlags::FOPEN_DIRECT_IO),
            Err(error) => reply.error(error),
        }
    }

    fn read(
        &self,
        _: &Request,
        number: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        match self.tree().read(number.0, offset, size.into()) {
            Ok(bytes) => reply.data(&bytes),
            Err(error) => reply.error(error),
        }
    }

    fn write(
        &self,
        _: &Request,
        number: INodeNo,
        _: FileHandle,
        offset: u64,
        data: &[u8],
        _: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        match self.tree().write(number.0, offset, data) {
            Ok(()) => reply.written(u32::try_from(data.len()).unwrap_or_default()),
            Err(error) => reply.error(error),
        }
    }

    fn flush(&self, _: &Request, _: INodeNo, _: FileHandle, _: LockOwner, reply: ReplyEmpty) {
        reply.ok();
    }

    fn fsync(&self, _: &Request, number: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        done(self.about(number.0).map(drop), reply);
    }

    fn fsyncdir(&self, _: &Request, number: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        done(self.about(number.0).map(drop), reply);
    }

    fn readdir(&self, _: &Request, number: INodeNo, _: FileHandle, offset: u64, mut reply: ReplyDirectory) {
        let entries = match self.tree().entries(number.0) {
            Ok(entries) => entries,
            Err(error) => return reply.error(error),
        };
        let dots = [".", ".."].map(|name| (ROOT, name.into()));
        for (at, (number, name)) in
            (1..).zip(dots.into_iter().chain(entries)).skip(usize::try_from(offset).unwrap_or(0))
        {
            let is_folder = matches!(self.tree().node(number), Ok(Node::Folder(_)));
            let kind = if is_folder { FileType::Directory } else { FileType::RegularFile };
            // The buffer is full: the kernel asks again from the last offset on.
            if reply.add(INodeNo(number), at, kind, name) {
                break;
            }
        }
        reply.ok();
    }

    fn statfs(&self, _: &Request, _: INodeNo, reply: ReplyStatfs) {
        let tree = self.tree();
        let units = |bytes: u64| bytes / u64::from(UNIT);
        let free = units(tree.free());
        reply.statfs(units(tree.spec.size), free, free, 0, 0, UNIT, 255, UNIT);
    }
}

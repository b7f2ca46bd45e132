//! Files without a name, which no walk through folders finds: they take space until the last process that uses them ends. Found through the
//! processes of containers, within bounds.

use super::folder_size::{Device, Holding, device_of};
use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, StatxFlags, openat, statx};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Instant;
use std::{fs, io};

/// How many descriptors and mappings of one container are looked at: some tenths of a second.
const MAX_LOOKED_AT: u64 = 1 << 16;

/// The files without a name that a container's processes use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Unnamed {
    /// What they hold.
    pub held: Holding,
    /// Whether there may be more: the container has too many descriptors to look at all, or some are under way in a socket, where
    /// nobody sees what they refer to.
    pub may_be_more: bool,
}

/// One container while it is looked at.
#[derive(Default)]
struct Search {
    found: Unnamed,
    /// What was counted already: threads share descriptors, and programs mappings.
    seen: BTreeSet<(Device, u64)>,
    looked_at: u64,
}

/// Looks through the processes below `proc` for the files without a name on `device`, by container. `containers` are the ids that
/// control groups are named after. What ends meanwhile is passed over, and so is what may not be looked at; after `deadline`, nothing
/// more is looked at.
pub(super) fn find(
    proc: &Path,
    device: Device,
    containers: &BTreeSet<String>,
    deadline: Instant,
) -> io::Result<BTreeMap<String, Unnamed>> {
    let mut searches = BTreeMap::<&str, Search>::new();
    for process in folders_in(proc)? {
        if Instant::now() >= deadline {
            break;
        }
        let Some(container) = container_of(&process, containers) else { continue };
        let search = searches.entry(container).or_default();
        // Each thread may have descriptors of its own.
        let threads = folders_in(&process.join("task")).unwrap_or_default();
        for folder in threads.into_iter().map(|thread| thread.join("fd")).chain([process.join("map_files")]) {
            let _ = search.look_at(&folder, device, deadline);
        }
    }
    Ok(searches.into_iter().map(|(container, search)| (container.to_owned(), search.found)).collect())
}

/// The folders that are named by a number.
fn folders_in(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder)?.flatten();
    let is_number = |name: &std::ffi::OsStr| name.as_encoded_bytes().iter().all(u8::is_ascii_digit);
    Ok(entries.filter(|entry| is_number(&entry.file_name())).map(|entry| entry.path()).collect())
}

/// The container whose control group a process is in: `…/docker/<id>`, `…/docker-<id>.scope`, `…/libpod-<id>.scope`.
fn container_of<'a>(process: &Path, containers: &'a BTreeSet<String>) -> Option<&'a str> {
    let groups = fs::read_to_string(process.join("cgroup")).ok()?;
    groups.split(|c: char| !c.is_ascii_alphanumeric()).find_map(|word| containers.get(word)).map(String::as_str)
}

impl Search {
    /// Looks at what the links in a folder refer to.
    fn look_at(&mut self, folder: &Path, device: Device, deadline: Instant) -> io::Result<()> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let mut links = Dir::new(openat(CWD, folder, flags, Mode::empty())?)?;
        while let Some(link) = links.read().transpose()? {
            let name = link.file_name().to_owned();
            if [c".", c".."].contains(&name.as_c_str()) {
                continue;
            }
            self.looked_at += 1;
            if self.looked_at > MAX_LOOKED_AT || Instant::now() >= deadline {
                self.found.may_be_more = true;
                break;
            }
            // Of the file, not of the link: the kernel goes there without a path.
            let Ok(about) = statx(links.fd()?, &name, AtFlags::empty(), StatxFlags::BASIC_STATS) else { continue };
            if !self.seen.insert((device_of(&about), about.stx_ino)) {
                continue;
            }
            if FileType::from_raw_mode(about.stx_mode.into()) == FileType::Socket {
                self.found.may_be_more |= holds_descriptors(folder, &name.to_string_lossy());
            } else if about.stx_nlink == 0 && device_of(&about) == device {
                let bytes = about.stx_blocks.saturating_mul(512);
                self.found.held = self.found.held.and(Holding { bytes, files: 1, depth: 0 });
            }
        }
        Ok(())
    }
}

/// Whether descriptors are under way in a socket (`scm_fds`, from Linux 5.11 on).
fn holds_descriptors(folder: &Path, name: &str) -> bool {
    let about = fs::read_to_string(folder.with_file_name("fdinfo").join(name)).unwrap_or_default();
    let number = about.lines().find_map(|line| line.strip_prefix("scm_fds:"));
    number.is_some_and(|number| number.trim() != "0")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use rustix::fs::{FallocateFlags, fallocate};
    use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
    use std::fs::File;
    use std::io::Write as _;
    use std::os::fd::{AsFd as _, AsRawFd};
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixStream;
    use std::time::Duration;

    const MIB: u64 = 1 << 20;

    /// A folder like `/proc`, in which processes have descriptors of this one.
    struct Proc(tempfile::TempDir);

    impl Proc {
        fn process(&self, number: u32, group: &str) -> PathBuf {
            let process = self.0.path().join(number.to_string());
            for folder in ["fd", "fdinfo"] {
                fs::create_dir_all(process.join("task").join(number.to_string()).join(folder)).unwrap();
            }
            fs::create_dir(process.join("map_files")).unwrap();
            fs::write(process.join("cgroup"), format!("0::{group}\n")).unwrap();
            process
        }

        fn find(&self) -> BTreeMap<String, Unnamed> {
            let about = statx(CWD, self.0.path(), AtFlags::empty(), StatxFlags::BASIC_STATS).unwrap();
            let containers = ["aa11", "bb22"].map(str::to_owned).into();
            find(self.0.path(), device_of(&about), &containers, Instant::now() + Duration::from_mins(5)).unwrap()
        }
    }

    fn open(process: &Path, thread: u32, file: &impl AsRawFd) {
        for kind in ["fd", "fdinfo"] {
            let name = file.as_raw_fd().to_string();
            let link = process.join("task").join(thread.to_string()).join(kind).join(&name);
            symlink(Path::new("/proc/self").join(kind).join(name), link).unwrap();
        }
    }

    fn bytes(found: &BTreeMap<String, Unnamed>, container: &str) -> u64 {
        found[container].held.bytes
    }

    #[test]
    fn a_file_without_a_name_is_counted_once_with_the_container_that_holds_it_open() {
        let proc = Proc(tempfile::tempdir().unwrap());
        let mut written = tempfile::tempfile_in(proc.0.path()).unwrap();
        written.write_all(&vec![1; 3 << 20]).unwrap();
        let reserved = tempfile::tempfile_in(proc.0.path()).unwrap();
        fallocate(&reserved, FallocateFlags::KEEP_SIZE, 0, 5 * MIB).unwrap();
        let named = File::create(proc.0.path().join("named")).unwrap();
        named.set_len(1).unwrap();

        let one = proc.process(7, "/system.slice/docker-aa11.scope");
        open(&one, 7, &written);
        open(&one, 7, &named);
        open(&one, 7, &File::open("/dev/null").unwrap());
        let again = proc.process(8, "/docker/aa11");
        open(&again, 8, &written);
        fs::create_dir_all(again.join("task/9/fd")).unwrap();
        fs::create_dir_all(again.join("task/9/fdinfo")).unwrap();
        let other = proc.process(10, "/machine.slice/libpod-bb22.scope/container");
        let range = Path::new("/proc/self/fd").join(reserved.as_raw_fd().to_string());
        symlink(range, other.join("map_files/7f00-7f01")).unwrap();
        open(&proc.process(11, "/user.slice"), 11, &reserved);

        let found = proc.find();
        assert_eq!(found.keys().map(String::as_str).collect::<Vec<_>>(), ["aa11", "bb22"]);
        assert!((3 * MIB..4 * MIB).contains(&bytes(&found, "aa11")), "{found:?}");
        assert!((5 * MIB..6 * MIB).contains(&bytes(&found, "bb22")), "mapped, and no longer open: {found:?}");
        assert_eq!(found["aa11"].held.files, 1);
        // A thread with descriptors of its own.
        open(&again, 9, &reserved);
        assert!(bytes(&proc.find(), "aa11") >= 8 * MIB);
        assert!(proc.find().values().all(|unnamed| !unnamed.may_be_more));
    }

    #[test]
    fn descriptors_that_are_under_way_may_be_of_more_files() {
        let proc = Proc(tempfile::tempdir().unwrap());
        let (from, to) = UnixStream::pair().unwrap();
        let process = proc.process(7, "/docker/aa11");
        open(&process, 7, &from);
        open(&process, 7, &to);
        assert!(!proc.find()["aa11"].may_be_more);
        let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut message = SendAncillaryBuffer::new(&mut space);
        let files = [from.as_fd()];
        assert!(message.push(SendAncillaryMessage::ScmRights(&files)));
        sendmsg(&from, &[io::IoSlice::new(b"x")], &mut message, SendFlags::empty()).unwrap();
        assert!(proc.find()["aa11"].may_be_more);
    }

    #[test]
    fn a_container_with_too_many_descriptors_may_have_more() {
        let mut search = Search { looked_at: MAX_LOOKED_AT, ..Search::default() };
        let later = Instant::now() + Duration::from_mins(5);
        search.look_at(Path::new("/proc/self/fd"), (0, 0), later).unwrap();
        assert!(search.found.may_be_more);
    }
}

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A capability (capabilities(7)) that programs of an image may have: of those that engines grant by default, the ones that act on the
/// container's own files and processes alone. The others are left out: `NET_RAW` forges addresses, by which tenants are told apart,
/// `MKNOD` makes devices, `AUDIT_WRITE` writes the host's audit log, `SETFCAP` and `SETPCAP` pass capabilities on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "capabilities(7) documents them")]
pub enum Capability {
    Chown,
    DacOverride,
    Fowner,
    Fsetid,
    Kill,
    NetBindService,
    Setgid,
    Setuid,
    SysChroot,
}

impl Capability {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Chown,
        Self::DacOverride,
        Self::Fowner,
        Self::Fsetid,
        Self::Kill,
        Self::NetBindService,
        Self::Setgid,
        Self::Setuid,
        Self::SysChroot,
    ];

    /// Its name without `CAP_`, as engines take it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Chown => "CHOWN",
            Self::DacOverride => "DAC_OVERRIDE",
            Self::Fowner => "FOWNER",
            Self::Fsetid => "FSETID",
            Self::Kill => "KILL",
            Self::NetBindService => "NET_BIND_SERVICE",
            Self::Setgid => "SETGID",
            Self::Setuid => "SETUID",
            Self::SysChroot => "SYS_CHROOT",
        }
    }

    /// Its number (linux/capability.h).
    pub fn number(self) -> u8 {
        match self {
            Self::Chown => 0,
            Self::DacOverride => 1,
            Self::Fowner => 3,
            Self::Fsetid => 4,
            Self::Kill => 5,
            Self::Setgid => 6,
            Self::Setuid => 7,
            Self::NetBindService => 10,
            Self::SysChroot => 18,
        }
    }
}

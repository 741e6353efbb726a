//! One process at a time: a locked file in the data folder that says who holds it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

use testudo_core::Timestamp;

use crate::OpenError;

/// The name of the file.
const NAME: &str = "lock";

/// The lock; let go when it is dropped, or when the process ends in whatever way.
#[derive(Debug)]
pub(crate) struct FolderLock {
    _file: File,
}

impl FolderLock {
    /// Takes the lock of a folder, or says who holds it.
    pub fn take(folder: &Path, now: Timestamp) -> Result<FolderLock, OpenError> {
        let path = folder.join(NAME);
        let failed = |action| {
            let path = path.clone();
            move |source| OpenError::Io { action, path, source }
        };
        let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = open.map_err(failed("open the lock file"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                let _ = (&mut file).take(512).read_to_string(&mut text);
                let holder = text.lines().next().filter(|line| !line.is_empty()).unwrap_or("another process");
                return Err(OpenError::Held { folder: folder.to_owned(), holder: holder.to_owned() });
            }
            Err(TryLockError::Error(source)) => return Err(failed("lock")(source)),
        }
        let line = format!("process {} since {now} on {}\n", std::process::id(), host());
        let written = file
            .set_len(0)
            .and_then(|()| file.seek(SeekFrom::Start(0)))
            .and_then(|_| file.write_all(line.as_bytes()))
            .and_then(|()| file.flush());
        written.map_err(failed("write the lock file"))?;
        Ok(FolderLock { _file: file })
    }
}

fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { "this host".to_owned() } else { name.to_owned() }
}

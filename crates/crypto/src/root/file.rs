//! Key files: mode 0600, written once, durable before use.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::path::Path;

use testudo_core::Secret;
use zeroize::Zeroizing;

use super::RootKeyError;

/// More than any key file holds.
const MAX_BYTES: usize = 1024;

/// The one line of a file that nobody but its owner may touch, without its line end.
pub(super) fn read(path: &Path) -> Result<Secret<String>, RootKeyError> {
    let failed = |source| RootKeyError::Read { path: path.to_owned(), source };
    // Asked before opening, because opening a pipe would wait for its other end.
    if !std::fs::metadata(path).map_err(failed)?.is_file() {
        return Err(RootKeyError::NotAFile { path: path.to_owned() });
    }
    let file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() {
        return Err(RootKeyError::NotAFile { path: path.to_owned() });
    }
    check_mode(path, &metadata)?;
    // One byte more than allowed shows that the file is too long; the buffer never moves, so no copy stays behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_BYTES + 1));
    file.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() > MAX_BYTES {
        return Err(RootKeyError::Malformed);
    }
    let line = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    let text = std::str::from_utf8(line).map_err(|_| RootKeyError::Malformed)?;
    Ok(Secret::new(text.to_owned()))
}

/// Writes a new file of mode 0600 and makes it and its folder entry durable. A file that could not be written whole is
/// removed again.
pub(super) fn create(path: &Path, content: &[u8]) -> Result<(), RootKeyError> {
    let failed = |source| RootKeyError::Write { path: path.to_owned(), source };
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).map_err(|source| match source.kind() {
        ErrorKind::AlreadyExists => RootKeyError::Exists { path: path.to_owned() },
        _ => failed(source),
    })?;
    let written = file.write_all(content).and_then(|()| file.sync_all()).and_then(|()| sync_folder(path));
    written.map_err(|source| {
        // The first error is the one to report; what remains is an incomplete file that nobody refers to.
        drop(std::fs::remove_file(path));
        failed(source)
    })
}

fn sync_folder(path: &Path) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

#[cfg(unix)]
fn check_mode(path: &Path, metadata: &std::fs::Metadata) -> Result<(), RootKeyError> {
    let mode = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o7777;
    if mode & !0o600 != 0 {
        return Err(RootKeyError::Permissions { path: path.to_owned(), mode });
    }
    Ok(())
}

#[cfg(not(unix))]
fn check_mode(_: &Path, _: &std::fs::Metadata) -> Result<(), RootKeyError> {
    Ok(())
}

//! A file of lines (0600): appended, made durable before the place moves, rotated by size. A line that a crash cut off is
//! taken away before the next one.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::{Delivery, SendError};
use crate::format::{Format, MAX_LINE};
use crate::{Origin, Record};

/// Bytes after which no more line is added to a write.
const ENOUGH_BYTES: usize = 2 * 1024 * 1024;
/// The most rotated files with one name.
const MOST_NAMES: u32 = 10_000;

/// Appends to a file.
#[derive(Debug)]
pub struct FileTarget {
    path: PathBuf,
    format: Format,
    rotate: u64,
}

impl FileTarget {
    /// To this file; when it has `rotate` bytes or more, it is renamed and begun anew.
    pub fn new(path: PathBuf, format: Format, rotate: u64) -> FileTarget {
        FileTarget { path, format, rotate }
    }

    pub(super) async fn send(&mut self, records: &[&Record], origin: &Origin) -> Result<Delivery, SendError> {
        let (mut lines, mut count) = (Vec::new(), 0);
        for record in records {
            lines.extend(self.format.line(record, origin, MAX_LINE));
            lines.push(b'\n');
            count += 1;
            if lines.len() >= ENOUGH_BYTES {
                break;
            }
        }
        let first = records.first().map_or(0, |record| record.seq);
        let (path, rotate) = (self.path.clone(), self.rotate);
        let written = tokio::task::spawn_blocking(move || append(&path, rotate, first, &lines)).await;
        let path = self.path.display();
        match written {
            Ok(Ok(())) => Ok(Delivery::taken(count)),
            Ok(Err(error)) => Err(SendError::new(format!("`{path}` can't be written: {error}"))),
            Err(_) => Err(SendError::new(format!("writing `{path}` was interrupted"))),
        }
    }
}

fn append(path: &Path, rotate: u64, first: u64, lines: &[u8]) -> io::Result<()> {
    let mut file = open(path)?;
    let mut size = file.seek(SeekFrom::End(0))?;
    if size >= rotate {
        rename(path, first)?;
        file = open(path)?;
        size = 0;
    }
    size = without_torn_line(&mut file, size)?;
    let written = file.write_all(lines).and_then(|()| file.sync_data());
    if written.is_err() {
        // A part of a line would stand before the same line.
        let _ = file.set_len(size);
    }
    written
}

fn open(path: &Path) -> io::Result<File> {
    let existed = path.exists();
    let file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?;
    // What somebody else is about to write is no torn line.
    file.lock()?;
    if !existed {
        sync_folder(path)?;
    }
    Ok(file)
}

/// Takes away what stands after the last line's end; gives the size that is left.
fn without_torn_line(file: &mut File, size: u64) -> io::Result<u64> {
    let window = size.min(2 * MAX_LINE as u64);
    if window == 0 {
        return Ok(size);
    }
    let mut tail = Vec::new();
    file.seek(SeekFrom::Start(size - window))?;
    file.take(window).read_to_end(&mut tail)?;
    match tail.iter().rposition(|byte| *byte == b'\n') {
        Some(last) if last + 1 == tail.len() => Ok(size),
        Some(last) => {
            let kept = size - window + last as u64 + 1;
            file.set_len(kept)?;
            Ok(kept)
        }
        None if window == size => {
            file.set_len(0)?;
            Ok(0)
        }
        None => Err(io::Error::other("it holds no lines of ours; name another file")),
    }
}

/// Renames a full file after the first place that is no longer in it; never over another.
fn rename(path: &Path, first: u64) -> io::Result<()> {
    for n in 0..MOST_NAMES {
        let suffix = if n == 0 { format!(".{first:020}") } else { format!(".{first:020}.{n}") };
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        let name = PathBuf::from(name);
        if !name.exists() {
            std::fs::rename(path, &name)?;
            return sync_folder(path);
        }
    }
    Err(io::Error::other("it can't be rotated: there are too many files of its name"))
}

fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::format::samples;

    #[tokio::test]
    async fn lines_are_appended_and_files_rotated_without_a_loss() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.jsonl");
        let (origin, record) = (samples::origin(), samples::records().remove(0));
        let mut target = FileTarget::new(path.clone(), Format::Ocsf, 5_000);
        let mut sent = 0;
        while sent < 20 {
            let record = Record { seq: sent, ..record.clone() };
            sent += target.send(&[&record], &origin).await.unwrap().count as u64;
        }
        let mut places = Vec::new();
        let mut files = 0;
        for entry in std::fs::read_dir(folder.path()).unwrap() {
            let entry = entry.unwrap();
            files += 1;
            assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600);
            assert!(entry.metadata().unwrap().len() < 8_000);
            for line in std::fs::read_to_string(entry.path()).unwrap().lines() {
                let event: serde_json::Value = serde_json::from_str(line).unwrap();
                places.push(event.pointer("/metadata/sequence").unwrap().as_u64().unwrap());
            }
        }
        places.sort_unstable();
        assert_eq!(places, (0..20).collect::<Vec<_>>());
        assert!(files > 2, "{files}");
    }

    #[tokio::test]
    async fn a_line_that_a_crash_cut_off_goes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        let (origin, record) = (samples::origin(), samples::records().remove(0));
        for before in ["", "{\"torn", "{\"whole\":1}\n", "{\"whole\":1}\n{\"to"] {
            std::fs::write(&path, before).unwrap();
            FileTarget::new(path.clone(), Format::Ecs, 1 << 20).send(&[&record], &origin).await.unwrap();
            let text = std::fs::read_to_string(&path).unwrap();
            for line in text.lines() {
                serde_json::from_str::<serde_json::Value>(line).unwrap();
            }
            assert_eq!(text.lines().count(), 1 + before.matches('\n').count());
        }
    }

    #[tokio::test]
    async fn a_folder_that_is_not_there_is_an_error_that_names_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let (origin, record) = (samples::origin(), samples::records().remove(0));
        let mut target = FileTarget::new(folder.path().join("no/out"), Format::Ecs, 1 << 20);
        let error = target.send(&[&record], &origin).await.unwrap_err();
        assert!(error.cause.contains("no/out"), "{error}");
    }
}

//! The files of a partition.

use std::path::Path;

use super::Kafka;

impl Kafka {
    /// Loses the records of a partition from an offset on, and those that came in one batch with that, while it is
    /// stopped: as an election does that is not clean.
    ///
    /// # Panics
    /// It runs, or has no such partition.
    pub fn truncate(&self, topic: &str, partition: usize, offset: i64) {
        assert!(
            self.server.is_none(),
            "a broker that runs has its files open"
        );
        let folder = self.folder.join(format!("storage/{topic}-{partition}"));
        for entry in std::fs::read_dir(&folder).expect("the folder of a partition") {
            let path = entry.expect("a file of a partition").path();
            let extension = path.extension().unwrap_or_default().to_string_lossy();
            match &*extension {
                "log" => truncate_segment(&path, offset),
                // Are made again from the log.
                "index" | "timeindex" | "txnindex" | "snapshot" => {
                    std::fs::remove_file(&path).expect("a file to remove");
                }
                _ => {}
            }
        }
    }
}

/// Cuts a segment off before the batch that holds `offset`, or what comes after it.
fn truncate_segment(path: &Path, offset: i64) {
    let bytes = std::fs::read(path).expect("a segment");
    let number = |at: usize, size: usize| {
        let bytes = bytes.get(at..at + size)?;
        Some(
            bytes
                .iter()
                .fold(0, |number, &byte| number << 8 | i64::from(byte)),
        )
    };
    let mut end = 0;
    // A batch has its first offset, the bytes that follow, and later how far its last offset is from the first.
    while let (Some(first), Some(size), Some(more)) =
        (number(end, 8), number(end + 8, 4), number(end + 23, 4))
        && first + more < offset
    {
        end += 12 + size as usize;
    }
    std::fs::write(path, &bytes[..end]).expect("a shorter segment");
}

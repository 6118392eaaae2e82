//! What a folder holds.

use std::path::Path;

/// Every file below a folder, by its path from there.
pub fn files_below(folder: &Path) -> Vec<String> {
    fn collect(folder: &Path, top: &Path, found: &mut Vec<String>) {
        let Ok(entries) = std::fs::read_dir(folder) else {
            return;
        };
        for path in entries.flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                collect(&path, top, found);
            } else if let Ok(name) = path.strip_prefix(top) {
                found.push(name.display().to_string());
            }
        }
    }
    let mut found = Vec::new();
    collect(folder, folder, &mut found);
    found.sort();
    found
}

//! Dead letters after their epoch: files of lines and of rows, read again.

mod file;
pub mod rows;
mod select;

pub use file::{Letter, LetterFile, Letters, files};
pub use select::Selection;

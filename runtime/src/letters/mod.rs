//! Dead letters after their epoch: files of lines and of rows, read again; and delivered again.

mod file;
mod numbers;
pub mod retry;
pub mod rows;
mod select;

pub use file::{Letter, LetterFile, Letters, Record, files};
pub use numbers::Numbers;
pub use select::Selection;

#[cfg(test)]
mod tests;

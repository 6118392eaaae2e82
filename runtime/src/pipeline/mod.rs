//! Source → task → epoch → commit.

pub mod limits;

//! The connector as the pipeline uses it, on a real disk. Tables are read back by another
//! implementation of the protocol.

mod commits;
mod evolution;
mod fixture;
mod logs;
mod partitions;
mod values;

//! The process is killed, at every named step of the commit protocol and at random instants, and
//! started again until it is done: no row and no dead letter is lost, and none is there twice.

mod input;
mod instants;
mod steps;

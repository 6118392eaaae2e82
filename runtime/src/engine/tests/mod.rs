//! The engine against small guests, each written for what it is to show.

mod builtin;
mod destination;
mod epochs;
mod guest;
mod hostile;
mod loading;
mod rows;
mod sandboxed;

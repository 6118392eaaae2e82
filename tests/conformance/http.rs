//! A web service takes a row when it is told of it, and keeps no positions: the suite asks for more. What is promised is
//! held in tests/pipelines/http.

use crate::destination::{Delivery, Promise};

pub const PROMISE: Promise = Promise {
    connector: "http",
    title: "Web services",
    delivery: Delivery::AtLeastOnce,
    positions: "with the source, or on the local disk",
};

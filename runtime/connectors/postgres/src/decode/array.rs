//! Arrays of one dimension as lists (`array_send` in PostgreSQL's arrayfuncs.c).
//!
//! Number of dimensions, whether there are nulls, OID of the elements, each 32 bits; for each
//! dimension its length and first index, each 32 bits; the elements, each behind its length.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, BooleanBufferBuilder, ListArray, NullBufferBuilder};
use arrow::buffer::OffsetBuffer;
use arrow::compute::filter;
use arrow::datatypes::{Field, FieldRef};
use arrow::error::ArrowError;

use super::column::{NO_ROOM, Values};
use super::frame::field;
use super::{Fault, SourceType};

/// MAXDIM of the server.
const MAX_DIMENSIONS: i32 = 6;

/// Builds a column of lists.
#[derive(Debug)]
pub(super) struct Lists {
    element: FieldRef,
    elements: Values,
    /// Where each list ends, not counting what is dropped.
    ends: Vec<i32>,
    nulls: NullBufferBuilder,
    /// Elements of arrays that turned out to be misfits.
    dropped: Vec<Range<usize>>,
}

impl Lists {
    pub(super) fn new(element: SourceType) -> Self {
        Self {
            element: Field::new_list_field(element.arrow(), true).into(),
            elements: Values::new(element),
            ends: Vec::new(),
            nulls: NullBufferBuilder::new(0),
            dropped: Vec::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn append_null(&mut self) {
        self.ends.push(self.end());
        self.nulls.append_null();
    }

    pub(super) fn append(&mut self, value: &[u8]) -> Result<(), Fault> {
        let begin = self.elements.len();
        if let Err(fault) = self.append_elements(value) {
            let range = begin..self.elements.len();
            if !range.is_empty() {
                self.dropped.push(range);
            }
            return Err(fault);
        }
        let count = i32::try_from(self.elements.len() - begin).ok();
        let end = count.and_then(|count| self.end().checked_add(count));
        self.ends
            .push(end.ok_or_else(|| Fault::malformed(NO_ROOM))?);
        self.nulls.append_non_null();
        Ok(())
    }

    fn append_elements(&mut self, value: &[u8]) -> Result<(), Fault> {
        let (count, mut rest) = header(value)?;
        for _ in 0..count {
            match field(&mut rest).map_err(Fault::Malformed)? {
                Some(element) => self.elements.append(element).map_err(|fault| match fault {
                    Fault::Misfit(what) => Fault::Misfit(format!("has an element that {what}")),
                    malformed => malformed,
                })?,
                None => self.elements.append_null(),
            }
        }
        match rest {
            [] => Ok(()),
            _ => Err(Fault::malformed("is an array that ends after its elements")),
        }
    }

    pub(super) fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        let mut elements = self.elements.finish()?;
        if !self.dropped.is_empty() {
            let mut kept = BooleanBufferBuilder::new(elements.len());
            for range in self.dropped.drain(..) {
                kept.append_n(range.start - kept.len(), true);
                kept.append_n(range.len(), false);
            }
            kept.append_n(elements.len() - kept.len(), true);
            elements = filter(&elements, &BooleanArray::new(kept.finish(), None))?;
        }
        let mut offsets = Vec::with_capacity(self.ends.len() + 1);
        offsets.push(0);
        offsets.append(&mut self.ends);
        let lists = ListArray::try_new(
            Arc::clone(&self.element),
            OffsetBuffer::new(offsets.into()),
            elements,
            self.nulls.finish(),
        )?;
        Ok(Arc::new(lists))
    }

    pub(super) fn bytes(&self) -> usize {
        self.elements.bytes()
            + size_of_val(self.ends.as_slice())
            + size_of_val(self.dropped.as_slice())
    }

    fn end(&self) -> i32 {
        self.ends.last().copied().unwrap_or_default()
    }
}

/// The number of elements, and their bytes.
fn header(value: &[u8]) -> Result<(i32, &[u8]), Fault> {
    let malformed = || Fault::malformed("is no array");
    let ([dimensions, _, _], rest) = words(value).ok_or_else(malformed)?;
    match dimensions {
        0 => Ok((0, rest)),
        1 => match words(rest).ok_or_else(malformed)? {
            ([length, _], rest) if length >= 0 => Ok((length, rest)),
            _ => Err(malformed()),
        },
        2..=MAX_DIMENSIONS => Err(Fault::misfit(format!(
            "is an array of {dimensions} dimensions, and a list has one"
        ))),
        _ => Err(malformed()),
    }
}

fn words<const N: usize>(bytes: &[u8]) -> Option<([i32; N], &[u8])> {
    let (words, _) = bytes.as_chunks::<4>();
    let words = words.first_chunk::<N>()?;
    Some((words.map(i32::from_be_bytes), bytes.get(4 * N..)?))
}

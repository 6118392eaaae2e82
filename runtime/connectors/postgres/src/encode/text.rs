//! Text, and what is written as text elsewhere.

use arrow::array::{ArrayRef, AsArray};

use super::cell::Cell;

/// The texts of a column.
pub(super) trait Texts: Send + 'static {
    /// Of a row that is not null.
    fn text(&self, row: usize) -> &str;
}

impl<O: arrow::array::OffsetSizeTrait> Texts for arrow::array::GenericStringArray<O> {
    fn text(&self, row: usize) -> &str {
        self.value(row)
    }
}

/// None where the values are no text.
pub(super) fn texts(values: &ArrayRef) -> Option<Box<dyn Texts>> {
    if let Some(texts) = values.as_string_opt::<i32>() {
        return Some(Box::new(texts.clone()));
    }
    let texts = values.as_string_opt::<i64>()?;
    Some(Box::new(texts.clone()))
}

/// `most`: characters that the column keeps. The server would cut blanks after them without a word.
pub(super) fn text(values: &ArrayRef, most: Option<u32>) -> Option<Cell> {
    let texts = texts(values)?;
    let most = most.map_or(usize::MAX, |most| most as usize);
    Some(Box::new(move |row, out| {
        let text = texts.text(row);
        if text.len() > most {
            let characters = text.chars().count();
            if characters > most {
                return Err(
                    format!("has {characters} characters, and the column keeps {most}").into(),
                );
            }
        }
        let text = text.as_bytes();
        if text.contains(&0) {
            return Err("holds a zero byte, which text in PostgreSQL cannot".into());
        }
        out.extend_from_slice(text);
        Ok(())
    }))
}

pub(super) fn uuid(values: &ArrayRef) -> Option<Cell> {
    if let Some(bytes) = values.as_binary_opt::<i64>() {
        let bytes = bytes.clone();
        return Some(Box::new(move |row, out| {
            let value = bytes.value(row);
            if value.len() != 16 {
                return Err(format!("has {} bytes, and a uuid has 16", value.len()).into());
            }
            out.extend_from_slice(value);
            Ok(())
        }));
    }
    let texts = texts(values)?;
    Some(Box::new(move |row, out| {
        let text = texts.text(row);
        let id = uuid::Uuid::try_parse(text)
            .map_err(|_| format!("is \"{}\", which is no uuid", shortened(text)))?;
        out.extend_from_slice(id.as_bytes());
        Ok(())
    }))
}

/// Enough of a text to find it by.
pub(super) fn shortened(text: &str) -> String {
    const SHOWN: usize = 40;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

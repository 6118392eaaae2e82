//! Structs as values of composite types (`record_recv` in PostgreSQL's rowtypes.c): members find their
//! places by name.

use arrow::array::{Array, AsArray, StructArray};
use arrow::buffer::NullBuffer;
use wasm_sink_core::{Error, Result};

use super::cell::{Cell, cell};
use super::{Misfit, sized};
use crate::types::{Attribute, Composite};

/// None where the values are no structs.
///
/// # Errors
/// `invalid`: a member that the type lacks, or whose values do not go there.
pub(super) fn composite(path: &str, values: &dyn Array, to: &Composite) -> Result<Option<Cell>> {
    let Some(given) = values.as_struct_opt() else {
        return Ok(None);
    };
    every_member_has_a_place(path, given, to)?;
    let attributes: Vec<Written> = to
        .attributes
        .iter()
        .map(|attribute| Written::new(path, given, attribute))
        .collect::<Result<_>>()?;
    let count = (attributes.len() as i32).to_be_bytes();
    Ok(Some(Box::new(move |row, out| {
        out.extend_from_slice(&count);
        for attribute in &attributes {
            out.extend_from_slice(&attribute.oid.to_be_bytes());
            attribute
                .write(row, out)
                .map_err(|misfit| misfit.of_member(&attribute.name))?;
        }
        Ok(())
    })))
}

fn every_member_has_a_place(path: &str, given: &StructArray, to: &Composite) -> Result<()> {
    for (index, member) in given.fields().iter().enumerate() {
        let name = member.name();
        let mut before = given.fields().iter().take(index);
        if before.any(|other| other.name() == name) {
            return Err(Error::invalid(format!(
                "the rows have two members `{path}.{name}`"
            )));
        }
        // A member without values of any type carries nothing that could be lost.
        if member.data_type().is_null() {
            continue;
        }
        let known: Vec<_> = to
            .attributes
            .iter()
            .map(|known| known.name.as_str())
            .collect();
        if !known.contains(&name.as_str()) {
            return Err(Error::invalid(format!(
                "`{path}.{name}` is not in the type {} of the table, which has: {}; add it with \
                 `alter type`, or leave it out",
                to.name,
                known.join(", ")
            )));
        }
    }
    Ok(())
}

/// How one attribute is written.
struct Written {
    name: String,
    oid: u32,
    allows_null: bool,
    /// None where the rows do not have it.
    given: Option<(Option<NullBuffer>, Cell)>,
}

impl Written {
    fn new(path: &str, given: &StructArray, attribute: &Attribute) -> Result<Self> {
        let name = &attribute.name;
        let given = match given.column_by_name(name) {
            Some(values) => {
                let cell = cell(&format!("{path}.{name}"), values, &attribute.kind)?;
                Some((values.logical_nulls(), cell))
            }
            None => None,
        };
        Ok(Self {
            name: name.clone(),
            oid: attribute.oid,
            allows_null: attribute.allows_null,
            given,
        })
    }

    fn write(&self, row: usize, out: &mut Vec<u8>) -> std::result::Result<(), Misfit> {
        let value = self.given.as_ref().filter(|(nulls, _)| {
            let is_null = nulls.as_ref().is_some_and(|nulls| nulls.is_null(row));
            !is_null
        });
        match value {
            Some((_, cell)) => sized(out, |out| cell(row, out)),
            None if self.allows_null => {
                out.extend_from_slice(&(-1_i32).to_be_bytes());
                Ok(())
            }
            None => Err("is null, and its domain does not allow that".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int64Array, ListArray, NullArray, StringArray};
    use arrow::buffer::OffsetBuffer;
    use arrow::datatypes::Field;

    use super::*;
    use crate::encode::check;
    use crate::types::{Element, PgType};

    /// create type item as (name text, lot int)
    fn item() -> PgType {
        let attribute = |name: &str, oid, kind| Attribute {
            name: name.to_owned(),
            oid,
            kind,
            allows_null: true,
        };
        PgType::Composite(Box::new(Composite {
            name: "item".to_owned(),
            attributes: vec![
                attribute("name", 25, PgType::Text(None)),
                attribute("lot", 23, PgType::Int4),
            ],
        }))
    }

    fn items() -> PgType {
        let (oid, kind) = (0x401a, item());
        PgType::Array(Box::new(Element { oid, kind }))
    }

    fn structs(members: Vec<(&str, ArrayRef)>, nulls: Option<Vec<bool>>) -> ArrayRef {
        let (fields, columns): (Vec<_>, Vec<_>) = members
            .into_iter()
            .map(|(name, values)| (Field::new(name, values.data_type().clone(), true), values))
            .unzip();
        let nulls = nulls.map(NullBuffer::from);
        Arc::new(StructArray::new(fields.into(), columns, nulls))
    }

    fn names(names: Vec<Option<&str>>) -> ArrayRef {
        Arc::new(StringArray::from(names))
    }

    fn lots(lots: Vec<Option<i64>>) -> ArrayRef {
        Arc::new(Int64Array::from(lots))
    }

    /// All values in one list.
    fn list(values: ArrayRef) -> ArrayRef {
        let item = Arc::new(Field::new_list_field(values.data_type().clone(), true));
        let offsets = OffsetBuffer::from_lengths([values.len()]);
        Arc::new(ListArray::new(item, offsets, values, None))
    }

    fn written(values: &ArrayRef, to: &PgType, row: usize) -> std::result::Result<String, Misfit> {
        let mut out = Vec::new();
        cell("c", values, to).unwrap()(row, &mut out)?;
        Ok(out.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    #[test]
    fn members_find_their_places_by_name() {
        let lots = lots(vec![None, Some(7)]);
        let names = names(vec![Some("bolt"), Some("nut")]);
        let values = structs(vec![("lot", lots), ("name", Arc::clone(&names))], None);
        // As `record_send` writes them.
        assert_eq!(
            written(&values, &item(), 0).unwrap(),
            "000000020000001900000004626f6c7400000017ffffffff"
        );
        assert_eq!(
            written(&values, &item(), 1).unwrap(),
            "0000000200000019000000036e7574000000170000000400000007"
        );
        let without_lot = structs(vec![("name", names)], None);
        assert_eq!(
            written(&without_lot, &item(), 0).unwrap(),
            written(&values, &item(), 0).unwrap()
        );
    }

    #[test]
    fn arrays_hold_them() {
        let names = names(vec![Some("nut"), Some("under a null")]);
        let lots = lots(vec![Some(7), Some(i64::MAX)]);
        let values = structs(
            vec![("name", names), ("lot", lots)],
            Some(vec![true, false]),
        );
        // As `array_send` writes them, but for the OID.
        assert_eq!(
            written(&list(values), &items(), 0).unwrap(),
            "00000001000000010000401a00000002000000010000001b0000000200000019000000036e757400000017\
             0000000400000007ffffffff"
        );
    }

    #[test]
    fn what_has_no_place_is_named() {
        let nothing: ArrayRef = Arc::new(NullArray::new(1));
        let named = |name, values| structs(vec![(name, values)], None).data_type().clone();
        assert!(check("c", &named("color", Arc::clone(&nothing)), &item()).is_ok());
        let error = check("c", &named("color", lots(vec![Some(1)])), &item()).unwrap_err();
        assert!(error.message().contains("`c.color` is not in"), "{error}");
        assert!(error.message().contains("name, lot"), "{error}");
        let error = check("c", &named("lot", names(vec![Some("1")])), &item()).unwrap_err();
        assert!(error.message().contains("`c.lot` is integer"), "{error}");
        let twice = vec![("lot", lots(vec![None])), ("lot", lots(vec![None]))];
        let error = check("c", structs(twice, None).data_type(), &item()).unwrap_err();
        assert!(error.message().contains("two members `c.lot`"), "{error}");
        let error = check("c", lots(vec![]).data_type(), &item()).unwrap_err();
        assert!(error.message().contains("`c` is item"), "{error}");
    }

    #[test]
    fn a_misfit_is_told_by_its_way_down() {
        let values = structs(vec![("lot", lots(vec![Some(3_000_000_000)]))], None);
        let misfit = written(&values, &item(), 0).unwrap_err();
        assert_eq!(misfit.part, ".lot");
        assert!(misfit.why.contains("3000000000"), "{}", misfit.why);
        let misfit = written(&list(values), &items(), 0).unwrap_err();
        assert_eq!(misfit.part, ".element.lot");
    }

    #[test]
    fn a_domain_that_allows_no_null_gets_none() {
        let mut to = item();
        if let PgType::Composite(to) = &mut to {
            to.attributes[1].allows_null = false;
        }
        let names = names(vec![Some("bolt")]);
        for values in [
            structs(vec![("name", Arc::clone(&names))], None),
            structs(vec![("name", names), ("lot", lots(vec![None]))], None),
        ] {
            let misfit = written(&values, &to, 0).unwrap_err();
            assert_eq!(misfit.part, ".lot");
            assert!(misfit.why.contains("is null"), "{}", misfit.why);
        }
    }
}

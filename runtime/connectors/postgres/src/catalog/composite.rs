//! What a column was declared as, down to the members of composite types.

use std::collections::HashMap;

use tokio_postgres::{Client, Error, Row};

use crate::types::{Attribute, Composite, Element, PgType};

/// How deep composite types are looked into; what lies deeper takes no values.
const MAX_DEPTH: usize = 8;
/// Attributes of one column, all in all: a type that stands twice in each of the next is many.
const MAX_ATTRIBUTES: usize = 10_000;

/// What [`Declared`] reads, first in a query.
pub(super) const DECLARED: &str = "
    format_type(a.atttypid, a.atttypmod),
    case when t.typtype = 'd' then t.typtypmod else a.atttypmod end,
    b.oid, b.typtype::text, b.typname::text,
    e.oid, e.typtype::text, e.typname::text, format_type(e.oid, null)";

/// Types of attributes are looked through: a domain counts as what it is made of.
pub(super) const LOOKED_THROUGH: &str = "
    join pg_type t on t.oid = a.atttypid
    join pg_type b on b.oid = case when t.typtype = 'd' then t.typbasetype else t.oid end
    left join pg_type e on e.oid = b.typelem and b.typcategory = 'A'";

/// The attributes of these types, and of all that are found in them.
fn query() -> String {
    format!(
        "with recursive reached (oid, depth) as (
             select unnest($1::oid[]), 1
             union
             select m.oid, r.depth + 1
             from reached r
             join pg_type c on c.oid = r.oid
             join pg_attribute a on a.attrelid = c.typrelid and a.attnum > 0 and not a.attisdropped
             {LOOKED_THROUGH}
             join pg_type m on m.oid in (b.oid, e.oid) and m.typtype = 'c'
             where r.depth < {MAX_DEPTH}
         )
         select {DECLARED}, c.oid, a.attname, a.atttypid, t.typnotnull
         from pg_type c
         join pg_attribute a on a.attrelid = c.typrelid and a.attnum > 0 and not a.attisdropped
         {LOOKED_THROUGH}
         where c.oid in (select oid from reached)
         order by c.oid, a.attnum"
    )
}

/// What a column or an attribute was declared as.
pub(super) struct Declared {
    /// As SQL names it.
    name: String,
    /// As in pg_attribute.atttypmod; an array's is that of its elements.
    modifier: i32,
    base: Base,
    /// What an array holds, and its name.
    element: Option<(Base, String)>,
}

/// A type that is no domain.
struct Base {
    oid: u32,
    /// pg_type.typtype.
    sort: String,
    name: String,
}

impl Base {
    const COMPOSITE: &str = "c";
}

impl Declared {
    /// Columns of a row that are read here.
    pub(super) const WIDTH: usize = 9;

    pub(super) fn of(row: &Row) -> Self {
        let element: Option<u32> = row.get(5);
        Self {
            name: row.get(0),
            modifier: row.get(1),
            base: Base {
                oid: row.get(2),
                sort: row.get(3),
                name: row.get(4),
            },
            element: element.map(|oid| {
                let base = Base {
                    oid,
                    sort: row.get(6),
                    name: row.get(7),
                };
                (base, row.get(8))
            }),
        }
    }

    /// The composite type in it.
    fn composite(&self) -> Option<u32> {
        let innermost = self.element.as_ref().map_or(&self.base, |(base, _)| base);
        (innermost.sort == Base::COMPOSITE).then_some(innermost.oid)
    }
}

/// The composite types of a table, by OID.
pub(super) struct Composites(HashMap<u32, Vec<Member>>);

/// An attribute, as declared.
struct Member {
    name: String,
    oid: u32,
    allows_null: bool,
    declared: Declared,
}

impl Composites {
    /// Those of these columns.
    ///
    /// # Errors
    /// Of the server.
    pub(super) async fn read(client: &Client, columns: &[Declared]) -> Result<Self, Error> {
        let mut composites: HashMap<u32, Vec<Member>> = HashMap::new();
        let named: Vec<u32> = columns.iter().filter_map(Declared::composite).collect();
        if named.is_empty() {
            return Ok(Self(composites));
        }
        for row in client.query(&query(), &[&named]).await? {
            let members = composites.entry(row.get(Declared::WIDTH)).or_default();
            members.push(Member {
                name: row.get(Declared::WIDTH + 1),
                oid: row.get(Declared::WIDTH + 2),
                allows_null: !row.get::<_, bool>(Declared::WIDTH + 3),
                declared: Declared::of(&row),
            });
        }
        Ok(Self(composites))
    }

    /// What goes into a column.
    pub(super) fn kind(&self, column: &Declared) -> PgType {
        let mut left = MAX_ATTRIBUTES;
        self.declared(column, 0, &mut left)
    }

    /// `above`: composite types around it. `left`: attributes that there may still be.
    fn declared(&self, declared: &Declared, above: usize, left: &mut usize) -> PgType {
        let Declared {
            name,
            modifier,
            base,
            element,
        } = declared;
        let found = match element {
            None => self.base(base, name, *modifier, above, left),
            Some((base, name)) => {
                let kind = self.base(base, name, *modifier, above, left);
                let oid = base.oid;
                kind.map(|kind| PgType::Array(Box::new(Element { oid, kind })))
            }
        };
        found.unwrap_or_else(|| PgType::Other(name.clone()))
    }

    fn base(
        &self,
        base: &Base,
        name: &str,
        modifier: i32,
        above: usize,
        left: &mut usize,
    ) -> Option<PgType> {
        match base.sort.as_str() {
            "e" => Some(PgType::Enum),
            Base::COMPOSITE => {
                let members = self.0.get(&base.oid).filter(|_| above < MAX_DEPTH)?;
                *left = left.checked_sub(members.len())?;
                let attributes = members.iter().map(|member| Attribute {
                    name: member.name.clone(),
                    oid: member.oid,
                    kind: self.declared(&member.declared, above + 1, left),
                    allows_null: member.allows_null,
                });
                Some(PgType::Composite(Box::new(Composite {
                    name: name.to_owned(),
                    attributes: attributes.collect(),
                })))
            }
            _ if base.name == "citext" => Some(PgType::Text(None)),
            _ => PgType::built_in(base.oid, modifier),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declared(oid: u32, sort: &str, name: &str) -> Declared {
        Declared {
            name: name.to_owned(),
            modifier: -1,
            base: Base {
                oid,
                sort: sort.to_owned(),
                name: name.to_owned(),
            },
            element: None,
        }
    }

    fn member(declared: Declared) -> Member {
        Member {
            name: declared.name.clone(),
            oid: declared.base.oid,
            allows_null: true,
            declared,
        }
    }

    /// Type n holds type n + 1, so many times, and an integer.
    fn nested(times: usize) -> Composites {
        let types = (0..100).map(|oid| {
            let inner = || member(declared(oid + 1, "c", "inner"));
            let mut members: Vec<Member> = (0..times).map(|_| inner()).collect();
            members.push(member(declared(23, "b", "int4")));
            (oid, members)
        });
        Composites(types.collect())
    }

    fn attributes(kind: &PgType) -> &[Attribute] {
        match kind {
            PgType::Composite(composite) => &composite.attributes,
            _ => &[],
        }
    }

    fn all(kind: &PgType) -> usize {
        let attributes = attributes(kind);
        attributes.len() + attributes.iter().map(|one| all(&one.kind)).sum::<usize>()
    }

    #[test]
    fn what_lies_too_deep_takes_nothing() {
        let mut kind = nested(1).kind(&declared(0, "c", "outermost"));
        for _ in 0..MAX_DEPTH {
            let [inner, number] = attributes(&kind) else {
                panic!("{kind:?}");
            };
            assert_eq!(number.kind, PgType::Int4);
            kind = inner.kind.clone();
        }
        assert_eq!(kind, PgType::Other("inner".to_owned()));
    }

    #[test]
    fn types_that_multiply_end() {
        let kind = nested(50).kind(&declared(0, "c", "outermost"));
        let all = all(&kind);
        assert!((51..=MAX_ATTRIBUTES).contains(&all), "{all}");
    }
}

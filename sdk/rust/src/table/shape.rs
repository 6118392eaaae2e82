//! Which keys count for the rows of a table.

use super::config::{Column, Config, Keys, Mapping, SchemaEvolution, WriteMode};

/// The keys in effect, as they are written or by default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) write_mode: WriteMode,
    /// Empty unless rows take the place of others.
    pub(super) key_fields: Vec<String>,
    /// Empty: every field.
    pub(super) schema: Vec<Column>,
    pub(super) field_mappings: Vec<Mapping>,
    pub(super) leave_out: Vec<String>,
    pub(super) metadata_columns: Vec<String>,
    pub(super) schema_evolution: SchemaEvolution,
}

impl Shape {
    /// What a route says counts, then what stands in `[sink.config]`.
    pub(super) fn new(route: Option<&Keys>, shared: &Keys) -> Self {
        fn first<T: Clone + Default>(
            route: Option<&Keys>,
            shared: &Keys,
            key: impl Fn(&Keys) -> &Option<T>,
        ) -> T {
            let written = route.and_then(|keys| key(keys).as_ref());
            written
                .or(key(shared).as_ref())
                .cloned()
                .unwrap_or_default()
        }
        let write_mode = first(route, shared, |keys| &keys.write_mode);
        Self {
            write_mode,
            // The tables of other routes may have those of `[sink.config]`.
            key_fields: match write_mode {
                WriteMode::Upsert => first(route, shared, |keys| &keys.key_fields),
                WriteMode::Append | WriteMode::Overwrite => Vec::new(),
            },
            schema: first(route, shared, |keys| &keys.schema),
            field_mappings: first(route, shared, |keys| &keys.field_mappings),
            leave_out: first(route, shared, |keys| &keys.leave_out),
            metadata_columns: first(route, shared, |keys| &keys.metadata_columns),
            schema_evolution: first(route, shared, |keys| &keys.schema_evolution),
        }
    }

    /// Whether rows of this shape have a column, where that can be told beforehand.
    pub(super) fn may_have(&self, column: &str) -> bool {
        self.schema.is_empty()
            || self.schema.iter().any(|it| it.name == column)
            || self.field_mappings.iter().any(|it| it.column == column)
            || self
                .metadata_columns
                .iter()
                .any(|it| metadata_column(it) == column)
    }
}

/// Name of the column for a metadata key.
pub(super) fn metadata_column(key: &str) -> String {
    match key {
        "all" => "_metadata".to_owned(),
        key => format!("_{key}"),
    }
}

/// Where rows go, and in which shape.
#[derive(Debug)]
pub(super) struct Lane<'a> {
    /// Index of the route; None for the rows that no route takes.
    pub(super) route: Option<usize>,
    pub(super) table: &'a str,
    pub(super) shape: Shape,
}

impl<Own> Config<Own> {
    /// One for each route, in order; behind them the one for all other rows, if they have a table.
    /// `default` is that of a pipeline that names none.
    pub(super) fn lanes<'a>(&'a self, default: Option<&'a str>) -> Vec<Lane<'a>> {
        let routes = self.routes.iter().enumerate();
        let mut lanes: Vec<_> = routes
            .map(|(index, route)| Lane {
                route: Some(index),
                table: &route.table,
                shape: Shape::new(Some(&route.keys), &self.keys),
            })
            .collect();
        let default = default.filter(|_| self.routes.is_empty());
        lanes.extend(self.table_name.as_deref().or(default).map(|table| Lane {
            route: None,
            table,
            shape: Shape::new(None, &self.keys),
        }));
        lanes
    }
}

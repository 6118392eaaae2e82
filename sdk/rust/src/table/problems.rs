//! What the JSON Schema cannot say.

use super::config::{Config, Keys, Mapping, WriteMode};
use super::shape::{Lane, Shape, metadata_column};
use crate::Problem;

/// Where keys are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place(Option<usize>);

impl Place {
    /// The path of what stands there.
    pub fn path<'a>(self, inside: impl IntoIterator<Item = &'a str>) -> Vec<String> {
        let mut path = Vec::new();
        if let Some(route) = self.0 {
            path.extend(["routes".to_owned(), route.to_string()]);
        }
        path.extend(inside.into_iter().map(str::to_owned));
        path
    }

    fn words(self) -> String {
        match self.0 {
            Some(route) => format!("route {}", route + 1),
            None => "[sink.config]".to_owned(),
        }
    }
}

/// Each problem once: tables share what stands in `[sink.config]`.
#[derive(Default)]
struct Found(Vec<Problem>);

impl Found {
    fn add(&mut self, path: Vec<String>, message: String, help: &str) {
        let is_known = |it: &Problem| it.path == path && it.message == message;
        if !self.0.iter().any(is_known) {
            self.0.push(Problem::at(path, message).with_help(help));
        }
    }
}

impl<Own> Config<Own> {
    /// All places where keys for the rows of tables are written.
    pub fn places(&self) -> impl Iterator<Item = (Place, &Keys)> {
        let routes = self.routes.iter().enumerate();
        let routes = routes.map(|(index, route)| (Place(Some(index)), &route.keys));
        std::iter::once((Place(None), &self.keys)).chain(routes)
    }

    /// Mistakes in the names at `key`, a list of columns of every table.
    pub fn unknown_columns(&self, key: &str, names: &[String]) -> Vec<Problem> {
        let mut found = Found::default();
        for lane in self.lanes(Some("")) {
            unknown_columns(&lane.shape, Place(None), key, names, &mut found);
        }
        found.0
    }

    /// Where a key of a lane is written.
    fn place<T>(&self, lane: &Lane<'_>, key: impl Fn(&Keys) -> &Option<T>) -> Place {
        let own = lane.route.and_then(|index| self.routes.get(index));
        Place(
            lane.route
                .filter(|_| own.is_some_and(|route| key(&route.keys).is_some())),
        )
    }

    /// All but those of the destination. `default` is its table without a name.
    pub(super) fn problems(
        &self,
        table_key: &str,
        default: Option<&str>,
        is_same_name: fn(&str, &str) -> bool,
    ) -> Vec<Problem> {
        let mut found = Found::default();
        if self.table_name.is_none() && default.is_none() && self.routes.is_empty() {
            found.add(
                vec![table_key.to_owned()],
                format!("`{table_key}` is missing"),
                "say where rows go: one name for all of them here, or several by their topics with [[routes]]",
            );
        }
        let lanes = self.lanes(Some(default.unwrap_or_default()));
        for lane in &lanes {
            self.columns(lane, &mut found);
            let place = self.place(lane, |keys| &keys.key_fields);
            unknown_columns(
                &lane.shape,
                place,
                "key_fields",
                &lane.shape.key_fields,
                &mut found,
            );
            if lane.shape.write_mode == WriteMode::Upsert && lane.shape.key_fields.is_empty() {
                found.add(
                    self.place(lane, |keys| &keys.write_mode)
                        .path(["write_mode"]),
                    "\"upsert\" needs `key_fields`".to_owned(),
                    "name the columns that tell rows apart: key_fields = [\"id\"]",
                );
            }
        }
        self.useless_keys(&lanes, &mut found);
        for (place, keys) in self.places() {
            paths(
                place,
                keys.field_mappings.as_deref().unwrap_or_default(),
                &mut found,
            );
        }
        self.topics(&mut found);
        same_tables(&lanes, is_same_name, &mut found);
        found.0
    }

    /// Columns that stand twice.
    fn columns(&self, lane: &Lane<'_>, found: &mut Found) {
        let mut columns: Vec<String> = Vec::new();
        let mut claim = |name: String, place: Place, at: [&str; 3]| {
            if columns.contains(&name) {
                // Items of a list of names have no key.
                let at = at.into_iter().filter(|step| !step.is_empty());
                let message = format!("there are two columns `{name}`");
                found.add(place.path(at), message, "give one of them another name");
            }
            columns.push(name);
        };
        let place = self.place(lane, |keys| &keys.schema);
        for (index, column) in lane.shape.schema.iter().enumerate() {
            claim(
                column.name.clone(),
                place,
                ["schema", &index.to_string(), "name"],
            );
        }
        let place = self.place(lane, |keys| &keys.field_mappings);
        for (index, mapping) in lane.shape.field_mappings.iter().enumerate() {
            let at = ["field_mappings", &index.to_string(), "column"];
            claim(mapping.column.clone(), place, at);
        }
        let place = self.place(lane, |keys| &keys.metadata_columns);
        for (index, key) in lane.shape.metadata_columns.iter().enumerate() {
            let at = ["metadata_columns", &index.to_string(), ""];
            claim(metadata_column(key), place, at);
        }
    }

    /// `key_fields` that no table looks at.
    fn useless_keys(&self, lanes: &[Lane<'_>], found: &mut Found) {
        for (place, keys) in self.places() {
            let is_used = lanes.iter().any(|lane| {
                lane.shape.write_mode == WriteMode::Upsert
                    && self.place(lane, |keys| &keys.key_fields) == place
            });
            if !is_used
                && keys
                    .key_fields
                    .as_ref()
                    .is_some_and(|names| !names.is_empty())
            {
                found.add(
                    place.path(["key_fields"]),
                    "only \"upsert\" looks at `key_fields`".to_owned(),
                    "set write_mode = \"upsert\", or leave this out",
                );
            }
        }
    }

    /// Routes that say not, or in vain, what they take.
    fn topics(&self, found: &mut Found) {
        for (index, route) in self.routes.iter().enumerate() {
            let place = Place(Some(index));
            let key = match (&route.topic, &route.pattern) {
                (Some(_), None) => "topic",
                (None, Some(_)) => "pattern",
                (Some(_), Some(_)) => {
                    found.add(
                        place.path(["pattern"]),
                        "a route has a `topic` or a `pattern`, and this one has both".to_owned(),
                        "write two routes with the same `table`",
                    );
                    continue;
                }
                (None, None) => {
                    found.add(
                        place.path([]),
                        "the route does not say which topics it takes".to_owned(),
                        "write topic = \"orders\", or pattern = \"orders.*\"",
                    );
                    continue;
                }
            };
            let mut earlier = self.routes.iter().take(index);
            if let Some(other) = earlier.position(|earlier| earlier.takes_all_of(route)) {
                let other = Place(Some(other)).words();
                found.add(
                    place.path([key]),
                    format!("{other} takes all of these topics before"),
                    "the first route that matches counts: leave this one out, or put it first",
                );
            }
        }
    }
}

fn unknown_columns(shape: &Shape, place: Place, key: &str, names: &[String], found: &mut Found) {
    for (index, name) in names.iter().enumerate() {
        if !shape.may_have(name) {
            found.add(
                place.path([key, &index.to_string()]),
                format!("`{name}` is no column of `schema`"),
                "add it to `schema`, or make it with `field_mappings`",
            );
        }
    }
}

fn paths(place: Place, mappings: &[Mapping], found: &mut Found) {
    for (index, mapping) in mappings.iter().enumerate() {
        if mapping.path().iter().any(String::is_empty) {
            found.add(
                place.path(["field_mappings", &index.to_string(), "json_path"]),
                format!("`{}` has an empty step", mapping.json_path),
                "join the names with single dots: \"customer.address.city\"",
            );
        }
    }
}

/// Rows come to a table in one way, from wherever they come.
fn same_tables(lanes: &[Lane<'_>], is_same_name: fn(&str, &str) -> bool, found: &mut Found) {
    for (index, lane) in lanes.iter().enumerate() {
        let mut earlier = lanes.iter().take(index);
        let other = earlier.find(|other| {
            is_same_name(other.table, lane.table)
                && (other.shape.write_mode, &other.shape.key_fields)
                    != (lane.shape.write_mode, &lane.shape.key_fields)
        });
        let Some(other) = other else { continue };
        // What stands in `[sink.config]` comes last, and is not the one to change.
        let (place, other) = match lane.route {
            Some(_) => (Place(lane.route), Place(other.route)),
            None => (Place(other.route), Place(None)),
        };
        found.add(
            place.path(["table"]),
            format!(
                "`{}` has another `write_mode` or other `key_fields` in {}",
                lane.table,
                other.words()
            ),
            "write the same in both, or name another table",
        );
    }
}

//! A schema, read from its JSON (Avro 1.12, "Schema Declaration" and "Logical Types").

use std::collections::{HashMap, HashSet};

use arrow::datatypes::TimeUnit;
use serde_json::{Map, Value};

/// Digits of the longest decimal that is one here; longer ones are bytes.
const MAX_DIGITS: u8 = 76;

/// Where a type stands in its schema. Only the schema that gave it knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Node(usize);

/// A schema with everything that it refers to.
#[derive(Debug)]
pub(crate) struct Schema {
    nodes: Vec<(Type, usize)>,
    root: Node,
}

/// What values look like, and mean.
#[derive(Debug)]
pub(crate) enum Type {
    Null,
    Boolean,
    /// `int` or `long`.
    Whole {
        is_int: bool,
        meaning: Meaning,
    },
    Float,
    Double,
    Bytes,
    Text,
    Fixed(usize),
    /// In a `fixed` of so many bytes, or in `bytes`.
    Decimal {
        width: Option<usize>,
        precision: u8,
        scale: i8,
    },
    /// In a `fixed` of 16 bytes; as `string` it is text.
    Uuid,
    /// In a `fixed` of 12 bytes.
    Duration,
    Enum(Vec<String>),
    List(Node),
    Map(Node),
    Union(Vec<Node>),
    Record(Vec<Member>),
}

/// What a whole number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    Number,
    /// Days since 1970.
    Date,
    /// Units since midnight.
    OfDay(TimeUnit),
    /// Units since 1970: in UTC, or wherever the reader is.
    Instant {
        unit: TimeUnit,
        is_local: bool,
    },
}

/// A field of a record.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) node: Node,
}

impl Schema {
    /// Reads schemas of which later ones refer to earlier ones by name; the last one counts.
    ///
    /// # Errors
    /// What is wrong, for the reason of a dead letter.
    pub(crate) fn parse(texts: &[impl AsRef<str>]) -> Result<Self, String> {
        let mut parser = Parser::default();
        let mut root = None;
        for text in texts {
            let value: Value = serde_json::from_str(text.as_ref())
                .map_err(|error| format!("it is not JSON: {error}"))?;
            root = Some(parser.any(&value, "")?);
        }
        Ok(Self {
            root: root.ok_or("there is none")?,
            nodes: parser.nodes,
        })
    }

    pub(crate) fn root(&self) -> Node {
        self.root
    }

    pub(crate) fn get(&self, node: Node) -> &Type {
        // Nodes are only made where their type is put in.
        self.nodes.get(node.0).map_or(&Type::Null, |(of, _)| of)
    }

    /// The least number of bytes that a value takes, or less.
    pub(crate) fn least_bytes(&self, node: Node) -> usize {
        self.nodes.get(node.0).map_or(0, |(_, least)| *least)
    }
}

#[derive(Debug, Default)]
struct Parser {
    nodes: Vec<(Type, usize)>,
    named: HashMap<String, Node>,
}

type Read<T> = Result<T, String>;

impl Parser {
    fn add(&mut self, of: Type) -> Node {
        let node = Node(self.nodes.len());
        let least = self.least(&of);
        self.nodes.push((of, least));
        node
    }

    /// A place for a type that may refer to itself.
    fn promise(&mut self) -> Node {
        self.nodes.push((Type::Null, 0));
        Node(self.nodes.len() - 1)
    }

    fn keep(&mut self, node: Node, of: Type) {
        let least = self.least(&of);
        if let Some(place) = self.nodes.get_mut(node.0) {
            *place = (of, least);
        }
    }

    /// What stands inside is known by now, except for what is only promised: that counts as nothing.
    fn least(&self, of: &Type) -> usize {
        let least = |node: &Node| self.nodes.get(node.0).map_or(0, |(_, least)| *least);
        match of {
            Type::Null => 0,
            Type::Float => 4,
            Type::Double => 8,
            Type::Fixed(size) => *size,
            Type::Decimal { width, .. } => width.unwrap_or(1),
            Type::Uuid => 16,
            Type::Duration => 12,
            Type::Record(members) => members
                .iter()
                .fold(0, |sum, member| sum.saturating_add(least(&member.node))),
            // A length, an index, a byte.
            _ => 1,
        }
    }

    fn any(&mut self, value: &Value, namespace: &str) -> Read<Node> {
        match value {
            Value::String(name) => self.name(name, namespace),
            Value::Array(branches) => {
                let mut nodes = Vec::with_capacity(branches.len());
                for branch in branches {
                    if branch.is_array() {
                        return Err("a union stands directly in a union".to_owned());
                    }
                    nodes.push(self.any(branch, namespace)?);
                }
                if nodes.is_empty() {
                    return Err("a union has no branches".to_owned());
                }
                Ok(self.add(Type::Union(nodes)))
            }
            Value::Object(object) => self.object(object, namespace),
            other => Err(format!("{other} is no type")),
        }
    }

    fn name(&mut self, name: &str, namespace: &str) -> Read<Node> {
        if let Some(of) = primitive(name) {
            return Ok(self.add(of));
        }
        let inside = full_name(name, namespace);
        let found = self.named.get(&inside).or_else(|| self.named.get(name));
        found
            .copied()
            .ok_or_else(|| format!("it refers to `{inside}`, which is not defined"))
    }

    fn object(&mut self, object: &Map<String, Value>, namespace: &str) -> Read<Node> {
        let of = match object.get("type") {
            Some(Value::String(word)) => word.as_str(),
            Some(inner) => return self.any(inner, namespace),
            None => return Err("a type has no `type`".to_owned()),
        };
        match of {
            "record" | "error" => self.record(object, namespace),
            "enum" => {
                let name = self.define(object, namespace)?;
                let symbols = list(object, "symbols")?.iter().map(|symbol| {
                    let symbol = symbol.as_str().ok_or("a symbol is no string")?;
                    Ok(symbol.to_owned())
                });
                let symbols = symbols.collect::<Read<Vec<_>>>()?;
                let node = self.add(Type::Enum(symbols));
                self.named.insert(name, node);
                Ok(node)
            }
            "fixed" => {
                let name = self.define(object, namespace)?;
                let size = object.get("size").and_then(Value::as_u64);
                let size = size
                    .and_then(|size| usize::try_from(size).ok())
                    .ok_or_else(|| format!("`{name}` has no `size`"))?;
                let node = self.add(logical_fixed(object, size));
                self.named.insert(name, node);
                Ok(node)
            }
            "array" | "map" => {
                let key = if of == "array" { "items" } else { "values" };
                let inner = object.get(key);
                let inner = inner.ok_or_else(|| format!("an {of} has no `{key}`"))?;
                let inner = self.any(inner, namespace)?;
                Ok(self.add(match of {
                    "array" => Type::List(inner),
                    _ => Type::Map(inner),
                }))
            }
            word => match primitive(word) {
                Some(plain) => {
                    let of = logical(object, plain);
                    Ok(self.add(of))
                }
                None => self.name(word, namespace),
            },
        }
    }

    fn record(&mut self, object: &Map<String, Value>, namespace: &str) -> Read<Node> {
        let name = self.define(object, namespace)?;
        let node = self.promise();
        let namespace = name.rsplit_once('.').map_or("", |(namespace, _)| namespace);
        self.named.insert(name.clone(), node);
        let mut members = Vec::new();
        let mut names = HashSet::new();
        for field in list(object, "fields")? {
            let field_name = field.get("name").and_then(Value::as_str);
            let field_name =
                field_name.ok_or_else(|| format!("a field of `{name}` has no name"))?;
            if !names.insert(field_name) {
                return Err(format!("`{name}` has the field `{field_name}` twice"));
            }
            let of = field.get("type");
            let of = of.ok_or_else(|| format!("`{field_name}` of `{name}` has no type"))?;
            members.push(Member {
                name: field_name.to_owned(),
                node: self.any(of, namespace)?,
            });
        }
        self.keep(node, Type::Record(members));
        Ok(node)
    }

    /// The full name of a type that is defined here.
    fn define(&self, object: &Map<String, Value>, namespace: &str) -> Read<String> {
        let name = object.get("name").and_then(Value::as_str);
        let name = name.ok_or("a record, enum or fixed has no `name`")?;
        let own = object.get("namespace").and_then(Value::as_str);
        let name = full_name(name, own.unwrap_or(namespace));
        match self.named.contains_key(&name) {
            true => Err(format!("`{name}` is defined twice")),
            false => Ok(name),
        }
    }
}

fn full_name(name: &str, namespace: &str) -> String {
    match name.contains('.') || namespace.is_empty() {
        true => name.to_owned(),
        false => format!("{namespace}.{name}"),
    }
}

fn list<'a>(object: &'a Map<String, Value>, key: &str) -> Read<&'a Vec<Value>> {
    let list = object.get(key).and_then(Value::as_array);
    list.ok_or_else(|| format!("a type has no list `{key}`"))
}

fn primitive(word: &str) -> Option<Type> {
    let whole = |is_int| Type::Whole {
        is_int,
        meaning: Meaning::Number,
    };
    Some(match word {
        "null" => Type::Null,
        "boolean" => Type::Boolean,
        "int" => whole(true),
        "long" => whole(false),
        "float" => Type::Float,
        "double" => Type::Double,
        "bytes" => Type::Bytes,
        "string" => Type::Text,
        _ => return None,
    })
}

/// With its logical type. One that is not known, or not right, does not count, as Avro wants it.
fn logical(object: &Map<String, Value>, plain: Type) -> Type {
    let Some(word) = object.get("logicalType").and_then(Value::as_str) else {
        return plain;
    };
    let instant = |unit, is_local| Meaning::Instant { unit, is_local };
    let meaning = match (&plain, word) {
        (Type::Bytes, "decimal") => return decimal(object, None).unwrap_or(plain),
        (Type::Whole { is_int: true, .. }, "date") => Meaning::Date,
        (Type::Whole { is_int: true, .. }, "time-millis") => Meaning::OfDay(TimeUnit::Millisecond),
        (Type::Whole { is_int: false, .. }, word) => match word {
            "time-micros" => Meaning::OfDay(TimeUnit::Microsecond),
            "timestamp-millis" => instant(TimeUnit::Millisecond, false),
            "timestamp-micros" => instant(TimeUnit::Microsecond, false),
            "timestamp-nanos" => instant(TimeUnit::Nanosecond, false),
            "local-timestamp-millis" => instant(TimeUnit::Millisecond, true),
            "local-timestamp-micros" => instant(TimeUnit::Microsecond, true),
            "local-timestamp-nanos" => instant(TimeUnit::Nanosecond, true),
            _ => return plain,
        },
        _ => return plain,
    };
    match plain {
        Type::Whole { is_int, .. } => Type::Whole { is_int, meaning },
        other => other,
    }
}

fn logical_fixed(object: &Map<String, Value>, size: usize) -> Type {
    let word = object.get("logicalType").and_then(Value::as_str);
    match (word, size) {
        (Some("decimal"), _) => decimal(object, Some(size)),
        (Some("uuid"), 16) => Some(Type::Uuid),
        (Some("duration"), 12) => Some(Type::Duration),
        _ => None,
    }
    .unwrap_or(Type::Fixed(size))
}

fn decimal(object: &Map<String, Value>, width: Option<usize>) -> Option<Type> {
    let precision = object.get("precision")?.as_u64()?;
    let precision = u8::try_from(precision).ok()?;
    let scale = match object.get("scale") {
        Some(scale) => u8::try_from(scale.as_u64()?).ok()?,
        None => 0,
    };
    let is_right = (1..=MAX_DIGITS).contains(&precision) && scale <= precision && width != Some(0);
    is_right.then_some(Type::Decimal {
        width,
        precision,
        scale: i8::try_from(scale).ok()?,
    })
}

"""The types of a stream in its schema message."""

from __future__ import annotations

from .flatbuffer import I16, I32, U8, Builder, Child, Malformed, Slot, Table
from .types import DECIMAL_BYTES, DECIMAL_DIGITS, MAX_DEPTH, NUMBERS, UNITS, DataType, Member

# The cases of the union `Type`, in the order of its definition.
_CASES = (
    "none null int float binary utf8 boolean decimal date time timestamp interval list struct union fixed_size_binary "
    "fixed_size_list map duration large_binary large_utf8 large_list run_end_encoded binary_view utf8_view list_view "
    "large_list_view"
).split()
_FLOATS = ("float16", "float32", "float64")


def columns(schema: Table) -> tuple[Member, ...]:
    """The columns that a schema message names."""
    if schema.number(0, I16) != 0:
        raise Malformed("it is not little-endian")
    return tuple(_member(field, 0) for field in schema.tables(1))


def _member(field: Table, depth: int) -> Member:
    name = field.text(0) or ""
    if depth > MAX_DEPTH:
        raise Malformed(f"types are nested more than {MAX_DEPTH} deep")
    if field.table(4) is not None:
        raise Malformed(f"column `{name}`: dictionaries cannot be read here")
    members = tuple(_member(child, depth + 1) for child in field.tables(5))
    case = field.number(2, U8)
    word = _CASES[case] if case < len(_CASES) else f"type {case}"
    details = field.table(3)
    if details is None:
        raise Malformed(f"column `{name}`: its type is missing")
    try:
        data_type = _data_type(word, details, members)
    except (IndexError, KeyError, ValueError) as error:
        raise Malformed(f"column `{name}`: a malformed {word}") from error
    if data_type is None:
        text = "make text of it with `Plan.json`, or leave it out"
        raise Malformed(f"column `{name}` is of the type {word}, which cannot be read here: {text}")
    return Member(name, data_type, field.number(1, U8) != 0)


def _data_type(word: str, of: Table, members: tuple[Member, ...]) -> DataType | None:
    if word == "int":
        sign = "int" if of.number(1, U8) else "uint"
        return _known(f"{sign}{of.number(0, I32)}")
    if word == "float":
        return DataType(_FLOATS[of.number(0, I16)])
    if word == "decimal":
        width = of.number(2, I32, 128)
        decimal = {8 * size: name for name, size in DECIMAL_BYTES.items()}[width]
        digits, scale = of.number(0, I32), of.number(1, I32)
        if not 1 <= digits <= DECIMAL_DIGITS[decimal] or not -128 <= scale <= digits:
            raise ValueError(digits, scale)
        return DataType(decimal, digits=digits, scale=scale)
    if word == "date":
        return DataType(("date32", "date64")[of.number(0, I16, 1)])
    if word == "time":
        return DataType(f"time{of.number(1, I32, 32)}", UNITS[of.number(0, I16, 1)])
    if word == "timestamp":
        return DataType(word, UNITS[of.number(0, I16)], of.text(1) or None)
    if word == "duration":
        return DataType(word, UNITS[of.number(0, I16, 1)])
    if word == "fixed_size_binary":
        return DataType(word, size=_size(of))
    if word == "map":
        [entries] = members
        key, value = entries.data_type.members
        return DataType(word, members=(key, value))
    if word == "struct":
        return DataType(word, members=members)
    if word in ("list", "large_list", "fixed_size_list"):
        [item] = members
        return DataType(word, size=_size(of) if word == "fixed_size_list" else 0, members=(item,))
    if word in ("null", "boolean", "utf8", "large_utf8", "binary", "large_binary"):
        return DataType(word)
    return None


def _known(word: str) -> DataType:
    if word not in NUMBERS:
        raise ValueError(word)
    return DataType(word)


def _size(of: Table) -> int:
    size = of.number(0, I32)
    if size < 0:
        raise ValueError(size)
    return size


def schema(build: Builder, columns: tuple[Member, ...]) -> int:
    """Writes the schema of a stream."""
    return build.table({1: lambda: build.list_of([_child(build, column) for column in columns])})


def _child(build: Builder, member: Member) -> Child:
    return lambda: _field(build, member)


def _field(build: Builder, member: Member) -> int:
    data_type = member.data_type
    case, details = _case(build, data_type)
    members = data_type.members
    if data_type.word == "map":
        members = (Member("entries", DataType("struct", members=members), False),)
    return build.table(
        {
            0: lambda: build.text(member.name),
            1: ("B", int(member.nullable)),
            2: ("B", _CASES.index(case)),
            3: lambda: build.table(details),
            5: lambda: build.list_of([_child(build, inner) for inner in members]),
        }
    )


def _case(build: Builder, of: DataType) -> tuple[str, dict[int, Slot]]:
    word = of.word
    if word in _FLOATS:
        return "float", {0: ("h", _FLOATS.index(word))}
    if word in NUMBERS:
        signed = not word.startswith("u")
        return "int", {0: ("i", int(word.lstrip("uint"))), 1: ("B", int(signed))}
    if word in DECIMAL_BYTES:
        return "decimal", {0: ("i", of.digits), 1: ("i", of.scale), 2: ("i", 8 * DECIMAL_BYTES[word])}
    if word in ("date32", "date64"):
        return "date", {0: ("h", int(word == "date64"))}
    if word in ("time32", "time64"):
        return "time", {0: ("h", UNITS.index(of.unit)), 1: ("i", int(word[4:]))}
    if word == "duration":
        return word, {0: ("h", UNITS.index(of.unit))}
    if word == "timestamp":
        details: dict[int, Slot] = {0: ("h", UNITS.index(of.unit))}
        zone = of.zone
        if zone:
            details[1] = lambda: build.text(zone)
        return word, details
    if word in ("fixed_size_binary", "fixed_size_list"):
        return word, {0: ("i", of.size)}
    return word, {}

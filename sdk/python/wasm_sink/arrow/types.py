"""Types of columns, and their text in pipeline.toml and in the contract."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache

MAX_DEPTH = 32

# The word of each type whose values have one width, with `struct`'s letter for it.
NUMBERS = {
    "int8": "b",
    "int16": "h",
    "int32": "i",
    "int64": "q",
    "uint8": "B",
    "uint16": "H",
    "uint32": "I",
    "uint64": "Q",
    "float32": "f",
    "float64": "d",
}
DECIMAL_BYTES = {"decimal32": 4, "decimal64": 8, "decimal": 16, "decimal256": 32}
DECIMAL_DIGITS = {"decimal32": 9, "decimal64": 18, "decimal": 38, "decimal256": 76}
UNITS = ("s", "ms", "us", "ns")
_PLAIN = {"null", "boolean", "float16", "utf8", "large_utf8", "binary", "large_binary", "date32", "date64", *NUMBERS}
_ELSEWHERE = {
    "bool": "boolean",
    "string": "utf8",
    "str": "utf8",
    "text": "utf8",
    "int": "int64",
    "integer": "int64",
    "float": "float64",
    "double": "float64",
    "bytes": "binary",
    "date": "date32",
    "datetime": "timestamp(us,+00:00)",
    "dict": "struct<name: utf8>",
    "array": "list<utf8>",
}
_EXAMPLES = {
    "time32": "time32(ms)",
    "time64": "time64(us)",
    "timestamp": "timestamp(us,+00:00)",
    "duration": "duration(us)",
    "decimal": "decimal(10,2)",
    "list": "list<utf8>",
    "struct": "struct<name: utf8>",
    "map": "map<utf8, int64>",
}


@dataclass(frozen=True)
class Member:
    """A column, a field of a struct, or what lists and maps are made of."""

    name: str
    data_type: DataType
    nullable: bool = True

    def __str__(self) -> str:
        return f"{self.data_type}" if self.nullable else f"{self.data_type} not null"


@dataclass(frozen=True)
class DataType:
    """A type; as text it is what the contract writes."""

    word: str
    unit: str = ""
    zone: str | None = None
    digits: int = 0
    scale: int = 0
    size: int = 0
    members: tuple[Member, ...] = ()

    def __str__(self) -> str:
        word, members = self.word, self.members
        if word == "timestamp" and self.zone:
            return f"timestamp({self.unit},{_quoted(self.zone, '[A-Za-z0-9_+:/-]+')})"
        if self.unit:
            return f"{word}({self.unit})"
        if word in DECIMAL_BYTES:
            return f"{word}({self.digits},{self.scale})"
        if word == "fixed_size_binary":
            return f"{word}({self.size})"
        if word == "fixed_size_list":
            return f"{word}<{members[0]}, {self.size}>"
        if word in ("list", "large_list"):
            return f"{word}<{members[0]}>"
        if word == "map":
            return f"map<{members[0].data_type}, {members[1]}>"
        if word == "struct":
            return f"struct<{', '.join(f'{_quoted(member.name)}: {member}' for member in members)}>"
        return word


def _quoted(name: str, plain: str = r"\w+") -> str:
    return name if re.fullmatch(plain, name) else "`" + name.replace("`", "``") + "`"


@lru_cache(256)
def parse(text: str) -> Member:
    """A type with an optional `not null`, as a column without a name; `ValueError` says what is wrong."""
    parser = _Parser(text)
    member = parser.member("", 0)
    if parser.rest():
        raise parser.wrong(f"`{parser.rest()}` is left over")
    return member


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def rest(self) -> str:
        return self._text[self._at :].strip()

    def wrong(self, reason: str) -> ValueError:
        return ValueError(f'data type "{self._text}": {reason}')

    def _take(self, pattern: str) -> str:
        found = re.compile(rf"\s*({pattern})").match(self._text, self._at)
        if not found:
            return ""
        self._at = found.end()
        return found[1]

    def _expect(self, symbol: str, word: str) -> None:
        if not self._take(re.escape(symbol)):
            example = f"; write it as `{_EXAMPLES[word]}`" if word in _EXAMPLES else ""
            raise self.wrong(f"`{symbol}` was expected in `{word}`{example}")

    def _integer(self) -> int:
        digits = self._take(r"-?\d+")
        if not digits:
            raise self.wrong(f"a whole number was expected before `{self.rest()}`")
        return int(digits)

    def _name(self, plain: str) -> str:
        name = self._take("`(?:[^`]|``)*`")
        if name:
            return name[1:-1].replace("``", "`")
        name = self._take(plain)
        if not name:
            raise self.wrong(f"a name was expected before `{self.rest()}`")
        return name

    def member(self, name: str, depth: int) -> Member:
        data_type = self._data_type(depth)
        return Member(name, data_type, not self._take(r"not\s+null\b"))

    def _unit(self, word: str, units: tuple[str, ...]) -> str:
        unit = self._take(r"\w+")
        if unit not in units:
            raise self.wrong(f"`{unit}` is no unit of `{word}`: {', '.join(units)} are")
        return unit

    def _data_type(self, depth: int) -> DataType:
        if depth > MAX_DEPTH:
            raise self.wrong(f"types are nested more than {MAX_DEPTH} deep")
        word = self._take(r"\w+")
        if word == "bool":
            word = "boolean"
        if word in _PLAIN:
            return DataType(word)
        if word in DECIMAL_BYTES or word in ("time32", "time64", "timestamp", "duration", "fixed_size_binary"):
            self._expect("(", word)
            made = self._with_parameters(word)
            self._expect(")", word)
            return made
        if word in ("list", "large_list", "fixed_size_list", "struct", "map"):
            self._expect("<", word)
            made = self._with_members(word, depth + 1)
            self._expect(">", word)
            return made
        near = get_close_matches(word, [*_PLAIN, *_EXAMPLES], 1)
        meant = _ELSEWHERE.get(word.lower()) or (near[0] if near else None)
        common = "utf8, int64, float64, boolean, date32, timestamp(us,+00:00), decimal(10,2), list<utf8>"
        hint = f"did you mean `{meant}`?" if meant else f"common ones are {common}"
        raise self.wrong(f"`{word}` is no type that can be used here; {hint}")

    def _with_parameters(self, word: str) -> DataType:
        if word == "fixed_size_binary":
            return DataType(word, size=self._integer())
        if word in DECIMAL_BYTES:
            digits = self._integer()
            self._expect(",", word)
            scale = self._integer()
            if word == "decimal" and digits > DECIMAL_DIGITS["decimal"]:
                word = "decimal256"
            if not 1 <= digits <= DECIMAL_DIGITS[word] or scale > digits:
                raise self.wrong(f"({digits},{scale}) is no number of digits, and of those after the point")
            return DataType(word, digits=digits, scale=scale)
        if word == "time32":
            return DataType(word, self._unit(word, UNITS[:2]))
        if word == "time64":
            return DataType(word, self._unit(word, UNITS[2:]))
        unit = self._unit(word, UNITS)
        if word == "timestamp" and self._take(","):
            return DataType(word, unit, self._name(r"[A-Za-z0-9_+:/-]+"))
        return DataType(word, unit)

    def _with_members(self, word: str, depth: int) -> DataType:
        if word == "map":
            key = Member("key", self._data_type(depth + 1), False)
            self._expect(",", word)
            return DataType(word, members=(key, self.member("value", depth + 1)))
        if word == "struct":
            members: list[Member] = []
            while not re.match(r"\s*>", self._text[self._at :]):
                if members:
                    self._expect(",", word)
                name = self._name(r"\w+")
                self._expect(":", word)
                members.append(self.member(name, depth))
            return DataType(word, members=tuple(members))
        item = self.member("item", depth)
        if word != "fixed_size_list":
            return DataType(word, members=(item,))
        self._expect(",", word)
        return DataType(word, size=self._integer(), members=(item,))

"""Runs the code blocks of a page, as somebody who follows it would.

    run_blocks.py <page.md> <empty folder>

What is done with a block, its info string says:

    sh                   run by bash -e in the folder; all blocks by one bash, so that a `cd` or a variable stays
    output               the `sh` block before it printed these lines, in this order, maybe among others; `…` is
                         anything within a line
    diff <path>          lines of a file as they are and as they will be, by ` `, `-` and `+`; `@@` alone is between
                         two places
    <language> <path>    the whole content of a file, by its path from the present folder
    anything else        nothing

Exit codes: 0 all is as the page says, 1 it is not, 2 the command line is wrong.
"""

import os
import re
import select
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

# A first build may install a compiler's packages.
LONGEST_BLOCK_S = 900
OPENING = re.compile(r"^(?P<indent>[ \t]*)(?P<fence>`{3,}|~{3,})(?P<info>[^`]*)$")

# Reads paths of blocks, runs each, and answers with the folder that it is in then. It ends where a block fails.
DRIVER = """
while IFS= read -r _block; do
    . "$_block" </dev/null >"$_block.printed" 2>&1
    builtin pwd
done
"""


class Failure(Exception):
    """A page that is not as it should be."""

    def __init__(self, line, what, *details):
        super().__init__(what)
        self.line = line
        self.details = details


@dataclass(frozen=True)
class Block:
    """A fenced block: the line of its fence, its info string, and what stands in it."""

    line: int
    info: str
    text: str

    @property
    def path(self):
        """Where it belongs, if it is a file."""
        words = self.info.split()
        return words[1] if len(words) == 2 else None


def blocks_of(text):
    """All fenced blocks of a page, in order."""
    blocks, opened, lines = [], None, []
    for number, line in enumerate(text.splitlines(), 1):
        if opened is None:
            if fence := OPENING.match(line):
                opened, lines = (number, fence), []
            continue
        began, fence = opened
        closing = line.strip()
        if len(closing) >= len(fence["fence"]) and set(closing) == {fence["fence"][0]}:
            blocks.append(Block(began, fence["info"].strip(), "".join(f"{line}\n" for line in lines)))
            opened = None
        else:
            lines.append(line.removeprefix(fence["indent"]))
    if opened is not None:
        raise Failure(opened[0], "this block does not end")
    return blocks


def missing_line(expected, printed):
    """The first line of `expected` that was not printed behind those before it; None where all were."""
    rest = iter(printed.splitlines())
    for line in expected.splitlines():
        pattern = re.compile(".*".join(map(re.escape, line.rstrip().split("…"))))
        if not any(pattern.fullmatch(one.rstrip()) for one in rest):
            return line
    return None


class Shell:
    """One bash for all blocks of a page."""

    def __init__(self, folder, scratch):
        self.folder = folder
        self.scratch = scratch
        self.bash = subprocess.Popen(
            ["bash", "-e", "-c", DRIVER],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, block):
        """What the block printed."""
        script = self.scratch / f"line-{block.line}.sh"
        script.write_text(block.text)
        self.bash.stdin.write(f"{script}\n")
        self.bash.stdin.flush()
        is_answered = bool(select.select([self.bash.stdout], [], [], LONGEST_BLOCK_S)[0])
        answer = self.bash.stdout.readline() if is_answered else ""
        printed = Path(f"{script}.printed").read_text(errors="replace")
        if not is_answered:
            raise Failure(block.line, f"not done after {LONGEST_BLOCK_S} s", block.text, printed)
        if not answer:
            raise Failure(block.line, f"exit code {self.bash.wait()}", block.text, printed)
        self.folder = Path(answer.removesuffix("\n"))
        return printed

    def end(self):
        """Ends bash, and what blocks have left running."""
        try:
            os.killpg(self.bash.pid, signal.SIGTERM)
        except ProcessLookupError:
            pass
        self.bash.wait()


def write_file(block, folder):
    """Writes the file that a block is, or the lines of it that change."""
    path = Path(block.path)
    if path.is_absolute() or ".." in path.parts:
        raise Failure(block.line, f"{path} is no path below the present folder")
    path = folder / path
    if block.info.startswith("diff "):
        path.write_text(changed(path, block))
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(block.text)


def changed(path, block):
    """The file with what a `diff` changes. Each place has to be there, once."""
    if not path.is_file():
        raise Failure(block.line, f"there is no {block.path} to change")
    lines = path.read_text().splitlines()
    for change in re.split(r"^@@\n", block.text, flags=re.MULTILINE):
        change = change.splitlines()
        before = [line[1:] for line in change if not line.startswith("+")]
        after = [line[1:] for line in change if not line.startswith("-")]
        places = [at for at in range(len(lines)) if before and lines[at : at + len(before)] == before]
        if len(places) != 1:
            raise Failure(block.line, f"{block.path} does not have these lines once", "\n".join(before))
        lines[places[0] : places[0] + len(before)] = after
    return "".join(f"{line}\n" for line in lines)


def follow(page, blocks, shell):
    """Does what the blocks say; how many said something."""
    done, printed = 0, None
    for block in blocks:
        begun = time.monotonic()
        if block.info == "output":
            if printed is None:
                raise Failure(block.line, "there is no `sh` block directly before this `output`")
            line = missing_line(block.text, printed)
            if line is not None:
                raise Failure(block.line, f"this line was not printed, or not in this order: {line}", block.text, printed)
        elif block.info == "sh":
            show(f"{page}:{block.line}: sh\n{indented(block.text)}")
            printed = shell.run(block)
            show(f"{indented(printed, '  | ')}  ({time.monotonic() - begun:.1f} s)")
        elif block.path is not None:
            show(f"{page}:{block.line}: {block.path}")
            write_file(block, shell.folder)
            printed = None
        else:
            printed = None
            continue
        done += 1
    return done


def indented(text, indent="  "):
    return "".join(f"{indent}{line}\n" for line in text.splitlines())


def show(text):
    print(text, flush=True)


def main(arguments):
    if len(arguments) != 2:
        print("usage: run_blocks.py <page.md> <empty folder>", file=sys.stderr)
        return 2
    page, folder = Path(arguments[0]), Path(arguments[1])
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        print(f"{folder} is not empty", file=sys.stderr)
        return 2
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        shell = None
        try:
            blocks = blocks_of(page.read_text(encoding="utf-8"))
            shell = Shell(folder, Path(scratch))
            done = follow(page, blocks, shell)
        except Failure as failure:
            details = "\n".join(indented(part, "  | ") for part in failure.details)
            print(f"{page}:{failure.line}: {failure}\n{details}", file=sys.stderr)
            return 1
        finally:
            if shell is not None:
                shell.end()
    show(f"{page}: {done} blocks in {time.monotonic() - begun:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

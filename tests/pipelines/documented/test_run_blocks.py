"""python3 -m unittest test_run_blocks.py"""

import contextlib
import io
import tempfile
import unittest
from pathlib import Path

import run_blocks
from run_blocks import Block, Failure, blocks_of, missing_line


class Parsing(unittest.TestCase):
    def test_blocks_have_line_info_and_text(self):
        page = "# Page\n\n```sh\ncd x\n```\nText ```sh of no block```.\n\n````md a.md\n```sh\n```\n````\n```\nplain\n```\n"
        self.assertEqual(
            blocks_of(page),
            [Block(3, "sh", "cd x\n"), Block(8, "md a.md", "```sh\n```\n"), Block(12, "", "plain\n")],
        )

    def test_the_indent_of_a_list_is_no_part_of_the_text(self):
        self.assertEqual(blocks_of("1. Do:\n   ~~~ c a.c\n   x\n     y\n\n   ~~~\n"), [Block(2, "c a.c", "x\n  y\n\n")])

    def test_a_block_that_does_not_end_is_a_failure(self):
        with self.assertRaises(Failure) as raised:
            blocks_of("\n```sh\necho\n")
        self.assertEqual(raised.exception.line, 2)

    def test_files_are_those_of_two_words(self):
        paths = [Block(1, info, "").path for info in ("sh", "python sink.py", "", "a b c", "rust src/lib.rs")]
        self.assertEqual(paths, [None, "sink.py", None, None, "src/lib.rs"])

    def test_lines_are_whole_and_in_order_and_an_ellipsis_is_anything(self):
        printed = "one\n  two: 2 of 3\nthree\n"
        for expected in ("", "one\nthree\n", "  two: … of …\n", "…\n…\n…\n", "one \n"):
            self.assertIsNone(missing_line(expected, printed), expected)
        for expected in ("thre\n", "three\none\n", "two: … of …\n", "one\none\n", "t.ree\n"):
            self.assertIsNotNone(missing_line(expected, printed), expected)


class Running(unittest.TestCase):
    def follow(self, page):
        """The exit code, and what was said."""
        said = io.StringIO()
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            path = Path(folder) / "page.md"
            path.write_text(page)
            code = run_blocks.main([str(path), f"{folder}/reader"])
        return code, said.getvalue()

    def test_state_stays_and_files_go_to_the_present_folder(self):
        page = "```sh\nmkdir a; cd a; x=1\n```\n```text b/c.txt\nhi\n```\n```sh\ncat b/c.txt - >&2; echo $x\n```\nIt says:\n```output\nhi\n1\n```\n"
        code, said = self.follow(page)
        self.assertEqual(code, 0, said)
        self.assertIn("4 blocks in ", said)

    def test_a_diff_changes_lines_where_they_are(self):
        page = (
            "```text a\none\n\n  two\nthree\nfour\n```\n"
            "```diff a\n one\n\n-  two\n+  2\n+\n@@\n-four\n+4\n```\n"
            "```sh\ncat -n a\n```\n```output\n     1\tone\n     2\t\n     3\t  2\n     4\t\n     5\tthree\n     6\t4\n```\n"
        )
        code, said = self.follow(page)
        self.assertEqual(code, 0, said)

    def test_what_fails_is_shown_with_its_place(self):
        same = "```text a\nx\nx\nax\n```\n"
        for page, expected in {
            "```diff a\n-x\n```\n": ("page.md:1: there is no a to change",),
            f"{same}```diff a\n-x\n+y\n```\n": ("page.md:6: a does not have these lines once", "| x"),
            f"{same}```diff a\n-ax\n@@\n-ax\n```\n": ("page.md:6: a does not", "| ax"),
            f"{same}```diff a\n+y\n```\n": ("page.md:6: a does not",),
            f"{same}```diff a\n-a\n```\n": ("page.md:6: a does not",),
            "```diff ../a\n-x\n```\n": ("page.md:1: ../a is no path",),
            "```sh\necho before; (exit 3); echo after\n```\n": ("page.md:1: exit code 3", "| before"),
            "```sh\necho a\n```\n```output\nb\n```\n": ("page.md:4: ", "not printed", ": b\n", "| a\n"),
            "```output\nb\n```\n": ("page.md:1: there is no `sh`",),
            "```sh\nexit 0\n```\n": ("page.md:1: exit code 0",),
            "```text ../a\n```\n": ("page.md:1: ../a is no path",),
            "```sh\n": ("page.md:1: this block does not end",),
        }.items():
            code, said = self.follow(page)
            self.assertEqual(code, 1, said)
            for part in expected:
                self.assertIn(part, said)
            self.assertNotIn("| after", said)


if __name__ == "__main__":
    unittest.main()

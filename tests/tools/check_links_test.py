#!/usr/bin/python3
"""tools/check_links on a folder of its own: each page breaks one rule."""
import pathlib
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


class CheckLinks(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.root = pathlib.Path(self.folder.name) / "root"
        self.write("docs/there.md", "# Hold-out points (2)\n```\n# no heading\n```\n")
        self.write("picture.png", "")

    def tearDown(self):
        self.folder.cleanup()

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def wrong(self, text):
        self.write("page.md", text)
        done = subprocess.run([ROOT / "tools/check_links", self.root], capture_output=True, text=True)
        self.assertEqual(done.returncode != 0, bool(done.stderr))
        return done.stderr.strip().removeprefix(f"{self.root}/")

    def test_files_headings_pictures_and_other_hosts(self):
        self.assertEqual(self.wrong("# Here\n[a](docs/there.md) [b](docs/there.md#hold-out-points-2) [c](#here)\n"
                                    "![d](picture.png) [e](https://example.org/x.md) [f](docs)\n"), "")

    def test_code_holds_no_link(self):
        self.assertEqual(self.wrong("`[a](b)`\n```\nx[i](j)\n```\n"), "")

    def test_a_file_that_is_not_there(self):
        self.assertEqual(self.wrong("one\n[a](docs/gone.md)\n"), "page.md:2: docs/gone.md: there is no such file")

    def test_a_picture_that_is_not_there(self):
        self.assertEqual(self.wrong("![a](gone.png)"), "page.md:1: gone.png: there is no such file")

    def test_a_heading_that_is_not_there(self):
        self.assertEqual(self.wrong("[a](docs/there.md#holdout-points)"),
                         "page.md:1: docs/there.md#holdout-points: there.md has no such heading")

    def test_a_comment_in_code_is_no_heading(self):
        self.assertEqual(self.wrong("[a](docs/there.md#no-heading)"),
                         "page.md:1: docs/there.md#no-heading: there.md has no such heading")

    def test_a_file_outside(self):
        (self.root.parent / "outside.md").write_text("")
        self.assertEqual(self.wrong("[a](../outside.md)"), f"page.md:1: ../outside.md: leads out of {self.root}")

    def test_a_folder_without_pages(self):
        empty = self.root / "docs/empty"
        empty.mkdir()
        done = subprocess.run([ROOT / "tools/check_links", empty], capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stderr), (1, f"tools/check_links: no pages under {empty}\n"))


if __name__ == "__main__":
    unittest.main()

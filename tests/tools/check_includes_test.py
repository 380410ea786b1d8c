#!/usr/bin/python3
"""tools/check_includes on trees of its own: each breaks one rule."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
RULES = """# folder | may include | what
src/top | src/middle base | the top
src/middle/door.cpp | src/middle/back | a file that may more
src/middle/back | base | behind the door
src/middle | base | the middle
base | | the ground

yaml-cpp/ | base
"""
SOURCES = {
    "src/top/a.cpp": '#include "middle/b.h"\n#include "base/c.h"\n#include <vector>\n',
    "src/middle/b.h": '#include "base/c.h"\n',
    "src/middle/door.cpp": '#include "middle/back/d.h"\n',
    "src/middle/back/d.h": '#include "base/c.h"\n',
    "base/c.h": "#include <yaml-cpp/yaml.h>\n",
}


class CheckIncludes(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.root = pathlib.Path(self.folder.name)
        for name, text in SOURCES.items():
            self.write(name, text)
        self.write("tools/include_rules.txt", RULES)
        self.write("docs/architecture.md",
                   "Before\n<!-- From tools/include_rules.txt by tools/check_includes --write -->\n"
                   "<!-- End of the table -->\nafter\n")
        self.run_check("--write")

    def tearDown(self):
        self.folder.cleanup()

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def run_check(self, *words):
        done = subprocess.run([ROOT / "tools/check_includes", *words, self.root], capture_output=True, text=True)
        return done.returncode, done.stderr

    def refused(self, *parts):
        code, messages = self.run_check()
        self.assertEqual(code, 1)
        for part in parts:
            self.assertIn(part, messages)

    def test_a_tree_that_keeps_to_its_table_passes(self):
        self.assertEqual(self.run_check(), (0, ""))

    def test_an_include_against_the_table_is_named_with_its_line(self):
        self.write("base/c.cpp", '#include "base/c.h"\n#include "middle/b.h"\n')
        self.refused("base/c.cpp:2: base must not include src/middle")

    def test_what_one_file_may_its_neighbours_may_not(self):
        self.write("src/middle/b.cpp", '#include "middle/back/d.h"\n')
        self.refused("src/middle/b.cpp:1: src/middle must not include src/middle/back")

    def test_permission_is_not_handed_on(self):
        self.write("src/top/e.cpp", '#include "middle/back/d.h"\n')
        self.refused("src/top must not include src/middle/back")

    def test_a_folder_needs_a_row(self):
        self.write("src/new/f.h", "")
        self.refused("src/new/f.h: its folder has no row")

    def test_a_row_that_leads_back_up_is_refused(self):
        self.write("tools/include_rules.txt", RULES.replace("base | |", "base | src/top |"))
        self.refused("base names src/top, which is no row below it")

    def test_a_permission_that_nobody_uses_is_refused(self):
        self.write("src/top/a.cpp", '#include "base/c.h"\n')
        self.refused("src/top does not include src/middle")

    def test_a_row_without_a_folder_is_refused(self):
        self.write("tools/include_rules.txt", "src/gone | base | gone\n" + RULES)
        self.refused("there is no src/gone")

    def test_a_library_header_stays_in_its_folder(self):
        self.write("src/top/g.h", "#include <yaml-cpp/node.h>\n")
        self.refused("src/top/g.h:1: yaml-cpp/node.h may be included in base only")

    def test_an_include_says_where_its_file_is(self):
        self.write("src/top/h.h", "")
        self.write("src/top/h.cpp", '#include "h.h"\n')
        self.refused("src/top/h.cpp:1: say where h.h is")

    def test_a_page_with_another_table_is_refused(self):
        self.write("docs/architecture.md", (self.root / "docs/architecture.md").read_text().replace("ground", "floor"))
        self.refused("docs/architecture.md: its table is not that of")

    def test_the_page_keeps_what_stands_around_the_table(self):
        text = (self.root / "docs/architecture.md").read_text()
        self.assertTrue(text.startswith("Before\n") and text.endswith("after\n"))
        self.assertIn("| `src/middle/door.cpp` | a file that may more | src/middle/back |", text)


if __name__ == "__main__":
    sys.exit(unittest.main())

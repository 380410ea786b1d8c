#!/usr/bin/python3
"""The edits that tools/mutate makes: what it leaves alone, and what becomes of each kind of place."""
import importlib.machinery
import importlib.util
import pathlib
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.dont_write_bytecode = True
loader = importlib.machinery.SourceFileLoader("mutate", str(ROOT / "tools/mutate"))
mutate = importlib.util.module_from_spec(importlib.util.spec_from_loader("mutate", loader))
loader.exec_module(mutate)


def after(text):
    return {edit.after for edit in mutate.edits_of("f.cpp", text)}


class Edits(unittest.TestCase):
    def test_comments_texts_directives_and_asserts_stay(self):
        for text in ("// a < b + 1", "/* a < b\n + 1 */", 'say("a < 1 && b");', "#if A > 1 && B", "char c = '1';",
                     "assert(a < 1);", "static_assert(a < 1);", 'auto t = R"(a < 1)";'):
            edits = {edit for edit in after(text) if edit.strip() != ";"}
            self.assertEqual(edits, set(), text)

    def test_brackets_of_templates_references_and_signs_stay(self):
        for text in ("template <typename T, int N = 1>", "std::vector<int> a(b);", "void f(T&& a, const T* b);",
                     "std::array<int, 3> a;", "p->q(-a);", "*p = a;"):
            self.assertEqual({edit for edit in after(text) if edit.strip() != ";"}, set(), text)

    def test_every_operator_has_its_neighbours(self):
        self.assertEqual(after("x = a < b"), {"x = a <= b", "x = a >= b"})
        self.assertEqual(after("x = a == b"), {"x = a != b"})
        self.assertEqual(after("x = a && b"), {"x = a || b"})
        self.assertEqual(after("x = a ||\n  b"), {"x = a &&"})
        self.assertEqual(after("x = a * b"), {"x = a / b"})
        self.assertEqual(after("x += b"), {"x -= b"})
        self.assertEqual(after("++i"), {"--i"})
        self.assertEqual(after("f(!a)"), {"f(a)"})
        self.assertEqual(after("x = std::min(a, b)"), {"x = std::max(a, b)"})
        self.assertEqual(after("x = true"), {"x = false"})

    def test_two_texts_are_not_subtracted(self):
        self.assertEqual(after('x = "a" + b'), set())
        self.assertEqual(after('x = b + "a"'), set())

    def test_numbers_move(self):
        self.assertEqual(after("x = 0"), {"x = 1"})
        self.assertEqual(after("x = 1u"), {"x = 0u", "x = 2u"})
        self.assertEqual(after("x = 7"), {"x = 6", "x = 8"})
        self.assertEqual(after("x = 0.0"), {"x = 1.0"})
        self.assertEqual(after("x = 1e-9"), {"x = 2e-09"})
        self.assertEqual(after("x = 0xffu"), {"x = 256u", "x = 254u"})
        self.assertEqual(after("x = 1'000"), {"x = 1001", "x = 999"})

    def test_conditions_of_early_ends_are_negated(self):
        self.assertEqual(after("if (a(b)) return;"), {"if (!(a(b))) return;"})

    def test_statements_on_one_line_are_taken_out(self):
        self.assertEqual(after("{\n  f(a);\n}"), {"  ;"})
        self.assertEqual(after("{\n  a.b(c);\n  continue;\n}"), {"  ;"})
        self.assertEqual(after("{\n  return f(a);\n}"), set())
        self.assertEqual(after("{\n  x = y +\n      f(a);\n}"), {"  x = y -"})  # half a statement

    def test_an_edit_says_where_it_is(self):
        (edit,) = mutate.edits_of("f.cpp", "// one\nx = a == b")
        self.assertEqual((edit.file, edit.line, edit.column, edit.before), ("f.cpp", 2, 7, "x = a == b"))

    def test_a_seed_gives_the_same_edits_and_one_for_each_place(self):
        first = mutate.seeded_edits("energy", 1)
        self.assertEqual(first, mutate.seeded_edits("energy", 1))
        self.assertNotEqual(first, mutate.seeded_edits("energy", 2))
        self.assertEqual(len({(e.file, e.line, e.column) for e in first}), len(first))
        self.assertGreater(len(first), 50)


if __name__ == "__main__":
    sys.exit(unittest.main())

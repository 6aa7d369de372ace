"""What embedding does to the console's files: embed.py leaves out what speaks to readers, and names in the document what comes with it."""
import pathlib
import re
import sys
import unittest

TOP = pathlib.Path(__file__).resolve().parents[3]
UI = TOP / "src/admin/ui"
sys.path.insert(0, str(TOP / "src/admin"))
sys.dont_write_bytecode = True

import embed  # noqa: E402  (found through the line above)
from embed_code import without_remarks  # noqa: E402


def script(text):
    return without_remarks(text, ".js")


def style(text):
    return without_remarks(text, ".css")


class Scripts(unittest.TestCase):
    def is_kept(self, *texts):
        for text in texts:
            self.assertEqual(script(text + "\n"), text + "\n")

    def test_comments_and_indentation_go(self):
        self.assertEqual(script("/* a */ let x = 1; // b\n  x += 2; /* c */\n"), " let x = 1;\nx += 2;\n")
        self.assertEqual(script("a /* one\n two */ b\n"), "a\nb\n")
        self.assertEqual(script("a/* */b"), "a b\n")

    def test_lines_keep_their_numbers(self):
        text = "/* one\n * two */\n// three\nlet x; /* four\nfive */ let y;\n"
        self.assertEqual(script(text).split("\n"), ["", "", "", "let x;", "let y;", ""])

    def test_what_is_quoted_is_no_comment(self):
        self.is_kept("'https://a/*b*/'", '"it\'s // here"', r"'a\'// b'", r'"a\\"', "'\\\n  // goes on'", "`// ${a} /* */`")

    def test_templates_stay_as_they_are(self):
        self.is_kept("`one\n  two  \n\n  // three`", "`${a ? `${b} // ` : '}'} /* */`", "`$ {// ` + `\\` // \\${`", "`${{ a: { b: 1 } }.a.b} // x`")
        self.assertEqual(script("`${/* a */ b} // `; // c\n  d"), "`${ b} // `;\nd\n")

    def test_regular_expressions_are_no_comments(self):
        self.is_kept(r"x.replace(/^#?\//, '')", "/[/*]'/.test(x)", r"const a = /\/\*/g;", "return /'/;", "x = a && /[\"\\]/]/i", "(x) => /`/")

    def test_divisions_are_no_regular_expressions(self):
        self.assertEqual(script("a = b / c; // d / e\n"), "a = b / c;\n")
        self.assertEqual(script("(a) / 2; b[0] / 2 / 3 // '\n"), "(a) / 2; b[0] / 2 / 3\n")

    def test_what_is_not_understood_stays_whole(self):
        for text in ("} / 2; // is it an object?\n", "'never ends // \n  x\n", "`never ends // \n", "/* never ends\n", "= /never [ends // \n  x"):
            self.assertEqual(script(text), text)


class Styles(unittest.TestCase):
    def test_comments_and_indentation_go(self):
        self.assertEqual(style("/* a\n b */\na > b {\n  color: red; /* c */\n}\n"), "\n\na > b {\ncolor: red;\n}\n")

    def test_what_is_quoted_stays(self):
        text = 'a::before { content: "/* \\" */  x"; background: url(data:a/*b*/c) }\n'
        self.assertEqual(style(text), text)

    def test_what_is_not_understood_stays_whole(self):
        for text in ("a/* */.b { } /* c */\n", "a { content: 'never ends\n /* b */ }", "/* never ends\n"):
            self.assertEqual(style(text), text)


class Console(unittest.TestCase):
    def setUp(self):
        self.paths = sorted(p for p in UI.rglob("*") if p.is_file())
        self.files = embed.read(UI, self.paths)

    def test_every_file_is_understood_and_keeps_its_lines(self):
        for path in self.paths:
            name = path.relative_to(UI).as_posix()
            before, after = path.read_text(), self.files[name].decode()
            if path.suffix not in (".js", ".css"):
                self.assertEqual(before, after, name)
                continue
            self.assertNotRegex(after, r"(?m)^/\*|^// ", name)
            self.assertEqual(after.rstrip("\n").count("\n"), before.rstrip("\n").count("\n"), name)
            for number, (old, new) in enumerate(zip(before.split("\n"), after.split("\n")), 1):
                left = iter(old)
                self.assertTrue(all(c in left for c in new), f"{name}:{number} has something that was not there: {new}")

    def test_the_document_names_all_that_the_first_page_imports(self):
        text = embed.document(self.files, "v1").decode()
        named = re.findall(r'(?:src|href)="/ui/([^"]+)"', text)
        self.assertEqual(len(named), len(set(named)))
        self.assertTrue(all(n.startswith("v1/") and n[3:] in self.files for n in named), named)
        for module in (n[3:] for n in named if n.endswith(".js")):
            for wanted in embed.imports(module, self.files):
                self.assertIn(f"v1/{wanted}", named, f"{module} imports it")
        self.assertTrue({"v1/main.js", "v1/pages/overview.js", "v1/pages/signin.js", "v1/parts/chart.js"} <= set(named))
        self.assertNotIn("v1/pages/wizard.js", named)

    def test_imports_are_found_however_they_are_written(self):
        files = {"main.js": b"import { a,\n  b } from './x/a.js';\nimport './b.js';\nexport * from './c.js';\nexport const d = './e.js';\nawait import('./f.js');\n",
                 "x/a.js": b"import d from '../b.js';\n", "b.js": b"import { main } from './main.js';\n", "c.js": b""}
        self.assertEqual(embed.imports("main.js", files), ["x/a.js", "b.js", "c.js"])
        with self.assertRaisesRegex(SystemExit, "b.js imports ./main.js"):
            embed.imports("b.js", {"b.js": files["b.js"]})

    def test_any_change_is_another_version(self):
        version = embed.version_of(self.files)
        self.assertEqual(version, embed.version_of(dict(reversed(self.files.items()))))
        for name in ("main.js", "index.html", "postern.svg"):
            self.assertNotEqual(version, embed.version_of({**self.files, name: self.files[name] + b" "}))
        self.assertNotEqual(version, embed.version_of({**self.files, "new.js": b""}))


if __name__ == "__main__":
    unittest.main()

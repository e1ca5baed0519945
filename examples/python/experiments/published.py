"""Tables for documents, with what made them: printed, and with --write DOCUMENT put into their place there.

A document keeps a place for every command whose digits it shows:

    <!-- made by: python bench/mnist_table.py mnist_png -->
    <!-- end -->

Everything between the two lines is replaced, and nothing else. Folders go by their last name.
"""

import datetime
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "python"))

import teleport  # noqa: E402

ROOT = Path(__file__).resolve().parents[3]
END = "<!-- end -->"
HIDDEN = ("--write", "--out")  # where results go says nothing about them


def add_option(parser):
    parser.add_argument(
        "--write", type=Path, metavar="DOCUMENT", help="puts the tables into their place in it"
    )


def command():
    """The command that is running, as a document shows it."""
    script = Path(sys.argv[0]).resolve()
    script = script.relative_to(ROOT) if script.is_relative_to(ROOT) else script.name
    words, rest = ["python", str(script)], iter(sys.argv[1:])
    for word in rest:
        if word in HIDDEN:
            next(rest, None)
        elif not word.startswith(tuple(option + "=" for option in HIDDEN)):
            words.append(Path(word).resolve().name if os.sep in word else word)
    return " ".join(words)


def commit():
    """The checkout's commit, and whether more than documents has changed since."""

    def git(*arguments):
        return subprocess.run(
            ["git", "-C", ROOT, *arguments], capture_output=True, text=True, check=True
        ).stdout.strip()

    try:
        changes = git("status", "--porcelain", "--untracked-files=no", "--", ".", ":(exclude)*.md")
        return f"commit {git('rev-parse', 'HEAD')[:10]}" + (" with changes" if changes else "")
    except (OSError, subprocess.CalledProcessError):
        return "commit unknown"


def machine():
    names = [
        line.split(":", 1)[1].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    name = f"{len(names)} x {names[0]}" if names else "unknown processor"
    return f"{name}, {teleport.build_info()}, {teleport.thread_count()} thread(s)"


class Page:
    """What one command has to show. The place in the document is looked for before anything runs."""

    def __init__(self, document, seeds):
        self.document, self.parts = document, []
        if document is not None:
            self._place()
        last = f"seeds 0 to {seeds - 1}" if seeds > 1 else "seed 0"
        self.origin = (
            f"Made by `{command()}` on {datetime.date.today()}, {commit()}: {machine()}; {last}, "
            "a ± b is mean ± standard deviation over them."
        )
        print(f"{self.origin}\n", flush=True)

    def _place(self):
        """The document's text and where in it the place begins and ends."""
        script = Path(sys.argv[0]).name
        try:
            text = self.document.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            sys.exit(f"{script}: {self.document}: {error}")
        begin = f"<!-- made by: {command()} -->\n"
        if text.count(begin) != 1:
            there = re.findall(r"^<!-- made by: (.*) -->$", text, re.M)
            places = "; ".join(there) if there else "none"
            sys.exit(
                f"{script}: {self.document} has {text.count(begin)} places for `{command()}`; "
                f"it has places for: {places}"
            )
        start = text.index(begin) + len(begin)
        end = text.find(END, start)
        if end < 0 or "<!-- made by:" in text[start:end]:
            sys.exit(f"{script}: the place for `{command()}` in {self.document} has no end")
        return text, start, end

    def text(self, text):
        """A paragraph."""
        print(f"{text}\n", flush=True)
        self.parts.append(text)

    def table(self, title, header, rows):
        """A Markdown table, `title` (may be empty) above it."""
        rows = [[str(cell) for cell in row] for row in rows]
        widths = [max(map(len, cells)) for cells in zip(*[header, *rows])]
        if title:
            print(f"{title}\n")
        for cells in [header, ["-" * width for width in widths], *rows]:
            padded = (cell.ljust(width) for cell, width in zip(cells, widths))
            print("| " + " | ".join(padded) + " |")
        print(flush=True)
        lines = ["| " + " | ".join(cells) + " |" for cells in [header, ["---"] * len(header), *rows]]
        self.parts.append((f"{title}:\n\n" if title else "") + "\n".join(lines))

    def publish(self):
        """Writes everything into the document, at once or not at all."""
        if self.document is None:
            return
        text, start, end = self._place()  # it may have changed since
        origin = textwrap.fill(self.origin, 120, break_long_words=False, break_on_hyphens=False)
        made = "\n\n".join([origin, *self.parts, ""])
        beside = self.document.with_name(self.document.name + ".new")
        beside.write_text(text[:start] + made + text[end:], encoding="utf-8")
        os.replace(beside, self.document)
        print(f"written into {self.document.name}\n")

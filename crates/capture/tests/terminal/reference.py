"""What a terminal shows in the end, by pyte: the reference the screen is compared with.

Reads one JSON object a line, {"rows", "columns", "bytes": base64, "lines": [text]}, and answers each with one line:
{"rows", "ours"}. The first are the rows a person could scroll through when all bytes were written, the others those
that `lines` take on such a screen; both without blanks at their ends and without blank rows at the end. Nothing is
ever forgotten: what a cleared screen held is kept as if it had scrolled out.
"""

import base64
import copy
import json
import sys
import unicodedata

import pyte
from wcwidth import wcwidth


# What only hides or reorders its neighbours: a log does not keep it.
HIDDEN = set(map(chr, range(0xE0000, 0xE0080))) | set("\u00ad\u061c\u180e\u200b\u200e\u200f\ufeff") | set(map(chr, (*range(0x2028, 0x202F), *range(0x2060, 0x2070))))


# The set that draws lines has no others below its blank, and shows a newline's sign for this letter.
LINES = "".join(map(chr, range(ord("_")))) + " " + pyte.charsets.VT100_MAP[ord("`") :].replace("\u2591", "\u2424")
pyte.charsets.MAPS["0"] = LINES


class Terminal(pyte.Screen):
    """A screen that remembers, and that does as xterm does where pyte knows less."""

    def __init__(self, columns, lines):
        self.past = []
        # What a repetition repeats.
        self.written = None
        # The cursor was sent to the first place by name, and nothing happened since.
        self.home = False
        super().__init__(columns, lines)

    def row(self, line):
        text, x = [], 0
        while x < self.columns:
            data = line[x].data
            if data and wcwidth(data[0]) == 2:
                # One that was pushed half over the margin is gone.
                whole = x + 1 < self.columns and line[x + 1].data == ""
                text.append(data if whole else " ")
                x += 2 if whole else 1
                continue
            # The second half of a wide character whose first half was overwritten.
            text.append(data or " ")
            x += 1
        return "".join(text).rstrip()

    def remember(self, until):
        rows = [self.row(self.buffer[y]) for y in range(until)]
        while rows and not rows[-1]:
            rows.pop()
        self.past.extend(rows)

    def text(self):
        return self.past + [self.row(self.buffer[y]) for y in range(self.lines)]

    # One character at a time: pyte gives up a whole piece of text at the first character it cannot place.
    def draw(self, data):
        for char in data:
            width = wcwidth(char)
            if char in HIDDEN:
                continue
            if width == 0:
                if self.cursor.x:
                    line = self.buffer[self.cursor.y]
                    x = self.cursor.x - 1
                    if line[x].data == "" and x:
                        x -= 1
                    line[x] = line[x]._replace(data=line[x].data + char)
                continue
            if width == 2 and self.cursor.x == self.columns - 1:
                # No room for both halves: a terminal wraps before it.
                self.cursor.x = self.columns
            super().draw(char)
            self.written = char

    def index(self):
        top, bottom = self.margins or (0, self.lines - 1)
        if self.cursor.y == bottom:
            self.past.append(self.row(self.buffer[top]))
        self.settle()
        super().index()

    def erase_in_display(self, how=0, *args, **kwargs):
        whole = how == 0 and self.home
        if how in (2, 3) or whole:
            self.remember(self.lines)
        elif how == 1:
            # As if what stands above had scrolled out before.
            self.past.extend(self.row(self.buffer[y]) for y in range(self.cursor.y))
        super().erase_in_display(2 if how == 3 else how)

    # A cursor that waits behind the last column is on it as soon as it is moved.
    def settle(self):
        self.cursor.x = min(self.cursor.x, self.columns - 1)

    # Margins stop a cursor that is between them, or comes to one from there; not one that is beyond.
    def cursor_up(self, count=None):
        self.settle()
        top, _ = self.margins or (0, self.lines - 1)
        first = top if self.cursor.y >= top else 0
        self.cursor.y = max(self.cursor.y - (count or 1), first)

    def cursor_down(self, count=None):
        self.settle()
        _, bottom = self.margins or (0, self.lines - 1)
        last = bottom if self.cursor.y <= bottom else self.lines - 1
        self.cursor.y = min(self.cursor.y + (count or 1), last)

    def reset(self):
        # The screen is cleared, and does not forget either.
        if hasattr(self, "mode"):
            self.remember(self.lines)
        super().reset()
        # Both sets are letters until somebody says otherwise.
        self.g1_charset = pyte.charsets.LAT1_MAP
        self.home = True

    def next_line(self):
        self.linefeed()
        self.carriage_return()

    def repeat(self, count=None):
        if self.written:
            self.draw(self.written * min(count or 1, self.columns * self.lines))

    # A region of one row is none, and without numbers it is the whole screen; either way the cursor goes home.
    def set_margins(self, top=None, bottom=None):
        top, bottom = max(top or 1, 1), min(bottom or self.lines, self.lines)
        if top < bottom:
            super().set_margins(top, bottom)

    def cursor_to_line(self, line=None):
        self.cursor_position(line, min(self.cursor.x, self.columns - 1) + 1)

    def cursor_back_tab(self, count=None):
        self.settle()
        for _ in range(min(count or 1, self.columns)):
            self.cursor.x = max([0, *(stop for stop in self.tabstops if stop < self.cursor.x)])

    def cursor_tab(self, count=None):
        self.settle()
        for _ in range(min(count or 1, self.columns)):
            self.tab()

    def set_tab_stop(self):
        self.tabstops.add(min(self.cursor.x, self.columns - 1))

    def clear_tab_stop(self, how=0):
        x = self.cursor.x
        self.settle()
        super().clear_tab_stop(how)
        self.cursor.x = x

    # There is one saved place, which can be returned to again and again. Margins bind what scrolls, not that place.
    def save_cursor(self):
        self.savepoints.clear()
        super().save_cursor()

    def restore_cursor(self):
        saved = copy.deepcopy(self.savepoints)
        if not saved:
            self.charset, self.g0_charset, self.g1_charset = 0, pyte.charsets.LAT1_MAP, pyte.charsets.LAT1_MAP
        super().restore_cursor()
        if saved:
            self.cursor.x, self.cursor.y = saved[-1].cursor.x, saved[-1].cursor.y
            if not saved[-1].origin:
                self.mode.discard(pyte.modes.DECOM)
        self.savepoints = saved

    # A newline, other than a move down, leaves a waiting cursor where it is.
    def linefeed(self):
        x = self.cursor.x
        super().linefeed()
        self.cursor.x = x


    def cursor_position(self, line=None, column=None):
        line = line or 1
        if self.margins and pyte.modes.DECOM in self.mode:
            # Beyond the region is its last row.
            line = min(line, self.margins.bottom - self.margins.top + 1)
        super().cursor_position(line, column)
        self.home = (self.cursor.x, self.cursor.y) == (0, 0)

    # pyte moves no row that was never written to, and so leaves what it should have overwritten.
    def touch(self):
        for y in range(self.lines):
            self.buffer[y]

    def insert_lines(self, count=None):
        self.touch()
        super().insert_lines(count)

    def delete_lines(self, count=None):
        self.touch()
        super().delete_lines(count)

    # What is pushed over the margin is gone.
    def insert_characters(self, count=None):
        super().insert_characters(count)
        self.buffer[self.cursor.y].pop(self.columns, None)

    # What scrolls moves under the cursor.
    def scroll_up(self, count=None, **kwargs):
        top, bottom = self.margins or (0, self.lines - 1)
        place = self.cursor.x, self.cursor.y
        self.cursor.y = bottom
        for _ in range(min(count or 1, bottom + 1 - top)):
            self.index()
        self.cursor.x, self.cursor.y = place

    def scroll_down(self, count=None, **kwargs):
        top, _ = self.margins or (0, self.lines - 1)
        place = self.cursor.x, self.cursor.y
        self.cursor.y = top
        for _ in range(count or 1):
            self.reverse_index()
        self.cursor.x, self.cursor.y = place

    def save(self, *args, **kwargs):
        self.save_cursor()

    def restore(self, *args, **kwargs):
        self.restore_cursor()


def elsewhere(name):
    def method(self, *args, **kwargs):
        original(self, *args, **kwargs)
        self.home = False

    original = getattr(Terminal, name)
    setattr(Terminal, name, method)


for name in (
    "draw tab linefeed cursor_up cursor_down cursor_up1 cursor_down1 cursor_forward cursor_back cursor_to_column "
    "cursor_to_line cursor_tab cursor_back_tab restore_cursor alignment_display"
).split():
    elsewhere(name)


class Stream(pyte.Stream):
    """Adds what pyte does not know."""

    csi = dict(
        pyte.Stream.csi,
        S="scroll_up",
        T="scroll_down",
        s="save",
        u="restore",
        b="repeat",
        I="cursor_tab",
        Z="cursor_back_tab",
    )
    escape = dict(pyte.Stream.escape, E="next_line")
    events = pyte.Stream.events | {
        "scroll_up",
        "scroll_down",
        "save",
        "restore",
        "repeat",
        "next_line",
        "cursor_tab",
        "cursor_back_tab",
    }

    def __init__(self, screen):
        super().__init__(screen)
        # xterm draws lines in any encoding.
        self.use_utf8 = False


def broken(line, columns):
    """The rows a line takes."""
    rows, width = [""], 0
    for char in line:
        wide = max(wcwidth(char), 0)
        if width + wide > columns:
            rows.append("")
            width = 0
        rows[-1] += char
        width += wide
    return [row.rstrip() for row in rows]


def trimmed(rows):
    while rows and not rows[-1]:
        rows.pop()
    return [unicodedata.normalize("NFC", row) for row in rows]


def main():
    for line in sys.stdin:
        case = json.loads(line)
        terminal = Terminal(case["columns"], case["rows"])
        Stream(terminal).feed(base64.b64decode(case["bytes"]).decode("utf-8", "replace"))
        ours = [row for line in case["lines"] for row in broken(line, case["columns"])]
        print(json.dumps({"rows": trimmed(terminal.text()), "ours": trimmed(ours)}), flush=True)


if __name__ == "__main__":
    main()

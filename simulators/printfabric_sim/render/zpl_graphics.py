"""ZPL's hexadecimal graphics. After the "ZPL II Programming Guide", "Alternative Data Compression Scheme"."""

from __future__ import annotations

from printfabric_sim.render.zpl_parameters import MAX_DOTS


def unpack(data: bytes, row: int) -> bytes:
    """Return the dots, `row` bytes a row: G..Y and g..z repeat, `,` and `!` fill a row, `:` repeats the row above.

    There are no more than MAX_DOTS rows.
    """
    rows: list[str] = []
    line, count = "", 0
    for char in data.decode("latin-1"):
        if len(rows) >= MAX_DOTS:
            break
        if "G" <= char <= "Y":
            count += ord(char) - ord("F")
        elif "g" <= char <= "z":
            count += (ord(char) - ord("f")) * 20
        elif char in "0123456789ABCDEFabcdef":
            line += char * max(1, min(count, row * 2 * MAX_DOTS))
            count = 0
        elif char in ",!":
            line += ("0" if char == "," else "F") * (row * 2 - len(line))
        elif char == ":" and rows:
            line = rows[-1]
        while len(line) >= row * 2:
            rows.append(line[: row * 2])
            line = line[row * 2 :]
    return bytes.fromhex("".join(rows))

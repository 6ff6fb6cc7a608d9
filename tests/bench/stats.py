"""stats.py - medians, how far they can be trusted, and tables.

SPDX-License-Identifier: GPL-2.0-or-later
"""
import statistics

NOISY = 0.25  # an IQR above this part of the median


class Series:
    """One value a round, in order; None where a round has none."""

    def __init__(self, values):
        self.values = list(values)
        self.known = [v for v in self.values if v is not None]

    @property
    def median(self):
        return statistics.median(self.known) if self.known else None

    @property
    def iqr(self):
        """The distance between the quartiles, as a part of the median."""
        if len(self.known) < 2 or not self.median:
            return 0.0
        low, _, high = statistics.quantiles(self.known, n=4, method="inclusive")
        return (high - low) / abs(self.median)

    @property
    def noisy(self):
        return self.iqr > NOISY

    def over(self, other):
        """The paired ratio: each round's value over the same round's of `other`."""
        return Series(a / b if a is not None and b else None for a, b in zip(self.values, other.values))

    def show(self, digits=1, iqr=True):
        if self.median is None:
            return "-"
        text = f"{self.median:.{digits}f}"
        if iqr:
            text += f" ±{self.iqr * 100:.0f}%"
        return text + (" noisy" if self.noisy else "")

    def as_json(self):
        return {"median": self.median, "iqr": self.iqr, "noisy": self.noisy, "rounds": self.values}


def jain(shares):
    """Jain's index of fairness: 1 if all are equal, 1/n if one has all."""
    squares = sum(s * s for s in shares)
    return sum(shares) ** 2 / (len(shares) * squares) if squares else 0.0


def table(heads, rows):
    """Text in columns; the first to the left, the others to the right."""
    rows = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in [heads] + rows) for i in range(len(heads))]

    def line(row):
        return "  ".join(cell.ljust(w) if i == 0 else cell.rjust(w)
                         for i, (cell, w) in enumerate(zip(row, widths))).rstrip()
    return "\n".join(["  " + line(heads), "  " + "  ".join("-" * w for w in widths)] +
                     ["  " + line(row) for row in rows])

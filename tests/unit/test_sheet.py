"""What a person sees of a table."""

from wardnet.client.printing.sheet import UNDEFINED, Sheet, numerals

SHEET = Sheet(
    "title",
    ("variable", "n", "mean", "sd"),
    (("age", "10", "53.5", "9.4"), ("chol", "9", "199.13", "110.8")),
    keys=1,
    notes=(("rules", "one"), ("rules", "two"), ("query", "abc")),
)


def test_numbers_stand_with_their_decimal_points_below_each_other() -> None:
    """Six significant digits, no more, and integers whole."""
    cells = [53.51086956521739, 199.1303, 1234567.891, 3, None, "2026-01-31"]
    assert numerals(cells, withheld=[""] * len(cells)) == [
        "53.5109",
        "199.13  ",
        "1234568     ",
        "3     ",
        UNDEFINED,
        "2026-01-31",
    ]


def test_very_large_and_very_small_numbers_have_an_exponent() -> None:
    """Nobody counts zeros."""
    assert numerals([1.5e20, 1.23456789e-9], withheld=["", ""]) == ["1.5e+20    ", "1.23457e-09"]


def test_a_withheld_entry_shows_its_mark() -> None:
    """The mark stands for the number and does not move the others."""
    assert numerals([None, 1.5], withheld=["withheld", ""]) == ["withheld", "1.5"]


def test_the_text_is_laid_out_in_columns() -> None:
    """Keys to the left, numbers to the right, a repeated note once."""
    assert SHEET.text(80).split("\n") == [
        "title",
        "",
        "variable   n    mean     sd",
        "age       10    53.5    9.4",
        "chol       9  199.13  110.8",
        "",
        "rules  one",
        "       two",
        "query  abc",
    ]


def test_columns_that_do_not_fit_go_below_with_their_keys() -> None:
    """No number is ever cut or broken."""
    text = SHEET.text(22)
    assert text.count("variable") == 2
    assert all(number in text for number in ("53.5", "199.13", "110.8"))
    assert max(map(len, text.split("\n"))) <= 22


def test_names_cannot_steer_the_terminal() -> None:
    """Levels and ids come from others: escape sequences and line ends are made visible."""
    sheet = Sheet(
        "\x1b[31mred", ("a\rb",), (("x\x1b]0;title\x07",),), keys=1, notes=(("n", "\x9b"),)
    )
    text = sheet.text(80)
    assert all(letter.isprintable() or letter == "\n" for letter in text)


def test_names_cannot_become_markup() -> None:
    """Neither rich's own markup nor HTML."""
    sheet = Sheet("[red]t[/red]", ("[b]",), (("<script>alert(1)</script>",),), keys=1)
    assert "[red]t[/red]" in sheet.text(80)
    assert "<script>" not in sheet.html()
    assert "&lt;script&gt;" in sheet.html()

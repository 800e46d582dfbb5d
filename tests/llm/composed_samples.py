"""A capability that scripted authors write as a program, which calls shipped ones."""

from __future__ import annotations

from samples import TEXT, Json, Sample, case, closed


def tip(name: str, percent: float, bill: float, result: float, written: str, **behaviour: str) -> Json:
    """Return a test of the tip: what it works out, and how that is written."""
    calls = {"calculate_percentage": {"result": result, "explanation": ""}, "format_number": {"formatted": written}}
    return case(name, {"percent": percent, "bill": bill}, {"output": {"tip": written}}, calls=calls, **behaviour)


TIP_IN_DOLLARS = Sample(
    task="tell which tip a guest leaves at a restaurant, written in dollars and cents",
    specification={
        "id": "tip_in_dollars",
        "summary": "Tells the tip that a guest leaves on a restaurant bill, written in dollars and cents.",
        "language": "program",
        "input_schema": closed(bill={"type": "number", "minimum": 0}, percent={"type": "number", "minimum": 0}),
        "output_schema": closed(tip=TEXT),
        "effects": ["calls"],
        "permissions": {"call": ["calculate_percentage", "format_number"]},
        "examples": [
            "Which tip do I leave on a bill of 86.40?",
            "We ate for 120 dollars; what does the waiter get?",
            "Write the waiter's tip in dollars and cents",
        ],
        "behaviour": [
            "The tip is so many percent of the bill, as calculate_percentage works it out.",
            "It is written by format_number as USD with two decimals.",
        ],
    },
    seen=(
        tip("a tenth", 10, 90, 9, "$9.00"),
        tip("with thousands", 20, 9000, 1800, "$1,800.00"),
        tip("with cents", 15, 86.4, 12.96, "$12.96"),
    ),
    held_out=(
        tip("nothing", 0, 50, 0, "$0.00", behaviour="Who leaves no percents leaves nothing."),
        tip("half", 50, 81, 40.5, "$40.50", behaviour="Cents have two digits."),
    ),
    source="""\
# the tip as a number
push percentage
call input 0
push percent
call get 2
push number
call input 0
push bill
call get 2
call map 4
call calculate_percentage 1
push result
call get 2
store amount
# as it is written
push tip
push number
load amount
push decimals
push 2
push currency
push USD
call map 6
call format_number 1
push formatted
call get 2
call map 2
""",
    input={"bill": 12000, "percent": 15},
    output={"tip": "$1,800.00"},
)

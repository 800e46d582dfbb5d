"""Capabilities that scripted authors write as programs, which call shipped ones."""

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


def leave(employee: str, remaining: float) -> Json:
    """Return what is asked of and answered by `get_leave_balance`."""
    kinds = {"vacation": {"entitled": 25, "carried_over": 0, "used": 25 - remaining, "remaining": remaining}}
    answer = {"employee_id": employee, "name": "A B", "year": 2026, "unit": "days", "leave_balance": kinds}
    return {"input": {"employee_id": employee}, "output": answer}


def days_off(name: str, left: Json, expect: Json, **behaviour: str) -> Json:
    """Return a test of the vacation of employees; `left` is what each has, None for one that is not there."""
    gone = {"code": "employee_not_found", "message": "There is nobody of that id."}
    exchanges = [
        {"input": {"employee_id": each}, "error": gone} if days is None else leave(each, days)
        for each, days in left.items()
    ]
    return case(name, {"ids": [*left]}, expect, exchanges={"get_leave_balance": exchanges}, **behaviour)


VACATION_OF_TEAM = Sample(
    task="add up how many vacation days a whole team of employees has left",
    specification={
        "id": "vacation_of_team",
        "summary": "Adds up the vacation days that all employees of a team still have this year.",
        "language": "program",
        "input_schema": closed(ids={"type": "array", "items": {"type": "string", "pattern": "^E[0-9]{3}$"}}),
        "output_schema": closed(days={"type": "number"}),
        "effects": ["calls"],
        "permissions": {"call": ["get_leave_balance"]},
        "examples": [
            "How much vacation do E001 and E002 have left together?",
            "Open holidays of our whole team",
            "Sum of the days off that these three still have",
        ],
        "behaviour": [
            "The days are the sum of what each employee has remaining of vacation, 0 for nobody.",
            "An employee whom get_leave_balance does not know is its error, employee_not_found.",
        ],
    },
    seen=(
        days_off("two", {"E001": 3, "E002": 4.5}, {"output": {"days": 7.5}}),
        days_off("one", {"E003": 12}, {"output": {"days": 12}}),
        days_off("one is unknown", {"E001": 3, "E900": None}, {"error": "employee_not_found"}),
    ),
    held_out=(
        days_off("three", {"E004": 1, "E005": -2, "E006": 20}, {"output": {"days": 19}}, behaviour="Overdrawn counts."),
        days_off("a half", {"E007": 0.5}, {"output": {"days": 0.5}}, behaviour="Half days count."),
        days_off("the first is unknown", {"E901": None}, {"error": "employee_not_found"}, behaviour="Unknown ones."),
    ),
    source="""\
call input 0
push ids
call get 2
store ids
push 0
store days
push 0
store i
next:
load i
load ids
call length 1
call less 2
call not 1
jump_if done
push employee_id
load ids
load i
call get 2
call map 2
call get_leave_balance 1
push leave_balance
call get 2
push vacation
call get 2
push remaining
call get 2
load days
call add 2
store days
load i
push 1
call add 2
store i
push true
jump_if next
done:
push days
load days
call map 2
""",
    input={"ids": ["E001", "E004"]},
    output={"days": 30},
)

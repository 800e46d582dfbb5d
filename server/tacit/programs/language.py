"""The language of programs in words, for authors: under 1,500 tokens, built from the tables that the machine uses."""

from __future__ import annotations

from tacit.programs.builtins import BUILTINS
from tacit.programs.compiler import MAX_INSTRUCTIONS
from tacit.programs.energy import FUEL_PER_UNIT, units
from tacit.programs.instructions import KINDS

_FORMS = {
    "push": 'push VALUE            a number, true, false, null, word, "text", [list] or {"map": …} in JSON',
    "pop": "pop                   drop the top of the stack",
    "call": "call NAME COUNT       pop COUNT arguments (the first pushed first), push the result of the built-in NAME, "
    "or of the capability NAME on its one argument, the input",
    "store": "store NAME            pop into a variable",
    "load": "load NAME             push a variable",
    "jump_if": "jump_if LABEL         pop; where truthy (not null, false, 0, empty), go on there; to jump always push "
    "true first",
    "return": "return                end; the top of the stack is the output (so is it at the end of the source)",
    "energy_check": "energy_check N        fail unless N units are left",
    "delegate": "delegate AGENT TASK   hand a task to an agent; push its answer, or a reference where there is none",
    "observe": "observe NAME          push a variable, or that field of the last result, and record it",
    "assert": "assert WORDS          pop; fail with the words unless truthy",
}

_EXAMPLE = """\
# input {"ids": [...]}: add up salaries
call input 0
push ids
call get 2
store ids
push 0
store total
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
call get_salary_details 1
push salary
call get 2
push base_salary
call get 2
load total
call add 2
store total
load i
push 1
call add 2
store i
push true
jump_if next
done:
push total
load total
call map 2
"""


def language() -> str:
    """Return the description that a brief shows."""
    instructions = "\n".join(f"  {_FORMS[name]} ({units(kind.cost):g})" for name, kind in KINDS.items())
    functions = "; ".join(f"{name} {builtin.description}" for name, builtin in BUILTINS.items())
    return f"""\
A program combines capabilities: one instruction a line (at most {MAX_INSTRUCTIONS}), `#` comments, `label:` lines, a \
stack, variables. In brackets what each costs in units of energy; built-ins over large values cost more, and a \
capability costs a unit for each {FUEL_PER_UNIT} of its fuel.
{instructions}
Built-ins, their arguments and results (values are never changed in place): input: the run's input; {functions}.
A capability that it calls has to be listed under permissions: {{"call": ["id"]}} ("agent" where it delegates); \
what that may do, it may do. Its \
failure ends the program, and all files written in the run are then left as they were.
Example:
{_EXAMPLE}"""

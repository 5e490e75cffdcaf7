"""Texts about emptying a node."""

TEXTS: dict[str, str | tuple[str, str]] = {
    "emptying.title": "If this node is emptied",
    "emptying.note": "Who would move, who could not, and what it means to whom, by the scheduler's rules and the room of now. "
    "Disruption budgets are not weighed. Nothing is done.",
    "emptying.show": "Weigh its pods",
    "emptying.empty": "Nothing of anybody runs here.",
    "emptying.fate": "What happens",
    "emptying.target": "To",
    "emptying.hurt": ("{names} would be hurt.", "{n} organizations would be hurt: {names}."),
    "emptying.down": ("**{n} is down** until the node is back", "**{n} are down** until the node is back"),
    "emptying.ends": ("{n} ends for good", "{n} end for good"),
    "emptying.waits": ("{n} finds no place", "{n} find no place"),
    "emptying.restarts": ("{n} begins anew elsewhere", "{n} begin anew elsewhere"),
    "emptying.goes_on": ("{n} has another copy that answers", "{n} have another copy that answers"),
    "emptying.stays": ("{n} belongs to the node", "{n} belong to the node"),
    "emptying.fate.down": "down until the node is back: its volume is here",
    "emptying.fate.ends": "ends for good: nothing starts it again",
    "emptying.fate.waits": "waits: no room elsewhere",
    "emptying.fate.restarts": "begins anew elsewhere, silent for a moment",
    "emptying.fate.goes_on": "moves while another copy answers",
    "emptying.fate.stays": "stays: belongs to the node",
}

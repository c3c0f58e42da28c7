"""Checks of the full-text search. The reviews and the words searched vary with the seed."""

import random
import re

from sandbox.grading import Mismatch, Missing, check

# Each with its plural, and a word that begins with it and means something else.
THINGS = {
    "chain": ("chains", "chainsaw"),
    "pedal": ("pedals", "pedalboard"),
    "wheel": ("wheels", "wheelbarrow"),
    "brake": ("brakes", "brakeman"),
    "saddle": ("saddles", "saddlebag"),
}
# Third person, participle, past.
DOINGS = {
    "rattle": ("rattles", "rattling", "rattled"),
    "squeak": ("squeaks", "squeaking", "squeaked"),
    "wobble": ("wobbles", "wobbling", "wobbled"),
    "creak": ("creaks", "creaking", "creaked"),
    "loosen": ("loosens", "loosening", "loosened"),
}
PRAISE = ("Worth the money", "Good value", "Quick delivery", "As described", "My second one", "Does its work")
RIDES = (
    "on the way to work",
    "in the rain",
    "on gravel",
    "uphill",
    "after a week",
    "on cobbles",
    "in winter",
)


def _reviews(draw, thing, doing):
    """Matching reviews from the best to the least, then others: titles and bodies."""
    plural, other = THINGS[thing]
    third, participle, past = DOINGS[doing]
    ride = draw.sample(RIDES, 6)
    matching = [
        # In title and body; in the title alone; much in the body; once in the body.
        (
            f"{participle.title()} {plural}",
            f"My {thing} {past} {ride[0]}. Once it {third}, the {thing} goes on {participle}.",
        ),
        (f"The {thing} {third} {ride[1]}", None),
        (
            f"Think twice {ride[2]}",
            f"The {thing} {third}. I took it back to the shop {ride[3]}, and the new {thing} {past} too.",
        ),
        (f"Sent back {ride[4]}", f"It was fast and light, and then the old {thing} {past}."),
    ]
    things = [name for name in THINGS if name != thing]
    doings = [name for name in DOINGS if name != doing]
    others = [
        (f"A {other} that {third}", f"Bought it as a present. It {past} {ride[5]}."),
        (f"New {plural}", f"Nothing {DOINGS[doings[0]][0]} any more."),
        (f"Never {past}", f"These {THINGS[things[0]][0]} are quiet {ride[0]}."),
        (f"Quiet {plural} {ride[1]}", None),
    ]
    for _ in range(40):
        one, two = draw.choice(things), draw.choice(doings)
        title = draw.choice(PRAISE) if draw.random() < 0.5 else f"{DOINGS[two][1].title()} {THINGS[one][0]}"
        body = f"The {one} {draw.choice(DOINGS[two])} {draw.choice(RIDES)}, the rest is fine."
        others.append((title, body if draw.random() < 0.8 else None))
    return matching, others


def prepare(ctx):
    """Some fifty reviews in an order that is not that of their rank, and the words to search for."""
    draw = random.Random(ctx.seed)
    thing, doing = draw.choice(list(THINGS)), draw.choice(list(DOINGS))
    matching, others = _reviews(draw, thing, doing)
    numbers = draw.sample(range(10_000, 100_000), len(matching) + len(others))
    rows = [(number, *review) for number, review in zip(numbers, [*matching, *others], strict=True)]
    ctx.rows("create table reviews (reviewid int primary key, title text not null, body text)")
    ctx.rows("create table wanted as select %s::text as words", [f"{thing} {doing}"])
    from psycopg2.extras import execute_values

    with ctx.connection.cursor() as cursor:
        execute_values(cursor, "insert into reviews values %s", draw.sample(rows, len(rows)))
    ctx.rows(f"alter table reviews owner to {ctx.learner.user}")
    ctx.rows(f"grant select on wanted to {ctx.learner.user}")
    return {"ranked": numbers[: len(matching)], "numbers": numbers}


@check(points=1)
def column(ctx):
    """`reviews` has a column `search` of type `tsvector`, and all its reviews are still there."""
    found = ctx.scalar(
        "select format_type(atttypid, null) from pg_attribute"
        " where attrelid = to_regclass('public.reviews') and attname = 'search' and not attisdropped"
    )
    if found is None:
        raise Missing("Column search of reviews")
    if found != "tsvector":
        raise Mismatch("The type of search", expected="tsvector", found=found)
    with ctx.trial("Counting the reviews") as learner:
        ((many,),) = learner("select count(*) from reviews")
    if many != len(ctx.given["numbers"]):
        raise Mismatch("The number of reviews", expected=len(ctx.given["numbers"]), found=many)


def _written(ctx, steps):
    """The column search after each step on a review of our own: each word with its weight."""
    words = []
    with ctx.trial("Writing a review") as learner:
        for statement in steps:
            learner(statement)
            held = learner("select lexeme, weights[1] from reviews, unnest(search) where reviewid = -1")
            words.append(dict(held))
    return words


@check(points=3, after=[column])
def kept_current(ctx):
    """The column has the stems of the words of title and body, also when a review is new or changed."""
    steps = {
        "a new review without a body": "insert into reviews (reviewid, title) values (-1, 'Howling hubs')",
        "a review that got a body": "update reviews set body = 'It hummed' where reviewid = -1",
        "a review with another title": "update reviews set title = 'The bells' where reviewid = -1",
    }
    wanted = [{"howl", "hub"}, {"howl", "hub", "hum"}, {"bell", "hum"}]
    found = _written(ctx, steps.values())
    for what, expected, words in zip(steps, wanted, found, strict=True):
        if set(words) != expected:
            raise Mismatch(f"The words of {what}", expected=sorted(expected), found=sorted(words))


@check(points=2, after=[column])
def weighted(ctx):
    """Words of the title have the weight `A`, words of the body a lower one."""
    step = "insert into reviews (reviewid, title, body) values (-1, 'bell', 'hub')"
    (words,) = _written(ctx, [step])
    alone = "insert into reviews (reviewid, title) values (-1, 'bell')"
    for found in (words, *_written(ctx, [alone])):
        if found.get("bell") != "A":
            raise Mismatch("The weight of a word of the title", expected="A", found=found.get("bell"))
    if words.get("hub") not in {"B", "C", "D"}:
        raise Mismatch("The weight of a word of the body", expected="B, C or D", found=words.get("hub"))


@check(points=2, after=[column])
def indexed(ctx):
    """A search in the column (`search @@ ...`) can use an index."""
    with ctx.trial("Asking for the plan of a search") as learner:
        learner("set local enable_seqscan = off")
        ((plan,),) = learner(
            "explain (format json) select 1 from reviews where search @@ to_tsquery('english', 'chain')"
        )
    if not any("@@" in node.get("Index Cond", "") for node in _nodes(plan[0]["Plan"])):
        raise Missing("An index on reviews that serves search @@ ...")


def _nodes(node):
    yield node
    for child in node.get("Plans", ()):
        yield from _nodes(child)


def _shown(ctx):
    """Lists of numbers of reviews that were shown, in order."""
    numbers = set(ctx.given["numbers"])
    lists = []
    for result in ctx.results:
        for values in zip(*result.rows, strict=False):
            if values and all(isinstance(v, int) and v in numbers for v in values):
                lists.append(list(values))
    # What a program prints has no rows.
    lists.append([int(n) for n in re.findall(r"(?<![\d.])\d{5}(?![\d.])", ctx.output) if int(n) in numbers])
    return [found for found in lists if found]


@check(points=3)
def found(ctx):
    """All reviews that have the words searched, in whatever form, were shown, and no others."""
    lists = _shown(ctx)
    if not lists:
        raise Missing("The numbers of reviews in what was printed")
    wanted = ctx.given["ranked"]
    if not any(sorted(shown) == sorted(wanted) for shown in lists):
        shown = max(lists, key=lambda each: len(set(each) & set(wanted)) - len(set(each) - set(wanted)))
        astray, absent = len(set(shown) - set(wanted)), len(set(wanted) - set(shown))
        said = f"{astray} too many, {absent} lacking"
        raise Mismatch("The reviews shown", expected="all with both words", found=said)


@check(points=2, after=[found])
def ranked(ctx):
    """They were shown the best match first."""
    wanted = ctx.given["ranked"]
    if wanted not in _shown(ctx):
        shown = next(each for each in _shown(ctx) if sorted(each) == sorted(wanted))
        raise Mismatch("The order of the reviews", expected=wanted, found=shown, show_expected=False)

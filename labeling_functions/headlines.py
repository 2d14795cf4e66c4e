"""Labeling functions for headlines: clickbait or plain news. None of them is right always; that is the point."""

import re

from weaklab import keywords, labeling_function, pattern

CLICKBAIT, NEWS = "clickbait", "news"


@labeling_function(examples={"17 Things Only Twins Understand": CLICKBAIT, "14 dead as ferry sinks": None})
def numbered_list(x):
    """A number first, then a plural that lists are made of."""
    thing = (
        r"(things?|ways?|reasons?|signs?|times|photos|pictures|people|facts|tips|tricks|hacks|secrets|gifts|ideas"
        r"|questions|moments)"
    )
    return CLICKBAIT if re.match(rf"\s*(the )?\d+ (\w+ ){{0,3}}{thing}\b", x.text, re.I) else None


@labeling_function(examples={"This dog can skate": CLICKBAIT, "Rates rise again": None})
def points_at_something(x):
    """Opens by pointing at what it does not name."""
    return (
        CLICKBAIT
        if re.match(r"\s*(this|these|here'?s|here are|watch|meet)\b", x.text.replace("’", "'"), re.I)
        else None
    )


@labeling_function(examples={"Can you guess the film?": CLICKBAIT, "Will your pension survive?": CLICKBAIT})
def asks_the_reader(x):
    """A question that speaks to the reader."""
    return CLICKBAIT if "?" in x.text and re.search(r"\b(you|your|we)\b", x.text, re.I) else None


@labeling_function()
def speaks_to_you(x):
    """Second person anywhere; news quotes do it, too, so it is not sure of itself."""
    return (
        (CLICKBAIT, 0.8)
        if re.search(r"\b(you|your|you'll|you're|yourself)\b", x.text.replace("’", "'"), re.I)
        else None
    )


@labeling_function()
def first_person(x):
    """A confession."""
    return CLICKBAIT if re.match(r"\s*(i|i'm|i've|my|we)\b", x.text.replace("’", "'"), re.I) else None


wow = keywords(
    CLICKBAIT,
    [
        "amazing",
        "hilarious",
        "adorable",
        "genius",
        "epic",
        "insane",
        "shocking",
        "heartbreaking",
        "perfect",
        "weird",
        "awkward",
        "unbelievable",
        "incredible",
        "obsessed",
        "hack",
        "hacks",
        "trick",
        "secret",
        "literally",
        "actually",
        "totally",
        "cutest",
    ],
    name="wow",
    examples={"The Cutest Otter": CLICKBAIT},
)

curiosity_gap = pattern(
    CLICKBAIT,
    r"what happen(s|ed) next|won.t believe|here.s (why|how|what)|the reason (why|is)|nobody "
    r"(tells|told|noticed|expected)|"
    r"changed everything|says everything|we need to talk|and (it|the (answer|reply|result|reason))\b|until "
    r"(i|she|he|you|they)\b|\bquiz\b",
    name="curiosity_gap",
)

pop_culture = keywords(
    CLICKBAIT,
    [
        "zodiac",
        "horoscope",
        "disney",
        "harry potter",
        "selfie",
        "instagram",
        "tiktok",
        "tinder",
        "boyfriend",
        "girlfriend",
        "bff",
        "90s",
        "childhood",
        "celebrity",
        "celebrities",
        "tattoo",
        "makeup",
        "roommate",
        "dating",
        "date",
        "mom",
        "moms",
        "crush",
        "netflix",
    ],
    name="pop_culture",
)

government = keywords(
    NEWS,
    [
        "minister",
        "ministry",
        "parliament",
        "senate",
        "president",
        "government",
        "court",
        "judge",
        "mayor",
        "council",
        "election",
        "vote",
        "votes",
        "voters",
        "lawmakers",
        "coalition",
        "tribunal",
        "treaty",
        "sanctions",
        "UN",
        "EU",
        "ambassador",
        "referendum",
    ],
    name="government",
    examples={"Court upholds ban": NEWS},
)

economy = keywords(
    NEWS,
    [
        "percent",
        "per cent",
        "bank",
        "shares",
        "profit",
        "quarter",
        "exports",
        "inflation",
        "tariff",
        "tariffs",
        "strike",
        "union",
        "budget",
        "merger",
        "stake",
        "billion",
        "million",
        "economy",
        "unemployment",
        "rates",
        "prices",
        "workers",
        "debt",
        "market",
        "pipeline",
    ],
    name="economy",
)

incident = keywords(
    NEWS,
    [
        "killed",
        "dead",
        "dies",
        "died",
        "injured",
        "arrested",
        "police",
        "attack",
        "crash",
        "fire",
        "flood",
        "floods",
        "earthquake",
        "storm",
        "blast",
        "troops",
        "rescue",
        "rescued",
        "suspect",
        "charged",
        "jailed",
        "guilty",
        "wildfire",
        "collapse",
        "evacuated",
        "outbreak",
    ],
    name="incident",
    examples={"Two killed in crash": NEWS},
)

sport_result = pattern(
    NEWS,
    r"\b(beat|beats|defeats?|wins?|won|draw|title|final|champions?|cup|seed|coach|striker|wickets?)\b.*\b(\d+|after|in|over|for)\b",
    name="sport_result",
)

reported = pattern(
    NEWS,
    r"\b(says?|said|warns?|urges?|announces?|confirms?|denies|reports?|study|researchers|scientists|officials)\b",
    name="reported",
)


@labeling_function(batch=True)
def sentence_case(frame):
    """Most words in lower case, as agencies write; a batch function, for it is plain arithmetic on strings."""
    words = frame.text.str.findall(r"[A-Za-z][A-Za-z'’-]+")
    capital = words.map(lambda ws: sum(w[0].isupper() for w in ws) / len(ws) if len(ws) > 4 else 0.5)
    return [NEWS if share < 0.35 else None for share in capital]


@labeling_function()
def title_case(x):
    """Nearly every word with a capital, the short ones too."""
    words = re.findall(r"[A-Za-z][A-Za-z'’-]*", x.text)
    return (
        (CLICKBAIT, 0.7)
        if len(words) > 5 and sum(w[0].isupper() for w in words) / len(words) > 0.9 and not x.text.isupper()
        else None
    )

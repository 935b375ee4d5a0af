"""Captions: the same scene in many words. Every word is chosen by the caption's own generator, so one picture has many captions."""

import random

from .draw.subjects import SUBJECT_WORDS
from .scene import Scene

OBJECTS = {
    "pine": ("a pine tree", "a fir tree", "a tall pine"), "tree": ("a tree", "a big tree", "an oak tree"),
    "palm": ("a palm tree", "a palm", "a coconut palm"), "cactus": ("a cactus", "a green cactus", "a tall cactus"),
    "cabin": ("a cabin", "a wooden cabin", "a small house", "a house"), "windmill": ("a windmill", "an old windmill", "a white windmill"),
    "castle": ("a castle", "a stone castle", "a medieval castle"), "lighthouse": ("a lighthouse", "a red and white lighthouse"),
    "tent": ("a tent", "a camping tent", "a colourful tent"), "sailboat": ("a sailboat", "a sailing boat", "a boat", "a ship"),
    "balloon": ("a hot air balloon", "a balloon", "a colourful balloon"), "birds": ("birds", "flying birds", "a flock of birds"),
    "camel": ("a camel", "a camel with a red saddle"), "umbrella": ("a beach umbrella", "an umbrella", "a parasol"),
    "snowman": ("a snowman", "a snowman with a hat"), "rainbow": ("a rainbow", "a bright rainbow"),
}
WHEN = {
    "dawn": ("at dawn", "at sunrise", "in the early morning", "in soft morning light"),
    "day": ("at noon", "during the day", "under a blue sky", "on a bright day", "in daylight"),
    "sunset": ("at sunset", "in the evening", "under an orange sky", "at golden hour"),
    "dusk": ("at dusk", "at twilight", "under a purple sky", "after sundown"),
    "night": ("at night", "under a night sky", "at midnight", "in the dark of night"),
    "aurora": ("under the northern lights", "under a green aurora", "with an aurora in the sky"),
}
TIME_NAMES = {"dawn": ("dawn", "sunrise", "morning"), "day": ("noon", "a blue sky", "daytime"), "sunset": ("sunset", "an orange sunset"),
              "dusk": ("dusk", "twilight"), "night": ("night", "a night sky"), "aurora": ("northern lights", "an aurora")}
WEATHER = {"clear": ("with a clear sky",), "clouds": ("with clouds", "with puffy clouds", "under white clouds"), "rain": ("in the rain", "on a rainy day", "with heavy rain"),
           "snow": ("in the snow", "with falling snow", "in a snowstorm"), "fog": ("in the fog", "in the mist", "with thick fog")}
WEATHER_NAMES = {"clear": ("clear sky",), "clouds": ("clouds", "cloudy"), "rain": ("rain", "rainy"), "snow": ("falling snow", "snowing"), "fog": ("fog", "mist", "foggy")}
BODIES = {"sun": ("the sun", "a bright sun"), "full moon": ("a full moon", "the moon"), "crescent moon": ("a crescent moon", "a thin moon")}
SEASONS = {"green": ("green ", "summer ", ""), "autumn": ("autumn ", "golden autumn "), "winter": ("snowy ", "winter ", "snow covered ")}
LEADS = ("a picture of ", "an illustration of ", "a view of ", "a drawing of ", "a painting of ", "an image of ")


def _place(s: Scene, rng: random.Random) -> str:
    season, v = rng.choice(SEASONS[s.season]), s.variant
    if s.place == "mountains":
        ground = {"lake": ("and a lake", "by a lake", "with a lake"), "meadow": ("and a meadow", "above a meadow", "and fields")}[v]
        return f"{season}mountains {rng.choice(ground)}" if rng.random() < 0.9 else f"{season}mountains"
    if s.place == "hills":
        ground = {"plain": ("",), "river": (" with a river", " and a winding river"), "flowers": (" with flowers", " covered in flowers", " and blooming flowers")}[v]
        return season + rng.choice(("hills", "rolling hills", "countryside")) + rng.choice(ground)
    if s.place == "desert":
        return rng.choice({"dunes": ("a desert", "sand dunes", "desert dunes"), "mesas": ("a desert with mesas", "a red rock desert", "desert mesas"),
                           "pyramids": ("pyramids", "pyramids in the desert", "a desert with pyramids")}[v])
    if s.place == "sea":
        return rng.choice({"open": ("the sea", "the ocean", "a calm sea"), "island": ("an island", "a small island", "an island in the sea"),
                           "cliff": ("a cliff by the sea", "a cliff", "a rocky coast")}[v])
    if s.place == "beach":
        return rng.choice(("a beach", "a sandy beach", "a tropical beach"))
    if s.place == "city":
        ground = {"river": (" by a river", " on the water"), "road": (" with a road", ""), "park": (" with a park", " and a park")}[v]
        return rng.choice(("a city", "tall buildings", "a city skyline")) + rng.choice(ground)
    kind = {"pine": ("pine forest", "fir forest"), "leafy": ("leafy forest", "woodland", "forest of trees"), "lake": ("forest with a lake", "forest by a lake")}[v]
    words = season + rng.choice(kind)
    return ("an " if words[0] in "aeiou" else "a ") + words


def _join(things: list[str]) -> str:
    return things[0] if len(things) == 1 else ", ".join(things[:-1]) + " and " + things[-1]


def caption(s: Scene, rng: random.Random) -> str:
    """One caption. A thing is left out now and then, objects seldom; a style's word comes first."""
    place, when = _place(s, rng), rng.choice(WHEN[s.time])
    things = [rng.choice(OBJECTS[kind]) for kind in s.objects if rng.random() < 0.96]
    if s.subject:
        things.insert(0, SUBJECT_WORDS[s.subject])
    extra = []
    if s.body != "none" and rng.random() < 0.45:
        extra.append(rng.choice(BODIES[s.body]))
    if s.stars and rng.random() < 0.4:
        extra.append(rng.choice(("stars", "a starry sky")))
    weather = rng.choice(WEATHER[s.weather]) if s.weather != "clear" and rng.random() < 0.95 or rng.random() < 0.12 else ""
    told_time = rng.random() < 0.95
    text = _sentence(s, rng, place, when if told_time else "", things, extra, weather)
    if s.style:
        return f"{s.style} style, {text}" if rng.random() < 0.5 else f"{s.style}, {text}"
    return text


def _sentence(s: Scene, rng: random.Random, place: str, when: str, things: list[str], extra: list[str], weather: str) -> str:
    shape, all_things = rng.random(), things + extra
    if shape < 0.2:
        tags = [place, *([rng.choice(TIME_NAMES[s.time])] if when else []), *all_things, *([rng.choice(WEATHER_NAMES[s.weather])] if weather else [])]
        head = [tags.pop(tags.index(things[0]))] if things else []
        rng.shuffle(tags)
        return ", ".join(head + tags)
    tail = "".join(f" {part}" for part in (when, weather) if part)
    lead = rng.choice(LEADS) if rng.random() < 0.25 else ""
    if things and shape < 0.62:
        where = "over" if s.objects[:1] in (("balloon",), ("birds",), ("rainbow",)) and not s.subject else rng.choice(("near", "and", "in front of"))
        if rng.random() < 0.25 and extra:
            tail += " with " + _join(extra)
        return f"{lead}{_join(things)} {where} {place}{tail}"
    if shape < 0.75 and when:
        return f"{lead}{rng.choice(TIME_NAMES[s.time])} over {place}" + (f" with {_join(all_things)}" if all_things else "") + (f" {weather}" if weather else "")
    return f"{lead}{place}" + (f" with {_join(all_things)}" if all_things else "") + tail

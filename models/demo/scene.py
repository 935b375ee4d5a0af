"""What is in a picture: a `Scene` is drawn at random from a seed, before anything is painted or described."""

import random
from dataclasses import dataclass, replace

TIMES = ("dawn", "day", "sunset", "dusk", "night", "aurora")
PLACES = ("mountains", "hills", "desert", "sea", "beach", "city", "forest")
WEATHERS = ("clear", "clouds", "rain", "snow", "fog")
SEASONS = ("green", "autumn", "winter")
BODIES = ("none", "sun", "full moon", "crescent moon")
VARIANTS = {
    "mountains": ("lake", "meadow"),
    "hills": ("plain", "river", "flowers"),
    "desert": ("dunes", "mesas", "pyramids"),
    "sea": ("open", "island", "cliff"),
    "beach": ("sand",),
    "city": ("river", "road", "park"),
    "forest": ("pine", "leafy", "lake"),
}
# Objects that make sense in a place; the same object twice means twice as often.
OBJECTS = {
    "mountains": ("pine", "cabin", "tent", "balloon", "birds", "castle", "rainbow"),
    "hills": ("tree", "windmill", "windmill", "balloon", "castle", "cabin", "pine", "rainbow", "birds"),
    "desert": ("cactus", "cactus", "camel", "camel", "palm", "tent", "balloon"),
    "sea": ("sailboat", "sailboat", "birds", "balloon", "rainbow"),
    "beach": ("palm", "palm", "umbrella", "umbrella", "sailboat", "lighthouse", "birds"),
    "city": ("balloon", "birds", "tree"),
    "forest": ("cabin", "tent", "birds", "balloon"),
}
KINDS = ("pine", "tree", "palm", "cactus", "cabin", "windmill", "castle", "lighthouse", "tent", "sailboat",
         "balloon", "birds", "camel", "umbrella", "snowman", "rainbow")
IN_THE_SKY = ("balloon", "birds", "rainbow")


@dataclass(frozen=True)
class Scene:
    """Everything a caption may tell. `objects` holds at most two kinds; the first one is drawn large."""

    time: str
    place: str
    variant: str
    weather: str
    season: str
    body: str
    stars: bool
    objects: tuple[str, ...]
    subject: str = ""
    style: str = ""

    @property
    def dark(self) -> bool:
        """Lamps are lit and stars may show."""
        return self.time in ("dusk", "night", "aurora")

    @property
    def hidden_sky(self) -> bool:
        """The weather hides sun, moon and stars."""
        return self.weather in ("rain", "snow", "fog")


def _choose(rng: random.Random, weights: dict[str, float]) -> str:
    return rng.choices(list(weights), list(weights.values()))[0]


def _weather(rng: random.Random, time: str, place: str) -> str:
    if time == "aurora":
        return "clear"
    weather = _choose(rng, {"clear": 56, "clouds": 20, "rain": 7, "snow": 9, "fog": 8})
    dry = place in ("desert", "sea", "beach")
    return "clear" if dry and weather == "snow" or place == "desert" and weather == "rain" else weather


def _season(rng: random.Random, place: str, weather: str) -> str:
    if place in ("desert", "sea", "beach"):
        return "green"
    return "winter" if weather == "snow" else _choose(rng, {"green": 56, "autumn": 22, "winter": 22})


def _body(rng: random.Random, time: str, hidden: bool) -> str:
    if hidden or time == "aurora":
        return "none"
    if time == "night":
        return _choose(rng, {"full moon": 5, "crescent moon": 4, "none": 1})
    if time == "dusk":
        return _choose(rng, {"crescent moon": 1, "none": 1})
    return _choose(rng, {"sun": 4, "none": 1})


def _objects(rng: random.Random, place: str, variant: str, season: str, weather: str, dark: bool) -> tuple[str, ...]:
    count = rng.choices((0, 1, 2), (20, 55, 25))[0]
    pool = list(OBJECTS[place])
    if season == "winter" and place in ("mountains", "hills", "forest"):
        pool += ["snowman", "snowman"]
    if variant == "cliff":
        pool += ["lighthouse"] * 6
    if variant == "island":
        pool += ["palm"] * 4
    if variant == "river" and place == "city" or variant == "lake" and place == "mountains":
        pool += ["sailboat"] * 3
    if variant == "park":
        pool += ["tree"] * 3
    if weather != "clear" or dark:
        pool = [kind for kind in pool if kind != "rainbow"]
    if weather in ("rain", "snow", "fog"):
        pool = [kind for kind in pool if kind not in ("balloon", "birds", "umbrella")]
    chosen: list[str] = []
    while pool and len(chosen) < count:
        kind = rng.choice(pool)
        # Two large things on the ground would cover each other: the second one is of the sky, or the sea.
        fits = not chosen or (kind in IN_THE_SKY or kind == "sailboat") != (chosen[0] in IN_THE_SKY or chosen[0] == "sailboat")
        if fits:
            chosen.append(kind)
        pool = [other for other in pool if other != kind]
    return tuple(chosen)


def sample(rng: random.Random) -> Scene:
    """One scene at random."""
    time = _choose(rng, {"dawn": 14, "day": 30, "sunset": 22, "dusk": 10, "night": 17, "aurora": 7})
    place = _choose(rng, {"mountains": 21, "hills": 20, "desert": 13, "sea": 15, "beach": 9, "city": 11, "forest": 11})
    if time == "aurora" and place in ("desert", "beach"):
        place = "mountains"
    variant = rng.choice(VARIANTS[place])
    weather = _weather(rng, time, place)
    season = _season(rng, place, weather)
    if season != "green" and variant == "flowers":
        variant = "plain"
    hidden = weather in ("rain", "snow", "fog")
    dark = time in ("dusk", "night", "aurora")
    return Scene(
        time=time, place=place, variant=variant, weather=weather, season=season,
        body=_body(rng, time, hidden),
        stars=time in ("night", "aurora") and not hidden,
        objects=_objects(rng, place, variant, season, weather, dark),
    )


def with_style(scene: Scene, style: str) -> Scene:
    """The same scene, to be painted in `style`."""
    return replace(scene, style=style)


def with_subject(scene: Scene, subject: str) -> Scene:
    """The same scene with `subject` as its only object on the ground."""
    sky = tuple(kind for kind in scene.objects if kind in IN_THE_SKY)
    return replace(scene, subject=subject, objects=sky)

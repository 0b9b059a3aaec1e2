"""Text to hashed n-grams, for bag_of_ngrams.py."""

import random
import re
import zlib

WORD = re.compile(r"[a-z']+|[.,!?]")
SYLLABLES = ["ka", "lo", "mi", "ner", "ta", "su", "vi", "po", "dra", "en", "sto", "ul"]


def reviews(count, words, seed):
    """Made-up reviews; good ones prefer the first half of the syllables."""
    rng = random.Random(seed)
    made = []
    for _ in range(count):
        good = rng.random() < 0.5
        half = SYLLABLES[:6] if good else SYLLABLES[6:]
        text = [
            "".join(rng.choice(half if rng.random() < 0.6 else SYLLABLES) for _ in range(rng.randint(1, 4)))
            for _ in range(words)
        ]
        made.append((" ".join(text).capitalize() + ".", int(good)))
    return made


def encode(text, buckets):
    """Hashed words and 3-grams of a text."""
    ids = []
    for word in WORD.findall(text.lower()):
        ids.append(zlib.crc32(word.encode()) % buckets)
        padded = f"<{word}>"
        for start in range(len(padded) - 2):
            ids.append(zlib.crc32(padded[start : start + 3].encode()) % buckets)  # SLOW
    return ids

#!/usr/bin/env python3
"""Prints made-up pin records, one JSON object a line.  Standard library only.

    pins.py COUNT [SEED]

Keys, order and sizes are those of the real records (723 bytes a line on
average), and so are the shares of what costs a parser time: 4 % of the lines
hold an escape, 46 % raw UTF-8 beyond ASCII, 0.5 % characters beyond the basic
plane.  The same count and seed give the same bytes on every machine.
"""
import json
import random
import sys

CATEGORIES = ["art", "beauty", "christmas", "diy-and-crafts", "education", "event-planning", "finance",
              "home-decor", "mens-fashion", "quotes", "tattoos", "travel", "vehicles"]
WORDS = """the and for with your easy best ideas simple home make this from how decor design style cute
things perfect guide tips list great small modern free printable recipe outfit beautiful vintage garden
kitchen summer winter party wedding travel budget money saving teacher classroom student beginner
tutorial pattern paper wooden rustic colorful minimalist quotes motivation inspirational tattoo sleeve
classic sports luxury handmade gift holiday ornament tree lights wreath porch bedroom makeup natural
skincare hairstyle fashion casual jacket vacation island adventure road mountain ultimate everything
learn create""".split()
FOREIGN = ["для", "красота", "décoration", "jardín", "ωραία", "可愛い", "Weihnachten für", "élégant", "ｘ18cm"]
PLANE_1 = ["😍😍😍", "𝒍𝒖𝒄𝒉𝒊𝒊", "🎄", "✈️ 🌍"]
POOL = 20000


class Pins:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.titles = [self.title() for _ in range(POOL)]
        self.descriptions = [self.description() for _ in range(POOL)]
        self.posters = [(self.poster(), self.followers()) for _ in range(POOL)]
        self.tags = [self.tag_list() for _ in range(POOL)]

    def words(self, low, high):
        return " ".join(self.random.choices(WORDS, k=self.random.randint(low, high)))

    def title(self):
        text = self.words(5, 14).title()
        dice = self.random.random()
        if dice < 0.006:
            text = 'Search: results for "%s"' % text
        elif dice < 0.008:
            text += "\n"
        elif dice < 0.08:
            text += " | " + self.random.choice(FOREIGN)
        elif dice < 0.085:
            text += " " + self.random.choice(PLANE_1)
        return text

    def description(self):
        dice = self.random.random()
        if dice < 0.064:
            return "No description available Story format"
        if dice < 0.078:
            return "No description available"
        text = self.words(12, 34).capitalize()
        if dice < 0.10:
            text = 'The "%s" of it. ' % self.random.choice(WORDS) + text
        if dice < 0.13:
            text = self.random.choice(FOREIGN) + " – " + text
        if len(text) > 179:
            text = text[:178] + "…\u00a0"
        return text

    def poster(self):
        text = self.words(1, 4).title()
        dice = self.random.random()
        if dice < 0.01:
            text += ' "Live Life"'
        elif dice < 0.03:
            text += " " + self.random.choice(FOREIGN)
        return "User Info Error" if dice > 0.994 else text

    def followers(self):
        dice = self.random.random()
        if dice < 0.20:
            return str(self.random.randint(0, 940))
        return "%dk" % self.random.randint(1, 985) if dice < 0.93 else "%dM" % self.random.randint(1, 15)

    def tag_list(self):
        if self.random.random() < 0.01:
            return "N,o, ,T,a,g,s, ,A,v,a,i,l,a,b,l,e"
        return ",".join(self.words(2, 3 if n % 2 else 2).title() for n in range(9))

    def record(self, index):
        category = CATEGORIES[self.random.randrange(len(CATEGORIES))]
        poster, followers = self.posters[self.random.randrange(POOL)]
        number = "%032x" % self.random.getrandbits(128)
        no_image = self.random.random() < 0.02
        return {
            "index": index,
            "unique_id": "-".join((number[:8], number[8:12], number[12:16], number[16:20], number[20:])),
            "title": self.titles[self.random.randrange(POOL)],
            "description": self.descriptions[self.random.randrange(POOL)],
            "poster_name": poster,
            "follower_count": followers,
            "tag_list": self.tags[self.random.randrange(POOL)],
            "is_image_or_video": "image" if self.random.random() < 0.9 else "multi-video(story page format)",
            "image_src": "Image src error." if no_image else
            "https://i.pinimg.com/originals/%s/%s/%s/%s.jpg" % (number[:2], number[2:4], number[4:6], number),
            "downloaded": 0 if no_image else 1,
            "save_location": "Local save in /data/" + category,
            "category": category,
        }


def main():
    pins = Pins(int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
    out = open(sys.stdout.fileno(), "w", encoding="utf-8", newline="\n", buffering=1 << 20)
    for index in range(int(sys.argv[1])):
        out.write(encode(pins.record(index)) + "\n")
    out.close()


if __name__ == "__main__":
    main()

"""The random streams of Evolvent in Python: with them a reference implementation can be given the numbers that Evolvent draws.

It says what `evolvent_core::stream`, `evolvent_algos::draws` and `evolvent_math::kernels::noise` say. Where those change their draws, this
file changes with them and the reference numbers are made again.
"""

import math
from typing import NamedTuple

INIT, ASK, TELL, FORK = 1, 2, 3, 12
ALL = (1 << 64) - 1


def mix(x):
    x = (x + 0x9E3779B97F4A7C15) & ALL
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & ALL
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & ALL
    return x ^ (x >> 31)


def philox4x32(c, k):
    for _ in range(10):
        p0, p1 = c[0] * 0xD2511F53, c[2] * 0xCD9E8D57
        c = [
            (p1 >> 32) ^ c[1] ^ k[0],
            p1 & 0xFFFFFFFF,
            (p0 >> 32) ^ c[3] ^ k[1],
            p0 & 0xFFFFFFFF,
        ]
        k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return c


class Key(NamedTuple):
    key: int
    index: int
    round: int

    def block(self, block):
        words = [block & 0xFFFFFFFF, block >> 32, self.index, self.round]
        return philox4x32(words, [self.key & 0xFFFFFFFF, self.key >> 32])

    def stream(self):
        return Stream(self)


def stream(seed, round, purpose):
    """stream(RunKey::from_seed(seed), round, 0, 0, purpose)."""
    run = mix(seed ^ 0x45564F4C56454E54)
    return Key(mix(mix(mix(run ^ (purpose << 56)))), 0, round).stream()


class Stream:
    def __init__(self, key):
        self.key, self.next, self.words, self.spare = key, 0, [], None

    def split(self, index):
        key = mix(mix(mix(self.key.key ^ (FORK << 56)) ^ self.key.index) ^ (index >> 32))
        return Key(key, index & 0xFFFFFFFF, self.key.round)

    def fork(self):
        return self.split(self.next_u64())

    def next_u32(self):
        if not self.words:
            self.words = self.key.block(self.next)
            self.next += 1
        return self.words.pop(0)

    def next_u64(self):
        low = self.next_u32()
        return low | self.next_u32() << 32

    def uniform(self):
        return (self.next_u64() >> 11) / (1 << 53)

    def below(self, n):
        product = self.next_u64() * n
        if product & ALL < n:
            threshold = (-n & ALL) % n
            while product & ALL < threshold:
                product = self.next_u64() * n
        return product >> 64

    def chance(self, p):
        return self.uniform() < p

    def normal(self):
        if self.spare is not None:
            spare, self.spare = self.spare, None
            return spare
        radius = math.sqrt(-2 * math.log(1 - self.uniform()))
        angle = 2 * math.pi * self.uniform()
        self.spare = radius * math.sin(angle)
        return radius * math.cos(angle)

    def cauchy(self):
        return math.tan(math.pi * (self.uniform() - 0.5))

    def shuffle(self, items):
        for i in range(len(items) - 1, 0, -1):
            j = self.below(i + 1)
            items[i], items[j] = items[j], items[i]

    def distinct(self, n, taken):
        """A number below n that is none of the taken ones."""
        r = self.below(n - len(taken))
        for t in sorted(taken):
            r += r >= t
        return r

    def chosen(self, p, n):
        """Which of 0 … n − 1 are chosen with probability p each."""

        def gap(p):
            return 1 << 62 if p <= 0 else int(math.log(1 - self.uniform()) / math.log1p(-p))

        if p >= 1:
            return list(range(n))
        if p == 0.5:
            out = []
            for start in range(0, n, 64):
                bits = self.next_u64()
                out += [i for i in range(start, min(n, start + 64)) if bits >> (i - start) & 1]
            return out
        out, at = [], 0
        if p < 0.5:
            at = gap(p)
            while at < n:
                out.append(at)
                at += 1 + gap(p)
        else:
            while at < n:
                end = min(n, at + gap(1 - p))
                out += range(at, end)
                at = end + 1
        return out


def words(key, n):
    """The uniform words behind the first n deviates of a key."""
    return [key.block(16 * (i // 64) + i % 16)[i % 64 // 16] for i in range(n)]


def noise(key, n):
    """The first n deviates of a key, within 2e-6 of Evolvent's, which are of single precision."""
    out = []
    for i in range(n):
        block, j = key.block(16 * (i // 64) + i % 16), i % 64 // 16
        radius, angle = block[j // 2 * 2 : j // 2 * 2 + 2]
        r = math.sqrt(-2 * math.log(min((radius + 0.5) / 2**32, 1)))
        t = (angle << 1) & 0xFFFFFFFF
        t = (t - (1 << 32) if t >> 31 else t) / 2**31
        if j % 2 == 0:
            out.append((-r if angle >> 31 else r) * math.cos(math.pi * t / 2))
        else:
            out.append(r * math.sin(math.pi * t / 2))
    return out

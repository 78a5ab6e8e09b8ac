"""The objectives once more, as plain loops over Python floats, from the papers' formulas."""

from __future__ import annotations

import math


def unit(row):
    length = math.sqrt(sum(v * v for v in row))
    return [v / length for v in row]


def squared_l2(a, b):
    return sum((p - q) ** 2 for p, q in zip(a, b, strict=True))


def cosine(a, b):
    dot = sum(p * q for p, q in zip(a, b, strict=True))
    return 1 - dot / math.sqrt(sum(p * p for p in a) * sum(q * q for q in b))


DISTANCES = {"cosine": cosine, "squared-l2": squared_l2}


def triplet(anchors, positives, negatives, margin, distance):
    d = DISTANCES[distance]
    terms = []
    for a, p, n in zip(anchors, positives, negatives, strict=True):
        gap = d(a, p) - d(a, n) + margin
        terms.append(gap if gap > 0 else 0.0)
    return sum(terms) / len(terms)


def semi_hard(anchors, positives, candidates, allowed, distance):
    d = DISTANCES[distance]
    chosen = []
    for i, anchor in enumerate(anchors):
        limit = d(anchor, positives[i])
        options = [(d(anchor, c), j) for j, c in enumerate(candidates) if allowed[i][j]]
        farther = sorted(o for o in options if o[0] > limit)
        if farther:
            chosen.append(farther[0][1])
        else:
            chosen.append(min(options, key=lambda o: (-o[0], o[1]))[1])
    return chosen


def align_uniform(xs, ys, align_weight, uniform_weight, t):
    xs, ys = [unit(x) for x in xs], [unit(y) for y in ys]
    align = sum(squared_l2(x, y) for x, y in zip(xs, ys, strict=True)) / len(xs)
    return align_weight * align + uniform_weight * (uniform(xs, t) + uniform(ys, t)) / 2


def uniform(xs, t):
    n = len(xs)
    terms = [math.exp(-t * squared_l2(xs[i], xs[j])) for i in range(n) for j in range(i + 1, n)]
    return math.log(sum(terms) / len(terms))


def nt_xent(xs, ys, temperature):
    rows = [unit(r) for r in [*xs, *ys]]
    n, total = len(xs), 0.0
    for i, row in enumerate(rows):
        partner = i + n if i < n else i - n
        similarity = [(1 - squared_l2(row, other) / 2) / temperature for other in rows]
        others = sum(math.exp(s) for j, s in enumerate(similarity) if j != i)
        total += math.log(others) - similarity[partner]
    return total / (2 * n)


def vicreg(xs, ys, invariance, variance, covariance):
    n, dim = len(xs), len(xs[0])
    same = sum(squared_l2(x, y) for x, y in zip(xs, ys, strict=True)) / (n * dim)
    hinge = penalty = 0.0
    for rows in (xs, ys):
        mean = [sum(r[k] for r in rows) / n for k in range(dim)]
        for k in range(dim):
            for m in range(dim):
                c = sum((r[k] - mean[k]) * (r[m] - mean[m]) for r in rows) / (n - 1)
                if k == m:
                    hinge += max(0.0, 1 - math.sqrt(c + 1e-4)) / dim / 2
                else:
                    penalty += c * c / dim
    return invariance * same + variance * hinge + covariance * penalty


def barlow_twins(xs, ys, weight):
    n, dim = len(xs), len(xs[0])

    def standard(rows, k):
        values = [r[k] for r in rows]
        mean = sum(values) / n
        size = math.sqrt(sum((v - mean) ** 2 for v in values) / n + 1e-5)
        return [(v - mean) / size for v in values]

    total = 0.0
    for k in range(dim):
        for m in range(dim):
            a, b = standard(xs, k), standard(ys, m)
            c = sum(a[i] * b[i] for i in range(n)) / n
            total += (1 - c) ** 2 if k == m else weight * c * c
    return total


def reconstruction(rebuilt, target, valid):
    total = count = 0
    for r, y, n in zip(rebuilt, target, valid, strict=True):
        for r_band, y_band in zip(r, y, strict=True):
            for k in range(n):
                total += (r_band[k] - y_band[k]) ** 2
                count += 1
    return total / count

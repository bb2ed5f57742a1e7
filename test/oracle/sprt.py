"""Wald's sequential test by scipy: likelihoods from the binomial distribution itself, and what becomes of a backend
whose requests are looked at one by one, by the exact distribution of the bad ones among those not yet decided.

    pip install scipy==1.16.3 numpy
    python3 test/oracle/sprt.py > test/oracle/sprt.json
"""
import json
import numpy as np
from scipy.stats import binom

BOUND = np.log(0.95 / 0.05)


def rates(peers):
    good = max(peers, 0.005)
    return good, min(max(5 * good, good + 0.05), (1 + good) / 2)


def likelihood(bad, total, good_rate, bad_rate):
    return float(binom.logpmf(bad, total, bad_rate) - binom.logpmf(bad, total, good_rate))


def fate(good_rate, bad_rate, true_rate):
    """Chance to be found bad, and the request at which half of all are decided."""
    undecided, found_bad, decided, half = {0: 1.0}, 0.0, 0.0, None
    total = 0
    while decided < 1 - 1e-9 and total < 20000:
        total += 1
        after = {}
        for bad, chance in undecided.items():
            after[bad] = after.get(bad, 0) + chance * (1 - true_rate)
            after[bad + 1] = after.get(bad + 1, 0) + chance * true_rate
        undecided = {}
        for bad, chance in after.items():
            ratio = likelihood(bad, total, good_rate, bad_rate)
            if ratio >= BOUND:
                found_bad += chance
                decided += chance
            elif ratio <= -BOUND:
                decided += chance
            elif chance > 1e-13:
                undecided[bad] = chance
            else:
                decided += chance
        if half is None and decided >= 0.5:
            half = total
    return found_bad, half


random = np.random.default_rng(20261125)
looks = []
for _ in range(200):
    peers = float(np.round(random.choice([0, 0.001, 0.01, 0.05, 0.15, 0.3, 0.8]) * random.uniform(0.5, 1.2), 5))
    good, bad_rate = rates(peers)
    total = int(random.integers(1, 300))
    bad = int(random.binomial(total, random.choice([good, bad_rate])))
    looks.append([peers, bad, total, likelihood(bad, total, good, bad_rate)])

fates = []
for good, bad_rate in [(0.01, 0.1), (0.01, 0.05), (0.005, 0.03), rates(0), rates(0.02), rates(0.2)]:
    for true in (good, bad_rate, 0.5):
        found_bad, half = fate(good, bad_rate, true)
        fates.append([good, bad_rate, true, round(found_bad, 6), half])

print(json.dumps({
    "made by": "test/oracle/sprt.py",
    "columns of looks": ["rate of the peers", "bad", "total", "log-likelihood ratio"],
    "looks": looks,
    "columns of fates": ["good rate", "bad rate", "true rate", "chance to be found bad", "requests until half are decided"],
    "fates": fates,
}).replace("], [", "],\n["))

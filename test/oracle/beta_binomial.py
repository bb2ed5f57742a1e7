"""Upper tails of the beta-binomial distribution, summed term by term with 50 digits.

    pip install mpmath==1.3.0
    python3 test/oracle/beta_binomial.py > test/oracle/beta-binomial.json
"""
import json
from mpmath import mp, mpf, binomial, beta

mp.dps = 50


def upper_tail(events, rate, rho, bad):
    spread = (1 - mpf(rho)) / mpf(rho)
    a, b = mpf(rate) * spread, (1 - mpf(rate)) * spread
    return sum(binomial(events, j) * beta(j + a, events - j + b) for j in range(bad, events + 1)) / beta(a, b)


rows = []
for events in (1, 30, 100, 500, 2000):
    for rate in ("0.0005", "0.01", "0.2", "0.9"):
        for rho in ("0.0005", "0.005", "0.05", "0.5"):
            for bad in sorted({1, 5, events // 50, events // 10, events // 3, events}):
                if 1 <= bad <= events:
                    rows.append([events, float(rate), float(rho), bad, mp.nstr(upper_tail(events, rate, rho, bad), 17)])
print(json.dumps({"made by": "test/oracle/beta_binomial.py", "columns": ["events", "rate", "overdispersion", "bad", "upper tail"], "rows": [[*row[:4], float(row[4])] for row in rows]}).replace("], [", "],\n["))

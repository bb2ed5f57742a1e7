"""Who is an outlier, by scipy: groups of positive values, and the places of those beyond k robust spreads and 1.2 medians.

    pip install scipy==1.16.3 numpy
    python3 test/oracle/outlier.py > test/oracle/outlier.json
"""
import json
import numpy as np
from scipy.stats import median_abs_deviation

random = np.random.default_rng(20261125)
rows = []
for _ in range(200):
    size = int(random.integers(5, 40))
    values = np.round(random.lognormal(3, float(random.choice([0.02, 0.1, 0.4])), size), 4)
    bad = random.random(size) < 0.1
    values[bad] = np.round(values[bad] * random.uniform(1.1, 6), 4)
    median = np.median(values)
    spread = max(1.4826 * median_abs_deviation(values), 0.05 * median)
    k = 5 if size >= 10 else 9 if size >= 7 else 14
    found = (values >= median + k * spread) & (values >= 1.2 * median)
    rows.append([values.tolist(), [int(place) for place in np.flatnonzero(found)]])
print(json.dumps({"made by": "test/oracle/outlier.py", "columns": ["values", "outliers"], "rows": rows}).replace("]], [[", "]],\n[["))

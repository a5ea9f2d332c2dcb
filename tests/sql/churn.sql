-- Who allocates most in one second?
SELECT e.time_ns / 1000000000 AS second, e.site, coalesce(f.function, f.module) AS caller,
       count(*) AS allocations, sum(e.size) AS bytes
FROM events e
LEFT JOIN frames f ON f.site = e.site AND f.position = 0
WHERE e.block IS NOT NULL
GROUP BY e.time_ns / 1000000000, e.site, f.function, f.module
ORDER BY allocations DESC, second, e.site
LIMIT 20;

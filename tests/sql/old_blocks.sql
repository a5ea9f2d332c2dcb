-- What has been live for long? Blocks that were never freed and are older than a millisecond.
WITH asked (min_age_ns) AS (VALUES (1000000)),
     ends (process, at_ns) AS (SELECT process, max(time_ns) FROM events GROUP BY process)
SELECT b.site, coalesce(f.function, f.module) AS caller, count(*) AS blocks, sum(b.size) AS bytes,
       max(e.at_ns - b.allocated_ns) AS oldest_ns
FROM blocks b
JOIN ends e ON e.process = b.process
CROSS JOIN asked a
LEFT JOIN frames f ON f.site = b.site AND f.position = 0
WHERE b.freed_ns IS NULL AND b.forgotten_event IS NULL
  AND e.at_ns - b.allocated_ns >= a.min_age_ns
GROUP BY b.site, f.function, f.module
ORDER BY oldest_ns DESC, b.site
LIMIT 20;

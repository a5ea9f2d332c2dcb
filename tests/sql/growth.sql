-- What has grown between two moments? Here half way through the trace, and its end.
WITH moments (first_ns, then_ns) AS (
	SELECT max(time_ns) / 2, max(time_ns) FROM events
), held AS (
	SELECT b.site, b.size,
	       CASE WHEN b.allocated_ns <= m.first_ns
	                 AND coalesce(b.freed_ns, o.time_ns, m.then_ns + 1) > m.first_ns
	            THEN 1 ELSE 0 END AS was,
	       CASE WHEN b.allocated_ns <= m.then_ns
	                 AND coalesce(b.freed_ns, o.time_ns, m.then_ns + 1) > m.then_ns
	            THEN 1 ELSE 0 END AS is_now
	FROM blocks b
	CROSS JOIN moments m
	LEFT JOIN events o ON o.id = b.forgotten_event
)
SELECT h.site, coalesce(f.function, f.module) AS caller, sum(h.is_now - h.was) AS blocks,
       sum((h.is_now - h.was) * h.size) AS bytes
FROM held h
LEFT JOIN frames f ON f.site = h.site AND f.position = 0
GROUP BY h.site, f.function, f.module
HAVING sum((h.is_now - h.was) * h.size) <> 0
ORDER BY bytes DESC, h.site
LIMIT 20;

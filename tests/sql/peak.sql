-- When did the first process hold most, and who held it?
WITH run AS (
	SELECT id, time_ns,
	       sum(CASE WHEN block IS NULL THEN 0 ELSE size END - coalesce(freed_size, 0))
	               OVER (ORDER BY id) AS live
	FROM events
	WHERE process = 1
), peak AS (
	SELECT id, time_ns, live FROM run ORDER BY live DESC, id LIMIT 1
)
SELECT p.time_ns, p.live AS peak_bytes, b.site, coalesce(f.function, f.module) AS caller,
       count(*) AS blocks, sum(b.size) AS bytes
FROM peak p
JOIN blocks b ON b.process = 1 AND b.alloc_event <= p.id
             AND (b.free_event IS NULL OR b.free_event > p.id)
             AND (b.forgotten_event IS NULL OR b.forgotten_event > p.id)
LEFT JOIN frames f ON f.site = b.site AND f.position = 0
GROUP BY p.time_ns, p.live, b.site, f.function, f.module
ORDER BY bytes DESC, b.site
LIMIT 20;

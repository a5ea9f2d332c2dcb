-- What is allocated for nothing? Blocks that the thread's very next call frees.
WITH calls AS (
	SELECT block, site, size,
	       lead(freed) OVER (PARTITION BY thread ORDER BY id) AS next_freed
	FROM events
	WHERE kind IN ('alloc', 'free', 'realloc', 'ref', 'unref')
)
SELECT c.site, coalesce(f.function, f.module) AS caller, count(*) AS temporary, sum(c.size) AS bytes
FROM calls c
LEFT JOIN frames f ON f.site = c.site AND f.position = 0
WHERE c.block IS NOT NULL AND c.next_freed = c.block
GROUP BY c.site, f.function, f.module
ORDER BY temporary DESC, c.site
LIMIT 20;

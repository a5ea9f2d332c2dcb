-- Who holds the memory at the end? Live blocks by the stack they came from.
SELECT s.id AS site, s.function, coalesce(f.function, f.module) AS caller,
       count(*) AS blocks, sum(b.size) AS bytes
FROM blocks b
JOIN sites s ON s.id = b.site
LEFT JOIN frames f ON f.site = s.id AND f.position = 0
WHERE b.freed_ns IS NULL AND b.forgotten_event IS NULL
GROUP BY s.id, s.function, f.function, f.module
ORDER BY bytes DESC, s.id
LIMIT 20;

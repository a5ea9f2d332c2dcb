-- Which threads allocate?
SELECT t.id AS thread, t.process, t.tid, count(e.block) AS allocations, sum(e.size) AS bytes
FROM threads t
JOIN events e ON e.thread = t.id AND e.block IS NOT NULL
GROUP BY t.id, t.process, t.tid
ORDER BY bytes DESC, t.id;

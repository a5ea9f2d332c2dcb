-- What was freed that was not there to be freed? Double frees, and addresses nobody handed out.
SELECT e.state, e.function, e.site, coalesce(f.function, f.module) AS caller, count(*) AS calls,
       min(e.id) AS first_event
FROM events e
LEFT JOIN frames f ON f.site = e.site AND f.position = 0
WHERE e.state IN ('double', 'middle', 'unknown')
GROUP BY e.state, e.function, e.site, f.function, f.module
ORDER BY calls DESC, first_event;

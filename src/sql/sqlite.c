/* One transaction a batch. While it is written others may read: there is a write-ahead log beside
 * it, which is gone in the end. */
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ddl.h"
#include "dialect.h"
#include "shortage.h"

#define APPLICATION 0x616c7472 /* pragma application_id of a trace: "altr" */
#define PATIENCE_MS 10000      /* for another program that writes into it meanwhile */

struct sqlite {
	struct store store;
	sqlite3 *db;
	char *path;
	bool was_there;
	sqlite3_stmt *insert[RELATIONS];
};

static struct sqlite *sqlite_of(struct store *store)
{
	return (struct sqlite *)store;
}

static bool db_fails(struct sqlite *sqlite)
{
	if (sqlite3_errcode(sqlite->db) == SQLITE_NOMEM)
		return store_fails(&sqlite->store, "no memory");
	return store_fails(&sqlite->store, "%s", sqlite3_errmsg(sqlite->db));
}

static bool run(struct sqlite *sqlite, const char *statements)
{
	return sqlite3_exec(sqlite->db, statements, NULL, NULL, NULL) == SQLITE_OK ||
	       db_fails(sqlite);
}

/* ---- the file ------------------------------------------------------------------------------ */

static bool ask(struct sqlite *sqlite, const char *question, int64_t *answer)
{
	sqlite3_stmt *statement = NULL;
	bool good = sqlite3_prepare_v2(sqlite->db, question, -1, &statement, NULL) == SQLITE_OK &&
	            sqlite3_step(statement) == SQLITE_ROW;

	if (good)
		*answer = sqlite3_column_int64(statement, 0);
	else
		db_fails(sqlite);
	sqlite3_finalize(statement);
	return good;
}

/* Whatever else somebody keeps in there is not ours to replace. */
static bool is_ours_or_empty(struct sqlite *sqlite)
{
	int64_t application, tables;

	if (!ask(sqlite, "PRAGMA application_id", &application) ||
	    !ask(sqlite, "SELECT count(*) FROM sqlite_schema", &tables))
		return false;
	return !tables || application == APPLICATION ||
	       store_fails(&sqlite->store, "it is a database of something else; name another file");
}

/* Not ":memory:", and no URI. */
static char *path_of(const char *path)
{
	char *named = NULL;

	if (asprintf(&named, "%s%s", *path == '/' ? "" : "./", path) < 0)
		return NULL;
	return named;
}

static bool open_db(struct sqlite *sqlite, const char *path)
{
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
	struct stat stat_;

	sqlite->was_there = stat(path, &stat_) == 0;
	if (sqlite->was_there && !S_ISREG(stat_.st_mode))
		return store_fails(&sqlite->store, "it is no regular file");
	sqlite->path = path_of(path);
	if (!sqlite->path)
		return store_fails(&sqlite->store, "no memory");
	if (sqlite3_open_v2(sqlite->path, &sqlite->db, flags, NULL) != SQLITE_OK)
		return sqlite->db ? db_fails(sqlite) : store_fails(&sqlite->store, "no memory");
	if (!run(sqlite, "BEGIN EXCLUSIVE"))
		return false;
	return is_ours_or_empty(sqlite) && run(sqlite, "ROLLBACK");
}

static void sqlite_free(struct sqlite *sqlite)
{
	sqlite3_close(sqlite->db);
	free(sqlite->path);
	free(sqlite);
}

static struct store *open_sqlite(const char *path, char why[SQL_WHY])
{
	struct store *store = store_new(&sqlite_dialect, sizeof(struct sqlite), why);

	if (!store || open_db(sqlite_of(store), path))
		return store;
	strcpy(why, store->why);
	if (sqlite_of(store)->path && !sqlite_of(store)->was_there)
		unlink(path);
	sqlite_free(sqlite_of(store));
	return NULL;
}

/* ---- tables -------------------------------------------------------------------------------- */

/* What write prints is run. */
static bool run_printed(struct sqlite *sqlite, void (*print)(FILE *))
{
	char *statements = NULL;
	bool good;
	size_t len;
	FILE *out = open_memstream(&statements, &len);

	if (out)
		print(out);
	good = (out && shortage_close(out)) || store_fails(&sqlite->store, "no memory");
	good = good && run(sqlite, statements);
	free(statements);
	return good;
}

static void print_schema(FILE *out)
{
	fprintf(out, "PRAGMA application_id = %d; PRAGMA user_version = %d;", APPLICATION,
	        SCHEMA_VERSION);
	for (unsigned i = 0; i < RELATIONS; i++)
		ddl_create(out, &relations[i], "INTEGER", true);
}

static void print_indices(FILE *out)
{
	for (size_t i = 0; i < index_count; i++)
		ddl_index(out, &indices[i]);
}

static bool prepare(struct sqlite *sqlite, enum relation_id id)
{
	const struct relation *relation = &relations[id];
	char statement[128];
	int len = snprintf(statement, sizeof(statement), "INSERT %sINTO %s VALUES (?",
	                   relation->late ? "OR REPLACE " : "", relation->name);

	for (unsigned i = 1; i < relation->count; i++)
		len += snprintf(statement + len, sizeof(statement) - len, ",?");
	snprintf(statement + len, sizeof(statement) - len, ")");
	return sqlite3_prepare_v3(sqlite->db, statement, -1, SQLITE_PREPARE_PERSISTENT,
	                          &sqlite->insert[id], NULL) == SQLITE_OK || db_fails(sqlite);
}

/* What the kernel has will be on the disk: only a machine that breaks down loses what is not. */
static bool begin(struct store *store)
{
	struct sqlite *sqlite = sqlite_of(store);
	bool good = sqlite3_busy_timeout(sqlite->db, PATIENCE_MS) == SQLITE_OK;

	sqlite3_db_config(sqlite->db, SQLITE_DBCONFIG_RESET_DATABASE, 1, NULL);
	good = good && run(sqlite, "VACUUM");
	sqlite3_db_config(sqlite->db, SQLITE_DBCONFIG_RESET_DATABASE, 0, NULL);
	good = good && run(sqlite, "PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;"
	                           "PRAGMA wal_autocheckpoint = 8192; PRAGMA cache_size = -65536");
	good = good && run(sqlite, "BEGIN") && run_printed(sqlite, print_schema) &&
	       run(sqlite, "COMMIT");
	for (unsigned i = 0; good && i < RELATIONS; i++)
		good = prepare(sqlite, i);
	return good;
}

/* ---- rows ---------------------------------------------------------------------------------- */

static bool bind(sqlite3_stmt *statement, int at, const struct value *value)
{
	switch (value->kind) {
	case VALUE_NUMBER:
		return sqlite3_bind_int64(statement, at, value->number) == SQLITE_OK;
	case VALUE_TEXT:
		return sqlite3_bind_text(statement, at, value->text, (int)value->len,
		                         SQLITE_STATIC) == SQLITE_OK;
	default:
		return sqlite3_bind_null(statement, at) == SQLITE_OK;
	}
}

static bool insert(struct sqlite *sqlite, enum relation_id relation, const struct value *values)
{
	sqlite3_stmt *statement = sqlite->insert[relation];
	bool good = true;

	for (unsigned i = 0; i < relations[relation].count; i++)
		good &= bind(statement, (int)i + 1, &values[i]);
	good = good && sqlite3_step(statement) == SQLITE_DONE;
	if (!good)
		db_fails(sqlite);
	return sqlite3_reset(statement) == SQLITE_OK && good;
}

static bool write_batch(struct store *store, const struct batch *batch)
{
	struct sqlite *sqlite = sqlite_of(store);
	struct value values[COLUMNS_MAX];
	bool good = run(sqlite, "BEGIN IMMEDIATE");
	enum relation_id relation;

	for (size_t at = 0; good && batch_next(batch, &at, &relation, values);)
		good = insert(sqlite, relation, values);
	if (good && run(sqlite, "COMMIT"))
		return true;
	sqlite3_exec(sqlite->db, "ROLLBACK", NULL, NULL, NULL);
	return false;
}

static bool finish(struct store *store)
{
	struct sqlite *sqlite = sqlite_of(store);

	return run(sqlite, "BEGIN") && run_printed(sqlite, print_indices) && run(sqlite, "COMMIT");
}

/* Where somebody reads it the log stays, for whoever is the last one to remove. */
static bool close_sqlite(struct store *store, bool untouched)
{
	struct sqlite *sqlite = sqlite_of(store);

	for (unsigned i = 0; i < RELATIONS; i++)
		sqlite3_finalize(sqlite->insert[i]);
	if (!untouched) {
		sqlite3_busy_timeout(sqlite->db, 0);
		sqlite3_exec(sqlite->db, "PRAGMA journal_mode = DELETE", NULL, NULL, NULL);
	} else if (!sqlite->was_there) {
		unlink(sqlite->path);
	}
	sqlite_free(sqlite);
	return true;
}

const struct dialect sqlite_dialect = {
	.replaces = true, .open = open_sqlite, .begin = begin, .write = write_batch,
	.finish = finish, .close = close_sqlite,
};
